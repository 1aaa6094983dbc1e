//! The commit record of a shard: what it wrote, made visible at once.

use serde::{Deserialize, Serialize};

use crate::hex::sha256_hex;
use crate::store::{Store, StoreError};

/// What a shard was made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Inputs {
    /// A plan, by its identity.
    PlanId(String),
    /// A table of originals, by its identity.
    SourcesId(String),
}

/// `<stage>/shards/<i>.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CommitRecord {
    /// `generate` or `rank`.
    pub stage: String,
    /// The shard, from 0.
    pub shard: u32,
    /// What it was made from.
    #[serde(flatten)]
    pub inputs: Inputs,
    /// Name and version of the program that made it.
    pub tool: String,
    /// Originals that are done.
    pub originals: u64,
    /// Rows of the shard's table.
    pub rows: u64,
    /// Bytes of all files that the rows speak of.
    pub bytes: u64,
    /// The shard's table and the large files that it speaks of.
    pub files: Vec<StoredFile>,
    /// Originals that failed, with the reason.
    pub errors: Vec<ErrorRow>,
    /// Seconds since 1970 when the last worker of the shard began.
    pub begun: u64,
    /// Seconds since 1970 when the shard was committed.
    pub ended: u64,
    /// Originals that the last worker made; the others were there from workers before.
    pub made: u64,
}

/// A file in the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredFile {
    /// Its key.
    pub name: String,
    /// In bytes.
    pub size: u64,
    /// Of its content, 64 hexadecimal digits.
    pub sha256: String,
}

/// An original that failed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ErrorRow {
    /// Its id.
    pub original: String,
    /// Why; one line.
    pub reason: String,
}

crate::columns!(ErrorRow { original, reason });

/// Why a committed shard does not count.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The store refused.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Not readable.
    #[error("{place}: {key} is no commit record: {reason}; delete it and run the shard again")]
    Unreadable {
        /// The store.
        place: String,
        /// The record's key.
        key: String,
        /// What is wrong.
        reason: String,
    },
    /// Made from something else.
    #[error("{place}: {key} was made from {found:?}, this is {expected:?}; give another destination")]
    Inputs {
        /// The store.
        place: String,
        /// The record's key.
        key: String,
        /// What the record says.
        found: Inputs,
        /// What is worked on.
        expected: Inputs,
    },
    /// A file that the record names is not there, or not what it was.
    #[error("{place}: {key} names {file}, which {what}; delete {key} and run the shard again")]
    File {
        /// The store.
        place: String,
        /// The record's key.
        key: String,
        /// The file.
        file: String,
        /// What is wrong with it.
        what: &'static str,
    },
}

/// Where a shard's record lies.
#[must_use]
pub fn record_key(stage: &str, shard: u32) -> String {
    format!("{stage}/shards/{shard}.json")
}

/// Name and version of this program, for records.
#[must_use]
pub fn tool() -> String {
    concat!("miqa-offline ", env!("CARGO_PKG_VERSION")).to_owned()
}

/// Seconds since 1970; for records, never for anything that decides bytes of variants.
#[must_use]
pub fn seconds_now() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

impl CommitRecord {
    /// Reads the record of a shard; `None` while there is none.
    ///
    /// # Errors
    /// It can't be read, or was made from something else than `inputs`.
    pub fn read(store: &dyn Store, stage: &str, shard: u32, inputs: &Inputs) -> Result<Option<Self>, RecordError> {
        let key = record_key(stage, shard);
        let place = || store.place().to_owned();
        let Some(bytes) = store.get(&key)? else { return Ok(None) };
        let record: Self = serde_json::from_slice(&bytes).map_err(|e| RecordError::Unreadable {
            place: place(),
            key: key.clone(),
            reason: e.to_string(),
        })?;
        if record.inputs != *inputs {
            return Err(RecordError::Inputs { place: place(), key, found: record.inputs, expected: inputs.clone() });
        }
        Ok(Some(record))
    }

    /// Makes the record visible; `false` if another worker was first.
    ///
    /// # Errors
    /// The store refuses.
    pub fn commit(&self, store: &dyn Store) -> Result<bool, RecordError> {
        let key = record_key(&self.stage, self.shard);
        let text = serde_json::to_vec_pretty(self).map_err(|e| RecordError::Unreadable {
            place: store.place().to_owned(),
            key: key.clone(),
            reason: e.to_string(),
        })?;
        Ok(store.create(&key, text)?)
    }

    /// The shard's table, its hash compared; the sizes of the other files are compared too.
    ///
    /// # Errors
    /// A file is missing or not what it was.
    pub fn table(&self, store: &dyn Store) -> Result<Vec<u8>, RecordError> {
        let key = record_key(&self.stage, self.shard);
        let wrong = |file: &str, what| RecordError::File {
            place: store.place().to_owned(),
            key: key.clone(),
            file: file.to_owned(),
            what,
        };
        let Some((table, others)) = self.files.split_first() else { return Err(wrong("no table", "should be first")) };
        for file in others {
            match store.size(&file.name)? {
                None => return Err(wrong(&file.name, "is not there")),
                Some(size) if size != file.size => return Err(wrong(&file.name, "has another size")),
                Some(_) => {}
            }
        }
        self.file(store, table)
    }

    /// A file of the record, its hash compared.
    ///
    /// # Errors
    /// It is missing or not what it was.
    pub fn file(&self, store: &dyn Store, file: &StoredFile) -> Result<Vec<u8>, RecordError> {
        let wrong = |what| RecordError::File {
            place: store.place().to_owned(),
            key: record_key(&self.stage, self.shard),
            file: file.name.clone(),
            what,
        };
        let bytes = store.get(&file.name)?.ok_or_else(|| wrong("is not there"))?;
        if sha256_hex(&bytes) == file.sha256 { Ok(bytes) } else { Err(wrong("has other content")) }
    }
}
