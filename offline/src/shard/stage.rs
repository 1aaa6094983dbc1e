//! What a shard worker makes of an original.

use std::collections::BTreeMap;

use super::{StageError, Stop, StoredFile};
use crate::plan::PlannedOriginal;
use crate::store::Store;
use crate::table::Row;

/// One stage of the flow that is worked original by original, in shards.
pub trait Stage: Sync {
    /// What a thread keeps from one original to the next: sessions, buffers.
    type Hand;
    /// A row of its tables.
    type Row: Row + Clone + Send;

    /// Names it in keys, records and messages.
    fn name(&self) -> &'static str;

    /// What must be the same for all workers of a destination, besides the plan.
    fn settings(&self) -> BTreeMap<String, String>;

    /// Called once a thread.
    ///
    /// # Errors
    /// [`StageError::Start`].
    fn hand(&self) -> Result<Self::Hand, StageError>;

    /// Makes one original. What an original that fails leaves in the store is taken back.
    ///
    /// # Errors
    /// What ends the run; a fault of this original is in the result.
    fn original(&self, hand: &mut Self::Hand, at: &At, planned: PlannedOriginal)
    -> Result<Made<Self::Row>, StageError>;

    /// The rows of a shard as tables, each with what its name ends in; at least one.
    fn tables(&self, rows: Vec<Self::Row>) -> Vec<(String, Vec<Self::Row>)> {
        vec![(String::new(), rows)]
    }

    /// Bytes of what these rows speak of, where that is counted and not the tables.
    fn bytes(&self, _rows: &[Self::Row]) -> Option<u64> {
        None
    }

    /// A file of the store that the row speaks of, and how long it must be at least.
    fn file<'a>(&self, _row: &'a Self::Row) -> Option<(&'a str, u64)> {
        None
    }
}

/// Where an original is made.
#[derive(Clone, Copy)]
pub struct At<'a> {
    /// The destination.
    pub store: &'a dyn Store,
    /// Position of the original in the plan.
    pub position: usize,
    /// Whether the worker is to end.
    pub stop: &'a Stop<'a>,
}

impl At<'_> {
    /// Whether the original in hand is to be dropped: a signal came, and the time that is left after it is over.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.stop.is_over()
    }
}

/// What became of an original.
#[derive(Debug, Clone, PartialEq)]
pub enum Made<R> {
    /// Its rows, and files that hold all of them.
    Done(Done<R>),
    /// Why it can't be made.
    Failed(String),
    /// Which file of it can't be found: perhaps a matter of mounting, not of this original.
    Absent(String),
    /// The worker is to end, and [`At::is_stopped`] said so.
    Stopped,
}

/// A finished original.
#[derive(Debug, Clone, PartialEq)]
pub struct Done<R> {
    /// A row a variant or prediction.
    pub rows: Vec<R>,
    /// Its archive.
    pub archive: Option<StoredFile>,
}
