//! A prepared work folder `W/train/`, mapped into memory.

use std::fs::File;
use std::path::{Path, PathBuf};

use memmap2::Mmap;
use miqa::preprocess::BYTES;
use serde::{Deserialize, Serialize};

use super::TrainError;
use crate::columns;
use crate::export::region::FeatureGroup;
use crate::table;

/// Cached region features a sample: of the crop as it is, and of its mirror image.
pub const FEATURE_VIEWS: usize = 2;

/// One sample of a prepared folder; row i belongs to crop i and feature row i.
#[derive(Clone, Debug, PartialEq)]
pub struct SampleRow {
    /// Id of the sample.
    pub sample: String,
    /// Id of its original.
    pub original: String,
    /// Distortion, `none` for the clean picture.
    pub distortion: String,
    /// 1 to 5, 0 for the clean picture.
    pub level: u8,
    /// `train`, `validation` or `test`.
    pub fold: String,
    /// Label of `cls_consistency`.
    pub consistency: f32,
    /// Label of `cls_accuracy`, if the class is known.
    pub accuracy: Option<f32>,
    /// Label of `cls_composite`, if the class is known.
    pub composite: Option<f32>,
    /// Largest softmax probability of the region encoder's classifier on this sample.
    pub confidence: f32,
}

columns!(SampleRow { sample, original, distortion, level, fold, consistency, accuracy, composite, confidence });

/// Reads a head's label off a row.
pub type Label = fn(&SampleRow) -> Option<f32>;

/// The heads that have a label.
pub const HEADS: [(&str, Label); 3] = [
    ("cls_composite", |row| row.composite),
    ("cls_consistency", |row| Some(row.consistency)),
    ("cls_accuracy", |row| row.accuracy),
];

/// The label of a head.
#[must_use]
pub fn label_of(head: &str) -> Option<Label> {
    HEADS.iter().find(|(name, _)| *name == head).map(|&(_, label)| label)
}

/// What a prepared folder says about itself, `prepared.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Prepared {
    /// Number of samples.
    pub samples: usize,
    /// Width Dr of the region features.
    pub region: usize,
    /// Stretches of the region features.
    pub groups: Vec<FeatureGroup>,
    /// SHA-256 over sample ids and folds, for which the crops were made.
    pub samples_key: String,
    /// SHA-256 over the region recipe and the samples' key.
    pub features_key: String,
}

/// The files of a prepared folder.
#[derive(Clone, Debug)]
pub struct Layout {
    folder: PathBuf,
}

impl Layout {
    /// The layout under a work folder.
    #[must_use]
    pub fn of(work: &Path) -> Self {
        Self { folder: work.join("train") }
    }

    /// The folder itself.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// A file by name.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Rows, [`SampleRow`].
    #[must_use]
    pub fn samples(&self) -> PathBuf {
        self.file("samples.parquet")
    }

    /// Crops, u8 [N, 288, 288, 3].
    #[must_use]
    pub fn crops(&self) -> PathBuf {
        self.file("crops.u8")
    }

    /// Standardised region features, f32 little endian [N, 2, Dr].
    #[must_use]
    pub fn features(&self) -> PathBuf {
        self.file("features.f32")
    }

    /// The region graph that made the features.
    #[must_use]
    pub fn region(&self) -> PathBuf {
        self.file("region.onnx")
    }

    /// [`Prepared`]; written last.
    #[must_use]
    pub fn prepared(&self) -> PathBuf {
        self.file("prepared.json")
    }
}

/// A prepared folder, open for reading.
#[derive(Debug)]
pub struct Dataset {
    /// The samples in their order.
    pub rows: Vec<SampleRow>,
    /// What the folder says about itself.
    pub prepared: Prepared,
    crops: Mmap,
    features: Mmap,
}

impl Dataset {
    /// Opens the prepared folder of a work folder.
    ///
    /// # Errors
    /// [`TrainError`] if it is not complete or its files do not fit each other.
    pub fn open(work: &Path) -> Result<Self, TrainError> {
        let layout = Layout::of(work);
        let path = layout.prepared();
        if !path.is_file() {
            return Err(TrainError::content(&path, "missing; run `miqa-offline train` with --zoo-dir first"));
        }
        let text = std::fs::read_to_string(&path).map_err(TrainError::file(&path))?;
        let prepared: Prepared =
            serde_json::from_str(&text).map_err(|e| TrainError::content(&path, format!("{e}; prepare again")))?;
        let rows: Vec<SampleRow> = table::read(&layout.samples())?;
        let crops = map(&layout.crops(), rows.len() * BYTES)?;
        let features = map(&layout.features(), rows.len() * FEATURE_VIEWS * prepared.region * size_of::<f32>())?;
        if rows.len() != prepared.samples {
            return Err(TrainError::content(&layout.samples(), "does not fit prepared.json; prepare again"));
        }
        Ok(Self { rows, prepared, crops, features })
    }

    /// The crop of sample `i`: 288×288 RGB, HWC.
    #[must_use]
    pub fn crop(&self, i: usize) -> &[u8] {
        &self.crops[i * BYTES..(i + 1) * BYTES]
    }

    /// Standardised region features of sample `i`, of its mirror image if `flipped`.
    #[must_use]
    pub fn features(&self, i: usize, flipped: bool) -> &[f32] {
        let width = self.prepared.region;
        let all: &[f32] = bytemuck::cast_slice(&self.features);
        &all[(i * FEATURE_VIEWS + usize::from(flipped)) * width..][..width]
    }

    /// Indices of the samples of a fold.
    #[must_use]
    pub fn fold(&self, fold: &str) -> Vec<usize> {
        (0..self.rows.len()).filter(|&i| self.rows[i].fold == fold).collect()
    }
}

/// Maps a file of exactly `bytes` bytes.
pub(super) fn map(path: &Path, bytes: usize) -> Result<Mmap, TrainError> {
    let file = File::open(path).map_err(TrainError::file(path))?;
    let length = file.metadata().map_err(TrainError::file(path))?.len();
    if length != bytes as u64 {
        return Err(TrainError::content(path, format!("{length} bytes instead of {bytes}; prepare again")));
    }
    #[expect(unsafe_code, reason = "the file lies in our own work folder and is only replaced by renaming")]
    let map = unsafe { Mmap::map(&file) };
    map.map_err(TrainError::file(path))
}
