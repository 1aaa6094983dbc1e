//! Why generation could not go on.

use super::EncodeError;
use crate::plan::{PixelsError, PlanError};
use crate::shard::RecordError;
use crate::store::StoreError;
use crate::table::TableError;

/// Why generation could not go on.
#[derive(Debug, thiserror::Error)]
pub enum GenerateError {
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
    /// A picture could not be made; inside a shard that is a row of the error table instead.
    #[error(transparent)]
    Pixels(#[from] PixelsError),
    /// A picture could not be encoded or decoded.
    #[error(transparent)]
    Encode(#[from] EncodeError),
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
    /// Nothing was generated there yet.
    #[error("{place}: nothing was generated there yet (no {key}); run `miqa-offline generate` first")]
    Nothing {
        /// The destination.
        place: String,
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
