//! Tables as bytes, for stores that are no folders.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use arrow::datatypes::Schema;
use arrow::record_batch::RecordBatch;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;

use super::{Row, TableError, rows};

/// The table as the bytes of a Parquet file (zstd), for stores that are no folders. The same rows give the same bytes.
///
/// # Errors
/// What the Parquet library said; `name` stands for the file.
pub fn encode<R: Row + Clone>(name: &str, rows: &[R]) -> Result<Vec<u8>, TableError> {
    encode_noted(name, rows, &[])
}

/// As [`encode`], with notes (key and value) in the file's footer.
///
/// # Errors
/// As [`encode`].
pub fn encode_noted<R: Row + Clone>(name: &str, rows: &[R], notes: &[(&str, String)]) -> Result<Vec<u8>, TableError> {
    let mut encoder = Encoder::over(Path::new(name), Vec::new(), notes, None)?;
    encoder.push(rows.iter().cloned())?;
    encoder.finish()
}

/// A note in the footer of [`encode_noted`]'s bytes; `None` if there is none of that key.
///
/// # Errors
/// No Parquet file; `name` stands for it.
pub fn note_in(name: &str, bytes: &[u8], key: &str) -> Result<Option<String>, TableError> {
    let bytes = ::bytes::Bytes::copy_from_slice(bytes);
    super::note(Path::new(name), &bytes, key)
}

/// [`encode`] for rows that come bit by bit. In which portions they come changes no byte.
pub struct Encoder<R, W: Write + Send = Vec<u8>> {
    name: PathBuf,
    schema: Arc<Schema>,
    writer: ArrowWriter<Sink<W>>,
    refused: Refused,
    pending: Vec<R>,
}

impl<R: Row> Encoder<R> {
    /// An empty table; `name` stands for the file in errors.
    ///
    /// # Errors
    /// What the Parquet library said.
    pub fn new(name: &str) -> Result<Self, TableError> {
        Self::over(Path::new(name), Vec::new(), &[], None)
    }
}

impl<R: Row, W: Write + Send> Encoder<R, W> {
    /// Rows in one write: a fixed number, since portions show in the bytes.
    const PORTION: usize = 16_384;

    /// An empty table that goes to `sink`, with notes in its footer, so many rows at a time: until then they are in memory,
    /// encoded.
    pub(super) fn over(
        name: &Path,
        sink: W,
        notes: &[(&str, String)],
        group: Option<usize>,
    ) -> Result<Self, TableError> {
        let name = name.to_owned();
        let schema = Arc::new(Schema::new(R::fields()));
        let mut properties = WriterProperties::builder().set_compression(Compression::ZSTD(ZstdLevel::default()));
        if group.is_some() {
            properties = properties.set_max_row_group_row_count(group);
        }
        let properties = properties.build();
        let refused = Refused::default();
        let sink = Sink { inner: sink, refused: refused.clone() };
        let mut writer =
            ArrowWriter::try_new(sink, schema.clone(), Some(properties)).map_err(|e| refused.error(&name, &e))?;
        for (key, value) in notes {
            writer.append_key_value_metadata(KeyValue::new((*key).to_owned(), value.clone()));
        }
        Ok(Self { name, schema, writer, refused, pending: Vec::new() })
    }

    /// Appends rows.
    ///
    /// # Errors
    /// What the Parquet library said.
    pub fn push(&mut self, rows: impl IntoIterator<Item = R>) -> Result<(), TableError> {
        for row in rows {
            self.pending.push(row);
            if self.pending.len() == Self::PORTION {
                self.write()?;
            }
        }
        Ok(())
    }

    fn write(&mut self) -> Result<(), TableError> {
        let batch = RecordBatch::try_new(self.schema.clone(), R::arrays(&self.pending));
        self.pending.clear();
        let batch = batch.map_err(|e| TableError::Format { path: self.name.clone(), reason: e.to_string() })?;
        self.writer.write(&batch).map_err(|e| self.refused.error(&self.name, &e))
    }

    /// What the table went to: its bytes.
    ///
    /// # Errors
    /// What the Parquet library said.
    pub fn finish(mut self) -> Result<W, TableError> {
        self.write()?;
        let Self { name, writer, refused, .. } = self;
        writer.into_inner().map(|sink| sink.inner).map_err(|e| refused.error(&name, &e))
    }
}

/// Where a table goes, with what the system said when it would not take more: the Parquet library makes words of that,
/// and a full disk passes while a broken format doesn't.
struct Sink<W> {
    inner: W,
    refused: Refused,
}

/// The first error of a [`Sink`].
#[derive(Clone, Default)]
struct Refused(Arc<OnceLock<io::Error>>);

impl<W> Sink<W> {
    fn seen<T>(&self, result: io::Result<T>) -> io::Result<T> {
        if let Err(error) = &result
            && error.kind() != io::ErrorKind::Interrupted
        {
            let _ = self.refused.0.set(again(error));
        }
        result
    }
}

impl<W: Write> Write for Sink<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes);
        self.seen(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        let flushed = self.inner.flush();
        self.seen(flushed)
    }
}

impl Refused {
    /// What the system said, else what the library said.
    fn error(&self, path: &Path, error: &ParquetError) -> TableError {
        let path = path.to_owned();
        match self.0.get() {
            Some(system) => TableError::Io { path, source: again(system) },
            None => TableError::Format { path, reason: error.to_string() },
        }
    }
}

/// The same error once more.
fn again(error: &io::Error) -> io::Error {
    error.raw_os_error().map_or_else(|| io::Error::new(error.kind(), error.to_string()), io::Error::from_raw_os_error)
}

/// The rows of [`encode`]'s bytes.
///
/// # Errors
/// No Parquet file, or it lacks a column of the row's type; `name` stands for the file.
pub fn decode<R: Row>(name: &str, bytes: Vec<u8>) -> Result<Vec<R>, TableError> {
    rows(Path::new(name), ::bytes::Bytes::from(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::columns;

    struct Noise {
        value: u64,
    }

    columns!(Noise { value });

    #[test]
    #[cfg(target_os = "linux")]
    fn a_full_disk_is_the_systems_error() -> Result<(), Box<dyn std::error::Error>> {
        let full = std::fs::File::options().write(true).open("/dev/full")?;
        let mut encoder = Encoder::<Noise, _>::over(Path::new("t"), full, &[], Some(1000))?;
        let written = encoder.push((0..50_000_u64).map(|i| Noise { value: i.wrapping_mul(0x9e37_79b9_7f4a_7c15) }));
        match written.and_then(|()| encoder.finish()) {
            Err(TableError::Io { source, .. }) => assert_eq!(source.kind(), io::ErrorKind::StorageFull),
            other => panic!("{:?}", other.err()),
        }
        Ok(())
    }
}
