//! Shard workers: which shard is ours, and how its results become visible.
//!
//! An engine (GNU parallel, Slurm, Kubernetes, Grid Engine) hands out indices; how many shards there are is written in
//! the table that is worked on. A shard's results count once its commit record is there, and the first record wins.
//!
//! A [`Stage`] says what is made of an original; the [`Worker`] does the rest for all stages alike. Below the destination:
//!
//! ```text
//! <stage>/destination.json          plan and settings; the first worker makes it, others must agree
//! <stage>/progress/<shard>/…        originals that are done in shards that are not; gone when the shard is committed
//! <stage>/shards/<shard>….parquet   the shard's tables
//! <stage>/shards/<shard>.json       the commit record
//! <stage>/failures/<shard>.json     why a worker gave a shard up; gone when the shard is committed
//! ```

mod choice;
mod destination;
mod error;
mod losses;
mod manifest;
mod record;
mod stage;
mod status;
mod stop;
#[cfg(test)]
mod tests;
mod worker;
mod wrong;

pub use choice::{Chosen, ShardChoice, ShardError};
pub use destination::Destination;
pub use error::StageError;
pub use losses::{Losses, Tolerance};
pub use manifest::{SealError, Sealed, check_files, open_sealed, sealed};
pub use record::{CommitRecord, ErrorRow, Inputs, RecordError, StoredFile, record_key, seconds_now, tool};
pub use stage::{At, Done, Made, Stage};
pub use status::{ShardState, Status, status};
pub use stop::{GRACE, Stop};
pub use worker::{Ended, Tick, Worker};
pub use wrong::Wrong;
