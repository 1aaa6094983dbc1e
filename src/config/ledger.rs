//! `[ledger]`: for how long it is remembered how gates stood.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::StateKeys;

/// The ledger's name in its folder.
const FILE: &str = "ledger.redb";

/// The keys of `[ledger]`. With `[state]` the ledger is kept without this section, too.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LedgerKeys {
    /// Folder of the ledger, relative to the configuration file. Default: that of `[state]`.
    pub folder: Option<PathBuf>,
    /// Days of which anything is kept, 1 to 3660. Default 366.
    pub days: u32,
    /// Days whose stretches are kept one by one, at most `days`; older ones are folded to sums of days. Default 35.
    pub detail_days: u32,
    /// Size of the file, in megabytes (2²⁰ bytes), 4 to 4096; where it doesn't reach, days are folded sooner. Default 64.
    pub max_mb: u64,
}

impl Default for LedgerKeys {
    fn default() -> Self {
        Self { folder: None, days: 366, detail_days: 35, max_mb: 64 }
    }
}

/// The ledger that is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Ledger {
    /// Its folder.
    pub folder: PathBuf,
    /// Days of which anything is kept.
    pub days: u32,
    /// Days whose stretches are kept one by one.
    pub detail_days: u32,
    /// Size of the file, in megabytes (2²⁰ bytes).
    pub max_mb: u64,
}

impl Ledger {
    /// The ledger's file.
    pub fn file(&self) -> PathBuf {
        self.folder.join(FILE)
    }
}

impl LedgerKeys {
    /// The ledger that these keys mean, if any is kept; or the key that is wrong and why.
    pub(super) fn check(
        keys: Option<Self>,
        state: Option<&StateKeys>,
        folder: &Path,
    ) -> Result<Option<Ledger>, (&'static str, String)> {
        let asked = keys.is_some();
        let Self { folder: own, days, detail_days, max_mb } = keys.unwrap_or_default();
        if !(1..=3660).contains(&days) {
            return Err(("days", format!("{days} must be 1 to 3660")));
        }
        if detail_days > days {
            return Err(("detail_days", format!("{detail_days} must be at most days ({days})")));
        }
        if !(4..=4096).contains(&max_mb) {
            return Err(("max_mb", format!("{max_mb} must be 4 to 4096")));
        }
        match own.map(|own| folder.join(own)).or_else(|| state.map(|state| state.folder.clone())) {
            Some(folder) => Ok(Some(Ledger { folder, days, detail_days, max_mb })),
            None if asked => Err(("folder", "is missing, and there is no [state] whose folder would do".into())),
            None => Ok(None),
        }
    }
}
