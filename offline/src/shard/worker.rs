//! A shard worker: from a plan to tables, files and a commit record.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::losses::Lost;
use super::stage::{At, Done, Made, Stage};
use super::{CommitRecord, Destination, ErrorRow, Inputs, Losses, StageError, Stop, StoredFile, seconds_now, tool};
use crate::hex::sha256_hex;
use crate::plan::Plan;
use crate::store::Store;
use crate::table;

/// Makes shards of a plan.
pub struct Worker<'a, S> {
    /// Whose originals.
    pub plan: &'a Plan,
    /// What is made of them.
    pub stage: S,
    /// Where to.
    pub store: &'a dyn Store,
    /// Originals in work at the same time.
    pub threads: usize,
    /// Originals that a shard may lose.
    pub losses: Losses,
    /// Raised by a signal: no further original is begun.
    pub stop: &'a AtomicBool,
    /// How long originals in hand may take after that; then they are dropped.
    pub grace: Duration,
}

/// How a shard ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Ended {
    /// This worker committed it.
    Committed(CommitRecord),
    /// It was committed already, or by another worker meanwhile.
    Already(CommitRecord),
}

impl Ended {
    /// The record that counts.
    #[must_use]
    pub fn record(&self) -> &CommitRecord {
        match self {
            Self::Committed(record) | Self::Already(record) => record,
        }
    }
}

/// What a worker tells after every original.
#[derive(Debug, Clone, Copy)]
pub struct Tick {
    /// Originals that need no work any more: in committed shards, or done by workers before.
    pub kept: usize,
    /// Originals that were made now.
    pub made: usize,
    /// Originals that failed now.
    pub errors: usize,
}

/// Footer note of an original's progress: its archive, as JSON.
const ARCHIVE_NOTE: &str = "miqa.archive";

fn progress_folder(stage: &str, shard: u32) -> String {
    format!("{stage}/progress/{shard}")
}

fn failure_key(stage: &str, shard: u32) -> String {
    format!("{stage}/failures/{shard}.json")
}

/// Originals that are done, by their position in the plan.
type Positions<R> = BTreeMap<usize, Done<R>>;

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<S: Stage> Worker<'_, S> {
    /// Makes a shard of the destination that [`Destination::claim`] accepted.
    ///
    /// # Errors
    /// Stopped, more losses than [`Losses`] lets go, or plan or store refuse. What is done is kept.
    pub fn run(&self, shard: u32, tick: &(dyn Fn(Tick) + Sync)) -> Result<Ended, StageError> {
        let inputs = Inputs::PlanId(self.plan.id().0.clone());
        let positions = self.plan.positions(shard);
        if let Some(record) = CommitRecord::read(self.store, self.stage.name(), shard, &inputs)? {
            record.table(self.store)?;
            tick(Tick { kept: record.originals as usize, made: 0, errors: record.errors.len() });
            return Ok(Ended::Already(record));
        }
        let begun = seconds_now();
        let mut done = self.kept(shard)?;
        let kept = done.len();
        tick(Tick { kept, made: 0, errors: 0 });
        let missing: Vec<usize> = positions.clone().filter(|position| !done.contains_key(position)).collect();
        let (made, lost) = self.make(shard, &missing, tick)?;
        let made_count = made.len();
        done.extend(made);
        let of = positions.len();
        // Threads may have stopped early because of these.
        if self.losses.are_too_many(&lost, of) {
            self.judge(shard, &lost)?;
        }
        if done.len() + lost.len() < of {
            return Err(StageError::Stopped { shard, done: done.len(), of });
        }
        self.judge(shard, &lost)?;
        let errors = lost.into_iter().map(|lost| lost.row).collect();
        let record = self.commit_record(shard, inputs, done, errors, begun, made_count)?;
        self.commit(record, &positions)
    }

    /// Originals that workers before have finished, if their files are as they left them.
    fn kept(&self, shard: u32) -> Result<Positions<S::Row>, StageError> {
        let mut kept = BTreeMap::new();
        let folder = progress_folder(self.stage.name(), shard);
        for key in self.store.list(&folder)? {
            let name = key.rsplit('/').next().and_then(|name| name.strip_suffix(".parquet"));
            let Some(position) = name.and_then(|name| name.parse().ok()) else { continue };
            let Some(bytes) = self.store.get(&key)? else { continue };
            // A note that a power cut has spoilt counts as none.
            let Ok(archive) = table::note_in(&key, &bytes, ARCHIVE_NOTE) else { continue };
            let archive = archive.and_then(|text| serde_json::from_str(&text).ok());
            let Ok(rows) = table::decode(&key, bytes) else { continue };
            let done = Done { rows, archive };
            if self.is_whole(&done)? {
                kept.insert(position, done);
            }
        }
        Ok(kept)
    }

    fn is_whole(&self, done: &Done<S::Row>) -> Result<bool, StageError> {
        if self.store.is_durable() {
            return Ok(true);
        }
        if let Some(archive) = &done.archive {
            return Ok(self.store.size(&archive.name)? == Some(archive.size));
        }
        for (file, size) in done.rows.iter().filter_map(|row| self.stage.file(row)) {
            if self.store.size(file)? != Some(size) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Makes the missing originals in parallel. Errors of single originals are collected; others end the run.
    fn make(
        &self,
        shard: u32,
        missing: &[usize],
        tick: &(dyn Fn(Tick) + Sync),
    ) -> Result<(Positions<S::Row>, Vec<Lost>), StageError> {
        let of = self.plan.positions(shard).len();
        let next = AtomicUsize::new(0);
        let made: Mutex<Positions<S::Row>> = Mutex::default();
        let lost: Mutex<Vec<Lost>> = Mutex::default();
        let fatal: Mutex<Option<StageError>> = Mutex::default();
        let stop = Stop::new(self.stop, self.grace);
        let halted = || {
            let hopeless = || self.losses.are_too_many(&locked(&lost), of);
            stop.is_raised() || locked(&fatal).is_some() || hopeless()
        };
        let lose = |position: usize, error: &str, absent: bool| {
            let original = self.plan.entry(position).map_or("", |(id, _)| id).to_owned();
            let reason = error.split_whitespace().collect::<Vec<_>>().join(" ");
            locked(&lost).push(Lost { row: ErrorRow { original, reason }, absent });
            tick(Tick { kept: 0, made: 0, errors: 1 });
        };
        let work = || {
            let mut hand = match self.stage.hand() {
                Ok(hand) => hand,
                Err(error) => {
                    locked(&fatal).get_or_insert(error);
                    return;
                }
            };
            while !halted() {
                let Some(&position) = missing.get(next.fetch_add(1, Ordering::Relaxed)) else { return };
                match self.original(&mut hand, shard, position, &stop) {
                    Ok(Made::Done(done)) => {
                        locked(&made).insert(position, done);
                        tick(Tick { kept: 0, made: 1, errors: 0 });
                    }
                    Ok(Made::Failed(error)) => lose(position, &error, false),
                    Ok(Made::Absent(error)) => lose(position, &error, true),
                    Ok(Made::Stopped) => return,
                    Err(error) => {
                        locked(&fatal).get_or_insert(error);
                        return;
                    }
                }
            }
        };
        std::thread::scope(|scope| {
            for _ in 0..self.threads.max(1).min(missing.len()) {
                scope.spawn(work);
            }
        });
        if let Some(error) = fatal.into_inner().unwrap_or_else(PoisonError::into_inner) {
            return Err(error);
        }
        let made = made.into_inner().unwrap_or_else(PoisonError::into_inner);
        let mut lost = lost.into_inner().unwrap_or_else(PoisonError::into_inner);
        lost.sort();
        Ok((made, lost))
    }

    /// Makes one original, and its note of progress last.
    fn original(
        &self,
        hand: &mut S::Hand,
        shard: u32,
        position: usize,
        stop: &Stop,
    ) -> Result<Made<S::Row>, StageError> {
        let planned = self.plan.original(position)?;
        let made = self.stage.original(hand, &At { store: self.store, position, stop }, planned)?;
        if let Made::Done(done) = &made {
            let folder = progress_folder(self.stage.name(), shard);
            let archive = done.archive.as_ref().map(serde_json::to_string).transpose();
            let archive = archive.map_err(|e| self.unreadable("progress", e.to_string()))?;
            let notes: Vec<(&str, String)> = archive.into_iter().map(|text| (ARCHIVE_NOTE, text)).collect();
            let bytes = table::encode_noted("progress", &done.rows, &notes)?;
            self.store.put(&format!("{folder}/{position}.parquet"), bytes)?;
        }
        Ok(made)
    }

    /// Refuses losses that can't be committed, and leaves a note of them.
    fn judge(&self, shard: u32, lost: &[Lost]) -> Result<(), StageError> {
        let refused = self.losses.judge(shard, self.plan.positions(shard).len(), lost);
        if refused.is_err() {
            let rows: Vec<&ErrorRow> = lost.iter().map(|lost| &lost.row).collect();
            let note = serde_json::to_vec_pretty(&rows).map_err(|e| self.unreadable("failures", e.to_string()))?;
            self.store.put(&failure_key(self.stage.name(), shard), note)?;
        }
        refused
    }

    /// Writes the shard's tables under names that hold their hashes, so two workers never spoil each other's.
    fn commit_record(
        &self,
        shard: u32,
        inputs: Inputs,
        done: Positions<S::Row>,
        errors: Vec<ErrorRow>,
        begun: u64,
        made: usize,
    ) -> Result<CommitRecord, StageError> {
        let stage = self.stage.name();
        let originals = done.len() as u64;
        let (mut rows, mut archives) = (Vec::new(), Vec::new());
        for done in done.into_values() {
            rows.extend(done.rows);
            archives.extend(done.archive);
        }
        let (count, bytes) = (rows.len() as u64, self.stage.bytes(&rows));
        let mut files = Vec::new();
        for (end, rows) in self.stage.tables(rows) {
            let bytes = table::encode("table of the shard", &rows)?;
            let sha256 = sha256_hex(&bytes);
            let name = format!("{stage}/shards/{shard}{end}-{}.parquet", &sha256[..12]);
            // Through an upload, which is on the disk when it ends: a record must not outlive its tables.
            let mut upload = self.store.upload(&name)?;
            upload.write(&bytes)?;
            upload.finish()?;
            files.push(StoredFile { name, size: bytes.len() as u64, sha256 });
        }
        let of_tables = files.iter().map(|file| file.size).sum();
        files.extend(archives);
        Ok(CommitRecord {
            stage: stage.to_owned(),
            shard,
            inputs,
            tool: tool(),
            originals,
            rows: count,
            bytes: bytes.unwrap_or(of_tables),
            files,
            errors,
            begun,
            ended: seconds_now(),
            made: made as u64,
        })
    }

    /// The first to commit wins; who comes second checks the winner's record and throws its own table away.
    fn commit(&self, record: CommitRecord, positions: &std::ops::Range<usize>) -> Result<Ended, StageError> {
        let shard = record.shard;
        let ended = if record.commit(self.store)? {
            Ended::Committed(record)
        } else {
            let winner = CommitRecord::read(self.store, self.stage.name(), shard, &record.inputs)?
                .ok_or_else(|| self.unreadable("shards", "the commit record appeared and vanished".into()))?;
            winner.table(self.store)?;
            let theirs: BTreeSet<&String> = winner.files.iter().map(|file| &file.name).collect();
            // Archives have the same names, and lie elsewhere.
            let tables = format!("{}/shards/", self.stage.name());
            for file in
                record.files.iter().filter(|file| file.name.starts_with(&tables) && !theirs.contains(&file.name))
            {
                self.store.delete(&file.name)?;
            }
            Ended::Already(winner)
        };
        for position in positions.clone() {
            self.store.delete(&format!("{}/{position}.parquet", progress_folder(self.stage.name(), shard)))?;
        }
        self.store.delete(&failure_key(self.stage.name(), shard))?;
        Ok(ended)
    }

    fn unreadable(&self, key: &str, reason: String) -> StageError {
        StageError::Unreadable {
            place: self.store.place().to_owned(),
            key: format!("{}/{key}", self.stage.name()),
            reason,
        }
    }

    /// What this worker makes, to be claimed.
    #[must_use]
    pub fn destination(&self) -> Destination {
        Destination::of(self.plan, &self.stage)
    }
}

/// Originals that are done in a shard that is not committed, and whether a worker gave it up.
pub(super) fn progress(store: &dyn Store, stage: &str, shard: u32) -> Result<(usize, bool), StageError> {
    Ok((store.list(&progress_folder(stage, shard))?.len(), store.size(&failure_key(stage, shard))?.is_some()))
}
