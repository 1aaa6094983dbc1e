//! What a check of a destination finds wrong, and what mends it.

use std::collections::BTreeSet;

use super::{CommitRecord, RecordError, StageError, record_key};

/// What is wrong in a destination.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Wrong {
    /// A line each.
    pub found: Vec<String>,
    /// Shards that must be made again.
    pub shards: BTreeSet<u32>,
    /// Whether manifest and tables must be written again.
    pub finalize: bool,
}

impl Wrong {
    /// Nothing is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// Notes what a shard must be made again for.
    pub fn of_shard(&mut self, shard: u32, what: String) {
        self.found.push(what);
        self.shards.insert(shard);
    }

    /// Notes what `finalize` must be run again for.
    pub fn of_finalize(&mut self, what: String) {
        self.found.push(what);
        self.finalize = true;
    }

    /// Notes a file that its record speaks of and that is not what it was.
    ///
    /// # Errors
    /// The store refused.
    pub fn of_record(&mut self, record: &CommitRecord, error: RecordError) -> Result<(), StageError> {
        let what = match error {
            RecordError::Store(error) => return Err(error.into()),
            // Without its advice: one for all follows.
            RecordError::File { file, what, .. } => format!("shard {}: {file} {what}", record.shard),
            other => other.to_string(),
        };
        self.of_shard(record.shard, what);
        Ok(())
    }

    /// Notes shards of a finalized destination that have no record.
    pub fn of_lost_records(&mut self, stage: &str, shards: impl IntoIterator<Item = u32>) {
        for shard in shards {
            let key = record_key(stage, shard);
            self.of_shard(shard, format!("shard {shard}: its record {key} is gone, and was there when finalize ran"));
        }
    }

    /// What to do; empty if nothing is wrong.
    #[must_use]
    pub fn advice(&self, stage: &str) -> String {
        let mut steps = Vec::new();
        if !self.shards.is_empty() {
            let records: Vec<String> = self.shards.iter().map(|&shard| record_key(stage, shard)).collect();
            let numbers: Vec<String> = self.shards.iter().map(ToString::to_string).collect();
            let what = if numbers.len() == 1 { "shard" } else { "shards" };
            steps.push(format!("delete {}, run {stage} for {what} {} again", records.join(", "), numbers.join(", ")));
        }
        if self.finalize {
            steps.push("run finalize again".to_owned());
        }
        steps.join(", then ")
    }
}
