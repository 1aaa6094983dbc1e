//! A model whose scores are learned beside the labels, or in their place.

use std::path::Path;

use miqa::engine::Card;

use crate::export::onnx::Model;
use crate::train::TrainError;
use crate::train::dataset::Taught;

/// A model that samples are shown to.
pub(super) struct Teacher {
    pub(super) graph: Model,
    pub(super) taught: Taught,
}

impl Teacher {
    /// The model of a folder, for those of its heads that `outputs` names.
    pub(super) fn open(folder: &Path, outputs: &[String]) -> Result<Self, TrainError> {
        let wrong = |why: String| TrainError::content(folder, why);
        let card = Card::read(folder).map_err(|e| wrong(e.to_string()))?;
        let heads: Vec<String> = outputs.iter().filter(|head| card.output.heads.contains(head)).cloned().collect();
        if heads.is_empty() {
            return Err(wrong(format!("a teacher without any of the heads {}", outputs.join(", "))));
        }
        let bytes = card.model_bytes().map_err(|e| wrong(e.to_string()))?;
        let graph = Model::from_bytes(&card.model_path(), &bytes)?;
        Ok(Self { graph, taught: Taught { sha256: card.file.sha256, heads } })
    }
}
