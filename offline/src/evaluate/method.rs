//! The predictors that are compared, each as a score a test sample.

use miqa::engine::Card;

use super::{EvaluateError, HEADS};
use crate::quality::model::OpenedModel;

/// PSNR in dB at which an undistorted picture (infinite PSNR) is put.
pub(super) const PSNR_LIMIT: f64 = 100.0;

/// Name of the model's own row.
pub const MODEL: &str = "model";

/// Names that methods have without being given one.
pub(super) const OWN_NAMES: [&str; 12] = [
    MODEL,
    "oracle",
    "psnr",
    "ssim",
    "ms_ssim",
    "vsi",
    "cell_mean",
    "confidence",
    "confidence_288",
    "confidence_ridge",
    "ridge",
    "ridge_pooled",
];

/// Refuses metrics and models beside that could not be told from another method in tables.
///
/// # Errors
/// [`EvaluateError::SameName`].
pub fn check_names(metrics: &[OpenedModel], beside: &[Card]) -> Result<(), EvaluateError> {
    let mut taken: Vec<&str> = OWN_NAMES.to_vec();
    let given =
        metrics.iter().map(|metric| metric.model.name.as_str()).chain(beside.iter().map(|card| card.name.as_str()));
    for name in given {
        if taken.contains(&name) {
            return Err(EvaluateError::SameName(name.to_owned()));
        }
        taken.push(name);
    }
    Ok(())
}

/// One predictor's scores for the test samples; higher is better.
#[derive(Debug, Clone)]
pub struct Method {
    /// Short name in tables.
    pub name: String,
    /// What it is, in one line.
    pub about: String,
    scores: Vec<Vec<f64>>,
}

impl Method {
    /// A predictor that gives every head the same score.
    pub fn same(name: &str, about: &str, scores: Vec<f64>) -> Self {
        Self { name: name.into(), about: about.into(), scores: vec![scores] }
    }

    /// A predictor with a score for each head of the task.
    pub fn by_head(name: &str, about: &str, scores: [Vec<f64>; HEADS]) -> Self {
        Self { name: name.into(), about: about.into(), scores: scores.into() }
    }

    /// Scores for the head of index `head` in [`heads_of`](super::heads_of), one a test sample.
    pub fn scores(&self, head: usize) -> &[f64] {
        &self.scores[head.min(self.scores.len() - 1)]
    }
}
