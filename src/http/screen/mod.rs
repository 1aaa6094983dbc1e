//! What the server shows of a running daemon beside gates and metrics: the streams with history and pictures, alerts, events.
//!
//! The daemon writes, the server reads; neither waits for the other.

mod alerts;
mod feed;
mod history;
mod painter;
mod pane;
mod thin;

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError, RwLock,
    atomic::{AtomicU32, Ordering},
};

use tokio::sync::broadcast;

pub use alerts::{AlertView, Known};
pub(super) use feed::{REMEMBERED, Told};
use history::History;
pub(super) use history::{HistoryView, MOST as MOST_POINTS};
pub(super) use painter::{Picture, Size};
pub(super) use pane::Thresholds;
pub use pane::{Normal, Pane, PaneAbout};

use crate::{
    event::{Event, Said},
    state::Silence,
};
use alerts::Alerts;
use feed::Feed;
use painter::Painter;

/// A rule as far as people choose by it.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct RuleView {
    /// Its name.
    pub name: String,
    /// Only these streams; all of them without.
    pub streams: Option<Vec<String>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What is shown. The daemon holds one if it serves HTTP.
pub struct Screen {
    panes: RwLock<Vec<Arc<Pane>>>,
    alerts: Mutex<Alerts>,
    silences: Arc<Mutex<Vec<Silence>>>,
    feed: Feed,
    painter: Painter,
    rules: Mutex<Vec<RuleView>>,
    /// Bits of an `f32`.
    stretch: AtomicU32,
    refused: Mutex<Option<String>>,
}

impl Screen {
    /// A screen without streams, with the alerts of an earlier run that fire still.
    ///
    /// # Errors
    /// The system's, if it gives no thread.
    pub fn new(silences: Arc<Mutex<Vec<Silence>>>, known: impl IntoIterator<Item = Known>) -> std::io::Result<Self> {
        Ok(Self {
            panes: RwLock::default(),
            alerts: Mutex::new(Alerts::of(known)),
            silences,
            feed: Feed::default(),
            painter: Painter::start()?,
            rules: Mutex::default(),
            stretch: AtomicU32::new(1.0_f32.to_bits()),
            refused: Mutex::default(),
        })
    }

    /// A stream's pane; one of that name goes on.
    pub fn pane(&self, stream: &str) -> Arc<Pane> {
        let mut panes = self.panes.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(pane) = panes.iter().find(|pane| pane.name() == stream) {
            return Arc::clone(pane);
        }
        let pane = Arc::new(Pane::new(stream, self.painter.order()));
        panes.push(Arc::clone(&pane));
        pane
    }

    /// Only these streams from now on, in this order, under these rules.
    pub fn arrange(&self, streams: &[&str], rules: Vec<RuleView>) {
        let place = |pane: &Arc<Pane>| streams.iter().position(|name| *name == pane.name());
        let mut panes = self.panes.write().unwrap_or_else(PoisonError::into_inner);
        panes.retain(|pane| place(pane).is_some());
        panes.sort_by_key(place);
        drop(panes);
        *lock(&self.rules) = rules;
        self.feed.tell(Told::Streams);
    }

    /// Takes note of an event.
    pub fn take(&self, said: &Said) {
        let time = said.time.duration_since(std::time::SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        if let Event::Alert(alert) = &said.event {
            lock(&self.alerts).take(alert, time);
        }
        self.feed.say(said);
    }

    /// Somebody looks after an alert that fires.
    pub fn acknowledge(&self, alert: &str, at: u64) {
        lock(&self.alerts).acknowledge(alert, at);
        self.feed.tell(Told::Alerts);
    }

    /// By how much intervals are stretched, and why the configuration that was read last is not in force.
    pub fn note(&self, stretch: f32, refused: Option<&str>) {
        self.stretch.store(stretch.to_bits(), Ordering::Relaxed);
        let mut known = lock(&self.refused);
        if known.as_deref() != refused {
            *known = refused.map(str::to_owned);
        }
    }

    /// The streams' panes, in the order of the configuration.
    pub(super) fn panes(&self) -> Vec<Arc<Pane>> {
        self.panes.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn find(&self, stream: &str) -> Option<Arc<Pane>> {
        let panes = self.panes.read().unwrap_or_else(PoisonError::into_inner);
        panes.iter().find(|pane| pane.name() == stream).cloned()
    }

    /// Alerts that fire, then those that were resolved lately, the newest first.
    pub(super) fn alerts(&self) -> Vec<AlertView> {
        lock(&self.alerts).all()
    }

    pub(super) fn alert(&self, id: &str) -> Option<AlertView> {
        lock(&self.alerts).find(id).cloned()
    }

    /// Silences that hold at `now`, in seconds since 1970.
    pub(super) fn silences(&self, now: u64) -> Vec<Silence> {
        lock(&self.silences).iter().filter(|silence| now < silence.until).cloned().collect()
    }

    pub(super) fn rules(&self) -> Vec<RuleView> {
        lock(&self.rules).clone()
    }

    pub(super) fn stretch(&self) -> f32 {
        f32::from_bits(self.stretch.load(Ordering::Relaxed))
    }

    pub(super) fn refused(&self) -> Option<String> {
        lock(&self.refused).clone()
    }

    /// What is told from now on.
    pub(super) fn listen(&self) -> broadcast::Receiver<Told> {
        self.feed.listen()
    }

    pub(super) fn listeners(&self) -> usize {
        self.feed.listeners()
    }

    /// Tells those who listen where the gates stand.
    pub(super) fn tell(&self, told: Told) {
        self.feed.tell(told);
    }

    /// The newest events, the newest last; those after the one of this id, if it is among them.
    pub(super) fn events(&self, after: Option<&str>) -> Vec<Told> {
        self.feed.newest(after)
    }
}

impl std::fmt::Debug for Screen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Screen")
    }
}
