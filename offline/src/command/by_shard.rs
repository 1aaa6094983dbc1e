//! `--shard` of the steps that write a table: one shard's work, its commit record, and all shards joined.

use super::CommandError;
use crate::hex::sha256_hex;
use crate::parts::Outcome;
use crate::shard::{CommitRecord, ErrorRow, Inputs, RecordError, ShardChoice, StoredFile, seconds_now, tool};
use crate::store::{LocalStore, Store};
use crate::table::{self, Row};

/// Arguments `--shard` and `--shards`.
#[derive(Debug, Clone, clap::Args)]
pub struct ShardArgs {
    /// One shard, from 0, into a table of its own; `auto` takes it from SLURM_ARRAY_TASK_ID, JOB_COMPLETION_INDEX or
    /// SGE_TASK_ID; without it all originals
    #[arg(long, value_name = "I|auto")]
    pub shard: Option<ShardChoice>,
    /// How many shards there are, as a check: `select --shards` or the plan decides it
    #[arg(long, value_name = "N", requires = "shard")]
    pub shards: Option<u32>,
}

/// A step that is worked shard by shard.
pub(super) struct ShardedStep {
    /// Its name in messages.
    pub step: &'static str,
    /// What its keys begin with in the store.
    pub stage: String,
    /// Where its tables and records lie.
    pub store: LocalStore,
    /// What a shard is made from.
    pub inputs: Inputs,
    /// How many there are.
    pub shards: u32,
}

/// What a shard's work came to.
pub(super) struct Made<R> {
    /// Rows of its table.
    pub rows: Vec<R>,
    /// Files in the store that the rows speak of.
    pub files: Vec<StoredFile>,
    /// Originals that are done.
    pub originals: usize,
    /// Those of them that were made by this worker.
    pub made: usize,
    /// Originals that failed.
    pub errors: Vec<ErrorRow>,
}

impl<R> Made<R> {
    /// Rows without files, `outcome` being about `originals` originals.
    pub(super) fn of<E: std::fmt::Display>(rows: Vec<R>, originals: usize, outcome: Outcome<E>) -> Self {
        let error = |(original, reason): (String, E)| ErrorRow { original, reason: reason.to_string() };
        let errors: Vec<ErrorRow> = outcome.failed.into_iter().map(error).collect();
        Self { rows, files: Vec::new(), originals: originals - errors.len(), made: outcome.done, errors }
    }
}

impl ShardedStep {
    /// Makes the chosen shard and commits it, unless it is committed already.
    pub(super) fn run<R: Row + Clone>(
        &self,
        choice: ShardChoice,
        stated: Option<u32>,
        make: impl FnOnce(u32) -> Result<Made<R>, CommandError>,
    ) -> Result<(), CommandError> {
        let Self { step, shards, .. } = self;
        if stated.is_some_and(|stated| stated != *shards) {
            let reason = format!("--shards: there are {shards}, `miqa-offline select --shards` or the plan decides it");
            return Err(CommandError::usage(reason));
        }
        let chosen = choice.resolve(*shards, |name| std::env::var(name).ok()).map_err(CommandError::usage)?;
        println!("{step}: {chosen} of {shards}");
        let shard = chosen.shard;
        if let Some(record) = self.record(shard)? {
            record.table(&self.store).map_err(failure)?;
            println!("{step}: shard {shard} was committed already: {} originals", record.originals);
            return Ok(());
        }
        let begun = seconds_now();
        let made = make(shard)?;
        // A folder that is not mounted must not become a finished shard.
        if let (0, Some(first)) = (made.originals, made.errors.first()) {
            let (count, ErrorRow { original, reason }) = (made.errors.len(), first);
            return Err(CommandError::data(format!(
                "{step}: shard {shard} is not committed: none of its {count} originals could be made, the first: `{original}`: \
                 {reason}; mend them and run the shard again, or select originals without them"
            )));
        }
        let bytes = table::encode("table of the shard", &made.rows).map_err(CommandError::unexpected)?;
        let (size, sha256) = (bytes.len() as u64, sha256_hex(&bytes));
        let name = format!("{}/shards/{shard}-{}.parquet", self.stage, &sha256[..12]);
        // Through an upload, which is on the disk when it ends: a record must not outlive its table.
        let mut upload = self.store.upload(&name).map_err(|e| failure(e.into()))?;
        upload.write(&bytes).and_then(|()| upload.finish()).map_err(|e| failure(e.into()))?;
        let mut files = vec![StoredFile { name: name.clone(), size, sha256 }];
        files.extend(made.files);
        let record = CommitRecord {
            stage: self.stage.clone(),
            shard,
            inputs: self.inputs.clone(),
            tool: tool(),
            originals: made.originals as u64,
            rows: made.rows.len() as u64,
            bytes: files.iter().map(|file| file.size).sum(),
            files,
            errors: made.errors,
            begun,
            ended: seconds_now(),
            made: made.made as u64,
        };
        if !record.commit(&self.store).map_err(failure)? {
            let winner = self.record(shard)?;
            let winner = winner.ok_or_else(|| CommandError::unexpected("the commit record appeared and vanished"))?;
            winner.table(&self.store).map_err(failure)?;
            if winner.files[0].name != name {
                self.store.delete(&name).map_err(|e| failure(e.into()))?;
            }
        }
        Ok(())
    }

    /// Hands the rows of every shard over, in order, if all are committed; else says which are not.
    pub(super) fn join<R: Row>(&self, mut each: impl FnMut(Vec<R>)) -> Result<Vec<u32>, CommandError> {
        let records = (0..self.shards).map(|shard| self.record(shard)).collect::<Result<Vec<_>, _>>()?;
        let missing: Vec<u32> =
            (0..self.shards).zip(&records).filter_map(|(shard, record)| record.is_none().then_some(shard)).collect();
        if !missing.is_empty() {
            return Ok(missing);
        }
        for record in records.into_iter().flatten() {
            let bytes = record.table(&self.store).map_err(failure)?;
            each(table::decode(&record.files[0].name, bytes).map_err(CommandError::data)?);
        }
        Ok(Vec::new())
    }

    /// What is to be said of shards that are not committed.
    pub(super) fn missing(&self, missing: &[u32]) -> String {
        if missing.len() == self.shards as usize {
            return format!("no shard of {} is committed", self.step);
        }
        let named: Vec<String> = missing.iter().take(20).map(u32::to_string).collect();
        let more = if missing.len() > named.len() { ", …" } else { "" };
        format!("{}: shards {}{more} of {} are not committed", self.step, named.join(", "), self.shards)
    }

    fn record(&self, shard: u32) -> Result<Option<CommitRecord>, CommandError> {
        CommitRecord::read(&self.store, &self.stage, shard, &self.inputs).map_err(failure)
    }
}

fn failure(error: RecordError) -> CommandError {
    match error {
        RecordError::Store(error) if error.passing => CommandError::retry(error),
        RecordError::Inputs { .. } => CommandError::plan(error),
        RecordError::Store(error) => CommandError::usage(error),
        other => CommandError::data(other),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]
mod tests {
    use super::*;

    #[test]
    fn a_shard_of_which_nothing_is_left_is_not_committed() {
        let folder = tempfile::tempdir().unwrap();
        let step = ShardedStep {
            step: "rank",
            stage: "rank".to_owned(),
            store: LocalStore::new(folder.path().to_owned()),
            inputs: Inputs::SourcesId("of this test".to_owned()),
            shards: 1,
        };
        let made = |originals| {
            let errors = vec![ErrorRow { original: "p1".into(), reason: "is not there".into() }];
            Ok(Made { rows: Vec::<ErrorRow>::new(), files: Vec::new(), originals, made: originals, errors })
        };
        let refused = step.run(ShardChoice::Index(0), None, |_| made(0)).unwrap_err();
        assert!(refused.code() == 65 && refused.to_string().contains("`p1`: is not there"), "{refused}");
        assert!(step.record(0).unwrap().is_none());
        step.run(ShardChoice::Index(0), None, |_| made(1)).unwrap();
        assert_eq!(step.record(0).unwrap().unwrap().errors.len(), 1);
    }
}
