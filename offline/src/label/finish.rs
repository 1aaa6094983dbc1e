//! A finished set of predictions: its manifest, and whether its tables are what was committed.

use serde::{Deserialize, Serialize};

use super::stage::STAGE;
use crate::hex::sha256_hex;
use crate::plan::Plan;
use crate::shard::{
    CommitRecord, Destination, ErrorRow, Sealed, StageError, StoredFile, Wrong, check_files, open_sealed, sealed,
    status, tool,
};
use crate::store::Store;
use crate::table;

/// Key of the manifest.
const MANIFEST: &str = "label/manifest.json";

/// `label/manifest.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Plan and zoo.
    #[serde(flatten)]
    pub destination: Destination,
    /// Program that finalized.
    pub finalized_by: String,
    /// Originals with predictions.
    pub labelled_originals: u64,
    /// Predictions: a sample and model each.
    pub predictions: u64,
    /// Bytes of the tables.
    pub bytes: u64,
    /// Originals in the error table.
    pub errors: u64,
    /// The error table.
    pub error_table: StoredFile,
    /// The tables, by shard and model.
    pub tables: Vec<StoredFile>,
    /// Of this manifest, while this is empty.
    pub sha256: String,
}

impl Sealed for Manifest {
    fn seal(&mut self) -> &mut String {
        &mut self.sha256
    }
}

impl Manifest {
    /// What these records come to, not yet sealed; and the error table.
    fn of(destination: Destination, records: &[CommitRecord]) -> Result<(Self, Vec<u8>), StageError> {
        let mut errors: Vec<ErrorRow> = records.iter().flat_map(|record| record.errors.iter().cloned()).collect();
        errors.sort();
        let bytes = table::encode("errors.parquet", &errors)?;
        let name = format!("{STAGE}/errors.parquet");
        let manifest = Self {
            destination,
            finalized_by: tool(),
            labelled_originals: records.iter().map(|record| record.originals).sum(),
            predictions: records.iter().map(|record| record.rows).sum(),
            bytes: records.iter().map(|record| record.bytes).sum(),
            errors: errors.len() as u64,
            error_table: StoredFile { name, size: bytes.len() as u64, sha256: sha256_hex(&bytes) },
            tables: records.iter().flat_map(|record| record.files.iter().cloned()).collect(),
            sha256: String::new(),
        };
        Ok((manifest, bytes))
    }

    /// Whether both speak of the same predictions, whichever version of the program wrote them.
    fn agrees_with(&self, other: &Self) -> bool {
        let (finalized_by, sha256) = (self.finalized_by.clone(), self.sha256.clone());
        let error_table = self.error_table.clone();
        Self { finalized_by, sha256, error_table, ..other.clone() } == *self
    }
}

/// Writes manifest and error table once every shard is committed. Running it again writes the same.
///
/// # Errors
/// A shard is not committed ([`StageError::Gaps`]), the destination is of another plan, or a file refuses.
pub fn finalize(store: &dyn Store, plan: &Plan) -> Result<Manifest, StageError> {
    let found = status(store, STAGE)?;
    let there = found.destination.clone();
    of_plan(&there, store, plan)?;
    let (mut manifest, errors) = Manifest::of(there, found.whole(store)?)?;
    store.put(&manifest.error_table.name, errors)?;
    let text = sealed(&mut manifest).map_err(|e| StageError::Unreadable {
        place: store.place().to_owned(),
        key: MANIFEST.to_owned(),
        reason: e.to_string(),
    })?;
    store.put(MANIFEST, text)?;
    store.sweep()?;
    Ok(manifest)
}

/// What a check of the tables found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Verified {
    /// Committed shards.
    pub shards: usize,
    /// Tables that were read and hashed.
    pub hashed: u64,
    /// What is wrong.
    pub wrong: Wrong,
}

/// Hashes every table of every committed shard, and what `finalize` left if it was run: then every record must be there.
/// `tick` is called after every shard.
///
/// # Errors
/// The destination is of another plan, or can't be read. What is wrong with tables is in the result.
pub fn verify(store: &dyn Store, plan: &Plan, tick: &dyn Fn()) -> Result<Verified, StageError> {
    let found = status(store, STAGE)?;
    of_plan(&found.destination, store, plan)?;
    let mut verified = Verified::default();
    for record in &found.records {
        verified.shards += 1;
        for file in &record.files {
            verified.hashed += 1;
            if let Err(error) = record.file(store, file) {
                verified.wrong.of_record(record, error)?;
            }
        }
        tick();
    }
    let Some(text) = store.get(MANIFEST)? else { return Ok(verified) };
    let lost = found.open();
    let whole = lost.is_empty();
    verified.wrong.of_lost_records(STAGE, lost);
    match open_sealed::<Manifest>(&text) {
        Err(error) => verified.wrong.of_finalize(format!("{MANIFEST} {error}")),
        Ok(manifest) => {
            check_files(store, std::slice::from_ref(&manifest.error_table), &mut verified.wrong)?;
            let (expected, _) = Manifest::of(found.destination, &found.records)?;
            if whole && !manifest.agrees_with(&expected) {
                verified.wrong.of_finalize(format!("{MANIFEST} speaks of other things than the shards' records"));
            }
        }
    }
    Ok(verified)
}

fn of_plan(there: &Destination, store: &dyn Store, plan: &Plan) -> Result<(), StageError> {
    let ours =
        Destination { plan_id: plan.id().clone(), recipe: plan.recipe().key(), shards: plan.shards(), ..there.clone() };
    ours.agrees_with(there, store)
}
