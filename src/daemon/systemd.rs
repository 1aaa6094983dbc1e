//! What systemd is told: ready, status, alive. Without systemd nothing happens.

use std::time::Duration;

use sd_notify::NotifyState;

/// How often the status line is renewed.
const EVERY: Duration = Duration::from_secs(5);

/// Without verdicts of all streams the service counts as ready after so long.
const READY_LIMIT: Duration = Duration::from_secs(10);

/// Speaks to systemd.
#[derive(Debug, Default)]
pub(super) struct Systemd {
    ready: bool,
    told: Option<Duration>,
    watchdog: Option<Duration>,
    fed: Duration,
}

/// What the daemon knows of itself.
pub(super) struct Health {
    /// Every stream has a verdict, or ended.
    pub(super) judged: bool,
    /// The workers go round: each has looked for work lately.
    pub(super) alive: bool,
    /// One line for people.
    pub(super) status: String,
}

impl Systemd {
    pub(super) fn new() -> Self {
        Self { watchdog: sd_notify::watchdog_enabled(), ..Self::default() }
    }

    /// Tells what is due at program time `now`; true once everything is ready. The watchdog is fed only while the workers
    /// go round.
    pub(super) fn tell(&mut self, now: Duration, health: impl FnOnce() -> Health) -> bool {
        let feed = self.watchdog.filter(|limit| now.saturating_sub(self.fed) >= *limit / 4);
        let status = self.told.is_none_or(|told| now.saturating_sub(told) >= EVERY);
        if feed.is_none() && !status && self.ready {
            return true;
        }
        let health = health();
        if !self.ready && (health.judged || now >= READY_LIMIT) {
            self.ready = true;
            say(&[NotifyState::Ready]);
        }
        if feed.is_some() && health.alive {
            self.fed = now;
            say(&[NotifyState::Watchdog]);
        }
        if status {
            self.told = Some(now);
            say(&[NotifyState::Status(&health.status)]);
        }
        self.ready
    }

    pub(super) fn stopping() {
        say(&[NotifyState::Stopping]);
    }

    pub(super) fn reloading() {
        if let Ok(now) = NotifyState::monotonic_usec_now() {
            say(&[NotifyState::Reloading, now]);
        }
    }

    pub(super) fn reloaded() {
        say(&[NotifyState::Ready]);
    }
}

fn say(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!(%error, "systemd could not be told");
    }
}
