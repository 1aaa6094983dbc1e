//! Tables as bytes, for stores that are no folders.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::datatypes::Schema;
use arrow::record_batch::RecordBatch;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
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
    writer: ArrowWriter<W>,
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
        let mut writer = ArrowWriter::try_new(sink, schema.clone(), Some(properties))
            .map_err(|e| TableError::Format { path: name.clone(), reason: e.to_string() })?;
        for (key, value) in notes {
            writer.append_key_value_metadata(KeyValue::new((*key).to_owned(), value.clone()));
        }
        Ok(Self { name, schema, writer, pending: Vec::new() })
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
        let written =
            batch.map_err(|e| e.to_string()).and_then(|batch| self.writer.write(&batch).map_err(|e| e.to_string()));
        written.map_err(|reason| TableError::Format { path: self.name.clone(), reason })
    }

    /// What the table went to: its bytes.
    ///
    /// # Errors
    /// What the Parquet library said.
    pub fn finish(mut self) -> Result<W, TableError> {
        self.write()?;
        let Self { name, writer, .. } = self;
        writer.into_inner().map_err(|e| TableError::Format { path: name, reason: e.to_string() })
    }
}

/// The rows of [`encode`]'s bytes.
///
/// # Errors
/// No Parquet file, or it lacks a column of the row's type; `name` stands for the file.
pub fn decode<R: Row>(name: &str, bytes: Vec<u8>) -> Result<Vec<R>, TableError> {
    rows(Path::new(name), ::bytes::Bytes::from(bytes))
}
