//! One row of `labels.parquet`: a sample and its machine mean opinion scores.

use std::path::{Path, PathBuf};

use super::zoo::Task;
use crate::columns;
use crate::plan::{Choice, PlannedVariant};
use crate::recipe::{Pair, Pattern};
use crate::sample::{CLEAN, Sample};
use crate::table::{self, TableError};

/// A sample with its labels, all scores in 0..=1, higher is better.
#[derive(Debug, Clone, PartialEq)]
pub struct LabelRow {
    /// Id of the sample: [`Sample::id`].
    pub sample: String,
    /// Id of its original.
    pub original: String,
    /// Name of the distortion, `none` for the clean picture.
    pub distortion: String,
    /// 1 (mild) to 5 (extreme), 0 for the clean picture. With two levels that of the region of interest.
    pub level: u8,
    /// Level of the background where it has another; none for uniform variants and the clean picture.
    pub background_level: Option<u8>,
    /// Parameter row of the distortion, 0..12; -1 for the clean picture. With two levels that of the region of interest.
    pub row: i16,
    /// Parameter row of the background where it has a level of its own.
    pub background_row: Option<i16>,
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

columns!(LabelRow {
    sample,
    original,
    distortion,
    level,
    background_level,
    row,
    background_row,
    psnr,
    class,
    consistency,
    accuracy,
    composite,
});

impl LabelRow {
    /// The picture that the row is about.
    #[must_use]
    pub fn picture(&self) -> Sample {
        if self.distortion == CLEAN {
            return Sample::Clean;
        }
        let pair = Pair { roi: self.level, background: self.background_level.unwrap_or(self.level) };
        let choice = |row| Choice { row, psnr: self.psnr };
        let (roi, background) = (choice(self.row), choice(self.background_row.unwrap_or(self.row)));
        Sample::Variant(PlannedVariant::new(&self.original, &self.distortion, pair, roi, background))
    }

    /// The level of a clean or uniform sample; none where region and background differ.
    #[must_use]
    pub fn uniform_level(&self) -> Option<u8> {
        self.background_level.is_none().then_some(self.level)
    }

    /// Which part of the picture is worse.
    #[must_use]
    pub fn pattern(&self) -> Pattern {
        Pair { roi: self.level, background: self.background_level.unwrap_or(self.level) }.pattern()
    }

    /// By original, distortion and levels: the order of prepared and evaluated samples.
    #[must_use]
    pub fn by_original(&self, other: &Self) -> std::cmp::Ordering {
        let key = |row: &'_ Self| (row.level, row.background_level);
        self.original
            .cmp(&other.original)
            .then_with(|| self.distortion.cmp(&other.distortion))
            .then_with(|| key(self).cmp(&key(other)))
    }
}

/// Where the labels of a task lie in a work folder, perhaps those from a zoo without one family.
#[must_use]
pub fn labels_of(work: &Path, task: Task, without_family: Option<&str>) -> PathBuf {
    let task = if task == Task::Classification { String::new() } else { format!("-{task}") };
    let without = without_family.map_or(String::new(), |family| format!("-without-{family}"));
    work.join(format!("labels{task}{without}.parquet"))
}

/// Reads a label table.
///
/// # Errors
/// The table is missing or of another shape.
pub fn read_labels(path: &Path) -> Result<Vec<LabelRow>, TableError> {
    table::read(path)
}
