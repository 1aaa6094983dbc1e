//! Where the models' files are.

use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::{Zoo, ZooError};

/// The bytes of a model's `file` from the first of `folders` that has it, and its path; the hash is checked if given.
///
/// # Errors
/// No folder has the file, it can't be read, or its hash differs.
pub fn load_file(
    model: &str,
    file: &str,
    sha256: Option<&str>,
    folders: &[PathBuf],
) -> Result<(PathBuf, Vec<u8>), ZooError> {
    let path = find(file, folders).ok_or_else(|| ZooError::Missing {
        model: model.to_owned(),
        file: file.to_owned(),
        folders: names(folders),
    })?;
    let bytes = fs::read(&path).map_err(|source| ZooError::Read { path: path.clone(), source })?;
    if let Some(expected) = sha256 {
        let found: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        if !found.eq_ignore_ascii_case(expected) {
            return Err(ZooError::Hash { model: model.to_owned(), path, expected: expected.to_owned(), found });
        }
    }
    Ok((path, bytes))
}

impl Zoo {
    /// Says which models' files are in none of `folders`, all at once; their hashes are checked when they are loaded.
    ///
    /// # Errors
    /// [`ZooError::Missing`] or, for more than one, [`ZooError::AllMissing`].
    pub fn require_files(&self, folders: &[PathBuf]) -> Result<(), ZooError> {
        let missing: Vec<_> = self.models.iter().filter(|model| find(&model.file, folders).is_none()).collect();
        match missing.as_slice() {
            [] => Ok(()),
            [model] => {
                Err(ZooError::Missing { model: model.name.clone(), file: model.file.clone(), folders: names(folders) })
            }
            _ => Err(ZooError::AllMissing {
                count: missing.len(),
                all: self.models.len(),
                files: missing.iter().map(|m| format!("`{}` ({})", m.name, m.file)).collect::<Vec<_>>().join(", "),
                folders: names(folders),
            }),
        }
    }
}

/// The file below the first of `folders` that has it.
pub(super) fn find(file: &str, folders: &[PathBuf]) -> Option<PathBuf> {
    folders.iter().map(|folder: &PathBuf| folder.join(Path::new(file))).find(|path| path.is_file())
}

fn names(folders: &[PathBuf]) -> String {
    folders.iter().map(|folder| folder.display().to_string()).collect::<Vec<_>>().join(", ")
}
