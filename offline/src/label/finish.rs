//! A finished set of predictions: its manifest, and whether its tables are what was committed.

use serde::{Deserialize, Serialize};

use super::stage::STAGE;
use crate::plan::Plan;
use crate::shard::{Destination, ErrorRow, StageError, StoredFile, sha256_hex, status, tool};
use crate::store::Store;
use crate::table;

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
}

/// Writes manifest and error table once every shard is committed. Running it again writes the same.
///
/// # Errors
/// A shard is not committed ([`StageError::Gaps`]), the destination is of another plan, or a file refuses.
pub fn finalize(store: &dyn Store, plan: &Plan) -> Result<Manifest, StageError> {
    let found = status(store, STAGE)?;
    let there = found.destination.clone();
    of_plan(&there, store, plan)?;
    let records = found.whole(store)?;
    let mut errors: Vec<ErrorRow> = records.iter().flat_map(|record| record.errors.iter().cloned()).collect();
    errors.sort();
    let bytes = table::encode("errors.parquet", &errors)?;
    let name = format!("{STAGE}/errors.parquet");
    let error_table = StoredFile { name: name.clone(), size: bytes.len() as u64, sha256: sha256_hex(&bytes) };
    store.put(&name, bytes)?;
    let manifest = Manifest {
        destination: there,
        finalized_by: tool(),
        labelled_originals: records.iter().map(|record| record.originals).sum(),
        predictions: records.iter().map(|record| record.rows).sum(),
        bytes: records.iter().map(|record| record.bytes).sum(),
        errors: errors.len() as u64,
        error_table,
        tables: records.iter().flat_map(|record| record.files.iter().cloned()).collect(),
    };
    let key = format!("{STAGE}/manifest.json");
    let text = serde_json::to_vec_pretty(&manifest).map_err(|e| StageError::Unreadable {
        place: store.place().to_owned(),
        key: key.clone(),
        reason: e.to_string(),
    })?;
    store.put(&key, text)?;
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
    /// What is wrong, a line each.
    pub wrong: Vec<String>,
}

/// Hashes every table of every committed shard; `tick` is called after every shard.
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
            match record.file(store, file) {
                Ok(_) => {}
                Err(crate::shard::RecordError::Store(error)) => return Err(error.into()),
                Err(error) => verified.wrong.push(error.to_string()),
            }
        }
        tick();
    }
    Ok(verified)
}

fn of_plan(there: &Destination, store: &dyn Store, plan: &Plan) -> Result<(), StageError> {
    let ours =
        Destination { plan_id: plan.id().clone(), recipe: plan.recipe().key(), shards: plan.shards(), ..there.clone() };
    ours.agrees_with(there, store)
}
