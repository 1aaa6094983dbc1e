//! What a model's output tensors mean: one file a family of outputs, its parameters in the zoo's list.

mod activation;
mod anchors;
mod candidate;
mod classes;
mod decoded;
mod direct_masks;
mod fastestdet;
mod finished;
mod form;
mod gfl;
mod nms;
mod paste;
mod prototypes;
mod queries;
mod query_masks;
#[cfg(test)]
mod synthetic;
mod yolo;
mod yolox;

use serde::{Deserialize, Serialize};

use super::fit::Placement;
use super::zoo::{ClassMap, Task};
use crate::agree::{Detection, canonical};

pub use activation::Activation;
pub use anchors::{Anchors, Level, Shapes};
pub use decoded::Decoded;
pub use direct_masks::{Cover, DirectMasks};
pub use fastestdet::FastestDet;
pub use finished::Finished;
pub use form::BoxForm;
pub use gfl::Gfl;
pub use nms::{Best, Nms};
pub use prototypes::{PrototypeAxes, Prototypes};
pub use queries::Queries;
pub use query_masks::QueryMasks;
pub use yolo::{Axes, Yolo};
pub use yolox::Yolox;

/// The five most probable classes, best first, with their probabilities.
pub type TopFive = [(u16, f32); 5];

/// One output of a model for one picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor {
    /// As the model names it.
    pub name: String,
    /// Without the batch axis, where the model has one.
    pub shape: Vec<usize>,
    /// In row-major order.
    pub values: Vec<f32>,
}

/// What a model said of a picture.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// Of a classifier.
    Classes(TopFive),
    /// Of a detector or segmenter, in canonical order ([`crate::agree::canonical`]).
    Objects(Vec<Detection>),
}

/// How a model's outputs become an answer.
///
/// `logits` to `prototypes` (with `finished`) were run against models; `anchors`, `queries`, `query_masks` and
/// `direct_masks` only against tensors made for the tests, as no such model was at hand.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Decoder {
    /// One value a class in the first output, unnormalised; a softmax over all positions makes them probabilities.
    // Braces, so that a key beside `kind` is refused.
    Logits {},
    /// One probability a class in the first output.
    Probabilities {},
    /// Grids with objectness: YOLOX.
    Yolox(Yolox),
    /// Boxes in pixels with scores: YOLOv5 to YOLO11.
    Yolo(Yolo),
    /// Boxes and scores of every anchor, decoded but not suppressed: SSD as TensorFlow exports it.
    Decoded(Decoded),
    /// Raw differences to anchors: SSD, RetinaNet, EfficientDet.
    Anchors(Anchors),
    /// Distributions of the distances to a box's sides: NanoDet, PicoDet.
    Gfl(Gfl),
    /// FastestDet.
    #[serde(rename = "fastestdet")]
    FastestDet(FastestDet),
    /// One object a query: DETR and its kin.
    Queries(Queries),
    /// Boxes that were already suppressed: CenterNet, YOLOv10, exports with their suppression inside.
    Finished(Finished),
    /// Boxes with coefficients of common masks: YOLOv8-seg, YOLACT.
    Prototypes(Prototypes),
    /// One mask a query: MaskFormer, Mask2Former.
    QueryMasks(QueryMasks),
    /// One small mask a box: Mask R-CNN and its kin.
    DirectMasks(DirectMasks),
}

/// What a decoder works on.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    /// The model's outputs, in its order.
    pub outputs: &'a [Tensor],
    /// Where the picture lay in the input.
    pub placement: &'a Placement,
    /// What the positions of classes mean.
    pub classes: &'a ClassMap,
}

/// Outputs that are not what the decoder takes; one line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct DecodeError(pub String);

impl Decoder {
    /// As it is named in lists.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Logits {} => "logits",
            Self::Probabilities {} => "probabilities",
            Self::Yolox(_) => "yolox",
            Self::Yolo(_) => "yolo",
            Self::Decoded(_) => "decoded",
            Self::Anchors(_) => "anchors",
            Self::Gfl(_) => "gfl",
            Self::FastestDet(_) => "fastestdet",
            Self::Queries(_) => "queries",
            Self::Finished(_) => "finished",
            Self::Prototypes(_) => "prototypes",
            Self::QueryMasks(_) => "query_masks",
            Self::DirectMasks(_) => "direct_masks",
        }
    }

    /// Whether it fits the task and its parameters make sense.
    ///
    /// # Errors
    /// What is wrong with it; one line.
    pub fn check(&self, task: Task) -> Result<(), String> {
        let (gives, sound) = match self {
            Self::Logits {} | Self::Probabilities {} => (Task::Classification, Ok(())),
            Self::Yolox(decoder) => (Task::Detection, decoder.check()),
            Self::Yolo(decoder) => (Task::Detection, decoder.check()),
            Self::Decoded(decoder) => (Task::Detection, decoder.check()),
            Self::Anchors(decoder) => (Task::Detection, decoder.check()),
            Self::Gfl(decoder) => (Task::Detection, decoder.check()),
            Self::FastestDet(decoder) => (Task::Detection, decoder.check()),
            Self::Queries(decoder) => (Task::Detection, decoder.check()),
            Self::Finished(decoder) => (Task::Detection, decoder.check()),
            Self::Prototypes(decoder) => (Task::Segmentation, decoder.check()),
            Self::QueryMasks(decoder) => (Task::Segmentation, decoder.check()),
            Self::DirectMasks(decoder) => (Task::Segmentation, decoder.check()),
        };
        if gives != task {
            return Err(format!("its decoder gives {gives}, its task is {task}"));
        }
        sound.map_err(|reason| format!("decoder: {reason}"))
    }

    /// What the outputs say.
    ///
    /// # Errors
    /// They have other shapes than the decoder takes, or values that are no numbers.
    pub fn decode(&self, seen: &Seen) -> Result<Answer, DecodeError> {
        let mut found = match self {
            Self::Logits {} => return classes::top_five(seen, true).map(Answer::Classes),
            Self::Probabilities {} => return classes::top_five(seen, false).map(Answer::Classes),
            Self::Yolox(decoder) => decoder.decode(seen),
            Self::Yolo(decoder) => decoder.decode(seen),
            Self::Decoded(decoder) => decoder.decode(seen),
            Self::Anchors(decoder) => decoder.decode(seen),
            Self::Gfl(decoder) => decoder.decode(seen),
            Self::FastestDet(decoder) => decoder.decode(seen),
            Self::Queries(decoder) => decoder.decode(seen),
            Self::Finished(decoder) => decoder.decode(seen),
            Self::Prototypes(decoder) => decoder.decode(seen),
            Self::QueryMasks(decoder) => decoder.decode(seen),
            Self::DirectMasks(decoder) => decoder.decode(seen),
        }?;
        if let Some(object) = found.iter().find(|object| !is_share(object.score)) {
            return Err(DecodeError(format!(
                "it gives an object the score {}, not 0 to 1; give its decoder an activation (\"sigmoid\", \"softmax\"), or \
                 another kind",
                object.score
            )));
        }
        canonical(&mut found);
        Ok(Answer::Objects(found))
    }
}

/// Whether a score can be a probability, but for a model's rounding.
fn is_share(score: f32) -> bool {
    (-1e-3..=1.0 + 1e-3).contains(&score)
}

impl<'a> Seen<'a> {
    /// The output of this name.
    ///
    /// # Errors
    /// The model has none of this name, or a value of it is no number.
    pub fn output(&self, name: &str) -> Result<&'a Tensor, DecodeError> {
        let output = self.outputs.iter().find(|output| output.name == name).ok_or_else(|| {
            let names: Vec<&str> = self.outputs.iter().map(|output| output.name.as_str()).collect();
            DecodeError(format!("it has no output `{name}`: there are {}", names.join(", ")))
        })?;
        match output.values.iter().position(|value| !value.is_finite()) {
            Some(at) => Err(DecodeError(format!("its output `{name}` holds {} at {at}", output.values[at]))),
            None => Ok(output),
        }
    }
}

impl Tensor {
    /// The values as rows of this many columns, whatever axes of length 1 lie between.
    ///
    /// # Errors
    /// The last axis longer than 1 has another length.
    fn rows(&self, columns: usize) -> Result<std::slice::ChunksExact<'_, f32>, DecodeError> {
        let last = self.shape.iter().rev().find(|&&side| side != 1).copied().unwrap_or(1);
        // No rows at all have no columns to be wrong about.
        if columns == 0 || (last != columns && columns != 1 && !self.values.is_empty()) {
            return Err(self.refuse(&format!("[…, {columns}]")));
        }
        Ok(self.values.chunks_exact(columns))
    }

    /// The error of a shape that is not the one expected.
    fn refuse(&self, expected: &str) -> DecodeError {
        DecodeError(format!("its output `{}` has shape {:?}, not {expected}", self.name, self.shape))
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_no_decoder_has_is_refused() {
        let read = |text: &str| toml::from_str::<Decoder>(text);
        for kind in ["logits", "probabilities"] {
            let plain = read(&format!("kind = \"{kind}\"")).unwrap();
            // As it always was: predictions are kept by this.
            assert_eq!(serde_json::to_string(&plain).unwrap(), format!("{{\"kind\":\"{kind}\"}}"));
            let refused = read(&format!("kind = \"{kind}\"\noutput = \"zz\"")).unwrap_err();
            assert!(refused.message().contains("`output`"), "{refused}");
        }
    }

    #[test]
    fn a_score_that_is_no_share_fails_the_picture() {
        let placement = synthetic::placement((20, 20), (10, 10));
        let classes = ClassMap::Own(vec![3]);
        let decoder: Decoder = toml::from_str("kind = 'finished'\nboxes = 'b'").unwrap();
        for (score, fits) in [(0.9, true), (1.0005, true), (6.3, false)] {
            let outputs = [synthetic::tensor("b", &[1, 6], vec![1.0, 1.0, 5.0, 5.0, score, 0.0])];
            let found = decoder.decode(&synthetic::seen(&outputs, &placement, &classes));
            let text = found.err().map(|error| error.0).unwrap_or_default();
            assert!(text.is_empty() == fits && (fits || text.contains("6.3") && text.contains("activation")), "{text}");
        }
    }
}
