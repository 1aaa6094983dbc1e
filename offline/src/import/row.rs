//! One row of `imported.parquet`.

use crate::columns;

/// A published picture: a variant, or an original (distortion `none`, levels 0).
#[derive(Debug, Clone, PartialEq)]
pub struct ImportedRow {
    /// What the set was labelled for: `classification`, `detection`, `segmentation` or `unnamed`.
    pub task: String,
    /// Stem of the file.
    pub sample: String,
    /// Id of the original.
    pub original: String,
    /// Name of the distortion, `none` for the original.
    pub distortion: String,
    /// `uniform`, `roi_dominated` or `background_dominated`.
    pub pattern: String,
    /// Level of the region, 1 (mild) to 5; 0 for the original.
    pub roi_level: u8,
    /// Level of the background.
    pub background_level: u8,
    /// The file.
    pub path: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// Width in pixels; 0 if the file can't be read.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// The mask's file, empty if there is none.
    pub mask: String,
    /// E_C, 0..=1.
    pub consistency: Option<f64>,
    /// E_A, 0..=1.
    pub accuracy: Option<f64>,
    /// S, 0..=1.
    pub composite: Option<f64>,
}

columns!(ImportedRow {
    task,
    sample,
    original,
    distortion,
    pattern,
    roi_level,
    background_level,
    path,
    bytes,
    width,
    height,
    mask,
    consistency,
    accuracy,
    composite,
});
