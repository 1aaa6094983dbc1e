//! How far a destination is.

use std::time::Duration;

use super::worker::progress;
use super::{CommitRecord, Destination, Inputs, StageError};
use crate::store::Store;

/// Where a shard stands. Whether somebody works on it right now, a store can't say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShardState {
    /// Committed.
    Done,
    /// Some originals are done, and nobody gave up.
    Begun {
        /// So many.
        originals: usize,
    },
    /// A worker gave up: too many originals failed.
    Failed,
    /// Nobody has begun, or nobody has finished an original.
    Missing,
}

/// How far a destination is.
#[derive(Debug, Clone, PartialEq)]
pub struct Status {
    /// What is being made there.
    pub destination: Destination,
    /// By number.
    pub shards: Vec<ShardState>,
    /// Records of committed shards.
    pub records: Vec<CommitRecord>,
    /// Originals that are done, in committed and other shards.
    pub originals: u64,
    /// Originals in the error tables of committed shards.
    pub errors: u64,
    /// Originals an hour, all workers together, from the committed shards; `None` before there is one.
    pub rate: Option<f64>,
    /// Time left at that rate.
    pub left: Option<Duration>,
}

impl Status {
    /// Numbers of the shards that are not committed.
    #[must_use]
    pub fn open(&self) -> Vec<u32> {
        (0..).zip(&self.shards).filter_map(|(i, state)| (*state != ShardState::Done).then_some(i)).collect()
    }

    /// How many shards are in a state; `Begun` counts whatever its number of originals.
    #[must_use]
    pub fn count(&self, state: ShardState) -> usize {
        let same = |other: &ShardState| std::mem::discriminant(other) == std::mem::discriminant(&state);
        self.shards.iter().filter(|other| same(other)).count()
    }
}

/// Looks at a destination.
///
/// # Errors
/// Nothing of the stage is there, or something can't be read.
pub fn status(store: &dyn Store, stage: &str) -> Result<Status, StageError> {
    let destination = Destination::read(store, stage)?;
    let inputs = Inputs::PlanId(destination.plan_id.0.clone());
    let mut shards = Vec::new();
    let mut records: Vec<CommitRecord> = Vec::new();
    let mut begun_originals = 0;
    for shard in 0..destination.shards {
        if let Some(record) = CommitRecord::read(store, stage, shard, &inputs)? {
            shards.push(ShardState::Done);
            records.push(record);
            continue;
        }
        let (originals, failed) = progress(store, stage, shard)?;
        begun_originals += originals as u64;
        shards.push(match (failed, originals) {
            (true, _) => ShardState::Failed,
            (false, 0) => ShardState::Missing,
            (false, originals) => ShardState::Begun { originals },
        });
    }
    let errors = records.iter().map(|record| record.errors.len() as u64).sum();
    let originals = records.iter().map(|record| record.originals).sum::<u64>() + begun_originals;
    let rate = rate(&records);
    let to_do = destination.originals.saturating_sub(originals + errors);
    let left = rate.map(|rate| Duration::from_secs_f64(to_do as f64 / rate * 3600.0));
    Ok(Status { destination, shards, records, originals, errors, rate, left })
}

impl Status {
    /// The records, if every shard is committed.
    ///
    /// # Errors
    /// [`StageError::Gaps`].
    pub fn whole(&self, store: &dyn Store) -> Result<&[CommitRecord], StageError> {
        let open = self.open();
        if open.is_empty() {
            return Ok(&self.records);
        }
        let first: Vec<String> = open.iter().take(5).map(ToString::to_string).collect();
        let more = if open.len() > first.len() { ", …" } else { "" };
        let first = format!("{}{more}", first.join(", "));
        let place = store.place().to_owned();
        Err(StageError::Gaps { place, missing: open.len(), shards: self.destination.shards, first })
    }
}

/// Originals made an hour between the first start and the last commit. Times are whole seconds of several machines'
/// clocks, so short runs give a rough figure.
fn rate(records: &[CommitRecord]) -> Option<f64> {
    let first = records.iter().map(|record| record.begun).min()?;
    let last = records.iter().map(|record| record.ended).max()?;
    let made = records.iter().map(|record| record.made).sum::<u64>();
    (made > 0).then(|| made as f64 * 3600.0 / last.saturating_sub(first).max(1) as f64)
}
