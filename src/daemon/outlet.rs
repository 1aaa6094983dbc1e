//! Where all threads say what happened and put up where the gates stand.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock,
        atomic::{AtomicU32, AtomicU64, Ordering},
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
    http::{Metrics, Screen},
    sink::Queue,
    snapshot::Album,
};

pub(super) struct Outlet {
    queues: RwLock<Vec<Queue>>,
    board: Arc<Board>,
    metrics: Arc<Metrics>,
    album: Option<Album>,
    /// What the HTTP server shows, if there is one.
    screen: Option<Arc<Screen>>,
    clock: Clock,
    said: AtomicU64,
    silences: Mutex<Silences>,
    /// The stretch of intervals, as bits of an `f32`.
    stretch: AtomicU32,
}

impl Outlet {
    pub(super) fn new(
        queues: Vec<Queue>,
        board: Arc<Board>,
        metrics: Arc<Metrics>,
        album: Option<Album>,
        screen: Option<Arc<Screen>>,
        clock: Clock,
    ) -> Self {
        Self {
            queues: RwLock::new(queues),
            board,
            metrics,
            album,
            screen,
            clock,
            said: AtomicU64::new(0),
            silences: Mutex::default(),
            stretch: AtomicU32::new(1.0_f32.to_bits()),
        }
    }

    /// Whether scoring can't keep up: then nobody may ask for more.
    pub(super) fn is_overloaded(&self) -> bool {
        self.stretch() > 1.0
    }

    fn stretch(&self) -> f32 {
        f32::from_bits(self.stretch.load(Ordering::Relaxed))
    }

    /// By how much intervals are stretched from now on; 1 without overload.
    pub(super) fn set_stretch(&self, stretch: f32) {
        self.stretch.store(stretch.to_bits(), Ordering::Relaxed);
    }

    pub(super) fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    pub(super) fn album(&self) -> Option<&Album> {
        self.album.as_ref()
    }

    pub(super) fn screen(&self) -> Option<&Arc<Screen>> {
        self.screen.as_ref()
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
    pub(super) fn put(&self, mut status: GateStatus, arrived: Option<Duration>, stale_after: Duration) {
        let stretch = self.stretch();
        if status.detail.is_none() && stretch > 1.0 {
            status.detail = Some(format!("overloaded: interval stretched {stretch:.1}×"));
        }
        let until = arrived.map_or(0, |arrived| self.clock.monotonic_ns(arrived + stale_after));
        self.board.put(status, until);
    }

    /// Closes the outlet: what is said from now on goes nowhere.
    pub(super) fn take(&self) -> Vec<Queue> {
        std::mem::take(&mut *self.queues.write().unwrap_or_else(PoisonError::into_inner))
    }
}
