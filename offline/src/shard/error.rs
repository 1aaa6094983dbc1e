//! Why a stage could not go on.

use super::RecordError;
use crate::plan::{PixelsError, PlanError};
use crate::store::StoreError;
use crate::table::TableError;

/// Why a stage could not go on.
#[derive(Debug, thiserror::Error)]
pub enum StageError {
    /// The plan can't be read.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The destination refused.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A commit record is wrong.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// A table is wrong.
    #[error(transparent)]
    Table(#[from] TableError),
    /// A thread's sessions could not be opened; the same for every original.
    #[error("{0}")]
    Start(String),
    /// A picture could not be rendered, encoded or decoded; inside a shard that is a row of the error table instead.
    #[error("{0}")]
    Picture(String),
    /// The destination holds something else.
    #[error("{place} holds {found}, this would be {expected}: give another destination, or the same settings")]
    OtherPlan {
        /// The destination.
        place: String,
        /// What its marker says.
        found: String,
        /// What was asked for.
        expected: String,
    },
    /// Nothing was made there yet.
    #[error("{place}: there is nothing of `{stage}` yet (no {key}); run `miqa-offline {stage}` first")]
    Nothing {
        /// The destination.
        place: String,
        /// Name of the stage.
        stage: String,
        /// The key that is missing.
        key: String,
    },
    /// A file of the destination makes no sense.
    #[error("{place}: {key}: {reason}")]
    Unreadable {
        /// The destination.
        place: String,
        /// The key.
        key: String,
        /// What is wrong, and what to do.
        reason: String,
    },
    /// The stop flag was raised.
    #[error("stopped with {done} of {of} originals of shard {shard} done; the same command goes on")]
    Stopped {
        /// The shard in hand.
        shard: u32,
        /// Originals that are done.
        done: usize,
        /// Originals of the shard.
        of: usize,
    },
    /// Too many originals failed.
    #[error(
        "shard {shard}: {errors} originals failed, {tolerated} are tolerated (--max-errors); the first: `{original}`: {reason}"
    )]
    TooManyErrors {
        /// The shard in hand.
        shard: u32,
        /// Originals that failed, in all shards of this run.
        errors: usize,
        /// The threshold.
        tolerated: usize,
        /// An original that failed.
        original: String,
        /// Why.
        reason: String,
    },
    /// `finalize` came too early.
    #[error("{place}: {missing} of {shards} shards are not committed ({first}); run them, then finalize")]
    Gaps {
        /// The destination.
        place: String,
        /// Shards without a record.
        missing: usize,
        /// All shards.
        shards: u32,
        /// The first missing ones.
        first: String,
    },
}

impl From<PixelsError> for StageError {
    fn from(error: PixelsError) -> Self {
        Self::Picture(error.to_string())
    }
}
