//! Boxes and scores of every anchor, decoded but not suppressed: SSD as TensorFlow exports it.

use serde::{Deserialize, Serialize};

use super::candidate::{Collector, detections};
use super::{Activation, BoxForm, DecodeError, Nms, Seen};
use crate::agree::Detection;

/// A tensor of boxes and one of scores, a row an anchor.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Decoded {
    /// Name of the boxes [n, 4].
    pub boxes: String,
    /// Name of the scores [n, classes].
    pub scores: String,
    /// How four numbers say a box.
    #[serde(default)]
    pub form: BoxForm,
    /// They are shares of the input's sides, not pixels.
    #[serde(default)]
    pub normalised: bool,
    /// What is still to be done to the scores.
    #[serde(default)]
    pub activation: Activation,
    /// Suppression.
    #[serde(default)]
    pub nms: Nms,
}

impl Decoded {
    pub(super) fn check(&self) -> Result<(), String> {
        self.nms.check()
    }

    pub(super) fn decode(&self, seen: &Seen) -> Result<Vec<Detection>, DecodeError> {
        let (boxes, scores) = (seen.output(&self.boxes)?, seen.output(&self.scores)?);
        let (boxes_of, scores_of) = (boxes.rows(4)?, scores.rows(seen.classes.positions())?);
        if boxes_of.len() != scores_of.len() {
            return Err(boxes.refuse(&format!("[{}, 4], a row to each of `{}`", scores_of.len(), self.scores)));
        }
        let mut collector = Collector::new(seen, self.activation, self.nms.floor);
        for (row, (numbers, values)) in boxes_of.zip(scores_of).enumerate() {
            let corners = || self.form.corners(numbers, self.normalised, seen.placement.input);
            collector.add(row, values, 1.0, corners);
        }
        Ok(detections(&self.nms.keep(collector.found), seen))
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]
mod tests {
    use super::*;
    use crate::label::decode::synthetic::{placement, seen, tensor};
    use crate::label::zoo::ClassMap;

    #[test]
    fn shares_of_the_picture_from_its_top() {
        let decoder: Decoded =
            toml::from_str("boxes = 'b'\nscores = 's'\nform = 'yxyx'\nnormalised = true\nnms = { most = 1 }").unwrap();
        let classes = ClassMap::Own(vec![3, 4]);
        let placement = placement((200, 100), (200, 100));
        let outputs = [
            tensor("s", &[2, 2], vec![0.0, 0.3, 0.6, 0.0]),
            tensor("b", &[2, 1, 4], vec![0.0, 0.0, 1.0, 1.0, 0.5, 0.25, 1.0, 0.75]),
        ];
        let found = decoder.decode(&seen(&outputs, &placement, &classes)).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].class, found[0].bbox), (3, [50.0, 50.0, 100.0, 50.0]));
        let short = [outputs[0].clone(), tensor("b", &[1, 4], vec![0.0; 4])];
        let refused = decoder.decode(&seen(&short, &placement, &classes)).unwrap_err().0;
        assert!(refused.contains("a row to each of `s`"), "{refused}");
        // Nothing found at all is an answer.
        let none = [tensor("s", &[0, 2], vec![]), tensor("b", &[0, 4], vec![])];
        assert!(decoder.decode(&seen(&none, &placement, &classes)).unwrap().is_empty());
    }
}
