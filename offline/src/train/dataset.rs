//! A prepared work folder `W/train/`, mapped into memory; crops that it does not hold are made from the originals.

use std::borrow::Cow;
use std::fs::File;
use std::path::{Path, PathBuf};

use memmap2::Mmap;
use miqa::preprocess::BYTES;
use serde::{Deserialize, Serialize};

use super::TrainError;
use super::samples::Samples;
use crate::columns;
use crate::export::region::FeatureGroup;
use crate::label::labelled::model_input;
use crate::plan::{Plan, PlanId};
use crate::sample::SampleError;
use crate::table;

/// Cached region features a sample: of the crop as it is, and of its mirror image.
pub const FEATURE_VIEWS: usize = 2;

/// One sample of a prepared folder; row i belongs to feature row i.
#[derive(Clone, Debug, PartialEq)]
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
    consistency,
    accuracy,
    composite,
    confidence,
    crop,
});

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
    /// SHA-256 over all that decides the samples' pictures.
    pub samples_key: String,
    /// SHA-256 over the samples' key, the region recipe, labels and folds.
    pub features_key: String,
    /// The plan that the crops are made from when they are wanted; none where they are stored.
    #[serde(default)]
    pub plan: Option<PlanId>,
    /// Rows of the file of crops, some of which may belong to no sample.
    pub crops: usize,
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
}

/// Where crops come from.
enum Crops {
    /// The file of crops.
    Stored(Mmap),
    /// The originals of a plan.
    Made(Box<Samples>),
    /// Nowhere: only features are wanted.
    Absent,
}

impl std::fmt::Debug for Crops {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Stored(_) => "stored",
            Self::Made(_) => "made when wanted",
            Self::Absent => "absent",
        })
    }
}

impl Dataset {
    /// Opens the prepared folder of a work folder. Crops of a plan's samples come with [`Dataset::with_plan`].
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
        let crops = match prepared.plan {
            None => Crops::Stored(map(&layout.crops(), prepared.crops * BYTES)?),
            Some(_) => Crops::Absent,
        };
        let features = map(&layout.features(), rows.len() * FEATURE_VIEWS * prepared.region * size_of::<f32>())?;
        if rows.len() != prepared.samples {
            return Err(TrainError::content(&layout.samples(), "does not fit prepared.json; prepare again"));
        }
        Ok(Self { rows, prepared, crops, features })
    }

    /// The same with crops, which are made from the plan's originals whenever they are wanted.
    ///
    /// # Errors
    /// The folder was not prepared from this plan, or the labels have changed since.
    pub fn with_plan(self, work: &Path, plan: &Plan) -> Result<Self, TrainError> {
        let stale = || TrainError::content(&Layout::of(work).prepared(), "is not of this plan's labels; prepare again");
        if self.prepared.plan.as_ref() != Some(plan.id()) {
            return Err(stale());
        }
        let samples = Samples::read(work, Some(plan))?;
        let same = samples.labels.iter().map(|label| &label.sample).eq(self.rows.iter().map(|row| &row.sample));
        if same { Ok(Self { crops: Crops::Made(Box::new(samples)), ..self }) } else { Err(stale()) }
    }

    /// The crop of sample `i`: 288×288 RGB, HWC.
    ///
    /// # Errors
    /// It is not stored, and the plan was not given or its picture can't be made.
    pub fn crop(&self, i: usize) -> Result<Cow<'_, [u8]>, TrainError> {
        let row = &self.rows[i];
        match (&self.crops, row.crop) {
            (Crops::Stored(map), Some(place)) => Ok(Cow::Borrowed(&map[place as usize * BYTES..][..BYTES])),
            (Crops::Made(samples), _) => {
                let label = &samples.labels[i];
                let mut rendering = samples.pictures.rendering(&row.original, std::slice::from_ref(label))?;
                let picture = label.picture().picture(&mut rendering).map_err(SampleError::from)?;
                Ok(Cow::Owned(model_input(&label.sample, &picture)?.as_bytes().to_vec()))
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
