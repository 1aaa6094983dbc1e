//! One stream as it is shown: what it is, how its score went, what it looks like.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU8, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

use serde::Serialize;

use super::{
    History,
    history::HistoryView,
    lock,
    painter::{Order, Orders, Picture, Place, Size},
};
use crate::{
    event::{Band, GateReason, GateState, GateStatus},
    facts::LightMode,
    frame::Frame,
    monitor::GateSettings,
};

/// A live picture younger than this is shown as it is.
const FRESH: Duration = Duration::from_millis(900);

/// One younger than this is shown at once, and a newer one made for whoever asks next: who looks asks again and again.
const RECENT: Duration = Duration::from_secs(4);

/// How long a newer picture is waited for; streams of which keyframes only are decoded give one in seconds.
const PATIENCE: Duration = Duration::from_millis(1500);

/// What a stream is, as its configuration says.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct PaneAbout {
    /// Where it comes from, without secrets.
    pub location: String,
    /// It was added to the running daemon.
    pub added: bool,
    /// Its source rests.
    pub paused: bool,
    /// Pictures of it may be shown (`snapshots` of the stream).
    pub pictures: bool,
    /// Seconds from one scored frame to the next.
    pub interval: f64,
    /// The model output that decides.
    pub head: String,
    /// Everything is decided and nothing commanded.
    pub shadow: bool,
}

/// What is normal for a camera in the present light: quantiles of its score (0–1).
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Normal {
    /// The band's lower edge.
    pub low: f32,
    /// The median.
    pub median: f32,
    /// The band's upper edge.
    pub high: f32,
}

impl From<Band> for Normal {
    fn from(band: Band) -> Self {
        Self { low: band.low, median: band.normal, high: band.high }
    }
}

/// The thresholds in force.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(in crate::http) struct Thresholds {
    close_below: f32,
    degrade_below: f32,
    open_above: f32,
}

/// What changes while it is watched.
#[derive(Clone, Debug, Default)]
pub(in crate::http) struct Looks {
    /// Width and height in pixels.
    pub(in crate::http) size: Option<[u32; 2]>,
    pub(in crate::http) light: Option<LightMode>,
    pub(in crate::http) thresholds: Option<Thresholds>,
    pub(in crate::http) normal: Option<Normal>,
    /// State and reason, and since when (seconds since 1970) they hold.
    stands: Option<(GateState, GateReason, f64)>,
}

impl Looks {
    pub(in crate::http) fn stands_since(&self) -> Option<f64> {
        self.stands.map(|(_, _, since)| since)
    }
}

/// One stream's part of the [`Screen`](super::Screen).
pub struct Pane {
    name: String,
    about: Mutex<PaneAbout>,
    looks: Mutex<Looks>,
    history: Mutex<History>,
    orders: Orders,
    /// Sizes that somebody waits for, a bit each.
    wanted: AtomicU8,
    small: Arc<Place>,
    large: Arc<Place>,
    good: Arc<Place>,
}

impl Pane {
    pub(super) fn new(name: &str, orders: Orders) -> Self {
        Self {
            name: name.into(),
            about: Mutex::default(),
            looks: Mutex::default(),
            history: Mutex::default(),
            orders,
            wanted: AtomicU8::new(0),
            small: Arc::default(),
            large: Arc::default(),
            good: Arc::default(),
        }
    }

    /// The stream.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the stream is from now on.
    pub fn set_about(&self, about: PaneAbout) {
        if !about.pictures {
            [&self.small, &self.large, &self.good].iter().for_each(|place| place.clear());
        }
        *lock(&self.about) = about;
    }

    /// Its source rests, or plays again.
    pub fn set_paused(&self, paused: bool) {
        lock(&self.about).paused = paused;
    }

    /// Size of its pictures in pixels.
    pub fn set_size(&self, width: u32, height: u32) {
        lock(&self.looks).size = Some([width, height]);
    }

    /// The light that its camera sees by.
    pub fn set_light(&self, light: Option<LightMode>) {
        lock(&self.looks).light = light;
    }

    /// Thresholds from now on.
    pub fn set_thresholds(&self, gate: GateSettings) {
        let GateSettings { close_below, degrade_below, open_above, .. } = gate;
        lock(&self.looks).thresholds = Some(Thresholds { close_below, degrade_below, open_above });
    }

    /// What is normal for this camera now, if that is known.
    pub fn set_normal(&self, normal: Option<Normal>) {
        lock(&self.looks).normal = normal;
    }

    /// Where its gate stands now; `scored` if that rests on new evidence.
    pub fn stand(&self, status: &GateStatus, scored: bool) {
        let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
        let mut looks = lock(&self.looks);
        let same = |(state, reason, _): &(_, _, f64)| (*state, *reason) == (status.decided, status.reason);
        if !looks.stands.as_ref().is_some_and(same) {
            looks.stands = Some((status.decided, status.reason, now.as_secs_f64()));
        }
        drop(looks);
        lock(&self.history).put(now.as_secs(), status.smoothed.filter(|_| scored), status.decided);
    }

    /// A frame came by: if somebody looks, it is drawn. Costs nothing otherwise.
    pub fn show(&self, frame: &Frame) {
        if self.wanted.load(Ordering::Relaxed) == 0 {
            return;
        }
        let wanted = self.wanted.swap(0, Ordering::Relaxed);
        for (size, place) in [(Size::Small, &self.small), (Size::Large, &self.large)] {
            let order = || Order { frame: frame.clone(), size, place: Arc::clone(place) };
            if wanted & size.bit() != 0 && !self.orders.give(order()) {
                // The painter is busy: the next frame will do.
                self.wanted.fetch_or(size.bit(), Ordering::Relaxed);
            }
        }
    }

    /// The last good picture.
    pub fn keep_good(&self, frame: &Frame) {
        // A painter that is busy has others to draw: ten seconds later there is another good one.
        self.orders.give(Order { frame: frame.clone(), size: Size::Large, place: Arc::clone(&self.good) });
    }

    pub(in crate::http) fn about(&self) -> PaneAbout {
        lock(&self.about).clone()
    }

    pub(in crate::http) fn looks(&self) -> Looks {
        lock(&self.looks).clone()
    }

    pub(in crate::http) fn history(&self, now: u64, points: usize) -> HistoryView {
        lock(&self.history).view(now, points)
    }

    pub(in crate::http) fn good(&self) -> Option<Picture> {
        self.good.get()
    }

    /// A picture of now: a recent one, the next one, or after a while the newest there is.
    pub(in crate::http) async fn live(&self, size: Size) -> Option<Picture> {
        let place = if size == Size::Small { &self.small } else { &self.large };
        let begun = Instant::now();
        let newest = place.get();
        if let Some(picture) = newest.as_ref().filter(|picture| picture.at.elapsed() < FRESH) {
            return Some(picture.clone());
        }
        if self.about().paused {
            return newest;
        }
        if newest.as_ref().is_some_and(|picture| picture.at.elapsed() < RECENT) {
            self.wanted.fetch_or(size.bit(), Ordering::Relaxed);
            return newest;
        }
        loop {
            let changed = place.changed.notified();
            self.wanted.fetch_or(size.bit(), Ordering::Relaxed);
            let newest = place.get();
            if newest.as_ref().is_some_and(|picture| picture.at >= begun) {
                return newest;
            }
            let left = PATIENCE.saturating_sub(begun.elapsed());
            if left.is_zero() || tokio::time::timeout(left, changed).await.is_err() {
                return place.get();
            }
        }
    }
}
