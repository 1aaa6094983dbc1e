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
        "shard {shard}: {errors} of {of} originals failed, --max-errors lets {tolerated} go; the first: `{original}`: {reason}"
    )]
    TooManyErrors {
        /// The shard in hand.
        shard: u32,
        /// Originals of it that failed until it was given up.
        errors: usize,
        /// Originals of the shard.
        of: usize,
        /// The threshold.
        tolerated: String,
        /// An original that failed.
        original: String,
        /// Why.
        reason: String,
    },
    /// Files of originals can't be found.
    #[error(
        "shard {shard} is not committed: files of {absent} of its {of} originals are not there, the first: `{original}`: {reason}; \
         bring them back and run the shard again, or give --accept-missing to go on without them"
    )]
    Absent {
        /// The shard in hand.
        shard: u32,
        /// Originals without their file.
        absent: usize,
        /// Originals of the shard.
        of: usize,
        /// One of them.
        original: String,
        /// Which file, and what the system said.
        reason: String,
    },
    /// Every original of a shard failed.
    #[error(
        "shard {shard} is not committed: none of its {of} originals could be made, the first: `{original}`: {reason}; mend them \
         and run the shard again, or give --accept-missing to go on without them"
    )]
    NothingLeft {
        /// The shard in hand.
        shard: u32,
        /// Originals of the shard.
        of: usize,
        /// One of them.
        original: String,
        /// Why it failed.
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
