//! Manifests that hold a hash of themselves, so that no bit of them changes unnoticed.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{StageError, StoredFile, Wrong};
use crate::hex::sha256_hex;
use crate::store::Store;

/// What `finalize` writes last: an object of JSON with a field for the hash of all the rest.
pub trait Sealed: Serialize + DeserializeOwned {
    /// SHA-256, in hexadecimal digits, of the text in which this is empty.
    fn seal(&mut self) -> &mut String;
}

/// Why a manifest does not count.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// It is no such object.
    #[error("is no manifest of this version: {0}")]
    Unreadable(#[from] serde_json::Error),
    /// It was changed after it was written.
    #[error("is not what `finalize` wrote: its hash differs")]
    Changed,
}

/// Seals a manifest and writes it as text.
///
/// # Errors
/// It can't be written as JSON.
pub fn sealed<M: Sealed>(manifest: &mut M) -> Result<Vec<u8>, SealError> {
    manifest.seal().clear();
    let hash = sha256_hex(&serde_json::to_vec_pretty(manifest)?);
    *manifest.seal() = hash;
    Ok(serde_json::to_vec_pretty(manifest)?)
}

/// The manifest of a text, if that is what [`sealed`] gave, byte for byte.
///
/// # Errors
/// [`SealError`].
pub fn open_sealed<M: Sealed>(text: &[u8]) -> Result<M, SealError> {
    let mut manifest: M = serde_json::from_slice(text)?;
    if sealed(&mut manifest)? == text { Ok(manifest) } else { Err(SealError::Changed) }
}

/// Hashes files that a manifest names.
///
/// # Errors
/// The store refuses. What is wrong with files is noted.
pub fn check_files(store: &dyn Store, files: &[StoredFile], wrong: &mut Wrong) -> Result<(), StageError> {
    for file in files {
        match store.get(&file.name)? {
            None => wrong.of_finalize(format!("{} is not there", file.name)),
            Some(bytes) if sha256_hex(&bytes) != file.sha256 => {
                wrong.of_finalize(format!("{} has other content than was written", file.name));
            }
            Some(_) => {}
        }
    }
    Ok(())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Serialize, Deserialize)]
    struct Tiny {
        originals: u64,
        finalized_by: String,
        sha256: String,
    }

    impl Sealed for Tiny {
        fn seal(&mut self) -> &mut String {
            &mut self.sha256
        }
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let mut tiny = Tiny { originals: 12, finalized_by: "miqa-offline 0.1.0".into(), sha256: String::new() };
        let text = sealed(&mut tiny).unwrap();
        assert_eq!(open_sealed::<Tiny>(&text).unwrap().originals, 12);
        for at in 0..text.len() {
            for bit in 0..8 {
                let mut spoilt = text.clone();
                spoilt[at] ^= 1 << bit;
                assert!(open_sealed::<Tiny>(&spoilt).is_err(), "bit {bit} of byte {at}");
            }
        }
    }
}
