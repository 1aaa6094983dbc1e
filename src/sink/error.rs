//! Why an output can't be started.

use std::path::PathBuf;

/// Why an output can't be started.
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    /// The system gives no thread or no runtime.
    #[error("cannot start {what}: {source}; raise the limits on processes and open files")]
    Thread {
        /// Which output.
        what: String,
        /// Why.
        source: std::io::Error,
    },
    /// Certificates can't be used.
    #[error("certificates of {path}: {reason}; give a PEM file with at least one certificate", path = path.display())]
    Certificates {
        /// The file, or what the system calls its own.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// TLS can't be set up.
    #[error("TLS: {0}")]
    Tls(#[from] rustls::Error),
    /// The Frigate bridge has nowhere to remember what it changes.
    #[error("frigate: there is no state folder to remember settings in; add [state] folder")]
    NoState,
}
