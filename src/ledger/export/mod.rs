//! The ledger for spreadsheets and data frames: one line a day (UTC), stream, state, what was enforced, and reason.

mod csv;
#[cfg(feature = "parquet")]
mod parquet;

pub use csv::csv;
#[cfg(feature = "parquet")]
pub use parquet::{ParquetError, parquet};

use super::{Key, Rows, Saving, Sum};
use crate::{config::Detector, event::GateState};

/// One line.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// What it is of.
    pub key: Key,
    /// The sum.
    pub sum: Sum,
    /// The detector that the saving is of.
    pub detector: Detector,
    /// What it need not do, while readers are told that the gate is closed; in shadow mode, need not have done.
    pub saving: Saving,
}

/// The lines of sums; `detector` tells what stands behind a stream.
pub fn lines(rows: &Rows, detector: impl Fn(&str) -> Detector) -> Vec<Line> {
    let line = |(key, sum): (&Key, &Sum)| {
        let detector = detector(&key.stream);
        let closed = key.enforced.unwrap_or(key.decided) == GateState::Closed.name();
        let saving = if closed { Saving::of(sum.seconds(), detector) } else { Saving::default() };
        Line { key: key.clone(), sum: *sum, detector, saving }
    };
    rows.iter().map(line).collect()
}
