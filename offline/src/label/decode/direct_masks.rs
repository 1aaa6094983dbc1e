//! One small mask a box: Mask R-CNN, Cascade Mask R-CNN, PointRend. Tested on tensors made by hand.

use serde::{Deserialize, Serialize};

use super::candidate::Candidate;
use super::paste::{Beyond, Map, input_area};
use super::{DecodeError, Finished, Seen};
use crate::agree::Detection;

/// Boxes as [`Finished`] says, and a tensor of masks [boxes, rows, columns], [boxes, 1, …] or [boxes, classes, …].
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct DirectMasks {
    /// Boxes, scores and classes.
    pub boxes: Finished,
    /// Name of the masks.
    pub masks: String,
    /// What a mask covers.
    #[serde(default)]
    pub cover: Cover,
    /// A pixel is inside above this value: 0.5 for probabilities, 0 for logits.
    #[serde(default = "half")]
    pub threshold: f32,
}

/// What a mask covers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Cover {
    /// Its box, 28×28 as a rule; beyond it there is nothing.
    #[default]
    Box,
    /// The whole input, pasted by the model.
    Input,
}

fn half() -> f32 {
    0.5
}

impl DirectMasks {
    pub(super) fn check(&self) -> Result<(), String> {
        let sound = (0.0..1.0).contains(&self.threshold);
        if sound { self.boxes.check() } else { Err("threshold must be at least 0 and under 1".to_owned()) }
    }

    pub(super) fn decode(&self, seen: &Seen) -> Result<Vec<Detection>, DecodeError> {
        let masks = seen.output(&self.masks)?;
        let (of_box, height, width) = match *masks.shape.as_slice() {
            [_, height, width] => (1, height, width),
            [_, of_box, height, width] if of_box == 1 || of_box == seen.classes.positions() => (of_box, height, width),
            _ => return Err(masks.refuse("[boxes, rows, columns] or [boxes, classes, rows, columns]")),
        };
        let pixels = height * width;
        let candidates = self.boxes.candidates(seen)?;
        let object = |candidate: &Candidate| {
            let Some(mut found) = candidate.detection(seen) else { return Ok(None) };
            let own = (0..seen.classes.positions()).find(|at| seen.classes.class(*at) == Some(found.class));
            let at = candidate.row * of_box + if of_box == 1 { 0 } else { own.unwrap_or(0) };
            let Some(values) = masks.values.get(at * pixels..(at + 1) * pixels) else {
                return Err(masks.refuse(&format!("over {} boxes, as many as `{}`", candidate.row, self.boxes.boxes)));
            };
            let map = Map { values, width, height };
            let [left, top, width, height] = found.bbox.map(f64::from);
            let within = [left, top, left + width, top + height];
            let mask = match self.cover {
                Cover::Input => map.paste(seen, input_area(seen), within, self.threshold, Beyond::Edge),
                Cover::Box => {
                    let [x1, y1, x2, y2] = candidate.corners;
                    let ((left, top), (right, bottom)) = (seen.placement.point(x1, y1), seen.placement.point(x2, y2));
                    map.paste(seen, [left, top, right, bottom], within, self.threshold, Beyond::Nothing)
                }
            };
            found.mask = Some(mask?);
            Ok(Some(found))
        };
        candidates.iter().filter_map(|candidate| object(candidate).transpose()).collect()
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]
mod tests {
    use super::*;
    use crate::label::decode::synthetic::{bitmap, placement, seen, tensor};
    use crate::label::zoo::ClassMap;

    const BOXES: &str = "boxes = { boxes = 'b', classes = 'c' }\nmasks = 'm'\n";

    #[test]
    fn a_mask_lies_in_its_box_even_where_the_picture_ends() {
        let decoder: DirectMasks = toml::from_str(BOXES).unwrap();
        let classes = ClassMap::Own(vec![3, 4]);
        let placement = placement((8, 8), (8, 8));
        let boxes = [tensor("b", &[1, 5], vec![-4.0, 0.0, 4.0, 8.0, 0.9]), tensor("c", &[1], vec![1.0])];
        // The upper half, for class 1 (position) only.
        let mut outputs = boxes.to_vec();
        outputs.push(tensor("m", &[1, 2, 2, 2], vec![0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0]));
        let found = decoder.decode(&seen(&outputs, &placement, &classes)).unwrap();
        assert_eq!((found[0].class, found[0].bbox), (4, [0.0, 0.0, 4.0, 8.0]));
        // The edges fade over half a cell: the last column is still over a half two pixels further in, not at the corner.
        let expected = bitmap(8, 8, |x, y| x < 4 && y < 4 && !(x == 3 && (y == 0 || y == 3)));
        assert_eq!(found[0].mask, Some(expected));

        outputs[2] = tensor("m", &[1, 1, 8, 8], (0..64).map(|at| if at % 8 < 3 { 1.0 } else { 0.0 }).collect());
        let whole: DirectMasks = toml::from_str(&format!("{BOXES}cover = 'input'")).unwrap();
        let found = whole.decode(&seen(&outputs, &placement, &classes)).unwrap();
        assert_eq!(found[0].mask, Some(bitmap(8, 8, |x, _| x < 3)));
        outputs[2] = tensor("m", &[0, 1, 8, 8], vec![]);
        assert!(whole.decode(&seen(&outputs, &placement, &classes)).unwrap_err().0.contains("`m`"));
    }
}
