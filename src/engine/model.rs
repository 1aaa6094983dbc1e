//! An RA-MIQA model open for scoring, checked against its card.

use ndarray::ArrayView4;
use ort::{session::Session, value::TensorRef, value::ValueType};

use super::{
    Card, Scores,
    runtime::{EngineError, Runtime, one_line},
};
use crate::preprocess::{BYTES, Rgb288, SIDE};

/// A model with a session of its own.
pub struct Model {
    session: Session,
    name: String,
    input: String,
    heads: Vec<String>,
    distortion: Option<(String, usize)>,
    batch: Vec<u8>,
}

impl Model {
    /// Verifies the file's hash, opens a session with `threads` threads and compares its tensors with the card.
    ///
    /// # Errors
    /// [`EngineError::Card`] for a missing file or wrong hash, [`EngineError::Model`] for what ONNX Runtime can't open,
    /// [`EngineError::Shape`] where tensors differ from the card.
    pub fn open(runtime: &Runtime, card: &Card, threads: usize) -> Result<Self, EngineError> {
        let name = card.model_path().display().to_string();
        let session = runtime.session_from_bytes(&name, &card.model_bytes()?, threads)?;
        let mut distortion = None;
        if !card.output.distortion.is_empty() {
            distortion = Some((card.output.distortion.clone(), card.output.distortions.len()));
        }
        let mut model = Self {
            session,
            name,
            input: card.input.name.clone(),
            heads: card.output.heads.clone(),
            distortion,
            batch: Vec::new(),
        };
        model.check()?;
        Ok(model)
    }

    /// Scores views in one batch, in their order.
    ///
    /// # Errors
    /// [`EngineError::Run`] if inference fails, [`EngineError::Shape`] if an output has another size than the batch.
    pub fn score(&mut self, views: &[Rgb288]) -> Result<Vec<Scores>, EngineError> {
        if views.is_empty() {
            return Ok(Vec::new());
        }
        let side = SIDE as usize;
        let bytes = match views {
            [one] => one.as_bytes(),
            many => {
                self.batch.clear();
                self.batch.reserve(many.len() * BYTES);
                many.iter().for_each(|v| self.batch.extend_from_slice(v.as_bytes()));
                &self.batch
            }
        };
        let run = |e: ort::Error| EngineError::Run { name: self.name.clone(), message: one_line(&e.to_string()) };
        let pixels = ArrayView4::from_shape((views.len(), side, side, 3), bytes)
            .map_err(|e| EngineError::Run { name: self.name.clone(), message: e.to_string() })?;
        let tensor = TensorRef::from_array_view(pixels).map_err(run)?;
        let outputs = self.session.run(ort::inputs![self.input.as_str() => tensor]).map_err(run)?;
        let read = |output: &str, columns: usize| -> Result<Vec<f32>, EngineError> {
            let wrong = |message| EngineError::Shape { name: self.name.clone(), message };
            let value = outputs.get(output).ok_or_else(|| wrong(format!("there is no output {output}")))?;
            let (shape, data) = value.try_extract_tensor::<f32>().map_err(|e| wrong(one_line(&e.to_string())))?;
            if data.len() != views.len() * columns {
                return Err(wrong(format!(
                    "output {output} has shape {shape:?} for {} views of {columns} values",
                    views.len()
                )));
            }
            Ok(data.to_vec())
        };
        let heads = self.heads.iter().map(|h| read(h, 1)).collect::<Result<Vec<_>, _>>()?;
        let distortions = match &self.distortion {
            Some((output, columns)) => read(output, *columns)?,
            None => Vec::new(),
        };
        let width = distortions.len() / views.len();
        Ok((0..views.len())
            .map(|i| Scores {
                heads: heads.iter().map(|h| h[i]).collect(),
                distortions: distortions[i * width..(i + 1) * width].to_vec(),
            })
            .collect())
    }

    /// Compares names and shapes with the card, then scores one grey picture, so that what can fail fails at start.
    fn check(&mut self) -> Result<(), EngineError> {
        let wrong = |message| EngineError::Shape { name: self.name.clone(), message };
        let side = i64::from(SIDE);
        let input = self.session.inputs().iter().find(|i| i.name() == self.input);
        let Some(input) = input else {
            return Err(wrong(format!("it has no input {}", self.input)));
        };
        let ValueType::Tensor { ty, shape, .. } = input.dtype() else {
            return Err(wrong(format!("input {} is no tensor", self.input)));
        };
        let fits =
            shape.len() == 4 && shape.iter().zip([1, side, side, 3]).all(|(&have, want)| have == want || have < 0);
        if *ty != ort::value::TensorElementType::Uint8 || !fits {
            return Err(wrong(format!("input {} is {ty} {shape:?}, not uint8 [N, 288, 288, 3]", self.input)));
        }
        let grey = Rgb288::from_bytes(vec![128; BYTES]).map_err(|e| wrong(e.to_string()))?;
        self.score(&[grey]).map(|_| ())
    }
}
