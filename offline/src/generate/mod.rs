//! The variants of a plan as files: shard workers, their state, and the finished data set.
//!
//! Everything below the destination:
//!
//! ```text
//! images/<id>/<file>                 layout `folders`: the authors' names
//! webdataset/<number>.tar            layout `webdataset`: one archive an original, numbered as in the plan
//! generate/destination.json          plan, format and layout; the first worker makes it, others must agree
//! generate/progress/<shard>/…        originals that are done in shards that are not; gone when the shard is committed
//! generate/shards/<shard>-….parquet  a row a variant: file, offset, size, SHA-256
//! generate/shards/<shard>.json       the commit record
//! generate/failures/<shard>.json     why a worker gave a shard up; gone when the shard is committed
//! manifest.json, index.parquet, errors.parquet, statistics.parquet, plan.parquet    after `finalize`
//! ```
//!
//! An original is the unit of work and of archives, so what is written is the same in any number of shards.

mod destination;
mod encode;
mod error;
mod estimate;
mod finalize;
mod layout;
mod status;
#[cfg(test)]
mod tests;
mod verify;
mod worker;

pub use destination::Destination;
pub use encode::{EncodeError, Format};
pub use error::GenerateError;
pub use estimate::{Estimate, MemoryUse, estimate};
pub use finalize::{Manifest, Statistics, finalize};
pub use layout::{FileRow, Layout};
pub use status::{ShardState, Status, status};
pub use verify::{Verified, verify};
pub use worker::{Ended, Tick, Worker};

/// Name of the stage in keys and records.
const STAGE: &str = "generate";
