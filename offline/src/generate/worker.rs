//! A shard worker: from a plan to files and a commit record.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use super::layout::Writer;
use super::{Destination, FileRow, Format, GenerateError, Layout, STAGE};
use crate::plan::{Plan, PlannedOriginal, Rendering};
use crate::shard::{CommitRecord, ErrorRow, Inputs, StoredFile, seconds_now, sha256_hex, tool};
use crate::store::Store;
use crate::table;

/// Writes shards of a plan.
pub struct Worker<'a> {
    /// What is to be made.
    pub plan: &'a Plan,
    /// Where to.
    pub store: &'a dyn Store,
    /// File format.
    pub format: Format,
    /// How files lie.
    pub layout: Layout,
    /// Originals in work at the same time.
    pub threads: usize,
    /// Originals that may fail, in all shards of this run.
    pub max_errors: usize,
    /// Raised by a signal: originals in hand are dropped.
    pub stop: &'a AtomicBool,
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

/// `generate/progress/<shard>/<position>.json`: an original that is done.
#[derive(Debug, Serialize, Deserialize)]
struct Done {
    rows: Vec<FileRow>,
    archive: Option<StoredFile>,
}

/// What became of an original.
enum Made {
    Done(Done),
    Failed(String),
    Stopped,
}

fn progress_folder(shard: u32) -> String {
    format!("{STAGE}/progress/{shard}")
}

fn failure_key(shard: u32) -> String {
    format!("{STAGE}/failures/{shard}.json")
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Worker<'_> {
    /// Makes a shard of the destination that [`Destination::claim`] accepted. `errors_before` counts what failed in
    /// earlier shards of this run.
    ///
    /// # Errors
    /// Stopped, too many errors, or plan or store refuse. What is done is kept.
    pub fn run(&self, shard: u32, errors_before: usize, tick: &(dyn Fn(Tick) + Sync)) -> Result<Ended, GenerateError> {
        let inputs = Inputs::PlanId(self.plan.id().0.clone());
        let positions = self.plan.positions(shard);
        if let Some(record) = CommitRecord::read(self.store, STAGE, shard, &inputs)? {
            record.table(self.store)?;
            tick(Tick { kept: record.originals as usize, made: 0, errors: record.errors.len() });
            return Ok(Ended::Already(record));
        }
        let begun = seconds_now();
        let mut done = self.kept(shard)?;
        let kept = done.len();
        tick(Tick { kept, made: 0, errors: 0 });
        let missing: Vec<usize> = positions.clone().filter(|position| !done.contains_key(position)).collect();
        let (made, failed) = self.make(shard, &missing, errors_before, tick)?;
        let made_count = made.len();
        done.extend(made);
        let of = positions.len();
        if done.len() + failed.len() < of {
            return Err(GenerateError::Stopped { shard, done: done.len(), of });
        }
        self.refuse_too_many(shard, errors_before, &failed)?;
        let record = self.commit_record(shard, inputs, &done, failed, begun, made_count)?;
        self.commit(record, &positions)
    }

    /// Originals that workers before have finished, if their files are as they left them.
    fn kept(&self, shard: u32) -> Result<BTreeMap<usize, Done>, GenerateError> {
        let mut kept = BTreeMap::new();
        for key in self.store.list(&progress_folder(shard))? {
            let name = key.rsplit('/').next().and_then(|name| name.strip_suffix(".json"));
            let Some(position) = name.and_then(|name| name.parse().ok()) else { continue };
            let Some(bytes) = self.store.get(&key)? else { continue };
            // A record that a power cut has spoilt counts as none.
            let Ok(done) = serde_json::from_slice::<Done>(&bytes) else { continue };
            if self.is_whole(&done)? {
                kept.insert(position, done);
            }
        }
        Ok(kept)
    }

    fn is_whole(&self, done: &Done) -> Result<bool, GenerateError> {
        if self.store.is_durable() {
            return Ok(true);
        }
        if let Some(archive) = &done.archive {
            return Ok(self.store.size(&archive.name)? == Some(archive.size));
        }
        for row in &done.rows {
            if self.store.size(&row.file)? != Some(row.size) {
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
        errors_before: usize,
        tick: &(dyn Fn(Tick) + Sync),
    ) -> Result<(BTreeMap<usize, Done>, Vec<ErrorRow>), GenerateError> {
        let next = AtomicUsize::new(0);
        let made: Mutex<BTreeMap<usize, Done>> = Mutex::default();
        let failed: Mutex<Vec<ErrorRow>> = Mutex::default();
        let fatal: Mutex<Option<GenerateError>> = Mutex::default();
        let halted = || {
            let hopeless = || errors_before + locked(&failed).len() > self.max_errors;
            self.stop.load(Ordering::Relaxed) || locked(&fatal).is_some() || hopeless()
        };
        let work = || {
            while !halted() {
                let Some(&position) = missing.get(next.fetch_add(1, Ordering::Relaxed)) else { return };
                match self.original(shard, position) {
                    Ok(Made::Done(done)) => {
                        locked(&made).insert(position, done);
                        tick(Tick { kept: 0, made: 1, errors: 0 });
                    }
                    Ok(Made::Failed(error)) => {
                        let original = self.plan.entry(position).map_or("", |(id, _)| id).to_owned();
                        let reason = error.split_whitespace().collect::<Vec<_>>().join(" ");
                        locked(&failed).push(ErrorRow { original, reason });
                        tick(Tick { kept: 0, made: 0, errors: 1 });
                    }
                    Ok(Made::Stopped) => return,
                    Err(error) => {
                        locked(&fatal).get_or_insert(error);
                        return;
                    }
                }
            }
        };
        std::thread::scope(|scope| {
            for _ in 0..self.threads.clamp(1, missing.len().max(1)) {
                scope.spawn(work);
            }
        });
        if let Some(error) = fatal.into_inner().unwrap_or_else(PoisonError::into_inner) {
            return Err(error);
        }
        let made = made.into_inner().unwrap_or_else(PoisonError::into_inner);
        let mut failed = failed.into_inner().unwrap_or_else(PoisonError::into_inner);
        failed.sort();
        // Threads stopped early because of these; the rest of the shard is not done.
        self.refuse_too_many(shard, errors_before, &failed)?;
        Ok((made, failed))
    }

    /// Makes one original, and its note of progress last.
    fn original(&self, shard: u32, position: usize) -> Result<Made, GenerateError> {
        let planned = self.plan.original(position)?;
        let mut rendering = match Rendering::open(self.plan.recipe(), &planned) {
            Ok(rendering) => rendering,
            Err(error) => return Ok(Made::Failed(error.to_string())),
        };
        let mut writer = Writer::start(self.store, self.layout, self.format, position)?;
        match self.variants(&planned, &mut rendering, &mut writer)? {
            None => {}
            Some(early) => {
                writer.abandon()?;
                return Ok(early);
            }
        }
        let finished = writer.finish()?;
        let done = Done { rows: finished.rows, archive: finished.archive };
        let note = serde_json::to_vec(&done).map_err(|e| self.unreadable("progress", e.to_string()))?;
        self.store.put(&format!("{}/{position}.json", progress_folder(shard)), note)?;
        Ok(Made::Done(done))
    }

    /// Writes all variants; returns early with what stood in the way.
    fn variants(
        &self,
        planned: &PlannedOriginal,
        rendering: &mut Rendering,
        writer: &mut Writer,
    ) -> Result<Option<Made>, GenerateError> {
        for variant in &planned.variants {
            if self.stop.load(Ordering::Relaxed) {
                return Ok(Some(Made::Stopped));
            }
            let picture = match rendering.variant(variant) {
                Ok(picture) => picture,
                Err(error) => return Ok(Some(Made::Failed(error.to_string()))),
            };
            match self.format.encode(&picture) {
                Ok(bytes) => writer.add(&planned.original.id, variant, bytes)?,
                Err(error) => return Ok(Some(Made::Failed(error.to_string()))),
            }
        }
        Ok(None)
    }

    fn refuse_too_many(&self, shard: u32, before: usize, failed: &[ErrorRow]) -> Result<(), GenerateError> {
        let errors = before + failed.len();
        let Some(first) = failed.first().filter(|_| errors > self.max_errors) else { return Ok(()) };
        let note = serde_json::to_vec_pretty(failed).map_err(|e| self.unreadable("failures", e.to_string()))?;
        self.store.put(&failure_key(shard), note)?;
        let (original, reason) = (first.original.clone(), first.reason.clone());
        Err(GenerateError::TooManyErrors { shard, errors, tolerated: self.max_errors, original, reason })
    }

    /// Writes the shard's table under a name that holds its hash, so two workers never spoil each other's.
    fn commit_record(
        &self,
        shard: u32,
        inputs: Inputs,
        done: &BTreeMap<usize, Done>,
        errors: Vec<ErrorRow>,
        begun: u64,
        made: usize,
    ) -> Result<CommitRecord, GenerateError> {
        let rows: Vec<FileRow> = done.values().flat_map(|done| done.rows.iter().cloned()).collect();
        let bytes = table::encode("index of the shard", &rows)?;
        let sha256 = sha256_hex(&bytes);
        let name = format!("{STAGE}/shards/{shard}-{}.parquet", &sha256[..12]);
        let mut files = vec![StoredFile { name: name.clone(), size: bytes.len() as u64, sha256 }];
        files.extend(done.values().filter_map(|done| done.archive.clone()));
        // Through an upload, which is on the disk when it ends: a record must not outlive its table.
        let mut upload = self.store.upload(&name)?;
        upload.write(&bytes)?;
        upload.finish()?;
        Ok(CommitRecord {
            stage: STAGE.to_owned(),
            shard,
            inputs,
            tool: tool(),
            originals: done.len() as u64,
            rows: rows.len() as u64,
            bytes: rows.iter().map(|row| row.size).sum(),
            files,
            errors,
            begun,
            ended: seconds_now(),
            made: made as u64,
        })
    }

    /// The first to commit wins; who comes second checks the winner's record and throws its own table away.
    fn commit(&self, record: CommitRecord, positions: &std::ops::Range<usize>) -> Result<Ended, GenerateError> {
        let shard = record.shard;
        let ended = if record.commit(self.store)? {
            Ended::Committed(record)
        } else {
            let winner = CommitRecord::read(self.store, STAGE, shard, &record.inputs)?
                .ok_or_else(|| self.unreadable("shards", "the commit record appeared and vanished".into()))?;
            winner.table(self.store)?;
            if winner.files.first() != record.files.first() {
                self.store.delete(&record.files[0].name)?;
            }
            Ended::Already(winner)
        };
        for position in positions.clone() {
            self.store.delete(&format!("{}/{position}.json", progress_folder(shard)))?;
        }
        self.store.delete(&failure_key(shard))?;
        Ok(ended)
    }

    fn unreadable(&self, key: &str, reason: String) -> GenerateError {
        GenerateError::Unreadable { place: self.store.place().to_owned(), key: format!("{STAGE}/{key}"), reason }
    }

    /// What this worker makes, to be claimed.
    #[must_use]
    pub fn destination(&self) -> Destination {
        Destination::of(self.plan, self.format, self.layout)
    }
}

/// Originals that are done in a shard that is not committed, and whether a worker gave it up.
pub(super) fn progress(store: &dyn Store, shard: u32) -> Result<(usize, bool), GenerateError> {
    Ok((store.list(&progress_folder(shard))?.len(), store.size(&failure_key(shard))?.is_some()))
}
