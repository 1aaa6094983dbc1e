//! The ledger's file: an embedded database (redb) with the stretches of the last weeks and the sums of older days.
//! Every change is one transaction, so that whatever kills the program the file holds all of it or nothing.

use std::{
    collections::BTreeSet,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
};

use redb::{
    Builder, ConcurrencyMode, Database, ReadableDatabase, ReadableTable, ReadableTableMetadata, StorageBackend,
    TableDefinition, TableError, backends::InMemoryBackend,
};

use super::{
    End, Key, LedgerError, Rows, Stretch, Sum,
    row::{self, add, ms},
};

/// The version of the tables that this program reads and writes.
const VERSION: u64 = 1;

/// Memory for pages: few are needed at a time.
const CACHE: usize = 4 << 20;

/// Key: beginning in milliseconds since 1970, stream. Value: [`Stretch`] as JSON.
const STRETCHES: TableDefinition<(u64, &str), &[u8]> = TableDefinition::new("stretches");

/// Key: day since 1970, stream, decided, enforced (empty in shadow mode), reason. Value: milliseconds, stays, flaps.
const DAYS: TableDefinition<Day, (u64, u32, u32)> = TableDefinition::new("days");
type Day = (i32, &'static str, &'static str, &'static str, &'static str);

/// `version`.
const ABOUT: TableDefinition<&str, u64> = TableDefinition::new("about");

/// The ledger, held alone for writing; others may read it meanwhile.
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    db: Database,
}

fn builder() -> Builder {
    let mut builder = Builder::new();
    builder.set_cache_size(CACHE).set_concurrency_mode(ConcurrencyMode::SingleWriter).set_check_integrity_on_open(true);
    builder
}

impl Store {
    /// Opens a file or makes it; the whole file is checked. What a killed run left as lasting is cut where it was last
    /// known.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub fn open(path: &Path) -> Result<Self, LedgerError> {
        let db = guarded(path, || Ok(builder().create(path)?))?;
        let store = Self { path: path.into(), db };
        store.prepare()?;
        Ok(store)
    }

    fn prepare(&self) -> Result<(), LedgerError> {
        let found = self.change(|write| {
            let mut about = write.open_table(ABOUT)?;
            let found = about.get("version")?.map_or(VERSION, |version| version.value());
            if found == VERSION {
                about.insert("version", VERSION)?;
                write.open_table(DAYS)?;
                let mut stretches = write.open_table(STRETCHES)?;
                let mut cut = Vec::new();
                for entry in stretches.iter()? {
                    let (key, value) = entry?;
                    let ((from, stream), stretch) = (key.value(), decode(value.value()));
                    if let Some(stretch) = stretch.filter(|stretch| stretch.end == End::Lasting) {
                        cut.push((from, stream.to_owned(), encode(&Stretch { end: End::Cut, ..stretch })));
                    }
                }
                for (from, stream, value) in &cut {
                    stretches.insert((*from, stream.as_str()), value.as_slice())?;
                }
            }
            Ok(found)
        })?;
        known(&self.path, found)
    }

    fn change<T>(
        &self,
        change: impl FnOnce(&redb::WriteTransaction) -> Result<T, redb::Error>,
    ) -> Result<T, LedgerError> {
        let changed = || {
            let mut write = self.db.begin_write()?;
            // Cheaper to read after a kill than a repair of the whole file.
            write.set_quick_repair(true);
            let result = change(&write)?;
            write.commit()?;
            Ok(result)
        };
        guarded(&self.path, changed)
    }

    /// Writes stretches, replacing what is known of them; when this returns they have reached the disk.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub fn put<'a>(&self, all: impl IntoIterator<Item = (&'a str, &'a Stretch)>) -> Result<(), LedgerError> {
        self.change(|write| {
            let mut stretches = write.open_table(STRETCHES)?;
            for (stream, stretch) in all {
                stretches.insert((ms(stretch.from), stream), encode(stretch).as_slice())?;
            }
            Ok(())
        })
    }

    /// How many stretches and how many sums of days there are.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub fn counts(&self) -> Result<(u64, u64), LedgerError> {
        let count = || {
            let read = self.db.begin_read()?;
            Ok((read.open_table(STRETCHES)?.len()?, read.open_table(DAYS)?.len()?))
        };
        guarded(&self.path, count)
    }

    /// Folds into sums of days what began before `before` (seconds since 1970) and has ended, and of the rest the oldest
    /// until at most `most` stretches are left.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub fn fold(&self, before: f64, most: u64) -> Result<(), LedgerError> {
        self.change(|write| {
            let (mut stretches, mut days) = (write.open_table(STRETCHES)?, write.open_table(DAYS)?);
            let (mut rows, mut gone) = (Rows::new(), Vec::new());
            let over = stretches.len()?.saturating_sub(most);
            for entry in stretches.iter()? {
                let (key, value) = entry?;
                let (from, stream) = key.value();
                if from >= ms(before) && gone.len() as u64 >= over {
                    break;
                }
                match decode(value.value()) {
                    Some(stretch) if stretch.end == End::Lasting => continue,
                    Some(stretch) => add(&mut rows, stream, &stretch),
                    None => {}
                }
                gone.push((from, stream.to_owned()));
            }
            for (from, stream) in &gone {
                stretches.remove((*from, stream.as_str()))?;
            }
            for (key, mut sum) in rows {
                let place = (key.day, key.stream.as_str(), key.decided, key.enforced.unwrap_or_default(), key.reason);
                if let Some(known) = days.get(place)? {
                    let (ms, stays, flaps) = known.value();
                    sum.add(Sum { ms, stays, flaps });
                }
                days.insert(place, (sum.ms, sum.stays, sum.flaps))?;
            }
            Ok(())
        })
    }

    /// Keeps the sums of the newest days only: at most `days` of them and at most `most` sums. Days are counted, not dates
    /// compared: a clock that goes wrong for an hour must not cost the year.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub fn drop_oldest(&self, days: usize, most: u64) -> Result<(), LedgerError> {
        self.change(|write| {
            let mut table = write.open_table(DAYS)?;
            let (mut seen, mut kept) = (BTreeSet::new(), 0);
            let mut first_kept = None;
            for entry in table.iter()?.rev() {
                let day = entry?.0.value().0;
                seen.insert(day);
                kept += 1;
                if seen.len() > days || kept > most {
                    first_kept = Some(day + 1);
                    break;
                }
            }
            if let Some(first) = first_kept {
                table.retain(|(day, ..), _| day >= first)?;
            }
            Ok(())
        })
    }
}

fn encode(stretch: &Stretch) -> Vec<u8> {
    serde_json::to_vec(stretch).unwrap_or_default()
}

fn decode(bytes: &[u8]) -> Option<Stretch> {
    serde_json::from_slice(bytes).ok()
}

/// Refuses other versions.
fn known(path: &Path, version: u64) -> Result<(), LedgerError> {
    if version == VERSION {
        return Ok(());
    }
    let message = format!("it has version {version}, this program knows {VERSION}");
    Err(LedgerError::Form { path: path.into(), message })
}

/// What a ledger holds.
#[derive(Debug, Default)]
pub(super) struct Content {
    /// Sums of the days that were folded.
    pub(super) rows: Rows,
    /// Stretches, in the order in which they began.
    pub(super) stretches: Vec<(String, Stretch)>,
    /// Entries that can't be read.
    pub(super) unreadable: usize,
}

/// Reads a ledger, whether somebody writes it or not; none that is not there.
pub(super) fn content(path: &Path) -> Result<Option<Content>, LedgerError> {
    if !path.exists() {
        return Ok(None);
    }
    // What somebody writes was checked when it was opened. Otherwise the whole file is checked, and mended if its program was
    // killed, in memory: the file is the next writer's to mend.
    let all = if is_held(path) {
        read_all(path, &guarded(path, || Ok(builder().open_read_only(path)?))?)
    } else {
        read_all(path, &mended(path)?)
    };
    all.map(Some)
}

fn mended(path: &Path) -> Result<Database, LedgerError> {
    let bytes = std::fs::read(path).map_err(|source| LedgerError::Io { path: path.into(), source })?;
    guarded(path, || {
        let backend = InMemoryBackend::new();
        backend.set_len(bytes.len() as u64).map_err(redb::StorageError::from)?;
        backend.write(0, &bytes).map_err(redb::StorageError::from)?;
        Ok(Builder::new().set_check_integrity_on_open(true).create_with_backend(backend)?)
    })
}

/// The database's own errors, and its panics: on pages that make no sense it may have nothing else to say.
fn guarded<T>(path: &Path, work: impl FnOnce() -> Result<T, redb::Error>) -> Result<T, LedgerError> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(result) => result.map_err(|error| LedgerError::of(path, error)),
        Err(_) => Err(LedgerError::Form { path: path.into(), message: "it is damaged".into() }),
    }
}

fn read_all(path: &Path, db: &impl ReadableDatabase) -> Result<Content, LedgerError> {
    let all = || {
        let read = db.begin_read()?;
        let version = match read.open_table(ABOUT) {
            Ok(about) => about.get("version")?.map_or(0, |version| version.value()),
            // It was made an instant ago, or its program was killed then.
            Err(TableError::TableDoesNotExist(_)) => return Ok((VERSION, Content::default())),
            Err(error) => return Err(error.into()),
        };
        let mut content = Content::default();
        if version != VERSION {
            return Ok((version, content));
        }
        for entry in read.open_table(DAYS)?.iter()? {
            let (place, sum) = entry?;
            let (day, stream, decided, enforced, reason) = place.value();
            let (ms, stays, flaps) = sum.value();
            let key = || {
                let enforced = if enforced.is_empty() { None } else { Some(row::state(enforced)?) };
                let (decided, reason) = (row::state(decided)?, row::reason(reason)?);
                Some(Key { day, stream: stream.into(), decided, enforced, reason })
            };
            match key() {
                Some(key) => drop(content.rows.insert(key, Sum { ms, stays, flaps })),
                None => content.unreadable += 1,
            }
        }
        for entry in read.open_table(STRETCHES)?.iter()? {
            let (key, value) = entry?;
            match decode(value.value()) {
                Some(stretch) => content.stretches.push((key.value().1.into(), stretch)),
                None => content.unreadable += 1,
            }
        }
        Ok((version, content))
    };
    let (version, content) = guarded(path, all)?;
    known(path, version).map(|()| content)
}

/// Whether a program has a ledger open for writing.
pub(super) fn is_held(path: &Path) -> bool {
    let mut builder = Builder::new();
    builder.set_cache_size(CACHE);
    // Its file is not touched: a reader that wants nobody beside it is refused while there is a writer.
    matches!(builder.open_read_only(path), Err(redb::DatabaseError::DatabaseAlreadyOpen))
}
