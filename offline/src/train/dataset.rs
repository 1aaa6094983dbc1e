//! A prepared work folder `W/train/`, mapped into memory; crops that it does not hold are made from the originals.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use memmap2::Mmap;
use miqa::preprocess::BYTES;
use serde::{Deserialize, Serialize};

use super::TrainError;
use super::samples::{Folder, Samples};
use crate::columns;
use crate::export::region::FeatureGroup;
use crate::label::labelled::model_input;
use crate::plan::PlanId;
use crate::recipe::{Pair, Pattern};
use crate::sample::SampleError;
use crate::table;

/// Cached region features a sample: of the crop as it is, and of its mirror image.
pub const FEATURE_VIEWS: usize = 2;

/// One sample of a prepared folder; row i belongs to feature row i.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SampleRow {
    /// Id of the sample.
    pub sample: String,
    /// Id of its original.
    pub original: String,
    /// Distortion, `none` for the clean picture.
    pub distortion: String,
    /// 1 to 5, 0 for the clean picture. With two levels that of the region of interest.
    pub level: u8,
    /// Level of the background where it has another.
    pub background_level: Option<u8>,
    /// `train` or `validation`.
    pub fold: String,
    /// Label of `cls_composite`; none, like all that follow, where there was no model of the task or the truth is unknown.
    pub cls_composite: Option<f32>,
    /// Label of `cls_consistency`.
    pub cls_consistency: Option<f32>,
    /// Label of `cls_accuracy`.
    pub cls_accuracy: Option<f32>,
    /// Label of `det_composite`.
    pub det_composite: Option<f32>,
    /// Label of `det_consistency`.
    pub det_consistency: Option<f32>,
    /// Label of `det_accuracy`.
    pub det_accuracy: Option<f32>,
    /// Label of `seg_composite`.
    pub seg_composite: Option<f32>,
    /// Label of `seg_consistency`.
    pub seg_consistency: Option<f32>,
    /// Label of `seg_accuracy`.
    pub seg_accuracy: Option<f32>,
    /// Place of its crop in the file of crops; none where crops are made when they are wanted.
    pub crop: Option<u32>,
}

columns!(SampleRow {
    sample,
    original,
    distortion,
    level,
    background_level,
    fold,
    cls_composite,
    cls_consistency,
    cls_accuracy,
    det_composite,
    det_consistency,
    det_accuracy,
    seg_composite,
    seg_consistency,
    seg_accuracy,
    crop,
});

impl SampleRow {
    /// Which part of the picture is degraded more; a clean one counts as uniform.
    #[must_use]
    pub fn pattern(&self) -> Pattern {
        Pair { roi: self.level, background: self.background_level.unwrap_or(self.level) }.pattern()
    }
}

/// Reads a head's label off a row.
pub type Label = fn(&SampleRow) -> Option<f32>;

/// Labels of a sample: three of each task.
pub const LABELS: usize = 9;

/// The strongest level, which a label of `level` of 1 stands for.
const STRONGEST: f32 = 5.0;

/// The heads that have a label. `level` is the degradation itself, 0 (clean) to 1 (extreme), the worse of region and
/// background; of all others higher is better.
pub const HEADS: [(&str, Label); LABELS + 1] = [
    ("cls_composite", |row| row.cls_composite),
    ("cls_consistency", |row| row.cls_consistency),
    ("cls_accuracy", |row| row.cls_accuracy),
    ("det_composite", |row| row.det_composite),
    ("det_consistency", |row| row.det_consistency),
    ("det_accuracy", |row| row.det_accuracy),
    ("seg_composite", |row| row.seg_composite),
    ("seg_consistency", |row| row.seg_consistency),
    ("seg_accuracy", |row| row.seg_accuracy),
    ("level", |row| Some(f32::from(row.level.max(row.background_level.unwrap_or(0))) / STRONGEST)),
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
    /// Number of originals of the test fold, none of whose samples are here.
    pub held_out: usize,
    /// Width Dr of the region features.
    pub region: usize,
    /// Stretches of the region features.
    pub groups: Vec<FeatureGroup>,
    /// SHA-256 over all that decides the samples' pictures.
    pub samples_key: String,
    /// SHA-256 over the samples' key, the region recipe, labels and folds.
    pub features_key: String,
    /// Whose scores are learned beside the labels, if anybody's.
    #[serde(default)]
    pub taught: Option<Taught>,
    /// Identities of the plans that samples are from, one a folder that has one.
    #[serde(default)]
    pub plans: Vec<PlanId>,
    /// The models behind the labels, by task.
    #[serde(default)]
    pub labellers: BTreeMap<String, Vec<String>>,
    /// Rows of the file of crops, some of which may belong to no sample.
    pub crops: usize,
}

/// A teacher, by its file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Taught {
    /// SHA-256 of the model file.
    pub sha256: String,
    /// The heads whose scores are kept, in their order.
    pub heads: Vec<String>,
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

    /// The originals of the samples, as `sources.parquet`.
    #[must_use]
    pub fn originals(&self) -> PathBuf {
        self.file("originals.parquet")
    }

    /// Crops, u8 [rows, 288, 288, 3], at the places that the samples name.
    #[must_use]
    pub fn crops(&self) -> PathBuf {
        self.file("crops.u8")
    }

    /// Standardised region features, f32 little endian [N, 2, Dr].
    #[must_use]
    pub fn features(&self) -> PathBuf {
        self.file("features.f32")
    }

    /// A teacher's scores, f32 little endian [N, heads].
    #[must_use]
    pub fn teacher(&self) -> PathBuf {
        self.file("teacher.f32")
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
    crops: Crops,
    features: Mmap,
    teacher: Option<Mmap>,
}

/// Where crops come from.
struct Crops {
    /// The file of crops; none if there is none.
    stored: Option<Mmap>,
    /// The originals of plans; none if only features are wanted.
    made: Option<Box<Samples>>,
}

impl std::fmt::Debug for Crops {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Crops").field("stored", &self.stored).field("made", &self.made.is_some()).finish()
    }
}

impl Dataset {
    /// Opens the prepared folder of a work folder. Crops of plans' samples come with [`Dataset::with_pictures`].
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
        let stored = match prepared.crops {
            0 => None,
            rows => Some(map(&layout.crops(), rows * BYTES)?),
        };
        let crops = Crops { stored, made: None };
        let features = map(&layout.features(), rows.len() * FEATURE_VIEWS * prepared.region * size_of::<f32>())?;
        if rows.len() != prepared.samples {
            return Err(TrainError::content(&layout.samples(), "does not fit prepared.json; prepare again"));
        }
        let teacher = match &prepared.taught {
            None => None,
            Some(taught) => Some(map(&layout.teacher(), rows.len() * taught.heads.len() * size_of::<f32>())?),
        };
        Ok(Self { rows, prepared, crops, features, teacher })
    }

    /// The same with the pictures of plans, made from their originals whenever they are wanted; `folders` and `limit` are
    /// those that were prepared.
    ///
    /// # Errors
    /// Other folders were prepared, or their tables have changed since.
    pub fn with_pictures(
        mut self,
        work: &Path,
        folders: &[Folder<'_>],
        limit: Option<usize>,
    ) -> Result<Self, TrainError> {
        // What is stored, the rows say.
        let samples = Samples::read(folders, limit, false)?;
        if !samples.samples.iter().map(|sample| &sample.id).eq(self.rows.iter().map(|row| &row.sample)) {
            let path = Layout::of(work).prepared();
            return Err(TrainError::content(&path, "is not of these folders' labels; prepare again"));
        }
        self.crops.made = Some(Box::new(samples));
        Ok(self)
    }

    /// The crop of sample `i`: 288×288 RGB, HWC.
    ///
    /// # Errors
    /// It is not stored, and its plan was not given or its picture can't be made.
    pub fn crop(&self, i: usize) -> Result<Cow<'_, [u8]>, TrainError> {
        let row = &self.rows[i];
        match (&self.crops.stored, row.crop, &self.crops.made) {
            (Some(map), Some(place), _) => Ok(Cow::Borrowed(&map[place as usize * BYTES..][..BYTES])),
            (_, None, Some(samples)) => {
                let sample = &samples.samples[i];
                let mut rendering = samples.rendering(samples.original_of(i), std::slice::from_ref(sample))?;
                let picture = sample.picture.picture(&mut rendering).map_err(SampleError::from)?;
                Ok(Cow::Owned(model_input(&sample.id, &picture)?.as_bytes().to_vec()))
            }
            _ => Err(SampleError::NoCrop(row.sample.clone()).into()),
        }
    }

    /// Standardised region features of sample `i`, of its mirror image if `flipped`.
    #[must_use]
    pub fn features(&self, i: usize, flipped: bool) -> &[f32] {
        let width = self.prepared.region;
        let all: &[f32] = bytemuck::cast_slice(&self.features);
        &all[(i * FEATURE_VIEWS + usize::from(flipped)) * width..][..width]
    }

    /// What the teacher says of sample `i` for a head; none without a teacher, or if it lacks the head.
    #[must_use]
    pub fn taught(&self, i: usize, head: &str) -> Option<f32> {
        let heads = &self.prepared.taught.as_ref()?.heads;
        let at = heads.iter().position(|taught| taught == head)?;
        let all: &[f32] = bytemuck::cast_slice(self.teacher.as_deref()?);
        all.get(i * heads.len() + at).copied()
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
