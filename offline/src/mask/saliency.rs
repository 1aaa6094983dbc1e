//! Masks from a saliency model: what stands out above a threshold.

use std::path::PathBuf;

use image::RgbImage;
use miqa::engine::Runtime;

use super::dense::DenseModel;
use super::models::{SaliencyModel, fingerprint};
use super::upscale::Map;
use super::{Mask, MaskError, OriginalMasks};
use crate::source::Original;

/// A saliency model, open for work.
pub struct SaliencyMasks {
    settings: SaliencyModel,
    model: DenseModel,
}

impl SaliencyMasks {
    /// Opens the model; its file is searched in `folders`.
    ///
    /// # Errors
    /// The file is missing or not the one meant, has no such output, or ONNX Runtime can't open it.
    pub fn open(runtime: &Runtime, settings: &SaliencyModel, folders: &[PathBuf]) -> Result<Self, MaskError> {
        let file = (settings.name.as_str(), settings.file.as_str(), settings.sha256.as_deref());
        let model = DenseModel::open(runtime, file, folders, &settings.input, &[&settings.output])?;
        Ok(Self { settings: settings.clone(), model })
    }

    /// Changes with the model and its settings.
    #[must_use]
    pub fn fingerprint(settings: &SaliencyModel) -> String {
        fingerprint(settings)
    }

    /// The mask of a picture: the map over its own range, brought to the picture's size, above the threshold.
    ///
    /// A map without any contrast gives an empty mask.
    ///
    /// # Errors
    /// The model fails or gives something else than a map.
    pub fn of_picture(&mut self, rgb: &RgbImage) -> Result<Mask, MaskError> {
        let output = self.settings.output.as_str();
        let dense = self.model.run(rgb, &[output])?.swap_remove(0);
        let shape = dense.shape.clone();
        let map = dense.map().ok_or_else(|| self.model.refuse(format!("`{output}` has shape {shape:?}, no map")))?;
        let mut map = map.stretched().resized(rgb.width() as usize, rgb.height() as usize);
        if let Some(refine) = &self.settings.refine {
            map = refine.apply(&map, rgb);
        }
        let mask = above(&map, self.settings.threshold);
        Ok(match &self.settings.clean_up {
            Some(clean_up) => clean_up.apply(&mask),
            None => mask,
        })
    }
}

/// Where a map is above a threshold.
pub(super) fn above(map: &Map, threshold: f32) -> Mask {
    Mask::from_fn(map.width as u32, map.height as u32, |x, y| {
        map.values[y as usize * map.width + x as usize] > threshold
    })
}

impl OriginalMasks for SaliencyMasks {
    fn mask(&mut self, original: &Original) -> Result<Option<Mask>, MaskError> {
        self.of_picture(&original.load()?).map(Some)
    }
}
