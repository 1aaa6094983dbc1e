//! A zoo whose every file is settled by its hash, whether its list states one or not.

use std::path::PathBuf;

use super::{Zoo, ZooError, load_file};
use crate::hex::sha256_hex;

/// Digits of a hash that tell files of one entry apart.
const SHORT: usize = 16;

/// A zoo and the files that it has found.
#[derive(Debug, Clone)]
pub struct PinnedZoo {
    /// The list, every entry with the hash of its file: [`super::ZooModel::load`] refuses any other from now on.
    pub zoo: Zoo,
    /// [`Zoo::fingerprint`] of the list as it is.
    pub fingerprint: String,
    /// Name and beginning of the file's hash of each model whose entry states none; `None` if all do.
    pub weights: Option<String>,
}

impl Zoo {
    /// Looks at the files of `folders`. Entries that state a hash are checked when they are loaded.
    ///
    /// # Errors
    /// The file of an entry without a hash is in no folder or can't be read.
    pub fn pinned(&self, folders: &[PathBuf]) -> Result<PinnedZoo, ZooError> {
        let mut zoo = self.clone();
        let mut weights = Vec::new();
        for model in zoo.models.iter_mut().filter(|model| model.sha256.is_none()) {
            let (_, bytes) = load_file(&model.name, &model.file, None, folders)?;
            let hash = sha256_hex(&bytes);
            weights.push(format!("{} {}", model.name, &hash[..SHORT]));
            model.sha256 = Some(hash);
        }
        let weights = Some(weights.join(" + ")).filter(|weights| !weights.is_empty());
        Ok(PinnedZoo { zoo, fingerprint: self.fingerprint(), weights })
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_a_stated_hash_can_not_be_swapped() {
        let folder = tempfile::tempdir().unwrap();
        let folders = [folder.path().to_owned()];
        let mut zoo = Zoo::read(&[]).unwrap();
        zoo.models.truncate(2);
        zoo.models[1].sha256 = None;
        let file = folder.path().join(&zoo.models[1].file);
        assert!(matches!(zoo.pinned(&folders), Err(ZooError::Missing { .. })));
        std::fs::write(&file, b"weights").unwrap();
        let first = zoo.pinned(&folders).unwrap();
        assert_eq!(first.fingerprint, zoo.fingerprint());
        let named = first.weights.clone().unwrap();
        assert!(named.starts_with(&format!("{} ", zoo.models[1].name)) && !named.contains('+'), "{named}");
        assert_eq!(first.zoo.models[0].sha256, zoo.models[0].sha256);
        assert!(first.zoo.models[1].load(&folders).is_ok());
        std::fs::write(&file, b"other weights").unwrap();
        assert!(matches!(first.zoo.models[1].load(&folders), Err(ZooError::Hash { .. })));
        assert_ne!(zoo.pinned(&folders).unwrap().weights, first.weights);
        zoo.models.truncate(1);
        assert_eq!(zoo.pinned(&[]).unwrap().weights, None);
    }
}
