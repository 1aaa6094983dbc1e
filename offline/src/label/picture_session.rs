//! An ONNX session that takes one picture at a time.

use image::RgbImage;
use miqa::engine::{EngineError, Runtime};
use ort::session::Session;
use ort::value::TensorRef;

use super::fit::{normalise, reorder};
use super::zoo::{Element, Input, Layout};

/// A model with one thread and the buffers of one worker.
pub struct PictureSession {
    session: Session,
    floats: Vec<f32>,
    bytes: Vec<u8>,
}

impl PictureSession {
    /// Opens a model's bytes; `name` stands for them in errors.
    ///
    /// # Errors
    /// ONNX Runtime refuses them.
    pub fn open(runtime: &Runtime, name: &str, model: &[u8]) -> Result<Self, EngineError> {
        let session = runtime.session_from_bytes(name, model, 1)?;
        Ok(Self { session, floats: Vec::new(), bytes: Vec::new() })
    }

    /// The values of the first output for a picture of the input's size, normalised or as bytes as `input` says.
    ///
    /// # Errors
    /// What ONNX Runtime said.
    pub fn run(&mut self, input: &Input, picture: &RgbImage) -> Result<Vec<f32>, String> {
        let side = input.size as usize;
        let shape = match input.layout {
            Layout::Nchw => [1, 3, side, side],
            Layout::Nhwc => [1, side, side, 3],
        };
        let name = input.name.as_str();
        let outputs = match input.element {
            Element::F32 => {
                normalise(input, picture, &mut self.floats);
                TensorRef::from_array_view((shape, self.floats.as_slice()))
                    .and_then(|tensor| self.session.run(ort::inputs![name => tensor]))
            }
            Element::U8 => {
                reorder(input, picture, &mut self.bytes);
                TensorRef::from_array_view((shape, self.bytes.as_slice()))
                    .and_then(|tensor| self.session.run(ort::inputs![name => tensor]))
            }
        };
        let outputs = outputs.map_err(|e| e.to_string())?;
        let (_, values) = outputs[0].try_extract_tensor::<f32>().map_err(|e| e.to_string())?;
        Ok(values.to_vec())
    }
}
