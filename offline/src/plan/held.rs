//! A plan's file, held open for as long as it is used.
//!
//! Whoever puts another plan in its place does not change what a running job reads, and who writes over it is noticed: footer
//! and rows are never of two plans.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, Length};

/// The file and what it was like when it was opened. Reads name their places, so threads share it.
#[derive(Debug, Clone)]
pub(super) struct Held {
    file: Arc<File>,
    length: u64,
    written: SystemTime,
}

impl Held {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let metadata = file.metadata()?;
        Ok(Self { length: metadata.len(), written: metadata.modified()?, file: Arc::new(file) })
    }

    /// Whether nobody wrote to it since.
    pub(super) fn is_untouched(&self) -> io::Result<bool> {
        let metadata = self.file.metadata()?;
        Ok((metadata.len(), metadata.modified()?) == (self.length, self.written))
    }
}

impl Length for Held {
    fn len(&self) -> u64 {
        self.length
    }
}

impl ChunkReader for Held {
    type T = BufReader<Onwards>;

    fn get_read(&self, start: u64) -> Result<Self::T, ParquetError> {
        Ok(BufReader::new(Onwards { file: self.file.clone(), at: start }))
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        let mut bytes = vec![0; length];
        self.file.read_exact_at(&mut bytes, start)?;
        Ok(bytes.into())
    }
}

/// The file's bytes from a place on.
pub(super) struct Onwards {
    file: Arc<File>,
    at: u64,
}

impl Read for Onwards {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read_at(buffer, self.at)?;
        self.at += count as u64;
        Ok(count)
    }
}
