//! Masks from a folder of `<id>_binary_mask.png`, the authors' archive.

use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::{Mask, MaskError, OriginalMasks};
use crate::source::Original;

/// What follows an original's id in the name of its mask.
pub const SUFFIX: &str = "_binary_mask.png";

/// The masks of one folder.
#[derive(Debug, Clone)]
pub struct FolderMasks {
    folder: PathBuf,
}

impl FolderMasks {
    /// The masks of `folder`.
    ///
    /// # Errors
    /// [`MaskError::Picture`] if there is no such folder.
    pub fn open(folder: &Path) -> Result<Self, MaskError> {
        if !folder.is_dir() {
            let reason = "no such folder; it should hold <id>_binary_mask.png of each original".to_owned();
            return Err(MaskError::Picture { path: folder.to_owned(), reason });
        }
        Ok(Self { folder: folder.to_owned() })
    }

    /// Changes when a mask is added, removed or replaced: names, lengths and times of the files.
    ///
    /// # Errors
    /// [`MaskError::Picture`] if the folder can't be listed.
    pub fn fingerprint(&self) -> Result<String, MaskError> {
        let refuse = |e: std::io::Error| MaskError::Picture { path: self.folder.clone(), reason: e.to_string() };
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.folder).map_err(refuse)? {
            let entry = entry.map_err(refuse)?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.ends_with(SUFFIX) {
                // Of the file itself: a link stays the same when what it points to changes.
                let file = fs::metadata(entry.path()).map_err(refuse)?;
                files.push((name, file.len(), file.modified().ok()));
            }
        }
        files.sort();
        Ok(super::short_hex(&Sha256::digest(format!("{files:?}"))))
    }
}

impl OriginalMasks for FolderMasks {
    fn mask(&mut self, original: &Original) -> Result<Option<Mask>, MaskError> {
        let path = self.folder.join(format!("{}{SUFFIX}", original.id));
        if !path.exists() {
            return Ok(None);
        }
        let mask = Mask::read(&path)?;
        let (found, expected) = ((mask.width(), mask.height()), (original.width, original.height));
        if found != expected {
            return Err(MaskError::Size { path, original: original.id.clone(), found, expected });
        }
        Ok(Some(mask))
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]
mod tests {
    use super::*;
    use crate::mask::tests::original;

    #[test]
    fn masks_are_found_by_id_and_must_fit() {
        let folder = tempfile::tempdir().unwrap();
        let mask = Mask::from_fn(12, 9, |x, _| x > 4);
        mask.write(&folder.path().join("a_binary_mask.png")).unwrap();
        let mut masks = FolderMasks::open(folder.path()).unwrap();
        let before = masks.fingerprint().unwrap();
        assert_eq!(masks.mask(&original("a", 12, 9)).unwrap(), Some(mask));
        assert_eq!(masks.mask(&original("b", 12, 9)).unwrap(), None);
        let text = masks.mask(&original("a", 9, 12)).unwrap_err().to_string();
        assert!(text.contains("12×9") && text.contains("9×12") && text.contains("`a`"), "{text}");

        fs::write(folder.path().join("c_binary_mask.png"), b"no picture").unwrap();
        assert!(masks.mask(&original("c", 1, 1)).is_err());
        assert_ne!(masks.fingerprint().unwrap(), before);
        assert!(FolderMasks::open(&folder.path().join("none")).is_err());
    }
}
