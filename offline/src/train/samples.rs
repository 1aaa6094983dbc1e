//! The labelled samples in the order of training, and the keys of what is computed from them.

use std::ops::Range;
use std::path::Path;

use miqa::preprocess::SIDE;
use sha2::{Digest, Sha256};

use super::TrainError;
use super::dataset::SampleRow;
use crate::label::LabelRow;
use crate::label::labelled::{Labelled, Originals};
use crate::plan::Plan;
use crate::source::Original;

/// The labelled samples of a work folder by original, distortion and levels.
pub(super) struct Samples {
    pub(super) labels: Vec<LabelRow>,
    pub(super) folds: Vec<String>,
    /// Where their pictures come from.
    pub(super) pictures: Originals,
    /// Originals with the ranges of their samples.
    pub(super) originals: Vec<(Original, Range<usize>)>,
}

impl Samples {
    pub(super) fn read(work: &Path, plan: Option<&Plan>) -> Result<Self, TrainError> {
        let Labelled { rows, folds, originals: pictures } = Labelled::read(work, plan)?;
        let mut labelled: Vec<(LabelRow, String)> = rows.into_iter().zip(folds).collect();
        labelled.sort_by(|a, b| a.0.by_original(&b.0));
        let (labels, folds): (Vec<LabelRow>, Vec<String>) = labelled.into_iter().unzip();
        let originals = pictures.of_rows(&labels)?;
        Ok(Self { labels, folds, pictures, originals })
    }

    /// The labels of an original.
    pub(super) fn of(&self, original: usize) -> &[LabelRow] {
        &self.labels[self.originals[original].1.clone()]
    }

    /// An original's key: everything that decides its crops.
    pub(super) fn pictures_key(&self, original: usize) -> String {
        let (source, _) = &self.originals[original];
        let mut hash = Sha256::new();
        hash.update(SIDE.to_le_bytes());
        hash.update(self.pictures.recipe().content_hash());
        hash.update(source.pixel_sha256.0);
        hash.update(self.pictures.mask_sha256(&source.id));
        for label in self.of(original) {
            let LabelRow { sample, distortion, row, background_row, .. } = label;
            hash.update(format!("\n{sample} {distortion} {row} {background_row:?}"));
        }
        hex(&hash.finalize())
    }

    /// Key of labels and folds.
    pub(super) fn labels_key(&self) -> String {
        let mut hash = Sha256::new();
        for (label, fold) in self.labels.iter().zip(&self.folds) {
            hash.update(format!("{fold} {} {:?} {:?}\n", label.consistency, label.accuracy, label.composite));
        }
        hex(&hash.finalize())
    }

    /// The rows of the prepared folder, from each sample's confidence and the place of its crop.
    pub(super) fn rows(&self, computed: impl Iterator<Item = (f32, Option<u32>)>) -> Vec<SampleRow> {
        let labelled = self.labels.iter().zip(&self.folds).zip(computed);
        labelled
            .map(|((label, fold), (confidence, crop))| SampleRow {
                sample: label.sample.clone(),
                original: label.original.clone(),
                distortion: label.distortion.clone(),
                level: label.level,
                background_level: label.background_level,
                fold: fold.clone(),
                consistency: label.consistency,
                accuracy: label.accuracy,
                composite: label.composite,
                confidence,
                crop,
            })
            .collect()
    }
}

/// SHA-256 over texts, each with its length.
pub(super) fn digest<'a>(parts: impl IntoIterator<Item = &'a str>) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hex(&hash.finalize())
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}
