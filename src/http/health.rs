//! Whether the program is alive and ready.

use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::Duration,
};

use crate::gate::monotonic_ns;

/// Without a beat for so long the program counts as stuck.
const LONGEST: Duration = Duration::from_secs(10);

/// Fed by the daemon's own loop, so that a stuck daemon can't look healthy.
#[derive(Debug)]
pub struct Health {
    beat: AtomicU64,
    ready: AtomicBool,
}

impl Default for Health {
    fn default() -> Self {
        Self { beat: AtomicU64::new(monotonic_ns()), ready: AtomicBool::new(false) }
    }
}

impl Health {
    /// The daemon's loop turned once more.
    pub fn beat(&self) {
        self.beat.store(monotonic_ns(), Ordering::Relaxed);
    }

    /// Everything is started: the first verdicts are there, or the limit for them has passed.
    pub fn set_ready(&self) {
        self.ready.store(true, Ordering::Release);
    }

    /// Whether the daemon's loop turns.
    pub fn is_alive(&self) -> bool {
        self.is_alive_at(monotonic_ns())
    }

    fn is_alive_at(&self, now: u64) -> bool {
        now.saturating_sub(self.beat.load(Ordering::Relaxed)) < LONGEST.as_nanos() as u64
    }

    /// Whether it is alive and everything is started.
    pub fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Acquire) && self.is_alive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stuck_daemon_is_not_alive() {
        let health = Health::default();
        let now = monotonic_ns();
        assert!(health.is_alive_at(now) && !health.is_ready());
        health.set_ready();
        assert!(health.is_ready());
        assert!(health.is_alive_at(now + 9_000_000_000) && !health.is_alive_at(now + 11_000_000_000));
    }
}
