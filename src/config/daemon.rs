//! `[snapshots]` and `[state]`: what the daemon keeps on disk.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Period;

/// The keys of `[snapshots]`; without the section no picture is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Snapshots {
    /// Folder of the pictures, relative to the configuration file. Required.
    pub folder: PathBuf,
    /// Age at which a picture is removed. Default `"168h"`.
    #[serde(default = "a_week")]
    pub keep: Period,
    /// All pictures together, in megabytes (10⁶ bytes); the oldest go first. Default 200.
    #[serde(default = "two_hundred")]
    pub quota_mb: u64,
}

fn a_week() -> Period {
    Period::from_millis(168 * 3_600_000)
}

fn two_hundred() -> u64 {
    200
}

/// The keys of `[state]`; without the section nothing survives the program, and bridges that need it are refused.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StateKeys {
    /// Folder of what must survive, relative to the configuration file; one program at a time. Required.
    pub folder: PathBuf,
}

impl Snapshots {
    /// The same with the folder under the configuration's.
    pub(super) fn under(mut self, folder: &Path) -> Self {
        self.folder = folder.join(self.folder);
        self
    }
}

impl StateKeys {
    /// The same with the folder under the configuration's.
    pub(super) fn under(mut self, folder: &Path) -> Self {
        self.folder = folder.join(self.folder);
        self
    }
}
