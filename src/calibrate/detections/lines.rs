//! JSON lines: one picture a line.

use serde::Deserialize;

use super::{Detections, DetectionsError, checked, name};

#[derive(Deserialize)]
struct Line {
    image: String,
    detections: Vec<Seen>,
}

#[derive(Deserialize)]
struct Seen {
    class: String,
    score: f32,
    #[serde(rename = "box")]
    bbox: [f32; 4],
}

/// Frigate's events, as its topic `frigate/events` has them.
#[derive(Deserialize)]
struct Event {
    #[serde(rename = "before")]
    _before: serde_json::Value,
    #[serde(rename = "after")]
    _after: serde_json::Value,
}

pub(super) fn parse(text: &str) -> Result<Detections, DetectionsError> {
    let mut all = Detections::default();
    for (i, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let wrong = |reason| DetectionsError::Line { line: i + 1, reason };
        let Line { image, detections } = match serde_json::from_str(line) {
            Ok(line) => line,
            Err(_) if serde_json::from_str::<Event>(line).is_ok() => return Err(DetectionsError::Frigate),
            Err(error) => return Err(wrong(error.to_string())),
        };
        let picture = all.pictures.entry(name(&image).into()).or_default();
        for Seen { class, score, bbox } in detections {
            picture.push(checked(class, score, bbox).map_err(wrong)?);
        }
    }
    Ok(all)
}
