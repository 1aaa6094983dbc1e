//! One stream's gate, followed over restarts of the daemon.

use std::path::PathBuf;

use super::{
    Reader, Slot,
    reader::{Doubt, Reading},
};

/// Time between two attempts to find file and stream again, in nanoseconds.
const RETRY: u64 = 500_000_000;

/// Reads one stream's gate, opening the file and looking for the stream again where need be. Never fails: what can't be
/// read is unknown.
#[derive(Debug)]
pub struct Follower {
    path: PathBuf,
    stream: String,
    held: Option<(Reader, Slot)>,
    tried: Option<u64>,
}

impl Follower {
    /// Follows a stream in the file of this name.
    pub fn new(path: impl Into<PathBuf>, stream: impl Into<String>) -> Self {
        Self { path: path.into(), stream: stream.into(), held: None, tried: None }
    }

    /// The gate at time `now` (`CLOCK_MONOTONIC` in nanoseconds). Costs a read of memory, and at most twice a second, while
    /// the gate can't be read, an attempt to open the file.
    pub fn read(&mut self, now: u64) -> Reading {
        let reading = self.look(now);
        let lost = matches!(reading.doubt, Some(Doubt::Missing | Doubt::Closed | Doubt::Freed | Doubt::Heartbeat));
        if !lost || self.tried.is_some_and(|tried| now.saturating_sub(tried) < RETRY) {
            return reading;
        }
        self.tried = Some(now);
        let found = Reader::open(&self.path).ok().and_then(|reader| {
            let slot = reader.find(&self.stream)?;
            Some((reader, slot))
        });
        if found.is_none() {
            return reading;
        }
        self.held = found;
        self.look(now)
    }

    fn look(&self, now: u64) -> Reading {
        match &self.held {
            Some((reader, slot)) => reader.read(*slot, now),
            None => Reading::nothing(Doubt::Missing),
        }
    }
}
