//! What became of a sink's events.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::http::SinkReading;

/// Counters of one sink, cheap to share.
#[derive(Debug, Default)]
pub struct Tally {
    waiting: AtomicU64,
    written: AtomicU64,
    lost: AtomicU64,
    failed: AtomicU64,
}

impl Tally {
    /// Events that wait in the queue now.
    pub fn waiting(&self) -> u64 {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Events that were written, or taken by the receiver.
    pub fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    /// Events that were given up since the queue was full.
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    /// Events that the sink could not write, or that its receiver refused.
    pub fn failed(&self) -> u64 {
        self.failed.load(Ordering::Relaxed)
    }

    /// All of them, as metrics show them.
    pub fn reading(&self) -> SinkReading {
        SinkReading { waiting: self.waiting(), written: self.written(), dropped: self.lost(), failures: self.failed() }
    }

    pub(super) fn comes(&self) {
        self.waiting.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn leaves(&self) {
        self.waiting.fetch_sub(1, Ordering::Relaxed);
    }

    pub(super) fn is_lost(&self) {
        self.lost.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn is_written(&self) {
        self.written.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn has_failed(&self) {
        self.failed.fetch_add(1, Ordering::Relaxed);
    }
}
