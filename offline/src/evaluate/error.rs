//! Why an evaluation could not be made.

use std::path::PathBuf;

use crate::{sample::SampleError, table::TableError, train::TrainError};

/// Why an evaluation could not be made.
#[derive(Debug, thiserror::Error)]
pub enum EvaluateError {
    /// A table can't be read.
    #[error(transparent)]
    Table(#[from] TableError),
    /// The test samples are not known or can't be made again.
    #[error(transparent)]
    Sample(#[from] SampleError),
    /// The prepared features can't be read.
    #[error(transparent)]
    Prepared(#[from] TrainError),
    /// A variant has another size than its original, or is too small.
    #[error("sample {sample}: {source}")]
    FullReference {
        /// Id of the sample.
        sample: String,
        /// Why.
        source: super::FullReferenceError,
    },
    /// A metric can't be opened.
    #[error(transparent)]
    OpenMetric(#[from] crate::quality::scorer::ScoreError),
    /// A metric failed.
    #[error("sample {sample}: {source}")]
    Metric {
        /// Id of the sample.
        sample: String,
        /// Why.
        source: crate::quality::scorer::ScoreError,
    },
    /// A metric, or a model beside, has the name of another method.
    #[error("`{0}`: another method has this name; change `name` in its description or card")]
    SameName(String),
    /// The card can't be read.
    #[error(transparent)]
    Card(#[from] miqa::engine::CardError),
    /// The model can't be opened or run.
    #[error(transparent)]
    Engine(#[from] miqa::engine::EngineError),
    /// The model's graph can't be read or run.
    #[error(transparent)]
    Graph(#[from] crate::export::ExportError),
    /// The model lacks a head that there are labels for.
    #[error("model {model} has no head {head}; evaluate a model that this version exported")]
    Head {
        /// Name of the model.
        model: String,
        /// The head.
        head: &'static str,
    },
    /// The model gave something that is no number.
    #[error("model {model} gave NaN for sample {sample}; export it again and look at its training log")]
    NotANumber {
        /// Name of the model.
        model: String,
        /// Id of the sample.
        sample: String,
    },
    /// The ridge baseline failed.
    #[error("ridge baseline: {0}")]
    Ridge(#[from] super::RidgeError),
    /// Tables do not belong together.
    #[error("{table}: {reason}; make that table again", table = table.display())]
    Mismatch {
        /// The table.
        table: PathBuf,
        /// What is missing or too much.
        reason: String,
    },
    /// Nothing to evaluate.
    #[error("there is no labelled original in fold `test`; run `miqa-offline split` with more originals")]
    NoTestFold,
    /// The evaluation was asked to stop.
    #[error("stopped; the same command begins the evaluation again")]
    Stopped,
    /// A report can't be written.
    #[error("{path}: {source}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}
