//! Model card, ONNX Runtime session, execution providers: 288×288 pictures in, scores out.
//!
//! [`card`] compiles without ONNX Runtime; the rest needs the feature `engine`.

pub mod card;

#[cfg(feature = "engine")]
mod model;
#[cfg(feature = "engine")]
pub mod runtime;

use serde::{Deserialize, Serialize};

pub use card::{Card, CardError};
#[cfg(feature = "engine")]
pub use model::Model;
#[cfg(feature = "engine")]
pub use runtime::{EngineError, Provider, Runtime};

/// Which execution provider is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Device {
    /// CUDA where it works, else the CPU; which one it was, and why, is said.
    #[default]
    Auto,
    /// CUDA or an error.
    Cuda,
    /// The CPU.
    Cpu,
}

/// What the model says of one view.
#[derive(Clone, Debug, PartialEq)]
pub struct Scores {
    /// One score a head in the card's order, 0 to 1, higher is better. NaN if the model gave NaN.
    pub heads: Vec<f32>,
    /// Probability of each distortion in the card's order, 0 to 1; all low means clean.
    pub distortions: Vec<f32>,
}

impl Scores {
    /// Several views of one frame as one verdict: the lowest score a head, the highest probability a distortion.
    /// A NaN in any view stays NaN. `None` for no views.
    pub fn worst(views: &[Self]) -> Option<Self> {
        let mut views = views.iter();
        let mut worst = views.next()?.clone();
        for view in views {
            for (w, &v) in worst.heads.iter_mut().zip(&view.heads) {
                *w = if w.is_nan() || v.is_nan() { f32::NAN } else { w.min(v) };
            }
            for (w, &v) in worst.distortions.iter_mut().zip(&view.distortions) {
                *w = if w.is_nan() || v.is_nan() { f32::NAN } else { w.max(v) };
            }
        }
        Some(worst)
    }
}
