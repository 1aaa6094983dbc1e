//! What can be wrong with a mapped file.

use std::path::PathBuf;

/// Why a mapped file can't be made or read.
#[derive(Debug, thiserror::Error)]
pub enum SlotError {
    /// There is none.
    #[error("{}: no file of gates; is `miqa run` running with [slot] path on this file?", .0.display())]
    Missing(PathBuf),
    /// Another program writes it.
    #[error("{}: another miqa writes this file of gates; stop it or give this one a path of its own ([slot] path)", .0.display())]
    InUse(PathBuf),
    /// Something else has this name.
    #[error("{}: this is no file of gates; choose another [slot] path, or remove it if nothing needs it", .0.display())]
    Foreign(PathBuf),
    /// Another version wrote it.
    #[error("{}: the file of gates has layout {version}, this program reads {}; update the older of the two", path.display(), super::layout::VERSION)]
    Version {
        /// The file.
        path: PathBuf,
        /// Its version.
        version: u32,
    },
    /// The system refuses.
    #[error("{}: {source}; check the folder's permissions and free space ([slot] path)", path.display())]
    Io {
        /// The file or its folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// There are more streams than slots.
    #[error("stream \"{stream}\" has no slot: all {capacity} are taken; raise [slot] capacity")]
    Full {
        /// The stream.
        stream: String,
        /// Slots in the file.
        capacity: u32,
    },
    /// A name doesn't fit.
    #[error("stream \"{0}\" has no slot: its name has more than {max} bytes; shorten it", max = super::layout::NAME)]
    Name(String),
}
