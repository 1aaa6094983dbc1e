//! Where all threads say what happened and put up where the gates stand.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use super::{
    clock::{Clock, today},
    silences::Silences,
};
use crate::{
    event::{Event, GateStatus, Said},
    gate::Board,
    http::Metrics,
    sink::Queue,
    snapshot::Album,
};

pub(super) struct Outlet {
    queues: RwLock<Vec<Queue>>,
    board: Arc<Board>,
    metrics: Arc<Metrics>,
    album: Option<Album>,
    clock: Clock,
    said: AtomicU64,
    overloaded: AtomicBool,
    silences: Mutex<Silences>,
}

impl Outlet {
    pub(super) fn new(
        queues: Vec<Queue>,
        board: Arc<Board>,
        metrics: Arc<Metrics>,
        album: Option<Album>,
        clock: Clock,
    ) -> Self {
        Self {
            queues: RwLock::new(queues),
            board,
            metrics,
            album,
            clock,
            said: AtomicU64::new(0),
            overloaded: AtomicBool::new(false),
            silences: Mutex::default(),
        }
    }

    /// Whether scoring can't keep up: then nobody may ask for more.
    pub(super) fn is_overloaded(&self) -> bool {
        self.overloaded.load(Ordering::Relaxed)
    }

    pub(super) fn set_overloaded(&self, overloaded: bool) {
        self.overloaded.store(overloaded, Ordering::Relaxed);
    }

    pub(super) fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    pub(super) fn album(&self) -> Option<&Album> {
        self.album.as_ref()
    }

    pub(super) fn clock(&self) -> &Clock {
        &self.clock
    }

    pub(super) fn board(&self) -> &Arc<Board> {
        &self.board
    }

    /// The silences.
    pub(super) fn silences(&self) -> MutexGuard<'_, Silences> {
        self.silences.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn say(&self, mut event: Event) {
        if let Event::Alert(alert) = &mut event {
            self.silences().mark(alert, today());
        }
        let number = self.said.fetch_add(1, Ordering::Relaxed);
        let said = Arc::new(Said { time: SystemTime::now(), id: format!("{}{number}", self.clock.run()), event });
        let queues = self.queues.read().unwrap_or_else(PoisonError::into_inner);
        queues.iter().for_each(|queue| queue.send(&said));
    }

    /// Puts up where a stream's gate stands; `arrived` is when the newest evidence reached us, in program time.
    pub(super) fn put(&self, status: GateStatus, arrived: Option<Duration>, stale_after: Duration) {
        let until = arrived.map_or(0, |arrived| self.clock.monotonic_ns(arrived + stale_after));
        self.board.put(status, until);
    }

    /// Closes the outlet: what is said from now on goes nowhere.
    pub(super) fn take(&self) -> Vec<Queue> {
        std::mem::take(&mut *self.queues.write().unwrap_or_else(PoisonError::into_inner))
    }
}
