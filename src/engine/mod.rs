//! Model card, ONNX Runtime session, execution providers: 288×288 pictures in, scores out.
//!
//! [`card`] and [`Form`] compile without ONNX Runtime; the rest needs the feature `engine`.

pub mod card;
mod form;

#[cfg(feature = "engine")]
mod model;
#[cfg(feature = "engine")]
pub mod runtime;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::preprocess::Combine;

pub use card::{Card, CardError};
pub use form::{Form, FormKind, Loss};
#[cfg(feature = "engine")]
pub use model::Model;
#[cfg(feature = "engine")]
pub use runtime::{EngineError, Provider, Runtime};

/// Which execution provider is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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

    /// Several views of one frame as their mean. A NaN in any view stays NaN. `None` for no views.
    pub fn mean(views: &[Self]) -> Option<Self> {
        let first = views.first()?;
        let mean = |of: fn(&Self) -> &Vec<f32>| -> Vec<f32> {
            let sum = |i| views.iter().map(|view| of(view).get(i).copied().unwrap_or(f32::NAN)).sum::<f32>();
            (0..of(first).len()).map(|i| sum(i) / views.len() as f32).collect()
        };
        Some(Self { heads: mean(|view| &view.heads), distortions: mean(|view| &view.distortions) })
    }

    /// Several views of one frame as one verdict.
    pub fn combine(views: &[Self], combine: Combine) -> Option<Self> {
        match combine {
            Combine::Minimum => Self::worst(views),
            Combine::Mean => Self::mean(views),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn views_combine_to_the_worst_or_the_mean() {
        let view = |score, fog| Scores { heads: vec![score, 0.5], distortions: vec![fog] };
        let views = [view(0.25, 0.125), view(0.75, 0.625)];
        assert_eq!(Scores::combine(&views, Combine::Minimum), Some(view(0.25, 0.625)));
        assert_eq!(Scores::combine(&views, Combine::Mean), Some(view(0.5, 0.375)));
        let broken = Scores::combine(&[view(0.25, 0.1), view(f32::NAN, 0.1)], Combine::Mean);
        assert!(broken.is_some_and(|scores| scores.heads[0].is_nan() && scores.heads[1] == 0.5));
        assert_eq!(Scores::combine(&[], Combine::Mean), None);
    }
}
