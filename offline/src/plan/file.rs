//! A plan's Parquet file: written once, opened without reading its rows.
//!
//! Row groups never split an original or span two shards. Identity, recipe, number of shards and an index of the
//! originals lie in the footer, so a worker reads the rows of its originals and no others.

use std::fs::{self, File};
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::datatypes::Schema;
use arrow::record_batch::RecordBatch;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ParquetRecordBatchReaderBuilder};
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::schema::types::ColumnPath;

use super::held::Held;
use super::identity::Identity;
use super::planned::PlannedOriginal;
use super::row::{PlanRow, originals_of, rows_of};
use super::{PlanError, PlanId};
use crate::recipe::Recipe;
use crate::table::{self, Row, TableError};

const KEY_ID: &str = "miqa.plan_id";
const KEY_RECIPE: &str = "miqa.recipe";
const KEY_SHARDS: &str = "miqa.shards";
const KEY_ORIGINALS: &str = "miqa.originals";

/// Originals in one row group: a worker decodes at most as many to get at one.
const ORIGINALS_A_GROUP: usize = 64;

/// The shard of the original at `position` (of `count`, by id): even blocks in the order of ids.
#[must_use]
pub fn shard_of(position: usize, count: usize, shards: u32) -> u32 {
    (position as u64 * u64::from(shards) / count.max(1) as u64) as u32
}

/// The positions that make up a shard; the inverse of [`shard_of`].
#[must_use]
pub fn positions_of(shard: u32, count: usize, shards: u32) -> Range<usize> {
    let start = |shard: u32| (u64::from(shard) * count as u64).div_ceil(u64::from(shards)) as usize;
    start(shard)..start(shard + 1)
}

/// Writes a plan, an original at a time; the file appears at the end, whole.
pub struct PlanWriter {
    path: PathBuf,
    partial: PathBuf,
    writer: ArrowWriter<File>,
    schema: Arc<Schema>,
    identity: Identity,
    recipe: Recipe,
    shards: u32,
    count: usize,
    index: Vec<(String, u32)>,
    pending: Vec<PlanRow>,
    pending_originals: usize,
}

/// A plan that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanWritten {
    /// Its identity.
    pub id: PlanId,
    /// Originals in it.
    pub originals: usize,
    /// Variants in it.
    pub variants: u64,
}

impl PlanWriter {
    /// Starts a plan of `count` originals in `shards` shards.
    ///
    /// # Errors
    /// More shards than originals, or none; the file can't be made.
    pub fn create(path: &Path, recipe: &Recipe, count: usize, shards: u32) -> Result<Self, PlanError> {
        if shards == 0 || shards as usize > count {
            return Err(PlanError::Shards { shards, originals: count });
        }
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(|e| io_error(path, e))?;
        }
        let partial = table::partial_name(path);
        let file = File::create(&partial).map_err(|e| io_error(&partial, e))?;
        let schema = Arc::new(Schema::new(PlanRow::fields()));
        // Names are all different and begin alike.
        let name = ColumnPath::from("name");
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_column_dictionary_enabled(name.clone(), false)
            .set_column_encoding(name, Encoding::DELTA_BYTE_ARRAY)
            .build();
        let writer =
            ArrowWriter::try_new(file, schema.clone(), Some(properties)).map_err(|e| format_error(path, &e))?;
        Ok(Self {
            path: path.to_owned(),
            partial,
            writer,
            schema,
            identity: Identity::new(recipe),
            recipe: recipe.clone(),
            shards,
            count,
            index: Vec::with_capacity(count),
            pending: Vec::new(),
            pending_originals: 0,
        })
    }

    /// Adds the next original, in the order of ids.
    ///
    /// # Errors
    /// The file can't be written.
    ///
    /// # Panics
    /// In debug builds, when the order is wrong or there are more originals than announced.
    pub fn push(&mut self, planned: &PlannedOriginal) -> Result<(), PlanError> {
        debug_assert!(self.index.last().is_none_or(|(last, _)| *last < planned.original.id), "originals come by id");
        debug_assert!(self.index.len() < self.count, "more originals than announced");
        let position = self.index.len();
        let shard = shard_of(position, self.count, self.shards);
        let new_shard = position > 0 && shard_of(position - 1, self.count, self.shards) != shard;
        if new_shard || self.pending_originals == ORIGINALS_A_GROUP {
            self.end_group()?;
        }
        self.identity.add(planned);
        self.pending.extend(rows_of(planned, self.recipe.seed(), shard));
        self.pending_originals += 1;
        self.index.push((planned.original.id.clone(), planned.variants.len() as u32));
        Ok(())
    }

    fn end_group(&mut self) -> Result<(), PlanError> {
        let refuse = |reason: &dyn std::fmt::Display| format_error(&self.path, reason);
        let batch =
            RecordBatch::try_new(self.schema.clone(), PlanRow::arrays(&self.pending)).map_err(|e| refuse(&e))?;
        self.writer.write(&batch).and_then(|()| self.writer.flush()).map_err(|e| refuse(&e))?;
        self.pending.clear();
        self.pending_originals = 0;
        Ok(())
    }

    /// Ends the plan and gives it its name; `keep` may still refuse it, and then nothing is left behind.
    ///
    /// # Errors
    /// The file can't be written, or `keep` refuses.
    pub fn finish<E: From<PlanError>>(
        mut self,
        keep: impl FnOnce(&PlanWritten) -> Result<(), E>,
    ) -> Result<PlanWritten, E> {
        self.end_group()?;
        let Self { path, partial, mut writer, identity, recipe, shards, index, .. } = self;
        let variants = index.iter().map(|(_, rows)| u64::from(*rows)).sum();
        let written = PlanWritten { id: identity.finish(), originals: index.len(), variants };
        if let Err(refused) = keep(&written) {
            drop(writer);
            fs::remove_file(&partial).map_err(|e| io_error(&partial, e))?;
            return Err(refused);
        }
        let index = serde_json::to_string(&index).map_err(|e| format_error(&path, &e))?;
        for (key, value) in [
            (KEY_ID, written.id.0.clone()),
            (KEY_RECIPE, recipe.text().to_owned()),
            (KEY_SHARDS, shards.to_string()),
            (KEY_ORIGINALS, index),
        ] {
            writer.append_key_value_metadata(KeyValue::new(key.to_owned(), value));
        }
        let file = writer.into_inner().map_err(|e| format_error(&path, &e))?;
        file.sync_all().map_err(|e| io_error(&partial, e))?;
        fs::rename(&partial, &path).map_err(|e| io_error(&path, e))?;
        Ok(written)
    }
}

/// A plan, opened: footer read, rows not.
#[derive(Debug)]
pub struct Plan {
    path: PathBuf,
    id: PlanId,
    recipe: Recipe,
    shards: u32,
    /// Id, first row and number of rows of every original, by id.
    index: Vec<(String, u64, u32)>,
    /// First row of every row group.
    groups: Vec<u64>,
    footer: ArrowReaderMetadata,
    file: Held,
}

impl Plan {
    /// Opens a plan.
    ///
    /// # Errors
    /// The file is missing, or is no plan of this version.
    pub fn open(path: &Path) -> Result<Self, PlanError> {
        let file = Held::open(path).map_err(|e| io_error(path, e))?;
        let refuse = |reason: String| PlanError::NoPlan { path: path.to_owned(), reason };
        let footer = ArrowReaderMetadata::load(&file, Default::default()).map_err(|e| refuse(e.to_string()))?;
        let pairs = footer.metadata().file_metadata().key_value_metadata();
        let value = |key: &str| {
            let found = pairs.and_then(|pairs| pairs.iter().find(|pair| pair.key == key));
            found.and_then(|pair| pair.value.as_deref()).ok_or_else(|| refuse(format!("it has no `{key}`")))
        };
        let recipe = Recipe::parse(value(KEY_RECIPE)?, &format!("of plan {}", path.display()))?;
        let shards: u32 = value(KEY_SHARDS)?.parse().map_err(|e| refuse(format!("`{KEY_SHARDS}`: {e}")))?;
        let listed: Vec<(String, u32)> =
            serde_json::from_str(value(KEY_ORIGINALS)?).map_err(|e| refuse(format!("`{KEY_ORIGINALS}`: {e}")))?;
        let id = PlanId(value(KEY_ID)?.to_owned());
        let mut row = 0_u64;
        let mut index = Vec::with_capacity(listed.len());
        for (original, rows) in listed {
            index.push((original, row, rows));
            row += u64::from(rows);
        }
        let mut groups = Vec::with_capacity(footer.metadata().num_row_groups());
        let mut first = 0_u64;
        for group in footer.metadata().row_groups() {
            groups.push(first);
            first += group.num_rows() as u64;
        }
        if first != row || shards == 0 || shards as usize > index.len() {
            return Err(refuse(format!(
                "its index speaks of {row} rows in {shards} shards, the file has {first} rows"
            )));
        }
        Ok(Self { path: path.to_owned(), id, recipe, shards, index, groups, footer, file })
    }

    /// Its identity.
    #[must_use]
    pub fn id(&self) -> &PlanId {
        &self.id
    }

    /// Its file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The recipe that it was made with.
    #[must_use]
    pub fn recipe(&self) -> &Recipe {
        &self.recipe
    }

    /// Number of shards.
    #[must_use]
    pub fn shards(&self) -> u32 {
        self.shards
    }

    /// Number of originals.
    #[must_use]
    pub fn originals(&self) -> usize {
        self.index.len()
    }

    /// Number of variants.
    #[must_use]
    pub fn variants(&self) -> u64 {
        self.index.iter().map(|(_, _, rows)| u64::from(*rows)).sum()
    }

    /// Positions, by id, of the originals of a shard (from 0).
    #[must_use]
    pub fn positions(&self, shard: u32) -> Range<usize> {
        positions_of(shard, self.index.len(), self.shards)
    }

    /// Id and number of variants of the original at `position`.
    #[must_use]
    pub fn entry(&self, position: usize) -> Option<(&str, u32)> {
        self.index.get(position).map(|(id, _, rows)| (id.as_str(), *rows))
    }

    /// Position of an original.
    #[must_use]
    pub fn find(&self, original: &str) -> Option<usize> {
        self.index.binary_search_by(|(id, _, _)| id.as_str().cmp(original)).ok()
    }

    /// The original at `position`, read from the row group that holds it.
    ///
    /// # Errors
    /// There is none, or the file can't be read.
    pub fn original(&self, position: usize) -> Result<PlannedOriginal, PlanError> {
        let unknown = || PlanError::Unknown { what: "original", name: format!("number {position}") };
        let (id, first, rows) = self.index.get(position).ok_or_else(unknown)?;
        let group = self.groups.partition_point(|start| start <= first) - 1;
        let found = self.read(group, (first - self.groups[group]) as usize, *rows as usize)?;
        let mut found = found.into_iter().filter(|planned| planned.original.id == *id);
        found.next().ok_or_else(|| self.disagrees(id))
    }

    /// The original that a variant is made of, and the variant's number in it. Any extension of the name will do.
    ///
    /// # Errors
    /// There is no such variant, or the file can't be read.
    pub fn variant(&self, name: &str) -> Result<(PlannedOriginal, usize), PlanError> {
        let stem = |name: &str| name.rsplit_once('.').map_or(name, |(stem, _)| stem).to_owned();
        let wanted = [name.to_owned(), stem(name)];
        // `<id>_<distortion>…`: the id may hold underscores too, so every prefix that is an id is looked at.
        for (at, _) in name.match_indices('_') {
            let Some(position) = self.find(&name[..at]) else { continue };
            let planned = self.original(position)?;
            if let Some(number) = planned.variants.iter().position(|variant| wanted.contains(&stem(&variant.name))) {
                return Ok((planned, number));
            }
        }
        Err(PlanError::Unknown { what: "variant", name: name.to_owned() })
    }

    /// All originals, by id, a row group at a time.
    pub fn iter(&self) -> impl Iterator<Item = Result<PlannedOriginal, PlanError>> + '_ {
        self.of_groups(0..self.groups.len())
    }

    /// The originals of a shard (from 0), by id, a row group at a time: what [`Plan::original`] says of each of
    /// [`Plan::positions`], with every row decoded once.
    pub fn of_shard(&self, shard: u32) -> impl Iterator<Item = Result<PlannedOriginal, PlanError>> + '_ {
        let positions = self.positions(shard);
        let row = |position: usize| self.index.get(position).map_or_else(|| self.variants(), |(_, first, _)| *first);
        // Groups don't span shards.
        let group = |row: u64| self.groups.partition_point(|start| *start < row);
        let groups = group(row(positions.start))..group(row(positions.end));
        self.of_groups(groups)
    }

    fn of_groups(&self, groups: Range<usize>) -> impl Iterator<Item = Result<PlannedOriginal, PlanError>> + '_ {
        groups.flat_map(|group| match self.read(group, 0, usize::MAX) {
            Ok(originals) => originals.into_iter().map(Ok).collect::<Vec<_>>(),
            Err(error) => vec![Err(error)],
        })
    }

    /// Computes the identity anew from all rows.
    ///
    /// # Errors
    /// The file can't be read, or says something else than its identity.
    pub fn check(&self) -> Result<(), PlanError> {
        let mut identity = Identity::new(&self.recipe);
        for planned in self.iter() {
            identity.add(&planned?);
        }
        let found = identity.finish();
        if found == self.id {
            return Ok(());
        }
        let reason = format!("its rows have the identity {}, it says {}", found.short(), self.id.short());
        Err(PlanError::NoPlan { path: self.path.clone(), reason })
    }

    /// Rows of a row group.
    fn read(&self, group: usize, offset: usize, limit: usize) -> Result<Vec<PlannedOriginal>, PlanError> {
        let rows = self.rows(group, offset, limit);
        // Looked at afterwards: whatever was read of an untouched file is of this plan.
        if !self.file.is_untouched().map_err(|e| io_error(&self.path, e))? {
            return Err(PlanError::Changed { path: self.path.clone() });
        }
        rows.map(originals_of)
    }

    fn rows(&self, group: usize, offset: usize, limit: usize) -> Result<Vec<PlanRow>, PlanError> {
        let mut builder = ParquetRecordBatchReaderBuilder::new_with_metadata(self.file.clone(), self.footer.clone())
            .with_row_groups(vec![group])
            .with_batch_size(8192);
        if limit < usize::MAX {
            builder = builder.with_offset(offset).with_limit(limit);
        }
        let mut rows: Vec<PlanRow> = Vec::new();
        for batch in builder.build().map_err(|e| format_error(&self.path, &e))? {
            let batch = batch.map_err(|e| format_error(&self.path, &e))?;
            rows.extend(PlanRow::from_batch(&batch).map_err(|at| table::mismatch::<PlanRow>(&self.path, &batch, at))?);
        }
        Ok(rows)
    }

    fn disagrees(&self, original: &str) -> PlanError {
        let reason = format!("its index and its rows disagree about original `{original}`");
        PlanError::NoPlan { path: self.path.clone(), reason }
    }
}

fn io_error(path: &Path, source: io::Error) -> PlanError {
    PlanError::Table(TableError::Io { path: path.to_owned(), source })
}

fn format_error(path: &Path, reason: &(impl std::fmt::Display + ?Sized)) -> PlanError {
    PlanError::Table(TableError::Format { path: path.to_owned(), reason: reason.to_string() })
}
