//! What a detector says it saw, in the forms that detectors write.

mod coco;
mod lines;

use std::collections::BTreeMap;

/// One thing that was seen.
#[derive(Clone, Debug, PartialEq)]
pub struct Detection {
    /// Its class, as the detector calls it.
    pub class: String,
    /// How sure the detector is (0–1).
    pub score: f32,
    /// Left, top, width and height, in any unit that is the same for all copies of a frame.
    pub bbox: [f32; 4],
}

impl Detection {
    /// Intersection over union of two boxes (0–1).
    pub fn overlap(&self, other: &Self) -> f32 {
        let ([ax, ay, aw, ah], [bx, by, bw, bh]) = (self.bbox, other.bbox);
        let width = ((ax + aw).min(bx + bw) - ax.max(bx)).max(0.0);
        let height = ((ay + ah).min(by + bh) - ay.max(by)).max(0.0);
        let both = width * height;
        let either = aw * ah + bw * bh - both;
        if either > 0.0 { both / either } else { 0.0 }
    }
}

/// Detections by picture.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Detections {
    /// By the picture's file name without folder and ending.
    pub pictures: BTreeMap<String, Vec<Detection>>,
}

/// Why a file of detections can't be used.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum DetectionsError {
    /// A line that is none.
    #[error(
        "line {line}: {reason}; a line is {{\"image\": \"000012_fog_3.png\", \"detections\": [{{\"class\": \"car\", \"score\": 0.9, \"box\": [left, top, width, height]}}]}}"
    )]
    Line {
        /// Its number, from 1.
        line: usize,
        /// What is wrong.
        reason: String,
    },
    /// No COCO file.
    #[error(
        "{0}; expected COCO's form: \"images\" with id and file_name, and \"annotations\" with image_id, category_id, bbox and score"
    )]
    Coco(String),
    /// Frigate's events tell of tracked objects, not of frames.
    #[error(
        "these are events of Frigate: they tell when an object was tracked, not what was seen on which frame; run Frigate's detector on the pictures instead"
    )]
    Frigate,
}

impl Detections {
    /// Reads JSON lines or a COCO file, whichever it is.
    ///
    /// # Errors
    /// [`DetectionsError`].
    pub fn parse(text: &str) -> Result<Self, DetectionsError> {
        match serde_json::from_str::<serde_json::Value>(text) {
            Ok(value) if value.get("annotations").is_some() || value.is_array() => coco::parse(value),
            _ => lines::parse(text),
        }
    }
}

/// A picture's name: its file's without folder and ending.
pub fn name(file: &str) -> &str {
    let file = file.rsplit(['/', '\\']).next().unwrap_or(file);
    match file.rsplit_once('.') {
        Some((stem, end)) if ["png", "jpg", "jpeg"].contains(&end.to_ascii_lowercase().as_str()) => stem,
        _ => file,
    }
}

/// A box and a confidence that are some, or what is wrong with them.
fn checked(class: String, score: f32, bbox: [f32; 4]) -> Result<Detection, String> {
    if !(0.0..=1.0).contains(&score) {
        return Err(format!("a score of {score} is not 0 to 1"));
    }
    if !bbox.iter().all(|side| side.is_finite()) || bbox[2] < 0.0 || bbox[3] < 0.0 {
        return Err(format!("{bbox:?} is no box"));
    }
    Ok(Detection { class, score, bbox })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_forms_say_the_same() {
        let lines = "{\"image\":\"out/a.png\",\"detections\":[{\"class\":\"car\",\"score\":0.5,\"box\":[1,2,3,4]}]}\n\n\
             {\"image\":\"a_fog_1.png\",\"detections\":[]}\n";
        let coco = r#"{"images":[{"id":7,"file_name":"a.jpg"},{"id":8,"file_name":"a_fog_1.jpg"}],"categories":[{"id":3,"name":"car"}],
            "annotations":[{"image_id":7,"category_id":3,"bbox":[1,2,3,4],"score":0.5}]}"#;
        let car = Detection { class: "car".into(), score: 0.5, bbox: [1.0, 2.0, 3.0, 4.0] };
        let expected = Detections { pictures: [("a".into(), vec![car]), ("a_fog_1".into(), vec![])].into() };
        assert_eq!(Detections::parse(lines), Ok(expected.clone()));
        assert_eq!(Detections::parse(coco), Ok(expected));
        let results = r#"[{"image_id":"a.jpg","category_id":3,"bbox":[1,2,3,4],"score":0.5}]"#;
        assert_eq!(Detections::parse(results).expect("readable").pictures["a"][0].class, "3");
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        for (text, part) in [
            ("{\"image\":\"a\",\"detections\":[]}\n{\"imag\":1}\n", "line 2: "),
            (
                "{\"image\":\"a\",\"detections\":[{\"class\":\"c\",\"score\":7,\"box\":[1,2,3,4]}]}",
                "line 1: a score of 7",
            ),
            ("{\"image\":\"a\",\"detections\":[{\"class\":\"c\",\"score\":1,\"box\":[1,2,-3,4]}]}", "is no box"),
            ("{\"annotations\":[{\"image_id\":1}],\"images\":[]}", "expected COCO's form"),
            (
                "{\"annotations\":[{\"image_id\":1,\"category_id\":1,\"bbox\":[1,2,3,4],\"score\":1}],\"images\":[]}",
                "image 1",
            ),
            ("{\"type\":\"end\",\"before\":{},\"after\":{\"label\":\"car\"}}\n", "events of Frigate"),
            ("not JSON", "line 1: "),
        ] {
            let error = Detections::parse(text).expect_err(text).to_string();
            assert!(error.contains(part) && !error.contains('\n'), "{text}: {error}");
        }
    }

    #[test]
    fn boxes_overlap() {
        let square = |x: f32| Detection { class: String::new(), score: 1.0, bbox: [x, 0.0, 2.0, 2.0] };
        let overlaps = [0.0, 1.0, 2.0].map(|x| square(0.0).overlap(&square(x)));
        assert_eq!(overlaps, [1.0, 1.0 / 3.0, 0.0]);
        let none = Detection { bbox: [0.0; 4], ..square(0.0) };
        assert_eq!(none.overlap(&none), 0.0);
    }
}
