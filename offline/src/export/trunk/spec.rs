use serde::{Deserialize, Serialize};

use crate::export::ExportError;
use crate::label::zoo::{Channels, Layout};

/// Which classifier the patch branch is, and how it wants pictures: the section `[trunk]` of a recipe.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrunkSpec {
    /// File name of the ONNX model; searched in the folders given on the command line.
    pub file: String,
    /// SHA-256 of that file, in lower-case hexadecimal.
    pub sha256: String,
    /// Licence of its weights, for the model card.
    pub licence: String,
    /// Its input; the picture goes in as 32-bit floats, whatever type the file declares.
    pub input: String,
    /// Order of the input's axes (default `nchw`).
    #[serde(default = "channels_first")]
    pub layout: Layout,
    /// Order of the input's channels (default `rgb`).
    #[serde(default = "red_first")]
    pub colour: Channels,
    /// Subtracted from each channel, in 0..255 and in the order of `colour` (default 0).
    #[serde(default)]
    pub mean: [f32; 3],
    /// Divides each channel after that (default 1).
    #[serde(default = "ones")]
    pub std: [f32; 3],
    /// The map [N, C, H, W] that is averaged over height and width.
    pub tensor: String,
    /// Convolutions from the first on whose weights stay as they are (default 0).
    #[serde(default)]
    pub frozen: usize,
}

fn channels_first() -> Layout {
    Layout::Nchw
}

fn red_first() -> Channels {
    Channels::Rgb
}

fn ones() -> [f32; 3] {
    [1.0; 3]
}

impl TrunkSpec {
    /// Checks the values by themselves.
    ///
    /// # Errors
    /// [`ExportError::Recipe`] naming the key.
    pub fn check(&self) -> Result<(), ExportError> {
        if self.std.iter().any(|std| !std.is_finite() || *std == 0.0) || self.mean.iter().any(|mean| !mean.is_finite())
        {
            let why = format!("trunk.mean = {:?}, trunk.std = {:?}: no normalisation", self.mean, self.std);
            return Err(ExportError::Recipe(why));
        }
        Ok(())
    }

    pub(super) fn wrong(&self, why: impl Into<String>) -> ExportError {
        ExportError::Trunk { file: self.file.clone(), why: why.into() }
    }
}
