//! The predictors that are compared, each as a score a test sample.

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

/// Refuses metrics that could not be told from another method in tables.
///
/// # Errors
/// [`EvaluateError::SameName`].
pub fn check_names(metrics: &[OpenedModel]) -> Result<(), EvaluateError> {
    let taken =
        |at: usize, name: &str| OWN_NAMES.contains(&name) || metrics[..at].iter().any(|other| other.model.name == name);
    match metrics.iter().enumerate().find(|(at, metric)| taken(*at, &metric.model.name)) {
        Some((_, metric)) => Err(EvaluateError::SameName(metric.model.name.clone())),
        None => Ok(()),
    }
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
