//! The published weights that a recipe starts from, of a transformer or of a convolutional network, and the trunk that a
//! finished run keeps beside its weights.

use std::path::{Path, PathBuf};

use super::TrainError;
#[cfg(feature = "train")]
use super::checkpoint::replace;
use super::recipe::{Precision, Recipe};
use super::weights_file::weights_file;
use crate::export::onnx::Model;
use crate::export::trunk::{Trunk, read};
use crate::export::weights::Weights;

/// Name of a run's trunk in its folder, beside the weights.
const TRUNK: &str = "trunk.json";

impl Recipe {
    /// Finds the file of published weights that the recipe names, if it names one, and gives those weights under this
    /// project's names. Fills in the model's trunk.
    ///
    /// # Errors
    /// [`TrainError`] if the file is not there, another one, or does not fit.
    pub fn published(&mut self, folders: &[PathBuf]) -> Result<Option<Weights>, TrainError> {
        if let Some(source) = &self.trunk {
            let (path, bytes) = weights_file("trunk", &source.file, &source.sha256, folders)?;
            let (trunk, weights) = read(source, &Model::from_bytes(&path, &bytes)?, self.model.crop)?;
            self.model.trunk = Some(trunk);
            return Ok(Some(weights));
        }
        self.pretrained.as_ref().map(|of| of.read(folders, &self.model)).transpose()
    }

    /// Fills in the model's trunk, if the recipe has one, as the run in `folder` kept it.
    ///
    /// # Errors
    /// [`TrainError`] if it did not, or was of another section `[trunk]`.
    pub fn trunk_of_run(&mut self, folder: &Path) -> Result<(), TrainError> {
        let Some(source) = &self.trunk else { return Ok(()) };
        let path = folder.join(TRUNK);
        let text = std::fs::read(&path).map_err(TrainError::file(&path))?;
        let trunk: Trunk = serde_json::from_slice(&text)
            .map_err(|e| TrainError::content(&path, format!("is no trunk ({e}); train again")))?;
        if trunk.source != *source {
            return Err(TrainError::content(&path, "is of another section [trunk]; train again"));
        }
        self.model.trunk = Some(trunk);
        Ok(self.model.check()?)
    }

    /// Whether the run multiplies in bfloat16. With a trunk `auto` means 32 bits: on a processor libtorch's bfloat16
    /// convolutions took 1.5 times (EfficientNet-Lite0) and 2.5 times (SqueezeNet) the time of the 32-bit ones.
    #[must_use]
    pub fn is_bf16(&self, gpu: bool) -> bool {
        match (self.train.precision, &self.trunk) {
            (Precision::Auto, Some(_)) => false,
            (precision, _) => precision.is_bf16(gpu),
        }
    }

    /// Whether a parameter of this name stays as it is.
    #[must_use]
    pub fn is_frozen(&self, name: &str) -> bool {
        self.pretrained.as_ref().is_some_and(|of| of.is_frozen(name))
            || self.model.trunk.as_ref().is_some_and(|trunk| trunk.is_frozen(name))
    }
}

/// Keeps a run's trunk beside its weights.
#[cfg(feature = "train")]
pub(super) fn keep_trunk(folder: &Path, trunk: &Trunk) -> Result<(), TrainError> {
    let path = folder.join(TRUNK);
    let json = serde_json::to_vec(trunk).map_err(|e| TrainError::content(&path, e.to_string()))?;
    replace(&path, &json)
}
