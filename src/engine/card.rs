//! A model's card: what the file is, what goes in and comes out, what it was trained on, how good it is.

use std::{
    collections::BTreeMap,
    io::Read,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::Form;

/// The version of the card's form that this program reads.
pub const FORMAT: u32 = 1;

/// A model card, `models/<name>/card.toml`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Card {
    /// Version of the card's form; [`FORMAT`].
    pub format: u32,
    /// Short name, as of the folder.
    pub name: String,
    /// The model's own version.
    pub version: String,
    /// One or two sentences for people.
    pub description: String,
    /// The file.
    pub file: File,
    /// What goes in.
    pub input: Input,
    /// What comes out.
    pub output: Output,
    /// Default gate thresholds by head.
    pub thresholds: BTreeMap<String, Threshold>,
    /// By head: shares that the models behind a picture lose of what they reach on clean ones, ascending, each with the score
    /// under which they have lost it.
    #[serde(default)]
    pub falls: BTreeMap<String, Vec<(f32, f32)>>,
    /// What it was trained on and how.
    pub training: Training,
    /// What the evaluation on held-out originals gave, by row name (SRCC and so on).
    pub metrics: BTreeMap<String, BTreeMap<String, f64>>,
    /// Of a model that was converted from another: to what, and what that costs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub form: Option<Form>,
    /// Terms of use and where everything in the file comes from.
    pub licence: Licence,
    /// What it isn't for, in sentences.
    pub limits: Vec<String>,
    /// The folder that the card was read from.
    #[serde(skip)]
    pub folder: PathBuf,
}

/// The model file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// Name beside the card.
    pub name: String,
    /// SHA-256 of its bytes, lower-case hexadecimal.
    pub sha256: String,
    /// Its size.
    pub bytes: u64,
}

/// The model's one input.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// Tensor name.
    pub name: String,
    /// Element type; `uint8`.
    pub dtype: String,
    /// Order of axes; `NHWC`.
    pub layout: String,
    /// Colour order; `RGB`.
    pub colour: String,
    /// Side of the square in pixels; 288.
    pub size: u32,
}

/// The model's outputs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Output {
    /// Score heads, each an output [N] in 0 to 1, such as `cls_consistency`.
    pub heads: Vec<String>,
    /// Name of the output [N, K] of distortion probabilities; empty if the model has none.
    #[serde(default)]
    pub distortion: String,
    /// Names of its K columns.
    #[serde(default)]
    pub distortions: Vec<String>,
}

/// A gate's default thresholds for one head.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Threshold {
    /// A gate closes under this score.
    pub close_below: f32,
    /// A closed gate opens at or over this score.
    pub open_above: f32,
}

/// What the model was trained on and how.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Training {
    /// The images, with their number.
    pub data: String,
    /// The labels: which models' agreement they state.
    pub labels: String,
    /// The recipe: sizes, epochs, seed.
    pub recipe: String,
    /// How originals were split.
    pub split: String,
}

/// Terms of use.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Licence {
    /// Licence of the weights as a whole, in words.
    pub weights: String,
    /// Parts of other origin and their licences.
    pub parts: Vec<String>,
}

/// Why a card can't be used.
#[derive(Debug, thiserror::Error)]
pub enum CardError {
    /// The card can't be read.
    #[error("can't read model card {}: {source}; give a folder that holds card.toml and its model", path.display())]
    Read {
        /// The card.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The card isn't well-formed.
    #[error("model card {} is not valid: {message}", path.display())]
    Parse {
        /// The card.
        path: PathBuf,
        /// Line and reason.
        message: String,
    },
    /// The card describes something this program can't feed.
    #[error("model card {}: {message}", path.display())]
    Unsupported {
        /// The card.
        path: PathBuf,
        /// What and what instead.
        message: String,
    },
    /// The model file can't be read.
    #[error("can't read model {}: {source}; restore the file that belongs to its card.toml", path.display())]
    Model {
        /// The model.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The model isn't the one of the card.
    #[error(
        "model {} has SHA-256 {found}, its card says {expected}; thresholds and metrics don't belong to it: restore the file or export it again", path.display()
    )]
    Hash {
        /// The model.
        path: PathBuf,
        /// Of the file.
        found: String,
        /// Of the card.
        expected: String,
    },
}

impl Card {
    /// Reads `card.toml` in a folder, or the card file itself.
    ///
    /// # Errors
    /// [`CardError`] if it is missing, malformed or describes another input than 288×288 RGB bytes.
    pub fn read(path: &Path) -> Result<Self, CardError> {
        let path = if path.is_dir() { path.join("card.toml") } else { path.to_owned() };
        let text = std::fs::read_to_string(&path).map_err(|source| CardError::Read { path: path.clone(), source })?;
        let mut card: Self = toml::from_str(&text).map_err(|e: toml::de::Error| CardError::Parse {
            path: path.clone(),
            message: e.to_string().split_whitespace().collect::<Vec<_>>().join(" "),
        })?;
        let refuse = |message: String| Err(CardError::Unsupported { path: path.clone(), message });
        if card.format != FORMAT {
            return refuse(format!(
                "form {} is not known, this program reads form {FORMAT}; update miqa or export the model again",
                card.format
            ));
        }
        let input = &card.input;
        if (input.dtype.as_str(), input.layout.as_str(), input.colour.as_str(), input.size)
            != ("uint8", "NHWC", "RGB", crate::preprocess::SIDE)
        {
            return refuse("the input must be uint8 NHWC RGB of size 288; export the model with miqa-offline".into());
        }
        if card.output.heads.is_empty() || card.output.distortion.is_empty() != card.output.distortions.is_empty() {
            return refuse(
                "[output] needs at least one head, and names for the distortion columns if there is that output".into(),
            );
        }
        let plain = Path::new(&card.file.name).file_name() == Some(card.file.name.as_ref());
        if !plain {
            return refuse("[file] name must be a plain file name beside the card".into());
        }
        let rising = |pairs: &Vec<(f32, f32)>| {
            pairs.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 >= pair[1].1)
                && pairs.iter().all(|(share, score)| (0.0..1.0).contains(share) && (0.0..=1.0).contains(score))
        };
        if !card.falls.values().all(rising) {
            return refuse("[falls] must be pairs of a rising share and a falling score, both 0 to 1".into());
        }
        card.folder = path.parent().map(Path::to_owned).unwrap_or_default();
        Ok(card)
    }

    /// The score of a head under which the models behind a picture have lost `share` (0–1) of what they reach on clean
    /// pictures, straight between what the card knows; none where it knows less or more only.
    pub fn fall(&self, head: &str, share: f32) -> Option<f32> {
        let known = self.falls.get(head)?;
        // A share that is written is found again, however it was rounded on the way.
        if let Some((_, score)) = known.iter().find(|(at, _)| (at - share).abs() < 1e-5) {
            return Some(*score);
        }
        let after = known.partition_point(|(at, _)| *at < share);
        let (&(s0, q0), &(s1, q1)) = (known.get(after.checked_sub(1)?)?, known.get(after)?);
        Some(q0 + (q1 - q0) * (share - s0) / (s1 - s0))
    }

    /// Where the model file lies.
    pub fn model_path(&self) -> PathBuf {
        self.folder.join(&self.file.name)
    }

    /// The model's bytes, checked against the card's SHA-256: what was checked is what is opened.
    ///
    /// # Errors
    /// [`CardError::Model`] or [`CardError::Hash`].
    pub fn model_bytes(&self) -> Result<Vec<u8>, CardError> {
        let path = self.model_path();
        let fail = |source| CardError::Model { path: path.clone(), source };
        let mut file = std::fs::File::open(&path).map_err(fail)?;
        let mut bytes = Vec::with_capacity(usize::try_from(self.file.bytes).unwrap_or(0).min(1 << 30));
        file.read_to_end(&mut bytes).map_err(fail)?;
        let found = hex(&Sha256::digest(&bytes));
        if found != self.file.sha256 {
            return Err(CardError::Hash { path, found, expected: self.file.sha256.clone() });
        }
        Ok(bytes)
    }

    /// Which of the heads a name is.
    pub fn head(&self, name: &str) -> Option<usize> {
        self.output.heads.iter().position(|h| h == name)
    }
}

/// Bytes as lower-case hexadecimal.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}
