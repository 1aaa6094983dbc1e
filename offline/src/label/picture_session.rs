//! An ONNX session that takes pictures.

use image::RgbImage;
use miqa::engine::{EngineError, Runtime};
use ort::session::{Session, SessionOutputs};
use ort::value::{DynValue, TensorRef};

use super::decode::Tensor;
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
        let outputs = self.session(input, &[picture])?;
        let (_, values) = outputs[0].try_extract_tensor::<f32>().map_err(|e| e.to_string())?;
        Ok(values.to_vec())
    }

    /// All outputs for each of some pictures of one size, which the model takes as one batch.
    ///
    /// # Errors
    /// What ONNX Runtime said; an output is no tensor of numbers, or has not the batch's pictures on its first axis.
    pub fn outputs(&mut self, input: &Input, pictures: &[&RgbImage]) -> Result<Vec<Vec<Tensor>>, String> {
        let outputs = self.session(input, pictures)?;
        let mut of_each: Vec<Vec<Tensor>> = pictures.iter().map(|_| Vec::with_capacity(outputs.len())).collect();
        for (name, value) in &outputs {
            let (shape, values) = numbers(&value).ok_or_else(|| format!("its output `{name}` holds no numbers"))?;
            let of_batch = shape.first() == Some(&pictures.len());
            if pictures.len() > 1 && !of_batch {
                return Err(format!("its output `{name}` is {shape:?}, the batch has {} pictures", pictures.len()));
            }
            let shape = if of_batch { shape[1..].to_vec() } else { shape };
            let length = values.len() / pictures.len();
            for (place, values) in of_each.iter_mut().zip(values.chunks_exact(length.max(1))) {
                place.push(Tensor { name: name.to_owned(), shape: shape.clone(), values: values.to_vec() });
            }
        }
        Ok(of_each)
    }

    fn session(&mut self, input: &Input, pictures: &[&RgbImage]) -> Result<SessionOutputs<'_>, String> {
        let (width, height) = pictures.first().ok_or("no picture")?.dimensions();
        let (count, width, height) = (pictures.len(), width as usize, height as usize);
        let shape = match input.layout {
            Layout::Nchw => [count, 3, height, width],
            Layout::Nhwc => [count, height, width, 3],
        };
        let name = input.name.as_str();
        self.floats.clear();
        self.bytes.clear();
        for picture in pictures {
            match input.element {
                Element::F32 => normalise(input, picture, &mut self.floats),
                Element::U8 | Element::I8 => reorder(input, picture, &mut self.bytes),
            }
        }
        let outputs = match input.element {
            Element::F32 => TensorRef::from_array_view((shape, self.floats.as_slice()))
                .and_then(|tensor| self.session.run(ort::inputs![name => tensor])),
            Element::U8 => TensorRef::from_array_view((shape, self.bytes.as_slice()))
                .and_then(|tensor| self.session.run(ort::inputs![name => tensor])),
            Element::I8 => {
                let signed: Vec<i8> = self.bytes.iter().map(|byte| byte.cast_signed()).collect();
                ort::value::Tensor::from_array((shape, signed))
                    .and_then(|tensor| self.session.run(ort::inputs![name => tensor]))
            }
        };
        outputs.map_err(|e| e.to_string())
    }
}

/// The shape and values of a tensor, as 32-bit floats.
fn numbers(value: &DynValue) -> Option<(Vec<usize>, Vec<f32>)> {
    let sides = |shape: &ort::value::Shape| shape.iter().map(|&side| usize::try_from(side).unwrap_or(0)).collect();
    if let Ok((shape, values)) = value.try_extract_tensor::<f32>() {
        return Some((sides(shape), values.to_vec()));
    }
    if let Ok((shape, values)) = value.try_extract_tensor::<i64>() {
        return Some((sides(shape), values.iter().map(|&value| value as f32).collect()));
    }
    let (shape, values) = value.try_extract_tensor::<i32>().ok()?;
    Some((sides(shape), values.iter().map(|&value| value as f32).collect()))
}
