//! From a signal to the end of a worker: originals in hand are finished, but not for ever.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How long originals in hand may take after the signal; less than the time that `submit` has engines wait.
pub const GRACE: Duration = Duration::from_secs(90);

/// Whether a worker is to end, and how soon.
#[derive(Debug)]
pub struct Stop<'a> {
    flag: &'a AtomicBool,
    grace: Duration,
    seen: OnceLock<Instant>,
}

impl<'a> Stop<'a> {
    /// Obeys a flag that a signal raises; `grace` is what is left to originals in hand then.
    #[must_use]
    pub fn new(flag: &'a AtomicBool, grace: Duration) -> Self {
        Self { flag, grace, seen: OnceLock::new() }
    }

    /// Whether no other original is to be begun. Time runs from the first call that finds it so: those who work ask
    /// before every picture.
    #[must_use]
    pub fn is_raised(&self) -> bool {
        let raised = self.flag.load(Ordering::Relaxed);
        if raised {
            self.seen.get_or_init(Instant::now);
        }
        raised
    }

    /// Whether originals in hand are to be dropped too.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.is_raised() && self.seen.get().is_some_and(|seen| seen.elapsed() >= self.grace)
    }
}
