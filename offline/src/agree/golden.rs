//! Values of COCOeval (pycocotools), made by `offline/tests/golden/make_agree.py`.

use serde::Deserialize;

use super::{Annotation, Detection, Matching, Overlap, Precision, Runs};

#[derive(Deserialize)]
struct Golden {
    name: String,
    size: [u32; 2],
    found: Vec<Found>,
    truth: Vec<Object>,
    boxes: [f64; 3],
    masks: Option<[f64; 3]>,
}

/// Class, score, x, y, width, height, mask.
#[derive(Deserialize)]
#[serde(untagged)]
enum Found {
    Box(u16, f32, f32, f32, f32, f32),
    Mask(u16, f32, f32, f32, f32, f32, String),
}

/// Class, x, y, width, height, crowd, mask.
#[derive(Deserialize)]
#[serde(untagged)]
enum Object {
    Box(u16, f64, f64, f64, f64, u8),
    Mask(u16, f64, f64, f64, f64, u8, String),
}

#[expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]
#[test]
fn precision_equals_pycocotools() {
    let cases: Vec<Golden> = serde_json::from_str(include_str!("../../tests/golden/agree.json")).unwrap();
    assert!(cases.len() > 300 && cases.iter().filter(|case| case.masks.is_some()).count() > 90);
    assert!(cases.iter().any(|case| case.name.starts_with("COCO ")));
    // One memory for all: nothing of a case may be left for the next.
    let mut matching = Matching::default();
    for Golden { name, size: [height, width], found, truth, boxes, masks } in cases {
        let runs = |text: String| Some(Runs::from_text(width, height, &text).unwrap());
        let found: Vec<Detection> = found
            .into_iter()
            .map(|found| match found {
                Found::Box(class, score, x, y, w, h) => Detection { class, score, bbox: [x, y, w, h], mask: None },
                Found::Mask(class, score, x, y, w, h, text) => {
                    Detection { class, score, bbox: [x, y, w, h], mask: runs(text) }
                }
            })
            .collect();
        let truth: Vec<Annotation> = truth
            .into_iter()
            .map(|object| match object {
                Object::Box(class, x, y, w, h, crowd) => {
                    Annotation { class, bbox: [x, y, w, h], mask: None, crowd: crowd == 1 }
                }
                Object::Mask(class, x, y, w, h, crowd, text) => {
                    Annotation { class, bbox: [x, y, w, h], mask: runs(text), crowd: crowd == 1 }
                }
            })
            .collect();
        for (overlap, wanted) in [(Overlap::Boxes, Some(boxes)), (Overlap::Masks, masks)] {
            let Some(wanted) = wanted else { continue };
            let Precision { ap50, ap75, ap } = matching.precision(&found, &truth, overlap);
            let error = [ap50, ap75, ap].iter().zip(wanted).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            assert!(error < 1e-9, "{name}, {overlap:?}: {:?}, pycocotools {wanted:?}", [ap50, ap75, ap]);
        }
    }
}
