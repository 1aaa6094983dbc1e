//! `[state]`: what the daemon keeps on disk.

use std::path::{Path, PathBuf};

use serde::Deserialize;

/// The keys of `[state]`; without the section nothing survives the program, and bridges that need it are refused.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StateKeys {
    /// Folder of what must survive, relative to the configuration file; one program at a time. Required.
    pub folder: PathBuf,
}

impl StateKeys {
    /// The same with the folder under the configuration's.
    pub(super) fn under(mut self, folder: &Path) -> Self {
        self.folder = folder.join(self.folder);
        self
    }
}
