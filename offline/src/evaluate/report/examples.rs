//! Test samples as pictures, each with its label and what every method says of it (Fig. 11).

use std::fmt::Write;

use image::imageops::thumbnail;

use super::svg::escape;
use crate::evaluate::{EvaluateError, Method, Samples};
use crate::sample::{CLEAN, SampleError};
use crate::stats::base64;

/// Samples that are shown.
const SHOWN: usize = 8;
/// Longest side of a picture in the page.
const SIDE: u32 = 220;
const JPEG_QUALITY: u8 = 80;

/// A figure a sample, from the worst label of the first head to the best. Scores have scales of their own, so beside each
/// stands the share of test samples that the method puts below.
///
/// # Errors
/// A picture can't be made again.
pub(super) fn examples(samples: &Samples, methods: &[Method]) -> Result<String, EvaluateError> {
    let labels = samples.label_sets.first().map(|set| set.labels.as_slice()).unwrap_or_default();
    let mut out = String::from("<div class=\"examples\">");
    for (row, label) in chosen(labels.iter().map(|labels| labels[0])) {
        let sample = &samples.test[row];
        let picture = sample.picture();
        let mut rendering = samples.pictures.rendering(&sample.original, [picture.clone()])?;
        let rgb = picture.picture(&mut rendering).map_err(SampleError::from)?;
        let scale = f64::from(SIDE) / f64::from(rgb.width().max(rgb.height()));
        let side = |side: u32| (f64::from(side) * scale).round().max(1.0) as u32;
        let small = thumbnail(&*rgb, side(rgb.width()), side(rgb.height()));
        let what = match (sample.distortion.as_str(), sample.background_level) {
            (CLEAN, _) => "clean".to_owned(),
            (distortion, None) => format!("{distortion}, level {}", sample.level),
            (distortion, Some(background)) => format!("{distortion}, levels {} and {background}", sample.level),
        };
        let _ = write!(
            out,
            "<figure><img alt=\"{0}\" src=\"data:image/jpeg;base64,{1}\"><figcaption><b>{0}</b><table><tr><th>label<td>{label:.3}<td></tr>",
            escape(&what),
            base64(&jpeg(&small))
        );
        for method in methods {
            let scores = method.scores(0);
            let below = scores.iter().filter(|score| **score < scores[row]).count();
            let share = 100.0 * below as f64 / scores.len() as f64;
            let _ = write!(out, "<tr><th>{}<td>{:.3}<td>{share:.0} %</tr>", escape(&method.name), scores[row]);
        }
        out.push_str("</table></figcaption></figure>");
    }
    out.push_str("</div>");
    Ok(out)
}

/// Labelled samples at even steps of their order by label.
fn chosen(labels: impl Iterator<Item = Option<f64>>) -> Vec<(usize, f64)> {
    let mut known: Vec<(usize, f64)> = labels.enumerate().filter_map(|(row, label)| Some((row, label?))).collect();
    known.sort_by(|a, b| a.1.total_cmp(&b.1));
    let count = SHOWN.min(known.len());
    // The middle of each of so many equal parts.
    (0..count).map(|at| known[(2 * at + 1) * known.len() / (2 * count)]).collect()
}

/// The bytes of a picture; empty if it can't be encoded, which a page survives.
fn jpeg(picture: &image::RgbImage) -> Vec<u8> {
    let mut bytes = Vec::new();
    let (width, height) = (picture.width() as u16, picture.height() as u16);
    let encoder = jpeg_encoder::Encoder::new(&mut bytes, JPEG_QUALITY);
    match encoder.encode(picture.as_raw(), width, height, jpeg_encoder::ColorType::Rgb) {
        Ok(()) => bytes,
        Err(_) => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_taken_at_even_steps_of_their_labels() {
        let labels = (0..100).map(|i| (i % 10 != 3).then(|| f64::from(99 - i) / 100.0));
        let chosen = chosen(labels);
        assert_eq!(chosen.len(), SHOWN);
        assert!(chosen.windows(2).all(|pair| pair[0].1 < pair[1].1 && (pair[1].1 - pair[0].1) < 0.16), "{chosen:?}");
        assert!(chosen.iter().all(|&(row, label)| label == f64::from(99 - row as u32) / 100.0));
        assert_eq!(super::chosen([Some(0.5), None].into_iter()), [(0, 0.5)]);
    }
}
