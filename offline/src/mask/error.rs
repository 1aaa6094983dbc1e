//! Why there is no mask.

use std::path::PathBuf;

use miqa::engine::EngineError;

use crate::export::ExportError;
use crate::label::fit::FitError;
use crate::label::zoo::ZooError;
use crate::source::SourceError;
use crate::table::TableError;

/// Why a mask could not be made, read or written.
#[derive(Debug, thiserror::Error)]
pub enum MaskError {
    /// A mask's file can't be used.
    #[error("mask {path}: {reason}; replace it or remove it")]
    Picture {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A mask has another size than its original.
    #[error(
        "mask {path} has {}×{} pixels, original `{original}` has {}×{}: make it for this original's size",
        found.0, found.1, expected.0, expected.1
    )]
    Size {
        /// Where the mask comes from.
        path: PathBuf,
        /// Id of the original.
        original: String,
        /// Width and height of the mask.
        found: (u32, u32),
        /// Width and height of the original.
        expected: (u32, u32),
    },
    /// A mask can't be written.
    #[error("can't write mask {path}: {reason}")]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// A mask's file holds other pixels than the table of masks says.
    #[error("mask {path} is not the one in the table of masks; remove it and run `miqa-offline mask` again")]
    Changed {
        /// The file.
        path: PathBuf,
    },
    /// The table says that there is no usable mask.
    #[error("the mask of original `{original}` is {verdict}: leave the original out or take another source of masks")]
    Unusable {
        /// Id of the original.
        original: String,
        /// `empty`, `full` or `missing`.
        verdict: String,
    },
    /// Annotations can't be used.
    #[error("{path}: {reason}")]
    Annotations {
        /// The annotation file.
        path: PathBuf,
        /// What is wrong, with the annotation where known.
        reason: String,
    },
    /// The list of mask models can't be used.
    #[error("mask models {name}: {reason}")]
    Models {
        /// The list's file, or `built in`.
        name: String,
        /// What is wrong.
        reason: String,
    },
    /// A model ran and failed, or gave something else than its entry says.
    #[error("mask model `{model}`: {reason}; check its entry in the list of mask models")]
    Run {
        /// Name of the model.
        model: String,
        /// What happened.
        reason: String,
    },
    /// A model's file.
    #[error(transparent)]
    File(#[from] ZooError),
    /// A model's graph.
    #[error(transparent)]
    Graph(#[from] ExportError),
    /// A model's session.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// A picture does not come to a model's size.
    #[error(transparent)]
    Fit(#[from] FitError),
    /// An original can't be loaded.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// A table.
    #[error(transparent)]
    Table(#[from] TableError),
}
