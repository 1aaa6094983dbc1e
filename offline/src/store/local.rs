//! A folder as a store. Files are written under temporary names in `.partial` and then renamed or linked.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use super::{Store, StoreError, Upload};

/// Folder of the temporary names; on the same file system as the results, so a rename is enough.
const PARTIAL: &str = ".partial";

/// A folder. It is made when something is written.
#[derive(Debug)]
pub struct LocalStore {
    root: PathBuf,
    place: String,
    /// Tells processes apart that share the folder, on this machine and others.
    writer: String,
    next: AtomicU64,
}

impl LocalStore {
    /// The store in a folder that may not exist yet.
    #[must_use]
    pub fn new(root: PathBuf) -> Self {
        let nanos = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos());
        let place = root.display().to_string();
        Self { root, place, writer: format!("{}-{nanos:x}", std::process::id()), next: AtomicU64::new(0) }
    }

    fn path(&self, key: &str) -> PathBuf {
        self.root.join(key)
    }

    fn error(&self, action: &'static str, key: &str, error: &io::Error) -> StoreError {
        use io::ErrorKind as Kind;
        let passing = matches!(
            error.kind(),
            Kind::StorageFull | Kind::QuotaExceeded | Kind::TimedOut | Kind::Interrupted | Kind::StaleNetworkFileHandle
        );
        StoreError { place: self.place.clone(), action, key: key.to_owned(), reason: error.to_string(), passing }
    }

    /// A temporary file and the final path, whose folder is there.
    fn start(&self, key: &str) -> io::Result<(PathBuf, File)> {
        let folder = self.root.join(PARTIAL);
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let partial = folder.join(format!("{}-{number}", self.writer));
        let file = match File::create(&partial) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                fs::create_dir_all(&folder)?;
                File::create(&partial)?
            }
            other => other?,
        };
        if let Some(parent) = self.path(key).parent() {
            fs::create_dir_all(parent)?;
        }
        Ok((partial, file))
    }

    fn write(&self, key: &str, bytes: &[u8], sync: bool) -> io::Result<PathBuf> {
        let (partial, mut file) = self.start(key)?;
        let written = file.write_all(bytes).and_then(|()| if sync { file.sync_all() } else { Ok(()) });
        if let Err(error) = written {
            // A full disk stays full of it otherwise; the write's error is the one to tell.
            let _ = fs::remove_file(&partial);
            return Err(error);
        }
        Ok(partial)
    }
}

impl Store for LocalStore {
    fn place(&self) -> &str {
        &self.place
    }

    fn put(&self, key: &str, bytes: Vec<u8>) -> Result<(), StoreError> {
        // Not synced: half a thousand syncs an original would take longer than its pictures. What a power cut may take
        // is noticed by its size when a shard goes on, and by its hash in `verify`.
        self.write(key, &bytes, false)
            .and_then(|partial| fs::rename(partial, self.path(key)))
            .map_err(|e| self.error("write", key, &e))
    }

    fn create(&self, key: &str, bytes: Vec<u8>) -> Result<bool, StoreError> {
        let error = |e: io::Error| self.error("create", key, &e);
        let partial = self.write(key, &bytes, true).map_err(error)?;
        let linked = fs::hard_link(&partial, self.path(key));
        fs::remove_file(&partial).map_err(error)?;
        match linked {
            Ok(()) => Ok(true),
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(e) => Err(error(e)),
        }
    }

    fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        match fs::read(self.path(key)) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(self.error("read", key, &e)),
        }
    }

    fn get_range(&self, key: &str, offset: u64, size: u64) -> Result<Option<Vec<u8>>, StoreError> {
        let read = || {
            let mut file = File::open(self.path(key))?;
            file.seek(SeekFrom::Start(offset))?;
            let mut bytes = Vec::with_capacity(size as usize);
            file.take(size).read_to_end(&mut bytes)?;
            Ok(bytes)
        };
        match read() {
            Ok(bytes) => Ok(Some(bytes)),
            Err(e) if io::Error::kind(&e) == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(self.error("read", key, &e)),
        }
    }

    fn size(&self, key: &str) -> Result<Option<u64>, StoreError> {
        match fs::metadata(self.path(key)) {
            Ok(metadata) => Ok(Some(metadata.len())),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(self.error("look at", key, &e)),
        }
    }

    fn list(&self, folder: &str) -> Result<Vec<String>, StoreError> {
        let mut keys = Vec::new();
        walk(&self.path(folder), folder, &mut keys).map_err(|e| self.error("list", folder, &e))?;
        keys.sort();
        Ok(keys)
    }

    fn delete(&self, key: &str) -> Result<(), StoreError> {
        match fs::remove_file(self.path(key)) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(self.error("delete", key, &e)),
            _ => Ok(()),
        }
    }

    fn upload<'a>(&'a self, key: &str) -> Result<Box<dyn Upload + 'a>, StoreError> {
        let (partial, file) = self.start(key).map_err(|e| self.error("write", key, &e))?;
        Ok(Box::new(LocalUpload { store: self, key: key.to_owned(), partial: Some(partial), file }))
    }

    fn sweep(&self) -> Result<(), StoreError> {
        match fs::remove_dir_all(self.root.join(PARTIAL)) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(self.error("delete", PARTIAL, &e)),
            _ => Ok(()),
        }
    }

    fn is_durable(&self) -> bool {
        false
    }

    fn file(&self, key: &str) -> Option<PathBuf> {
        Some(self.path(key))
    }

    fn free(&self) -> Option<u64> {
        // The folder may not be there yet: its nearest ancestor is on the same file system.
        let absolute = std::path::absolute(&self.root).ok()?;
        let there = absolute.ancestors().find(|folder| folder.exists())?;
        let found = rustix::fs::statvfs(there).ok()?;
        Some(found.f_bavail * found.f_frsize)
    }
}

fn walk(path: &Path, key: &str, keys: &mut Vec<String>) -> io::Result<()> {
    let entries = match fs::read_dir(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other?,
    };
    for entry in entries {
        let entry = entry?;
        let below = format!("{key}/{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            walk(&entry.path(), &below, keys)?;
        } else {
            keys.push(below);
        }
    }
    Ok(())
}

struct LocalUpload<'a> {
    store: &'a LocalStore,
    key: String,
    /// `None` once it has its final name.
    partial: Option<PathBuf>,
    file: File,
}

impl Upload for LocalUpload<'_> {
    fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.file.write_all(bytes).map_err(|e| self.store.error("write", &self.key, &e))
    }

    fn finish(mut self: Box<Self>) -> Result<(), StoreError> {
        let Some(partial) = self.partial.take() else { return Ok(()) };
        let renamed = self.file.sync_all().and_then(|()| fs::rename(&partial, self.store.path(&self.key)));
        renamed.map_err(|e| self.store.error("write", &self.key, &e))
    }
}

impl Drop for LocalUpload<'_> {
    fn drop(&mut self) {
        if let Some(partial) = self.partial.take() {
            // Nothing to tell anybody: `sweep` removes what stays.
            let _ = fs::remove_file(partial);
        }
    }
}
