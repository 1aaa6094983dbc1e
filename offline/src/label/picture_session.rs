//! An ONNX session that takes pictures.

use image::RgbImage;
use miqa::engine::{EngineError, Runtime};
use ort::session::{Session, SessionOutputs};
use ort::value::{DynValue, TensorRef};

use super::batch::Batch;
use super::decode::Tensor;
use super::zoo::{Element, Input};

/// A model with one thread and the buffers of one worker.
pub struct PictureSession {
    session: Session,
    batch: Batch,
}

impl PictureSession {
    /// Opens a model's bytes; `name` stands for them in errors.
    ///
    /// # Errors
    /// ONNX Runtime refuses them.
    pub fn open(runtime: &Runtime, name: &str, model: &[u8]) -> Result<Self, EngineError> {
        let session = runtime.session_from_bytes(name, model, 1)?;
        Ok(Self { session, batch: Batch::default() })
    }

    /// The values of the first output for a picture of the input's size, normalised or as bytes as `input` says.
    ///
    /// # Errors
    /// What ONNX Runtime said.
    pub fn run(&mut self, input: &Input, picture: &RgbImage) -> Result<Vec<f32>, String> {
        self.batch.clear();
        let _ = self.batch.push(input, picture);
        let outputs = run(&mut self.session, input, &self.batch)?;
        let (_, values) = outputs[0].try_extract_tensor::<f32>().map_err(|e| e.to_string())?;
        Ok(values.to_vec())
    }

    /// All outputs for a picture of the input's size.
    ///
    /// # Errors
    /// What ONNX Runtime said; an output is no tensor of numbers.
    pub fn outputs(&mut self, input: &Input, picture: &RgbImage) -> Result<Vec<Tensor>, String> {
        let mut batch = std::mem::take(&mut self.batch);
        batch.clear();
        let _ = batch.push(input, picture);
        let outputs = self.outputs_of_each(input, &batch);
        self.batch = batch;
        Ok(outputs?.pop().unwrap_or_default())
    }

    /// All outputs for each picture of a batch.
    ///
    /// # Errors
    /// What ONNX Runtime said; an output is no tensor of numbers, or has not the batch's pictures on its first axis.
    pub fn outputs_of_each(&mut self, input: &Input, batch: &Batch) -> Result<Vec<Vec<Tensor>>, String> {
        let outputs = run(&mut self.session, input, batch)?;
        let count = batch.len();
        let mut of_each: Vec<Vec<Tensor>> = (0..count).map(|_| Vec::with_capacity(outputs.len())).collect();
        for (name, value) in &outputs {
            let (shape, values) = numbers(&value).ok_or_else(|| format!("its output `{name}` holds no numbers"))?;
            let of_batch = shape.first() == Some(&count);
            if count > 1 && !of_batch {
                return Err(format!("its output `{name}` is {shape:?}, the batch has {count} pictures"));
            }
            let shape = if of_batch { shape[1..].to_vec() } else { shape };
            let length = values.len() / count.max(1);
            for (at, place) in of_each.iter_mut().enumerate() {
                let values = values[at * length..(at + 1) * length].to_vec();
                place.push(Tensor { name: name.to_owned(), shape: shape.clone(), values });
            }
        }
        Ok(of_each)
    }

    /// How many pictures the model takes at once, where its file says so; none for any number.
    #[must_use]
    pub fn fixed_batch(&self, input: &Input) -> Option<usize> {
        let outlet = self.session.inputs().iter().find(|outlet| outlet.name() == input.name)?;
        let first = outlet.dtype().tensor_shape()?.first().copied()?;
        usize::try_from(first).ok().filter(|&first| first > 0)
    }
}

fn run<'s>(session: &'s mut Session, input: &Input, batch: &Batch) -> Result<SessionOutputs<'s>, String> {
    let (shape, name) = (batch.shape(input.layout), input.name.as_str());
    let outputs = match input.element {
        Element::F32 => TensorRef::from_array_view((shape, batch.floats.as_slice()))
            .and_then(|tensor| session.run(ort::inputs![name => tensor])),
        Element::U8 => TensorRef::from_array_view((shape, batch.bytes.as_slice()))
            .and_then(|tensor| session.run(ort::inputs![name => tensor])),
        Element::I8 => {
            let signed: Vec<i8> = batch.bytes.iter().map(|byte| byte.cast_signed()).collect();
            ort::value::Tensor::from_array((shape, signed)).and_then(|tensor| session.run(ort::inputs![name => tensor]))
        }
    };
    outputs.map_err(|e| e.to_string())
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
