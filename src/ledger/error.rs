//! Why the ledger can't be kept or read.

use std::path::{Path, PathBuf};

/// Why the ledger can't be kept or read.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// Another program writes it.
    #[error("ledger {} is in use by another miqa; give this one a folder of its own ([ledger] folder)", .0.display())]
    InUse(PathBuf),
    /// The system refuses.
    #[error("ledger {}: {source}; check free space and permissions", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is no ledger, damaged, or of a later version.
    #[error("ledger {}: {message}; move it away, or read it with the version that wrote it", path.display())]
    Form {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        message: String,
    },
}

impl LedgerError {
    pub(super) fn of(path: &Path, error: impl Into<redb::Error>) -> Self {
        let path = path.into();
        match error.into() {
            redb::Error::DatabaseAlreadyOpen => Self::InUse(path),
            redb::Error::Io(source) if source.kind() != std::io::ErrorKind::InvalidData => Self::Io { path, source },
            redb::Error::PreviousIo => Self::Io { path, source: std::io::Error::other("an earlier write failed") },
            other => Self::Form { path, message: other.to_string() },
        }
    }

    /// Whether the file itself is at fault: another one in its place would do.
    pub fn is_damage(&self) -> bool {
        matches!(self, Self::Form { .. })
    }
}
