//! Why a command could not do its work.

use std::{io, path::PathBuf};

use crate::{
    config::ConfigError,
    daemon::DaemonError,
    engine::{CardError, EngineError},
    gate::slot::SlotError,
    ledger::LedgerError,
    monitor::SettingsError,
    picture::PictureError,
    preprocess::PreprocessError,
    source::SourceError,
    state::StateError,
};

/// Why a command could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// The configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The daemon.
    #[error(transparent)]
    Daemon(#[from] DaemonError),
    /// The model's card or file.
    #[error(transparent)]
    Card(#[from] CardError),
    /// ONNX Runtime or the model.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// Configuration and model don't go together.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// A video.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// A picture that can't be used.
    #[error(transparent)]
    Picture(#[from] PictureError),
    /// A picture or frame that can't become a model input.
    #[error("{path}: {source}", path = path.display())]
    Preprocess {
        /// The file.
        path: PathBuf,
        /// Why.
        source: PreprocessError,
    },
    /// The model gave something that is no score.
    #[error("{path}: the model gave {value} for {head}; run `miqa check`, then restore or replace the model", path = path.display())]
    NoScore {
        /// The file.
        path: PathBuf,
        /// The head.
        head: String,
        /// What it gave.
        value: f32,
    },
    /// A location that can't be used.
    #[error("{0}")]
    Location(String),
    /// A head that the model doesn't have, or without a threshold.
    #[error("{0}")]
    Head(String),
    /// A stream that the configuration doesn't have.
    #[error("the configuration has no stream \"{name}\"; it has {known}")]
    NoStream {
        /// What was asked for.
        name: String,
        /// What there is.
        known: String,
    },
    /// The mapped file of gates.
    #[error(transparent)]
    Slot(#[from] SlotError),
    /// The state folder.
    #[error(transparent)]
    State(#[from] StateError),
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// A calibration that can't be made.
    #[error("{0}")]
    Calibrate(String),
    /// Gates that can't be read the way that was asked for.
    #[error("{0}")]
    Gate(String),
    /// Standard output or signals.
    #[error("{0}")]
    Io(#[from] io::Error),
}

impl CommandError {
    /// Nobody reads the output any more: a reason to stop, not to complain.
    pub fn is_broken_pipe(&self) -> bool {
        matches!(self, Self::Io(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }
}
