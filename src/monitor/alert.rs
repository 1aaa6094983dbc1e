//! An alert's life: quiet → pending → firing → quiet again.

use std::time::Duration;

use crate::config::Bound;

/// When an alert fires and resolves.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct AlertSettings {
    pub(super) bound: Bound,
    pub(super) hold: Duration,
    pub(super) keep_firing_for: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Phase {
    Quiet,
    /// Bad since then, not yet for long enough.
    Pending(Duration),
    /// Fires since its condition began; good since then, if it is.
    Firing {
        since: Duration,
        good: Option<Duration>,
    },
}

/// What an alert says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Change {
    /// It fires; its condition holds since then.
    Fires(Duration),
    /// It resolves; its condition had held since then.
    Resolves(Duration),
}

#[derive(Clone, Debug)]
pub(super) struct Alert {
    settings: AlertSettings,
    phase: Phase,
}

impl Alert {
    pub(super) fn new(settings: AlertSettings) -> Self {
        Self { settings, phase: Phase::Quiet }
    }

    /// An alert that already fired in an earlier run, since before this one began.
    pub(super) fn resume(&mut self) {
        self.phase = Phase::Firing { since: Duration::ZERO, good: None };
    }

    /// Since when its condition holds, be it not yet for long enough.
    pub(super) fn bad_since(&self) -> Option<Duration> {
        match self.phase {
            Phase::Quiet => None,
            Phase::Pending(since) | Phase::Firing { since, .. } => Some(since),
        }
    }

    /// Takes the watched value of time `now`.
    pub(super) fn value(&mut self, now: Duration, value: f32) -> Option<Change> {
        let (bad, good) = match self.settings.bound {
            Bound::Below { fire, resolve } => (value < fire, value >= resolve),
            Bound::Above { fire, resolve } => (value > fire, value <= resolve),
        };
        match self.phase {
            Phase::Quiet | Phase::Pending(_) if bad => {
                let since = if let Phase::Pending(since) = self.phase { since } else { now };
                if now.saturating_sub(since) >= self.settings.hold {
                    self.phase = Phase::Firing { since, good: None };
                    return Some(Change::Fires(since));
                }
                self.phase = Phase::Pending(since);
            }
            Phase::Quiet | Phase::Pending(_) => self.phase = Phase::Quiet,
            Phase::Firing { since, good: was } if good => {
                let good = was.unwrap_or(now);
                if now.saturating_sub(good) >= self.settings.keep_firing_for {
                    self.phase = Phase::Quiet;
                    return Some(Change::Resolves(since));
                }
                self.phase = Phase::Firing { since, good: Some(good) };
            }
            Phase::Firing { since, .. } => self.phase = Phase::Firing { since, good: None },
        }
        None
    }

    /// The stream's picture is gone: what was about to change has to begin anew, what fires goes on firing.
    pub(super) fn pause(&mut self) {
        self.phase = match self.phase {
            Phase::Firing { since, .. } => Phase::Firing { since, good: None },
            _ => Phase::Quiet,
        };
    }

    /// Its condition will hold for ever: there is no use in waiting.
    pub(super) fn fire(&mut self, now: Duration) -> Option<Change> {
        let since = match self.phase {
            Phase::Firing { .. } => return None,
            Phase::Pending(since) => since,
            Phase::Quiet => now,
        };
        self.phase = Phase::Firing { since, good: None };
        Some(Change::Fires(since))
    }

    /// The stream is over: nothing goes on firing.
    pub(super) fn end(&mut self) -> Option<Change> {
        match std::mem::replace(&mut self.phase, Phase::Quiet) {
            Phase::Firing { since, .. } => Some(Change::Resolves(since)),
            _ => None,
        }
    }
}
