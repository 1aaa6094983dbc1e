//! One stream as the daemon's threads share it.

use std::{
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use super::{clock::Clock, latency::Latencies};
use crate::{
    config::Stream,
    event::{Event, GateStatus, Said, Seconds, StreamSummary},
    gate::Board,
    monitor::{Fact, Input, Monitor, Settings},
    sink::Queue,
    source::Slot,
};

/// Where all threads say what happened and put up where the gates stand.
pub(super) struct Outlet {
    queues: RwLock<Vec<Queue>>,
    board: Arc<Board>,
    clock: Clock,
    said: AtomicU64,
}

impl Outlet {
    pub(super) fn new(queues: Vec<Queue>, board: Arc<Board>, clock: Clock) -> Self {
        Self { queues: RwLock::new(queues), board, clock, said: AtomicU64::new(0) }
    }

    pub(super) fn say(&self, event: Event) {
        let number = self.said.fetch_add(1, Ordering::Relaxed);
        let said = Arc::new(Said { time: SystemTime::now(), id: format!("{}{number}", self.clock.run()), event });
        let queues = self.queues.read().unwrap_or_else(PoisonError::into_inner);
        queues.iter().for_each(|queue| queue.send(&said));
    }

    /// Puts up where a stream's gate stands; `arrived` is when the newest evidence reached us.
    fn put(&self, status: GateStatus, arrived: Option<Duration>, stale_after: Duration) {
        let until = arrived.map_or(0, |arrived| self.clock.monotonic_ns(arrived + stale_after));
        self.board.put(status, until);
    }

    pub(super) fn board(&self) -> &Arc<Board> {
        &self.board
    }

    /// Closes the outlet: what is said from now on goes nowhere.
    pub(super) fn take(&self) -> Vec<Queue> {
        std::mem::take(&mut *self.queues.write().unwrap_or_else(PoisonError::into_inner))
    }
}

pub(super) struct Watched {
    pub(super) stream: Stream,
    pub(super) slot: Arc<Slot>,
    /// A worker has one of its frames. Changed only under the scheduler's lock.
    pub(super) busy: AtomicBool,
    monitor: Mutex<Monitor>,
    /// When the newest evidence reached us, in program time.
    evidence: Mutex<Option<Duration>>,
    latencies: Mutex<Latencies>,
    scored: AtomicU64,
    unscored: AtomicU64,
    /// The newest trouble, said once as long as it stays the same.
    trouble: Mutex<Option<String>>,
    failure: Mutex<Option<String>>,
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Watched {
    pub(super) fn new(stream: Stream, slot: Slot, settings: Settings) -> Self {
        Self {
            stream,
            slot: Arc::new(slot),
            busy: AtomicBool::new(false),
            monitor: Mutex::new(Monitor::new(settings)),
            evidence: Mutex::default(),
            latencies: Mutex::default(),
            scored: AtomicU64::new(0),
            unscored: AtomicU64::new(0),
            trouble: Mutex::default(),
            failure: Mutex::default(),
        }
    }

    /// Gives the monitor an input and passes on what it says, in order.
    pub(super) fn step(&self, now: Duration, input: Input<'_>, outlet: &Outlet) {
        let mut monitor = lock(&self.monitor);
        let tick = input == Input::Tick;
        let events = monitor.step(now, input);
        // Readers get a new lease with every score; time alone changes nothing unless it moved the gate.
        if !tick || !events.is_empty() {
            outlet.put(monitor.status(), *lock(&self.evidence), monitor.stale_after());
        }
        events.into_iter().for_each(|event| outlet.say(event));
    }

    /// Evidence for the gate arrived with a frame at that program time.
    pub(super) fn evidence(&self, arrived: Duration) {
        *lock(&self.evidence) = Some(arrived);
    }

    /// A fact that comes from outside the frames, at the stream's own time: files have no other clock than their frames.
    pub(super) fn tell(&self, monotonic: Duration, fact: Fact, outlet: &Outlet) {
        if let Fact::Failed(reason) = &fact {
            *lock(&self.failure) = Some(reason.clone());
        }
        let now = if self.stream.location.is_live() { monotonic } else { self.slot.newest().unwrap_or_default() };
        self.step(now, Input::Fact(fact), outlet);
    }

    /// A frame was scored, or could not be.
    pub(super) fn done(&self, at: Duration, latency: Duration, outcome: Result<(), String>, outlet: &Outlet) {
        match outcome {
            Ok(()) => {
                self.scored.fetch_add(1, Ordering::Relaxed);
                lock(&self.latencies).add(latency);
                *lock(&self.trouble) = None;
            }
            Err(trouble) => {
                self.unscored.fetch_add(1, Ordering::Relaxed);
                if lock(&self.trouble).replace(trouble.clone()).as_ref() != Some(&trouble) {
                    self.step(at, Input::Fact(Fact::Trouble(trouble)), outlet);
                }
            }
        }
    }

    /// Whether no frame was handed to a worker yet.
    pub(super) fn is_fresh(&self) -> bool {
        self.scored.load(Ordering::Relaxed) + self.unscored.load(Ordering::Relaxed) == 0
    }

    pub(super) fn summary(&self) -> StreamSummary {
        let (counts, tally) = (self.slot.counts(), lock(&self.monitor).tally());
        StreamSummary {
            stream: self.stream.name.clone(),
            seen: counts.seen,
            scored: self.scored.load(Ordering::Relaxed),
            skipped: counts.skipped,
            dropped: counts.dropped + self.unscored.load(Ordering::Relaxed),
            open: Seconds(tally.open),
            degraded: Seconds(tally.degraded),
            closed: Seconds(tally.closed),
            unknown: Seconds(tally.unknown),
            closings: tally.closings,
            latency: lock(&self.latencies).quantiles(),
            failure: lock(&self.failure).clone(),
        }
    }
}
