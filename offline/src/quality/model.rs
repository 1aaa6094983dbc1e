//! A no-reference quality model as data: its ONNX file, what it takes, how a picture is cut into crops and the crops' scores
//! become one.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::hex::{hex, sha256_hex};
use crate::label::zoo::Input;

/// Why a model's description can't be used.
#[derive(Debug, thiserror::Error)]
pub enum QualityModelError {
    /// The description.
    #[error("quality model {path}: {reason}")]
    Description {
        /// The TOML file.
        path: PathBuf,
        /// What is wrong, with its key.
        reason: String,
    },
    /// The ONNX file is not the one meant.
    #[error(
        "quality model `{model}`: {path} has SHA-256 {found}, its description says {expected}; fetch it again or correct the description"
    )]
    Hash {
        /// Name of the model.
        model: String,
        /// The ONNX file.
        path: PathBuf,
        /// Hash in the description.
        expected: String,
        /// Hash of the file.
        found: String,
    },
}

/// A model's description.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct QualityModel {
    /// Unique; names the model in tables.
    pub name: String,
    /// The ONNX file, beside the description.
    pub file: String,
    /// SHA-256 of the file in hexadecimal digits, if it should be checked.
    pub sha256: Option<String>,
    /// Where the weights come from.
    #[serde(default)]
    pub source: String,
    /// Licence of the weights.
    #[serde(default)]
    pub licence: String,
    /// What the model takes; `crop` there must be left out, crops have rules of their own.
    pub input: Input,
    /// How a picture becomes crops.
    pub crops: Crops,
    /// How the crops' scores become one.
    #[serde(default)]
    pub aggregate: Aggregate,
    /// Which value of the first output is the score; without it the output must be one value.
    pub output_index: Option<usize>,
    /// A lower output means a better picture.
    #[serde(default)]
    pub lower_is_better: bool,
}

/// How a picture becomes crops of the input's size. A picture that is smaller is enlarged until its shorter side fits.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Crops {
    /// Number of random crops, 1 to 1,000. Their places are drawn by the original's pixels, the model's name and the seed.
    pub count: u32,
    /// Width and height to which the picture is squeezed first; none: it keeps its size.
    pub resize: Option<[u32; 2]>,
    /// Another seed draws other places.
    #[serde(default)]
    pub seed: u64,
}

/// How the crops' scores become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Aggregate {
    /// Their mean.
    #[default]
    Mean,
    /// Their median.
    Median,
}

impl Aggregate {
    /// One score of many; NaN for none.
    #[must_use]
    pub fn of(self, scores: &[f64]) -> f64 {
        match self {
            Self::Mean => scores.iter().sum::<f64>() / scores.len() as f64,
            Self::Median => {
                let mut sorted = scores.to_vec();
                sorted.sort_by(f64::total_cmp);
                let (below, above) = (sorted.get(sorted.len().saturating_sub(1) / 2), sorted.get(sorted.len() / 2));
                below.zip(above).map_or(f64::NAN, |(below, above)| (below + above) / 2.0)
            }
        }
    }
}

/// A description with its model's bytes.
pub struct OpenedModel {
    /// The description.
    pub model: QualityModel,
    /// The ONNX file.
    pub path: PathBuf,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// `name-` and eight digits that change with the file and every rule.
    pub fingerprint: String,
}

impl QualityModel {
    /// Reads a description and the ONNX file beside it.
    ///
    /// # Errors
    /// A file can't be read, a key is unknown or out of range, or the hash differs.
    pub fn open(path: &Path) -> Result<OpenedModel, QualityModelError> {
        let refuse = |reason: String| QualityModelError::Description { path: path.to_owned(), reason };
        let text = std::fs::read_to_string(path).map_err(|e| refuse(e.to_string()))?;
        let model: Self = toml::from_str(&text)
            .map_err(|e| refuse(e.to_string().split_whitespace().collect::<Vec<_>>().join(" ")))?;
        model.check().map_err(refuse)?;
        let file = path.with_file_name(&model.file);
        let bytes = std::fs::read(&file).map_err(|e| refuse(format!("file = {}: {e}", file.display())))?;
        let found = sha256_hex(&bytes);
        if let Some(expected) = model.sha256.clone().filter(|expected| !expected.eq_ignore_ascii_case(&found)) {
            return Err(QualityModelError::Hash { model: model.name, path: file, expected, found });
        }
        let mut hash = Sha256::new();
        hash.update(&found);
        let rules = (&model.input, model.crops, model.aggregate, model.output_index, model.lower_is_better);
        hash.update(serde_json::to_vec(&rules).expect("plain values always serialise"));
        let fingerprint = format!("{}-{}", model.name, &hex(&hash.finalize())[..8]);
        Ok(OpenedModel { model, path: file, bytes, fingerprint })
    }

    fn check(&self) -> Result<(), String> {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if self.name.is_empty() || !self.name.chars().all(plain) {
            return Err(format!("name = {:?}: it names folders, so use letters, digits, - and _", self.name));
        }
        if !(8..=2048).contains(&self.input.size) {
            return Err(format!("input.size = {}: must be from 8 to 2048", self.input.size));
        }
        if self.input.crop.is_some() {
            return Err("input.crop: leave it out, [crops] says how pictures are cut".to_owned());
        }
        if self.input.std.iter().any(|std| !std.is_finite() || *std <= 0.0) {
            return Err(format!("input.std = {:?}: must be above 0", self.input.std));
        }
        if !(1..=1000).contains(&self.crops.count) {
            return Err(format!("crops.count = {}: must be from 1 to 1000", self.crops.count));
        }
        if let Some(resize) =
            self.crops.resize.filter(|sides| sides.iter().any(|side| *side < self.input.size || *side > 8192))
        {
            return Err(format!("crops.resize = {resize:?}: both sides must be from input.size to 8192"));
        }
        Ok(())
    }
}
