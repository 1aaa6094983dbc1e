//! Which originals are good enough: no-reference quality models score every original, the best of each class stay (section
//! 4.1 of the paper: HyperIQA and MANIQA, five of each class).
//!
//! [`model`] describes a model as data, [`scorer`] shows it crops of a picture, [`combine`] joins the models' scores and ranks.

pub mod combine;
pub mod model;
pub mod scorer;

use std::path::Path;

use crate::columns;
use crate::table::{self, TableError};

/// One row of `quality.parquet`: what a model thinks of an original.
#[derive(Debug, Clone, PartialEq)]
pub struct QualityRow {
    /// Id of the original.
    pub original: String,
    /// Name of the model.
    pub model: String,
    /// Name of the model with a fingerprint of its file and rules.
    pub fingerprint: String,
    /// The score on the model's own scale, higher is better.
    pub score: f64,
    /// The least score of a crop.
    pub least: f64,
    /// The greatest score of a crop.
    pub greatest: f64,
}

columns!(QualityRow { original, model, fingerprint, score, least, greatest });

/// Reads `quality.parquet`.
///
/// # Errors
/// The table is missing or of another shape.
pub fn read_quality(path: &Path) -> Result<Vec<QualityRow>, TableError> {
    table::read(path)
}
