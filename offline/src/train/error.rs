use std::path::{Path, PathBuf};

use crate::export::ExportError;
use crate::label::zoo::ZooError;
use crate::sample::SampleError;
use crate::table::TableError;

/// Why training data could not be prepared or a model not be trained.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// A file can't be read or written.
    #[error("{path}: {source}", path = path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file does not hold what it should.
    #[error("{path}: {why}", path = path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong and what to do.
        why: String,
    },
    /// The region encoder or published weights are not there, or others than the recipe means.
    #[error(transparent)]
    Zoo(#[from] ZooError),
    /// A table.
    #[error(transparent)]
    Table(#[from] TableError),
    /// The samples are not known or can't be made.
    #[error(transparent)]
    Sample(#[from] SampleError),
    /// A graph.
    #[error(transparent)]
    Export(#[from] ExportError),
    /// The loss is no number any more.
    #[error("step {step}: the loss is {loss}; lower train.rate in the recipe, or train with precision = \"fp32\"")]
    Diverged {
        /// Step of the optimiser.
        step: u64,
        /// The loss.
        loss: f64,
    },
}

impl TrainError {
    pub(crate) fn file(path: &Path) -> impl FnOnce(std::io::Error) -> Self + use<'_> {
        move |source| Self::File { path: path.to_owned(), source }
    }

    pub(crate) fn content(path: &Path, why: impl Into<String>) -> Self {
        Self::Content { path: path.to_owned(), why: why.into() }
    }
}
