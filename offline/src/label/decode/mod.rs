//! What a model's output tensors mean: one file a family of outputs, its parameters in the zoo's list.

mod classes;

use serde::{Deserialize, Serialize};

use super::fit::Placement;
use super::zoo::{ClassMap, Task};
use crate::agree::Detection;

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
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Decoder {
    /// One value a class in the first output, unnormalised; a softmax over all positions makes them probabilities.
    Logits,
    /// One probability a class in the first output.
    Probabilities,
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
    /// Whether it fits the task and its parameters make sense.
    ///
    /// # Errors
    /// What is wrong with it; one line.
    pub fn check(&self, task: Task) -> Result<(), String> {
        let gives = match self {
            Self::Logits | Self::Probabilities => Task::Classification,
        };
        if gives == task { Ok(()) } else { Err(format!("its decoder gives {gives}, its task is {task}")) }
    }

    /// What the outputs say.
    ///
    /// # Errors
    /// They have other shapes than the decoder takes, or values that are no numbers.
    pub fn decode(&self, seen: &Seen) -> Result<Answer, DecodeError> {
        match self {
            Self::Logits => classes::top_five(seen, true).map(Answer::Classes),
            Self::Probabilities => classes::top_five(seen, false).map(Answer::Classes),
        }
    }
}

impl<'a> Seen<'a> {
    /// The output of this name.
    ///
    /// # Errors
    /// The model has none of this name.
    pub fn output(&self, name: &str) -> Result<&'a Tensor, DecodeError> {
        self.outputs.iter().find(|output| output.name == name).ok_or_else(|| {
            let names: Vec<&str> = self.outputs.iter().map(|output| output.name.as_str()).collect();
            DecodeError(format!("it has no output `{name}`: there are {}", names.join(", ")))
        })
    }
}
