//! Typed rows in Parquet files: every table of a work folder is read and written here.
//!
//! A row is a plain struct whose fields implement [`Column`]; [`columns!`](crate::columns) lists the
//! fields once and derives the schema, the writer and the reader from their types.
//! Files appear whole or not at all: rows go to a temporary name that is renamed at the end.

mod append;
mod bytes;
mod list;

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use arrow::record_batch::RecordBatch;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};
use parquet::arrow::{ArrowWriter, ProjectionMask};
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::reader::ChunkReader;

pub use append::{Appender, Closed, Rows};
pub use bytes::{Encoder, decode, encode, encode_noted, note_in};

/// Why a table could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// The file or its folder refused.
    #[error("table {path}: {source}")]
    Io {
        /// The table's file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Not a readable Parquet file.
    #[error("table {path}: {reason}; make it again with the step that writes it")]
    Format {
        /// The table's file.
        path: PathBuf,
        /// What the Parquet library said.
        reason: String,
    },
    /// A column is missing or of another type than the row's field.
    #[error(
        "table {path}: column `{column}` should be {expected}, it is {found}; make the table again with this version"
    )]
    Column {
        /// The table's file.
        path: PathBuf,
        /// Name of the column.
        column: String,
        /// Type the row's field needs.
        expected: String,
        /// Type found, or "missing".
        found: String,
    },
}

/// A field type that is one Arrow column.
pub trait Column: Sized {
    /// Whether the column may hold nulls.
    const NULLABLE: bool;
    /// The Arrow type of the column.
    fn data_type() -> DataType;
    /// The column of these values, in order.
    fn array<'a>(values: impl Iterator<Item = &'a Self>) -> ArrayRef
    where
        Self: 'a;
    /// The values of a column; `None` when its type, its nulls or a value don't fit.
    fn values(array: &dyn Array) -> Option<Vec<Self>>;
    /// What stands for a column that a table lacks; `None` where it must be there. A column that may hold nulls is all
    /// nulls then: tables from before it was added stay readable.
    fn absent(_rows: usize) -> Option<Vec<Self>> {
        None
    }
}

/// A struct whose fields are the columns of a table. Implemented by [`columns!`](crate::columns).
pub trait Row: Sized {
    /// Name, type and nullability of every column, in order.
    fn fields() -> Vec<Field>;
    /// One array a column.
    fn arrays(rows: &[Self]) -> Vec<ArrayRef>;
    /// The rows of a batch; the error holds the offending column's position in [`Row::fields`].
    fn from_batch(batch: &RecordBatch) -> Result<Vec<Self>, usize>;
}

/// Implements [`Row`](crate::table::Row) for a struct: `columns!(LabelRow { sample, original });`.
/// Every field of the struct must be listed.
#[macro_export]
macro_rules! columns {
    ($row:ident { $($field:ident),+ $(,)? }) => {
        impl $crate::table::Row for $row {
            fn fields() -> Vec<::arrow::datatypes::Field> {
                vec![$($crate::table::field_of(stringify!($field), |row: &$row| &row.$field)),+]
            }

            fn arrays(rows: &[Self]) -> Vec<::arrow::array::ArrayRef> {
                vec![$($crate::table::Column::array(rows.iter().map(|row| &row.$field))),+]
            }

            fn from_batch(batch: &::arrow::record_batch::RecordBatch) -> Result<Vec<Self>, usize> {
                let mut at = 0_usize;
                $(
                    let $field = match batch.column_by_name(stringify!($field)) {
                        Some(array) => $crate::table::Column::values(array.as_ref()),
                        None => $crate::table::Column::absent(batch.num_rows()),
                    }
                    .ok_or(at)?;
                    at += 1;
                )+
                let _ = at;
                $(let mut $field = $field.into_iter();)+
                let mut rows = Vec::with_capacity(batch.num_rows());
                while let ($(Some($field),)+) = ($($field.next(),)+) {
                    rows.push($row { $($field),+ });
                }
                Ok(rows)
            }
        }
    };
}

/// The Arrow field of a struct's field, its type inferred from the accessor. Used by [`columns!`](crate::columns).
#[must_use]
pub fn field_of<R, C: Column>(name: &str, _accessor: impl Fn(&R) -> &C) -> Field {
    Field::new(name, C::data_type(), C::NULLABLE)
}

macro_rules! primitive_column {
    ($($rust:ty => $array:ident, $kind:ident, $arrow:ident;)+) => {$(
        impl Column for $rust {
            const NULLABLE: bool = false;

            fn data_type() -> DataType {
                DataType::$arrow
            }

            fn array<'a>(values: impl Iterator<Item = &'a Self>) -> ArrayRef {
                Arc::new(arrow::array::$array::from_iter_values(values.copied()))
            }

            fn values(array: &dyn Array) -> Option<Vec<Self>> {
                let array = array.as_primitive_opt::<arrow::datatypes::$kind>()?;
                (array.null_count() == 0).then(|| array.values().to_vec())
            }
        }

        impl Column for Option<$rust> {
            const NULLABLE: bool = true;

            fn data_type() -> DataType {
                DataType::$arrow
            }

            fn array<'a>(values: impl Iterator<Item = &'a Self>) -> ArrayRef {
                Arc::new(values.copied().collect::<arrow::array::$array>())
            }

            fn values(array: &dyn Array) -> Option<Vec<Self>> {
                Some(array.as_primitive_opt::<arrow::datatypes::$kind>()?.iter().collect())
            }

            fn absent(rows: usize) -> Option<Vec<Self>> {
                Some(vec![None; rows])
            }
        }
    )+};
}

primitive_column! {
    u8 => UInt8Array, UInt8Type, UInt8;
    u16 => UInt16Array, UInt16Type, UInt16;
    u32 => UInt32Array, UInt32Type, UInt32;
    u64 => UInt64Array, UInt64Type, UInt64;
    i16 => Int16Array, Int16Type, Int16;
    i32 => Int32Array, Int32Type, Int32;
    f32 => Float32Array, Float32Type, Float32;
    f64 => Float64Array, Float64Type, Float64;
}

impl Column for String {
    const NULLABLE: bool = false;

    fn data_type() -> DataType {
        DataType::Utf8
    }

    fn array<'a>(values: impl Iterator<Item = &'a Self>) -> ArrayRef {
        Arc::new(StringArray::from_iter_values(values))
    }

    fn values(array: &dyn Array) -> Option<Vec<Self>> {
        let array = array.as_string_opt::<i32>()?;
        array.iter().map(|value| value.map(str::to_owned)).collect()
    }
}

impl Column for Option<String> {
    const NULLABLE: bool = true;

    fn data_type() -> DataType {
        DataType::Utf8
    }

    fn array<'a>(values: impl Iterator<Item = &'a Self>) -> ArrayRef {
        Arc::new(values.map(Option::as_deref).collect::<StringArray>())
    }

    fn values(array: &dyn Array) -> Option<Vec<Self>> {
        Some(array.as_string_opt::<i32>()?.iter().map(|value| value.map(str::to_owned)).collect())
    }

    fn absent(rows: usize) -> Option<Vec<Self>> {
        Some(vec![None; rows])
    }
}

/// Writes all rows to `path` (zstd), under a temporary name first; makes the folder if it is missing.
///
/// # Errors
/// The folder or file can't be written.
pub fn write<R: Row>(path: &Path, rows: &[R]) -> Result<(), TableError> {
    write_noted(path, rows, &[])
}

/// As [`write`], with notes (key and value) in the file's footer.
///
/// # Errors
/// As [`write`].
pub fn write_noted<R: Row>(path: &Path, rows: &[R], notes: &[(&str, String)]) -> Result<(), TableError> {
    let io = |source| TableError::Io { path: path.to_owned(), source };
    let format = |reason: String| TableError::Format { path: path.to_owned(), reason };
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(io)?;
    }
    let schema = Arc::new(Schema::new(R::fields()));
    let batch = RecordBatch::try_new(schema.clone(), R::arrays(rows)).map_err(|e| format(e.to_string()))?;
    let properties = WriterProperties::builder().set_compression(Compression::ZSTD(ZstdLevel::default())).build();

    let partial = partial_name(path);
    let file = File::create(&partial).map_err(io)?;
    let mut writer = ArrowWriter::try_new(file, schema, Some(properties)).map_err(|e| format(e.to_string()))?;
    writer.write(&batch).map_err(|e| format(e.to_string()))?;
    for (key, value) in notes {
        writer.append_key_value_metadata(KeyValue::new((*key).to_owned(), value.clone()));
    }
    let file = writer.into_inner().map_err(|e| format(e.to_string()))?;
    // Without this a power cut could leave an empty file under the final name.
    file.sync_all().map_err(io)?;
    fs::rename(&partial, path).map_err(io)
}

/// Reads all rows of the table at `path`. Columns are found by name; further columns are not read.
///
/// # Errors
/// The file is missing, is no Parquet file, or lacks a column of the row's type.
pub fn read<R: Row>(path: &Path) -> Result<Vec<R>, TableError> {
    let file = File::open(path).map_err(|source| TableError::Io { path: path.to_owned(), source })?;
    rows(path, file)
}

fn rows<R: Row>(path: &Path, file: impl ChunkReader + 'static) -> Result<Vec<R>, TableError> {
    let mut rows = Vec::new();
    for batch in reader::<R>(path, file, 8192)? {
        let batch = batch.map_err(|e| TableError::Format { path: path.to_owned(), reason: e.to_string() })?;
        rows.extend(R::from_batch(&batch).map_err(|at| mismatch::<R>(path, &batch, at))?);
    }
    Ok(rows)
}

/// Reads the columns that the row has, so many rows at a time.
fn reader<R: Row>(
    path: &Path,
    file: impl ChunkReader + 'static,
    rows: usize,
) -> Result<ParquetRecordBatchReader, TableError> {
    let format = |reason: String| TableError::Format { path: path.to_owned(), reason };
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(|e| format(e.to_string()))?;
    let fields = R::fields();
    let wanted = ProjectionMask::columns(builder.parquet_schema(), fields.iter().map(|field| field.name().as_str()));
    builder.with_projection(wanted).with_batch_size(rows).build().map_err(|e| format(e.to_string()))
}

/// A note in the footer of the table at `path`; `None` if it has none of that key.
///
/// # Errors
/// The file is missing or no Parquet file.
pub fn read_note(path: &Path, key: &str) -> Result<Option<String>, TableError> {
    let file = File::open(path).map_err(|source| TableError::Io { path: path.to_owned(), source })?;
    note(path, &file, key)
}

fn note(path: &Path, file: &impl ChunkReader, key: &str) -> Result<Option<String>, TableError> {
    let footer = ArrowReaderMetadata::load(file, ArrowReaderOptions::default())
        .map_err(|e| TableError::Format { path: path.to_owned(), reason: e.to_string() })?;
    let notes = footer.metadata().file_metadata().key_value_metadata();
    let note = notes.and_then(|notes| notes.iter().find(|note| note.key == key));
    Ok(note.and_then(|note| note.value.clone()))
}

pub(crate) fn mismatch<R: Row>(path: &Path, batch: &RecordBatch, at: usize) -> TableError {
    let fields = R::fields();
    let field = &fields[at];
    let found = match batch.column_by_name(field.name()) {
        None => "missing".to_owned(),
        Some(array) if array.data_type() == field.data_type() => {
            format!("{} with values that don't fit", array.data_type())
        }
        Some(array) => array.data_type().to_string(),
    };
    TableError::Column {
        path: path.to_owned(),
        column: field.name().clone(),
        expected: field.data_type().to_string(),
        found,
    }
}

/// The temporary name beside `path`; it holds the process id, so two runs never write the same one.
pub(crate) fn partial_name(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.partial", std::process::id()));
    path.with_file_name(name)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]
mod tests {
    use super::*;

    #[derive(Debug, Clone, PartialEq)]
    struct Measurement {
        name: String,
        class: i32,
        level: u8,
        psnr: f64,
        accuracy: Option<f32>,
        remark: Option<String>,
    }

    columns!(Measurement { name, class, level, psnr, accuracy, remark });

    struct Old {
        name: String,
        class: i32,
        level: u8,
        psnr: f64,
    }

    columns!(Old { name, class, level, psnr });

    #[derive(Debug)]
    struct Newer {
        name: String,
        seed: u64,
    }

    columns!(Newer { name, seed });

    #[derive(Debug)]
    struct Renamed {
        _psnr: f32,
    }

    impl Row for Renamed {
        fn fields() -> Vec<Field> {
            vec![Field::new("psnr", f32::data_type(), false)]
        }

        fn arrays(_rows: &[Self]) -> Vec<ArrayRef> {
            Vec::new()
        }

        fn from_batch(batch: &RecordBatch) -> Result<Vec<Self>, usize> {
            let values: Vec<f32> =
                batch.column_by_name("psnr").and_then(|a| Column::values(a.as_ref())).ok_or(0_usize)?;
            Ok(values.into_iter().map(|_psnr| Self { _psnr }).collect())
        }
    }

    fn rows(count: i32) -> Vec<Measurement> {
        (0..count)
            .map(|i| Measurement {
                name: format!("sample {i}"),
                class: i - 1,
                level: (i % 6) as u8,
                psnr: if i == 0 { f64::INFINITY } else { f64::from(i) / 7.0 },
                accuracy: (i % 3 != 0).then_some(i as f32),
                remark: (i % 5 == 0).then(|| format!("remark {i}")),
            })
            .collect()
    }

    #[test]
    fn rows_survive_the_round_trip_over_several_batches() {
        let folder = tempfile::tempdir().unwrap();
        for count in [0, 1, 20_000] {
            let path = folder.path().join("deep/er").join(format!("{count}.parquet"));
            write(&path, &rows(count)).unwrap();
            assert_eq!(read::<Measurement>(&path).unwrap(), rows(count));
            let bytes = encode("rows", &rows(count)).unwrap();
            let mut one_by_one = Encoder::new("rows").unwrap();
            rows(count).into_iter().for_each(|row| one_by_one.push([row]).unwrap());
            assert_eq!(bytes, one_by_one.finish().unwrap());
            assert_eq!(decode::<Measurement>("rows", bytes).unwrap(), rows(count));
            let left: Vec<_> = fs::read_dir(path.parent().unwrap()).unwrap().map(|e| e.unwrap().file_name()).collect();
            assert!(left.iter().all(|name| !name.to_string_lossy().contains("partial")), "{left:?}");
        }
    }

    #[test]
    fn errors_name_the_table_and_the_column() {
        let folder = tempfile::tempdir().unwrap();
        let missing = folder.path().join("missing.parquet");
        assert!(read::<Measurement>(&missing).unwrap_err().to_string().contains("missing.parquet"));

        let garbage = folder.path().join("garbage.parquet");
        fs::write(&garbage, b"not a table").unwrap();
        assert!(matches!(read::<Measurement>(&garbage), Err(TableError::Format { .. })));

        let table = folder.path().join("table.parquet");
        write(&table, &rows(3)).unwrap();
        // A table from before the last two columns, and one without a column that can't be null.
        write(&table, &[Old { name: "a".into(), class: 1, level: 2, psnr: 3.0 }]).unwrap();
        let read_now = read::<Measurement>(&table).unwrap();
        assert_eq!((read_now[0].accuracy, read_now[0].remark.as_deref()), (None, None));
        let text = read::<Newer>(&table).unwrap_err().to_string();
        assert!(text.contains("`seed` should be UInt64, it is missing"), "{text}");
        let text = read::<Renamed>(&table).unwrap_err().to_string();
        assert!(text.contains("`psnr` should be Float32, it is Float64"), "{text}");
    }
}
