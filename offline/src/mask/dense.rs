//! A model that answers with tensors over the whole picture: run on one picture at a time.

use std::path::PathBuf;

use image::RgbImage;
use miqa::engine::Runtime;
use ort::session::Session;
use ort::value::TensorRef;

use super::MaskError;
use super::models::open_with_outputs;
use super::upscale::Map;
use crate::label::fit::{Geometry, normalise};
use crate::label::zoo::{Input, Layout};

/// A session whose outputs are chosen tensors.
pub(super) struct DenseModel {
    name: String,
    session: Session,
    input: Input,
    tensor: Vec<f32>,
}

/// One output: shape and values, row-major.
pub(super) struct Dense {
    pub(super) shape: Vec<usize>,
    pub(super) values: Vec<f32>,
}

impl DenseModel {
    /// Opens the file `(name, file, sha256)` of `folders`; `outputs` are tensors of its graph.
    pub(super) fn open(
        runtime: &Runtime,
        file: (&str, &str, Option<&str>),
        folders: &[PathBuf],
        input: &Input,
        outputs: &[&str],
    ) -> Result<Self, MaskError> {
        let session = open_with_outputs(runtime, file, folders, outputs)?;
        Ok(Self { name: file.0.to_owned(), session, input: input.clone(), tensor: Vec::new() })
    }

    /// The outputs for a picture, in the order in which they were named.
    pub(super) fn run(&mut self, rgb: &RgbImage, outputs: &[&str]) -> Result<Vec<Dense>, MaskError> {
        let fitted = Geometry::of(&self.input).fit(rgb)?;
        self.tensor.clear();
        normalise(&self.input, &fitted, &mut self.tensor);
        let side = self.input.size as usize;
        let shape = match self.input.layout {
            Layout::Nchw => [1, 3, side, side],
            Layout::Nhwc => [1, side, side, 3],
        };
        let failed = |reason: String| MaskError::Run { model: self.name.clone(), reason };
        let found = TensorRef::from_array_view((shape, self.tensor.as_slice()))
            .and_then(|tensor| self.session.run(ort::inputs![self.input.name.as_str() => tensor]))
            .map_err(|e| failed(e.to_string()))?;
        let mut dense = Vec::with_capacity(outputs.len());
        for &name in outputs {
            let value = found.get(name).ok_or_else(|| failed(format!("it gave no `{name}`")))?;
            let (shape, values) = value.try_extract_tensor::<f32>().map_err(|e| failed(e.to_string()))?;
            if let Some(value) = values.iter().find(|value| !value.is_finite()) {
                return Err(failed(format!("`{name}` contains {value}")));
            }
            let shape = shape.iter().map(|&length| usize::try_from(length).unwrap_or(0)).collect();
            dense.push(Dense { shape, values: values.to_vec() });
        }
        Ok(dense)
    }

    /// An error in the name of this model.
    pub(super) fn refuse(&self, reason: String) -> MaskError {
        MaskError::Run { model: self.name.clone(), reason }
    }
}

impl Dense {
    /// The map in a tensor [1, 1, h, w] or [1, h, w]; `None` for another shape.
    pub(super) fn map(self) -> Option<Map> {
        let (height, width) = match self.shape.as_slice() {
            [1, 1, height, width] | [1, height, width] if *height > 0 && *width > 0 => (*height, *width),
            _ => return None,
        };
        Some(Map { width, height, values: self.values })
    }
}
