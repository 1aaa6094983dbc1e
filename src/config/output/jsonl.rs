//! `[jsonl]`: events as JSON lines in a file that is rotated.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Fault, all_events, fault};
use crate::{config::Period, event::EventKind};

/// A file smaller than this would be rotated at nearly every line.
const SMALLEST: u64 = 4096;

/// More old files than this are nobody's intention.
const MOST: u32 = 1000;

/// The keys of `[jsonl]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JsonlKeys {
    /// The file, relative to the configuration file; older ones stand beside it as `<path>.1` (the newest), `<path>.2` …
    /// Required.
    #[schemars(length(min = 1))]
    pub path: PathBuf,
    /// Size in bytes above which a new file is begun, at least 4096. Default 67108864 (64 MiB).
    #[serde(default = "rotate_bytes")]
    #[schemars(range(min = 4096))]
    pub rotate_bytes: u64,
    /// Age of the first line at which a new file is begun. Default `"168h"`.
    #[serde(default = "rotate_after")]
    pub rotate_after: Period,
    /// Older files that are kept, 0 to 1000. Default 5.
    #[serde(default = "keep")]
    #[schemars(range(max = 1000))]
    pub keep: u32,
    /// Which events: `"stream"`, `"gate"`, `"alert"`, `"overload"`, `"reloaded"`, `"error"`, `"summary"`. Default: all.
    #[serde(default = "all_events")]
    pub events: Vec<EventKind>,
}

fn rotate_bytes() -> u64 {
    64 << 20
}

fn rotate_after() -> Period {
    Period::from_millis(7 * 24 * 3_600_000)
}

fn keep() -> u32 {
    5
}

/// A checked `[jsonl]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Jsonl {
    /// The file.
    pub path: PathBuf,
    /// Size in bytes above which a new file is begun.
    pub rotate_bytes: u64,
    /// Age of the first line at which a new file is begun.
    pub rotate_after: Period,
    /// Older files that are kept.
    pub keep: u32,
    /// Which events.
    pub events: Vec<EventKind>,
}

impl JsonlKeys {
    pub(super) fn check(self, folder: &Path) -> Result<Jsonl, Fault> {
        let Self { path, rotate_bytes, rotate_after, keep, events } = self;
        if path.as_os_str().is_empty() {
            return Err(fault("path", "is empty; name a file"));
        }
        if rotate_bytes < SMALLEST {
            return Err(fault("rotate_bytes", format!("{rotate_bytes} is too small; at least {SMALLEST}")));
        }
        if rotate_after < Period::from_millis(1000) {
            return Err(fault("rotate_after", format!("{rotate_after} is too short; at least 1s")));
        }
        if keep > MOST {
            return Err(fault("keep", format!("{keep} is too many; at most {MOST}")));
        }
        Ok(Jsonl { path: folder.join(path), rotate_bytes, rotate_after, keep, events })
    }
}
