//! One row of `labels.parquet`: a sample and its machine mean opinion scores.

use std::path::Path;

use crate::columns;
use crate::table::{self, TableError};

/// A sample with its labels, all scores in 0..=1, higher is better.
#[derive(Debug, Clone, PartialEq)]
pub struct LabelRow {
    /// Id of the sample: [`crate::render::sample_id`].
    pub sample: String,
    /// Id of its original.
    pub original: String,
    /// Name of the distortion, `none` for the clean picture.
    pub distortion: String,
    /// 1 (mild) to 5 (extreme), 0 for the clean picture.
    pub level: u8,
    /// Parameter row of the distortion, 0..12; -1 for the clean picture.
    pub row: i16,
    /// PSNR against the original in dB (8 bits, RGB together); infinite when identical.
    pub psnr: f64,
    /// ImageNet-1k class of the original, -1 if unknown.
    pub class: i32,
    /// E_C (equation 4): weighted share of models whose answer is that for the clean picture.
    pub consistency: f32,
    /// E_A (equation 5): weighted share of models whose answer is the class; none where the class is unknown.
    pub accuracy: Option<f32>,
    /// S (equation 7): mean of consistency and accuracy; none where the class is unknown.
    pub composite: Option<f32>,
}

columns!(LabelRow { sample, original, distortion, level, row, psnr, class, consistency, accuracy, composite });

/// Reads `labels.parquet`.
///
/// # Errors
/// The table is missing or of another shape.
pub fn read_labels(path: &Path) -> Result<Vec<LabelRow>, TableError> {
    table::read(path)
}
