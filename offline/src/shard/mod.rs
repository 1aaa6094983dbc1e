//! Shard workers: which shard is ours, and how its results become visible.
//!
//! An engine (GNU parallel, Slurm, Kubernetes, Grid Engine) hands out indices; how many shards there are is written in
//! the table that is worked on. A shard's results count once its commit record is there, and the first record wins.

mod choice;
mod record;

pub use choice::{Chosen, ShardChoice, ShardError};
pub use record::{CommitRecord, ErrorRow, Inputs, RecordError, StoredFile, record_key, seconds_now, sha256_hex, tool};
