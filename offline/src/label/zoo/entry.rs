//! One model of the zoo.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{ClassMap, Input, ZooError, load_file};
use crate::label::decode::Decoder;

/// One labelling model.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ZooModel {
    /// Unique; names the predictions table.
    pub name: String,
    /// What it does.
    pub task: Task,
    /// Models of one family can be left out of the labels together.
    pub family: String,
    /// For people.
    pub architecture: String,
    /// Path below one of the zoo folders.
    pub file: String,
    /// SHA-256 of the file in hexadecimal digits; none where a conversion is not repeatable byte for byte.
    pub sha256: Option<String>,
    /// Where the weights come from.
    pub source: String,
    /// Licence of the weights.
    pub licence: String,
    /// Benchmark performance 0..=1 from which the weight α follows: top-1 accuracy, box or mask average precision.
    pub performance: f64,
    /// What the classes of its output are.
    pub classes: ClassMap,
    /// What its output means.
    pub decoder: Decoder,
    /// What it takes.
    pub input: Input,
}

/// What a model does, and which of the paper's three sets of labels it helps to make.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Task {
    /// One class a picture; two answers agree if their first class is the same.
    Classification,
    /// Boxes.
    Detection,
    /// Boxes and masks; agreement is measured on the masks.
    Segmentation,
}

impl Task {
    /// All of them, in the paper's order.
    pub const ALL: [Self; 3] = [Self::Classification, Self::Detection, Self::Segmentation];

    /// As it is written in lists and file names.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Classification => "classification",
            Self::Detection => "detection",
            Self::Segmentation => "segmentation",
        }
    }
}

impl std::fmt::Display for Task {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl ZooModel {
    /// The model's file in the first of `folders` that has it, and its bytes; their hash is checked where stated.
    ///
    /// # Errors
    /// No folder has the file, it can't be read, or its hash differs.
    pub fn load(&self, folders: &[PathBuf]) -> Result<(PathBuf, Vec<u8>), ZooError> {
        load_file(&self.name, &self.file, self.sha256.as_deref(), folders)
    }
}
