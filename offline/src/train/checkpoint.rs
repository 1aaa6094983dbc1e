//! What a run needs to go on: weights, the optimiser's moments, the step. One safetensors file, replaced whole.

use std::collections::HashMap;
use std::io::Write;
use std::path::Path;

use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use serde::{Deserialize, Serialize};

use super::TrainError;

/// State of a run after a step. All vectors have the length of the flat parameter vector.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint {
    /// Where the run stands.
    pub progress: Progress,
    /// Weights.
    pub weights: Vec<f32>,
    /// AdamW's first moments.
    pub first: Vec<f32>,
    /// AdamW's second moments.
    pub second: Vec<f32>,
    /// Running mean of the weights.
    pub average: Vec<f32>,
    /// Weights of the best validation.
    pub best: Vec<f32>,
}

/// Where a run stands. No generator state is here: every draw is keyed by seed and step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// Key of recipe and data; another key is another run.
    pub key: String,
    /// Steps done.
    pub step: u64,
    /// SRCC of the best validation, if there was one.
    pub best_score: Option<f64>,
    /// Step of the best validation.
    pub best_step: u64,
    /// Sum of losses since the last validation.
    pub loss_sum: f64,
    /// Steps since the last validation.
    pub loss_steps: u64,
}

const PROGRESS: &str = "progress";

impl Checkpoint {
    fn parts(&self) -> [(&'static str, &[f32]); 5] {
        [
            ("weights", &self.weights),
            ("first", &self.first),
            ("second", &self.second),
            ("average", &self.average),
            ("best", &self.best),
        ]
    }

    /// Writes the state: the old file stays until the new one is whole on disk.
    ///
    /// # Errors
    /// [`TrainError::File`] or [`TrainError::Content`].
    pub fn write(&self, path: &Path) -> Result<(), TrainError> {
        let wrong = |e: &dyn std::fmt::Display| TrainError::content(path, e.to_string());
        let mut views = Vec::new();
        for (name, values) in self.parts() {
            let bytes: &[u8] = bytemuck::cast_slice(values);
            views.push((name, TensorView::new(Dtype::F32, vec![values.len()], bytes).map_err(|e| wrong(&e))?));
        }
        let progress = serde_json::to_string(&self.progress).map_err(|e| wrong(&e))?;
        let metadata = HashMap::from([(PROGRESS.to_owned(), progress)]);
        let bytes = safetensors::serialize(views, Some(metadata)).map_err(|e| wrong(&e))?;
        replace(path, &bytes)
    }

    /// Reads a state; `None` if there is no file.
    ///
    /// # Errors
    /// [`TrainError::Content`] for a file that is no checkpoint.
    pub fn read(path: &Path) -> Result<Option<Self>, TrainError> {
        let bytes = match std::fs::read(path) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(TrainError::file(path)(e)),
        };
        let wrong = |why: &dyn std::fmt::Display| {
            TrainError::content(path, format!("is no checkpoint ({why}); delete it to start again"))
        };
        let (_, header) = SafeTensors::read_metadata(&bytes).map_err(|e| wrong(&e))?;
        let text = header.metadata().as_ref().and_then(|m| m.get(PROGRESS)).ok_or_else(|| wrong(&"no progress"))?;
        let progress = serde_json::from_str(text).map_err(|e| wrong(&e))?;
        let file = SafeTensors::deserialize(&bytes).map_err(|e| wrong(&e))?;
        let part = |name: &str| -> Result<Vec<f32>, TrainError> {
            let view = file.tensor(name).map_err(|e| wrong(&e))?;
            Ok(view.data().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect())
        };
        Ok(Some(Self {
            progress,
            weights: part("weights")?,
            first: part("first")?,
            second: part("second")?,
            average: part("average")?,
            best: part("best")?,
        }))
    }
}

/// Writes a file under a temporary name, flushes it to disk and renames it.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> Result<(), TrainError> {
    let part = path.with_extension("part");
    let mut file = std::fs::File::create(&part).map_err(TrainError::file(&part))?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(TrainError::file(&part))?;
    std::fs::rename(&part, path).map_err(TrainError::file(path))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn comes_back_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("checkpoint.safetensors");
        assert_eq!(Checkpoint::read(&path).unwrap(), None);
        let progress = Progress {
            key: "k".to_owned(),
            step: 7,
            best_score: Some(0.1 + 0.2),
            best_step: 4,
            loss_sum: 1.0 / 3.0,
            loss_steps: 3,
        };
        let numbers = |k: f32| vec![k, f32::MIN_POSITIVE, -1.5 * k];
        let state = Checkpoint {
            progress,
            weights: numbers(1.0),
            first: numbers(2.0),
            second: numbers(3.0),
            average: numbers(4.0),
            best: numbers(5.0),
        };
        state.write(&path).unwrap();
        assert_eq!(Checkpoint::read(&path).unwrap(), Some(state));
        std::fs::write(&path, b"something else").unwrap();
        assert!(Checkpoint::read(&path).is_err());
    }
}
