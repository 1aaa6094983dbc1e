//! A graph with the one input `image`, run alone on ONNX Runtime.

use std::collections::BTreeMap;

use miqa::engine::Runtime;
use miqa::preprocess::SIDE;
use ort::value::TensorRef;

use super::ExportError;
use super::onnx::Model;

/// Bytes of one picture, 288×288×3.
pub const IMAGE_BYTES: usize = (SIDE * SIDE * 3) as usize;

/// A session on a graph whose input is `image`, u8 [N, 288, 288, 3].
pub struct ImageSession {
    name: String,
    session: ort::session::Session,
}

impl ImageSession {
    /// Opens the graph with `threads` threads; `name` stands in messages.
    ///
    /// # Errors
    /// [`ExportError::Engine`] if ONNX Runtime refuses the graph.
    pub fn open(runtime: &Runtime, name: &str, model: &Model, threads: usize) -> Result<Self, ExportError> {
        let session = runtime.session_from_bytes(name, &model.to_bytes(), threads)?;
        Ok(Self { name: name.to_owned(), session })
    }

    /// Runs the graph on pictures that lie one behind the other; returns each output by name, row-major.
    ///
    /// # Errors
    /// [`ExportError::Run`] for a length that is no multiple of [`IMAGE_BYTES`], an output that is not float, or a
    /// failure of ONNX Runtime.
    pub fn run(&mut self, images: &[u8]) -> Result<BTreeMap<String, Vec<f32>>, ExportError> {
        let name = &self.name;
        let count = images.len() / IMAGE_BYTES;
        if count == 0 || !images.len().is_multiple_of(IMAGE_BYTES) {
            return Err(ExportError::run(name, format!("{} bytes are no 288×288 RGB pictures", images.len())));
        }
        let side = SIDE as usize;
        let input =
            TensorRef::from_array_view(([count, side, side, 3], images)).map_err(|e| ExportError::run(name, e))?;
        let outputs = self.session.run(ort::inputs!["image" => input]).map_err(|e| ExportError::run(name, e))?;
        let mut values = BTreeMap::new();
        for (output, value) in &outputs {
            let (_, data) = value.try_extract_tensor::<f32>().map_err(|e| ExportError::run(name, e))?;
            values.insert(output.to_owned(), data.to_vec());
        }
        Ok(values)
    }
}
