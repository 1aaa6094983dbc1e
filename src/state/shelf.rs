//! Things that are good to keep and no loss if they are gone: one JSON file beside the state, written now and then.
//!
//! Each thing is read by itself, so that one that can't be read takes no other with it.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{Read, Write},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

/// The version of the file's form that this program reads and writes.
const VERSION: u32 = 1;

/// A larger file is none of ours: a thousand streams' baselines take less.
const LARGEST: u64 = 64 << 20;

/// Why a file can't be kept or used.
#[derive(Debug, thiserror::Error)]
pub enum ShelfError {
    /// It can't be read or written.
    #[error("{}: {source}; check the folder's permissions and free space", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It says something that this program doesn't understand.
    #[error("{}: {message}", path.display())]
    Form {
        /// The file.
        path: PathBuf,
        /// What.
        message: String,
    },
}

/// A file of named things in the state folder.
#[derive(Clone, Debug)]
pub struct Shelf {
    folder: PathBuf,
    name: &'static str,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Form<T> {
    version: u32,
    kept: BTreeMap<String, T>,
}

impl Shelf {
    /// The file of this name in a folder that the caller holds alone.
    pub fn new(folder: &Path, name: &'static str) -> Self {
        Self { folder: folder.into(), name }
    }

    fn path(&self) -> PathBuf {
        self.folder.join(self.name)
    }

    /// What is kept by its name, or why a thing can't be used; nothing without a file.
    ///
    /// # Errors
    /// [`ShelfError`] if the file as a whole can't be used.
    pub fn read<T: DeserializeOwned>(&self) -> Result<BTreeMap<String, Result<T, String>>, ShelfError> {
        let path = self.path();
        let io = |source| ShelfError::Io { path: path.clone(), source };
        let form = |message: String| ShelfError::Form { path: path.clone(), message };
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
            Err(e) => return Err(io(e)),
        };
        let mut text = Vec::new();
        file.take(LARGEST + 1).read_to_end(&mut text).map_err(io)?;
        if text.len() as u64 > LARGEST {
            return Err(form(format!("it is larger than {LARGEST} bytes")));
        }
        let Form { version, kept } = serde_json::from_slice::<Form<Value>>(&text).map_err(|e| form(e.to_string()))?;
        if version != VERSION {
            return Err(form(format!("it has version {version}, this program knows {VERSION}")));
        }
        Ok(kept
            .into_iter()
            .map(|(name, thing)| (name, serde_json::from_value(thing).map_err(|e| e.to_string())))
            .collect())
    }

    /// Keeps these things instead of what was kept: whoever reads sees the old file or the new one, never a part.
    ///
    /// # Errors
    /// [`ShelfError::Io`]; the old file stays.
    pub fn write<T: Serialize>(&self, kept: BTreeMap<String, T>) -> Result<(), ShelfError> {
        let (path, beside) = (self.path(), self.folder.join(format!("{}.new", self.name)));
        let put = || {
            let mut file = File::create(&beside)?;
            file.write_all(&serde_json::to_vec(&Form { version: VERSION, kept })?)?;
            file.sync_all()?;
            std::fs::rename(&beside, &path)
        };
        put().map_err(|source| {
            // On a full disk the half that was written takes room, too. The first error tells more than one of this.
            let _ = std::fs::remove_file(&beside);
            ShelfError::Io { path: path.clone(), source }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn things_are_kept_and_one_that_is_torn_takes_no_other_with_it() {
        let folder = tempfile::tempdir().expect("folder");
        let shelf = Shelf::new(folder.path(), "things.json");
        assert!(shelf.read::<u32>().expect("no file").is_empty());
        shelf.write([("a".to_owned(), 7), ("b".into(), 8)].into()).expect("written");
        assert_eq!(shelf.read::<u32>().expect("read")["b"], Ok(8));
        let path = folder.path().join("things.json");
        std::fs::write(&path, r#"{"version":1,"kept":{"a":7,"b":"eight"}}"#).expect("written");
        let kept = shelf.read::<u32>().expect("read");
        assert!(kept["a"] == Ok(7) && kept["b"].is_err(), "{kept:?}");
        for (text, why) in
            [("{\"version\":1,\"ke", "EOF"), ("{\"version\":2,\"kept\":{}}", "version 2"), ("\u{0}\u{1}", "expected")]
        {
            std::fs::write(&path, text).expect("written");
            let error = shelf.read::<u32>().expect_err(text).to_string();
            assert!(error.contains(why), "{error}");
        }
        // Nothing can be put in a folder's place, and nothing is left beside it.
        std::fs::remove_file(&path).expect("removed");
        std::fs::create_dir(&path).expect("folder");
        shelf.write([("a".to_owned(), 7)].into()).expect_err("no place");
        assert!(!folder.path().join("things.json.new").exists());
    }
}
