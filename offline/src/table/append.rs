//! Tables that are written or read bit by bit, so that memory does not grow with them.

use std::fs::{self, File};
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use parquet::arrow::arrow_reader::ParquetRecordBatchReader;
use parquet::file::reader::ChunkReader;

use super::{Encoder, Row, TableError, mismatch, partial_name, reader};

/// Rows that go to the disk together. A row of scores holds some hundred values.
const GROUP: usize = 32_768;

/// A table on its way to `path`, [`GROUP`] rows in memory at most. Dropped before [`Appender::finish`], it leaves
/// nothing behind.
pub struct Appender<R: Row> {
    path: PathBuf,
    partial: Partial,
    encoder: Encoder<R, File>,
}

/// A file under a temporary name; gone with this, unless it was renamed.
struct Partial(PathBuf);

impl<R: Row> Appender<R> {
    /// An empty table with these notes (key and value) in its footer; makes the folder if it is missing.
    ///
    /// # Errors
    /// The folder or file can't be written.
    pub fn new(path: &Path, notes: &[(&str, String)]) -> Result<Self, TableError> {
        let io = |source| TableError::Io { path: path.to_owned(), source };
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(io)?;
        }
        let partial = Partial(partial_name(path));
        let file = File::create(&partial.0).map_err(io)?;
        Ok(Self { path: path.to_owned(), partial, encoder: Encoder::over(path, file, notes, Some(GROUP))? })
    }

    /// Appends rows.
    ///
    /// # Errors
    /// The file can't be written.
    pub fn push(&mut self, rows: impl IntoIterator<Item = R>) -> Result<(), TableError> {
        self.encoder.push(rows)
    }

    /// Makes the table appear.
    ///
    /// # Errors
    /// The file can't be written.
    pub fn finish(self) -> Result<(), TableError> {
        self.close()?.appear()
    }

    /// Writes all that is left, still under the temporary name: tables that belong together appear together.
    ///
    /// # Errors
    /// The file can't be written.
    pub fn close(self) -> Result<Closed, TableError> {
        let Self { path, partial, encoder } = self;
        let file = encoder.finish()?;
        // Without this a power cut could leave an empty file under the final name.
        file.sync_all().map_err(|source| TableError::Io { path: path.clone(), source })?;
        Ok(Closed { path, partial })
    }
}

/// A table that is whole but has not appeared yet. Dropped, it leaves nothing behind.
pub struct Closed {
    path: PathBuf,
    partial: Partial,
}

impl Closed {
    /// Where it will be.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Makes it appear, in the place of any before.
    ///
    /// # Errors
    /// It can't be renamed.
    pub fn appear(self) -> Result<(), TableError> {
        fs::rename(&self.partial.0, &self.path).map_err(|source| TableError::Io { path: self.path, source })
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        // Renamed already where the table was finished.
        let _ = fs::remove_file(&self.0);
    }
}

/// Rows in memory at a time: dozens of tables whose rows are long lists may be read in step.
const BATCH: usize = 1024;

/// The rows of a table, a batch in memory at a time.
pub struct Rows<R> {
    path: PathBuf,
    reader: ParquetRecordBatchReader,
    batch: std::vec::IntoIter<R>,
    row: PhantomData<R>,
}

impl<R: Row> Rows<R> {
    /// Of the table at `path`.
    ///
    /// # Errors
    /// The file is missing or no Parquet file.
    pub fn of_file(path: &Path) -> Result<Self, TableError> {
        let file = File::open(path).map_err(|source| TableError::Io { path: path.to_owned(), source })?;
        Self::of(path, file)
    }

    /// Of a table that is open; `path` stands for it in errors.
    ///
    /// # Errors
    /// It is no Parquet file.
    pub fn of_open(path: &Path, file: File) -> Result<Self, TableError> {
        Self::of(path, file)
    }

    /// Of the bytes of [`super::encode`]; `name` stands for the file.
    ///
    /// # Errors
    /// They are no Parquet file.
    pub fn of_bytes(name: &str, bytes: Vec<u8>) -> Result<Self, TableError> {
        Self::of(Path::new(name), bytes::Bytes::from(bytes))
    }

    fn of(path: &Path, file: impl ChunkReader + 'static) -> Result<Self, TableError> {
        let reader = reader::<R>(path, file, BATCH)?;
        Ok(Self { path: path.to_owned(), reader, batch: Vec::new().into_iter(), row: PhantomData })
    }

    /// How many of the next rows lie decoded.
    #[must_use]
    pub fn decoded(&self) -> usize {
        self.batch.len()
    }

    /// Decodes the next rows if all before were taken. At the end of the table it does nothing.
    ///
    /// # Errors
    /// They can't be decoded.
    pub fn fill(&mut self) -> Result<(), TableError> {
        while self.decoded() == 0 {
            let Some(batch) = self.reader.next() else { return Ok(()) };
            let batch = batch.map_err(|e| TableError::Format { path: self.path.clone(), reason: e.to_string() })?;
            let rows = R::from_batch(&batch).map_err(|at| mismatch::<R>(&self.path, &batch, at))?;
            self.batch = rows.into_iter();
        }
        Ok(())
    }

    /// The next row, if it is decoded.
    #[must_use]
    pub fn peek(&self) -> Option<&R> {
        self.batch.as_slice().first()
    }
}

impl<R: Row> Iterator for Rows<R> {
    type Item = Result<R, TableError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.fill() {
            Ok(()) => self.batch.next().map(Ok),
            Err(error) => Some(Err(error)),
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]
mod tests {
    use super::*;
    use crate::columns;
    use crate::table::{read, read_note};

    #[derive(Debug, Clone, PartialEq)]
    struct Numbered {
        number: u64,
    }

    columns!(Numbered { number });

    #[test]
    fn what_is_appended_is_read_again_and_what_is_dropped_is_not_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/numbers.parquet");
        let mut dropped = Appender::new(&path, &[]).unwrap();
        dropped.push([Numbered { number: 1 }]).unwrap();
        drop(dropped);
        let mut closed = Appender::new(&path, &[]).unwrap();
        closed.push([Numbered { number: 1 }]).unwrap();
        drop(closed.close().unwrap());
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 0);
        for count in [0, 1, 40_000] {
            let mut appender = Appender::new(&path, &[("about", "numbers".to_owned())]).unwrap();
            appender.push((0..count).map(|number| Numbered { number })).unwrap();
            appender.finish().unwrap();
            let expected: Vec<Numbered> = (0..count).map(|number| Numbered { number }).collect();
            assert_eq!(read::<Numbered>(&path).unwrap(), expected);
            assert_eq!(Rows::of_file(&path).unwrap().collect::<Result<Vec<Numbered>, _>>().unwrap(), expected);
            let bytes = fs::read(&path).unwrap();
            assert_eq!(Rows::of_bytes("n", bytes).unwrap().collect::<Result<Vec<Numbered>, _>>().unwrap(), expected);
            assert_eq!(read_note(&path, "about").unwrap().as_deref(), Some("numbers"));
        }
    }
}
