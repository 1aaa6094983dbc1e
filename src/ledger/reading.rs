//! What a ledger says of a time.

use std::path::Path;

use super::{End, LedgerError, Rows, Stretch, row::add, store::content, stretch::day};

/// What a ledger says of a time. The days at its edge that were folded count whole.
#[derive(Clone, Debug, Default)]
pub struct Reading {
    /// Its beginning, in seconds since 1970.
    pub since: f64,
    /// Its end.
    pub until: f64,
    /// The oldest time that the ledger knows of.
    pub begins: Option<f64>,
    /// Sums by day, all of the time.
    pub rows: Rows,
    /// The stretches of it that are still kept one by one, in the order in which they began, cut at its edges.
    pub stretches: Vec<(String, Stretch)>,
    /// Entries that can't be read.
    pub unreadable: usize,
}

/// Reads what a ledger says of the time from `since` to `until`, both in seconds since 1970; `runs` tells whether a program
/// keeps it now, so that what has no end yet lasts. One that is not there is empty.
///
/// # Errors
/// [`LedgerError`].
pub fn read(path: &Path, since: f64, until: f64, runs: bool) -> Result<Reading, LedgerError> {
    let all = content(path)?.unwrap_or_default();
    let first = all.rows.keys().next().map(|key| f64::from(key.day) * super::stretch::DAY);
    let begins = first.into_iter().chain(all.stretches.first().map(|(_, stretch)| stretch.from)).reduce(f64::min);
    let (first, last) = (day(since), day(until));
    let mut reading = Reading { since, until, begins, unreadable: all.unreadable, ..Reading::default() };
    reading.rows.extend(all.rows.into_iter().filter(|(key, _)| (first..=last).contains(&key.day)));
    for (stream, mut stretch) in all.stretches {
        if stretch.end == End::Lasting {
            if runs {
                stretch.until = stretch.until.max(until);
            } else {
                stretch.end = End::Cut;
            }
        }
        if let Some(part) = stretch.within(since, until) {
            add(&mut reading.rows, &stream, &part);
            reading.stretches.push((stream, part));
        }
    }
    Ok(reading)
}

/// Whether a program keeps this ledger now.
pub fn is_kept(path: &Path) -> bool {
    super::store::is_held(path)
}
