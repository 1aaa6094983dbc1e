//! The run's beginning on the clocks that matter: program time, `CLOCK_MONOTONIC`, time of day.

use std::time::{Duration, Instant, SystemTime};

use crate::gate::monotonic_ns;

/// When the run began.
#[derive(Clone, Debug)]
pub(super) struct Clock {
    epoch: Instant,
    /// `CLOCK_MONOTONIC` then, in nanoseconds.
    monotonic: u64,
    run: String,
}

impl Clock {
    /// The run begins now.
    pub(super) fn start() -> Self {
        let since = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
        Self { epoch: Instant::now(), monotonic: monotonic_ns(), run: format!("{:x}-", since.as_millis()) }
    }

    /// The instant that program times count from.
    pub(super) fn epoch(&self) -> Instant {
        self.epoch
    }

    /// Program time now.
    pub(super) fn now(&self) -> Duration {
        self.epoch.elapsed()
    }

    /// A program time as `CLOCK_MONOTONIC` in nanoseconds, which other processes can compare with their own.
    pub(super) fn monotonic_ns(&self, at: Duration) -> u64 {
        self.monotonic.saturating_add(u64::try_from(at.as_nanos()).unwrap_or(u64::MAX))
    }

    /// The run's name: begins the ids of what it says, so that they differ from other runs'.
    pub(super) fn run(&self) -> &str {
        &self.run
    }
}

/// The time of day, in seconds since 1970.
pub(super) fn today() -> u64 {
    SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_secs()
}
