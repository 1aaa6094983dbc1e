//! The variants of a plan as files: shard workers, their state, and the finished data set.
//!
//! Everything below the destination:
//!
//! ```text
//! images/<id>/<file>                 layout `folders`: the authors' names
//! webdataset/<number>.tar            layout `webdataset`: one archive an original, numbered as in the plan
//! generate/…                         as [`crate::shard`] says; the tables have a row a variant: file, offset, size, SHA-256
//! manifest.json, index.parquet, errors.parquet, statistics.parquet, plan.parquet    after `finalize`
//! ```
//!
//! An original is the unit of work and of archives, so what is written is the same in any number of shards.

mod encode;
mod estimate;
mod finalize;
mod layout;
#[cfg(test)]
mod tests;
mod variants;
mod verify;

pub use encode::{EncodeError, Format};
pub use estimate::{Estimate, MemoryUse, estimate};
pub(crate) use estimate::{drawn, memory_of_process};
pub use finalize::{Manifest, Statistics, finalize};
pub use layout::{FileRow, Layout};
pub use variants::Variants;
pub use verify::{Verified, verify};

/// Name of the stage in keys and records.
pub const STAGE: &str = "generate";
