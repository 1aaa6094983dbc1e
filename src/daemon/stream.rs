//! One stream as the daemon's threads share it.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use super::{
    framing::Framing,
    latency::Latencies,
    learn::Learner,
    outlet::Outlet,
    schedule::Work,
    timetable::{Timetable, Wall},
};
use crate::{
    config::{Gate, Stream},
    event::{AlertEvent, AlertState, ByHand, Event, GateState, GateStatus, Seconds, StreamSummary},
    facts::Inspector,
    frame::Frame,
    http::{Frames, Pane, StreamMetrics},
    monitor::{Fact, Input, Monitor, Seen, Settings},
    snapshot::{Album, Kept},
    source::{Look, Slot, StatusReader},
};

/// How often the last good picture is taken anew.
const GOOD_EVERY: Duration = Duration::from_secs(10);

pub(super) struct Watched {
    pub(super) stream: Stream,
    pub(super) slot: Arc<Slot>,
    pub(super) framing: Framing,
    /// A worker has one of its frames. Changed only under the scheduler's lock.
    pub(super) busy: AtomicBool,
    /// The stream is over: its last fact was told.
    over: AtomicBool,
    /// The stream's end, told once what was decoded before it is scored.
    end: Mutex<Option<Fact>>,
    /// When a worker took its newest frame, in program time.
    pub(super) served: Mutex<Option<Duration>>,
    outlet: Arc<Outlet>,
    metrics: StreamMetrics,
    /// What is shown of it, if anything is.
    pane: Option<Arc<Pane>>,
    monitor: Mutex<Monitor>,
    inspector: Mutex<Inspector>,
    learner: Mutex<Learner>,
    timetable: Mutex<Timetable>,
    wall: Wall,
    /// When the newest evidence reached us, in program time.
    evidence: Mutex<Option<Duration>>,
    source: OnceLock<StatusReader>,
    /// Connections after the first and pipelines left behind, as metrics know them.
    connections: Mutex<(u64, u64)>,
    good: Kept,
    good_at: Mutex<Option<Duration>>,
    latencies: Mutex<Latencies>,
    scored: AtomicU64,
    unscored: AtomicU64,
    started: AtomicBool,
    /// The newest trouble, said once as long as it stays the same.
    trouble: Mutex<Option<String>>,
    failure: Mutex<Option<String>>,
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Watched {
    /// A stream that nobody plays yet; `bell` is rung when it has a frame.
    pub(super) fn new(
        stream: Stream,
        settings: Settings,
        outlet: &Arc<Outlet>,
        wall: Wall,
        bell: impl Fn() + Send + Sync + 'static,
    ) -> Arc<Self> {
        let pane = outlet.screen().map(|screen| screen.pane(&stream.name));
        if let Some(pane) = &pane {
            pane.set_thresholds(settings.gate());
        }
        Arc::new_cyclic(|watched: &Weak<Self>| {
            let watched = watched.clone();
            let look: Look =
                Box::new(move |frame, due| watched.upgrade().is_none_or(|watched| watched.look(frame, due)));
            Self {
                slot: Arc::new(Slot::new(stream.pace, stream.interval.get(), Box::new(bell)).with_look(look)),
                busy: AtomicBool::new(false),
                over: AtomicBool::new(false),
                end: Mutex::default(),
                served: Mutex::default(),
                outlet: Arc::clone(outlet),
                metrics: outlet.metrics().stream(&stream.name),
                pane,
                framing: Framing::new(&stream),
                inspector: Mutex::new(Inspector::new(&stream.facts)),
                learner: Mutex::default(),
                timetable: Mutex::new(Timetable::new(stream.gate.schedules.clone(), settings.gate(), wall)),
                wall,
                monitor: Mutex::new(Monitor::new(settings)),
                evidence: Mutex::default(),
                source: OnceLock::new(),
                connections: Mutex::default(),
                good: Kept::default(),
                good_at: Mutex::default(),
                latencies: Mutex::default(),
                scored: AtomicU64::new(0),
                unscored: AtomicU64::new(0),
                started: AtomicBool::new(false),
                trouble: Mutex::default(),
                failure: Mutex::default(),
                stream,
            }
        })
    }

    /// Looks at a frame before any model does, on the source's thread; false if that settles it.
    fn look(&self, frame: &Frame, due: bool) -> bool {
        let at = frame.pts.unwrap_or(frame.arrived);
        if !self.started.swap(true, Ordering::AcqRel) {
            let (width, height) = (frame.width, frame.height);
            if let Some(pane) = &self.pane {
                pane.set_size(width, height);
            }
            self.step(at, Input::Fact(Fact::Started { width, height }), None);
        }
        let (changed, seen, light) = {
            let mut inspector = lock(&self.inspector);
            let changed = !inspector.look(frame, at).is_empty();
            let seen: Vec<_> = inspector.standing().map(|(sight, since)| Seen { sight, since }).collect();
            (changed, seen, inspector.light())
        };
        if due && let Some(thresholds) = lock(&self.timetable).turn(at, light) {
            self.step(at, Input::Retune(thresholds), None);
            if let Some(pane) = &self.pane {
                pane.set_thresholds(thresholds);
            }
        }
        if let Some(pane) = self.pane.as_ref().filter(|_| self.stream.snapshots) {
            pane.show(frame);
        }
        if let (true, Some(pane)) = (due, &self.pane) {
            pane.set_light(light);
        }
        if changed || due && !seen.is_empty() {
            self.step(at, Input::Sights(&seen), Some(frame));
        }
        seen.is_empty()
    }

    /// Takes up alerts that fired in an earlier run, as rule and id; ids whose rule is gone come back.
    pub(super) fn resume(&self, alerts: &[(String, String)]) -> Vec<String> {
        let alerts = alerts.iter().map(|(rule, id)| (rule.as_str(), id.as_str()));
        lock(&self.monitor).resume(alerts).into_iter().map(str::to_owned).collect()
    }

    /// Other thresholds and rules from now on.
    pub(super) fn reconfigure(&self, gate: &Gate, settings: Settings) {
        *lock(&self.timetable) = Timetable::new(gate.schedules.clone(), settings.gate(), self.wall);
        if let Some(pane) = &self.pane {
            pane.set_thresholds(settings.gate());
        }
        let mut monitor = lock(&self.monitor);
        let events = monitor.reconfigure(settings);
        self.outlet.put(monitor.status(), *lock(&self.evidence), monitor.stale_after());
        events.into_iter().for_each(|event| self.outlet.say(event));
    }

    /// Gives the monitor an input and passes on what it says, in order; `frame` is the one it is about.
    pub(super) fn step(&self, now: Duration, input: Input<'_>, frame: Option<&Frame>) {
        let mut monitor = lock(&self.monitor);
        let tick = input == Input::Tick;
        let evidence = matches!(input, Input::Scores(_) | Input::Sights(_));
        // A worker may still have had a frame when the stream was stopped: its last word was said.
        if evidence && self.is_over() {
            return;
        }
        let events = monitor.step(now, input);
        if let (true, Some(frame)) = (evidence, frame) {
            *lock(&self.evidence) = Some(frame.arrived);
        }
        let mut score = None;
        // Readers get a new lease with every score; time alone changes nothing unless it moved the gate.
        if !tick || !events.is_empty() {
            let status = monitor.status();
            if evidence {
                self.pace(monitor.pending());
                self.remember(now, frame, &status);
                score = status.smoothed;
            }
            if let Some(pane) = &self.pane {
                pane.stand(&status, evidence);
            }
            self.outlet.put(status, *lock(&self.evidence), monitor.stale_after());
        }
        for mut event in events {
            if let Event::Alert(alert) = &mut event {
                self.illustrate(alert, frame);
            }
            self.outlet.say(event);
        }
        if evidence {
            let floor = monitor.floor();
            drop(monitor);
            self.learn(now, score, floor);
        }
    }

    /// Looks more often while a change is pending, unless that would only add to an overload.
    fn pace(&self, pending: bool) {
        let interval =
            if pending && !self.outlet.is_overloaded() { self.stream.fast_interval } else { self.stream.interval };
        if self.slot.interval() != interval.get() {
            self.slot.set_interval(interval.get());
        }
    }

    pub(super) fn learner(&self) -> &Mutex<Learner> {
        &self.learner
    }

    pub(super) fn inspector(&self) -> &Mutex<Inspector> {
        &self.inspector
    }

    pub(super) fn metrics(&self) -> &StreamMetrics {
        &self.metrics
    }

    pub(super) fn outlet(&self) -> &Outlet {
        &self.outlet
    }

    fn album(&self) -> Option<&Album> {
        self.outlet.album().filter(|_| self.stream.snapshots)
    }

    /// Keeps the last good picture.
    fn remember(&self, now: Duration, frame: Option<&Frame>, status: &GateStatus) {
        let (Some(frame), GateState::Open, true) = (frame, status.decided, self.stream.snapshots) else { return };
        let mut good_at = lock(&self.good_at);
        if good_at.is_none_or(|then| now.saturating_sub(then) >= GOOD_EVERY) {
            *good_at = Some(now);
            if let Some(album) = self.album() {
                album.keep(frame, &self.good);
            }
            if let Some(pane) = &self.pane {
                pane.keep_good(frame);
            }
        }
    }

    fn illustrate(&self, alert: &mut AlertEvent, frame: Option<&Frame>) {
        if let (AlertState::Firing, Some(album), Some(frame)) = (alert.state, self.album(), frame)
            && let Some(pictures) = album.write(&alert.id, frame, &self.good)
        {
            (alert.snapshot, alert.last_good) = (Some(pictures.snapshot), pictures.last_good);
        }
    }

    /// A fact that comes from outside the frames, at the stream's own time.
    pub(super) fn tell(&self, monotonic: Duration, fact: Fact) {
        if let Fact::Failed(reason) = &fact {
            *lock(&self.failure) = Some(reason.clone());
        }
        self.step(self.time(monotonic), Input::Fact(fact), None);
    }

    /// The source says that this is the end; it is told later.
    pub(super) fn ends(&self, fact: Fact) {
        *lock(&self.end) = Some(fact);
    }

    /// Tells the end, if the source said so and nothing is left to score, or lets time pass.
    pub(super) fn pass(&self, monotonic: Duration, idle: impl FnOnce() -> bool) {
        if self.is_over() {
            return;
        }
        let ending = lock(&self.end).is_some();
        if ending && idle() {
            if let Some(fact) = lock(&self.end).take() {
                self.tell(monotonic, fact);
            }
            self.over.store(true, Ordering::Release);
        } else if !ending && self.stream.location.is_live() {
            self.step(monotonic, Input::Tick, None);
        }
    }

    /// Ends it from outside. If it was over before, that ends what its failure left firing.
    pub(super) fn stop(&self, monotonic: Duration) {
        self.over.store(true, Ordering::Release);
        self.tell(monotonic, Fact::Stopped);
    }

    /// Puts up anew where its gate stands: what is said beside it has changed.
    pub(super) fn renew(&self) {
        let mut monitor = lock(&self.monitor);
        self.outlet.put(monitor.status(), *lock(&self.evidence), monitor.stale_after());
    }

    pub(super) fn is_over(&self) -> bool {
        self.over.load(Ordering::Acquire)
    }

    /// A frame was scored, or could not be.
    pub(super) fn done(&self, at: Duration, latency: Duration, outcome: Result<(), String>) {
        match outcome {
            Ok(()) => {
                self.scored.fetch_add(1, Ordering::Relaxed);
                lock(&self.latencies).add(latency);
                self.metrics.latency(latency);
                *lock(&self.trouble) = None;
            }
            Err(trouble) => {
                self.unscored.fetch_add(1, Ordering::Relaxed);
                if lock(&self.trouble).replace(trouble.clone()).as_ref() != Some(&trouble) {
                    self.step(at, Input::Fact(Fact::Trouble(trouble)), None);
                }
            }
        }
    }

    /// What was done for it so far.
    pub(super) fn work(&self) -> Work<'_> {
        let done = self.scored.load(Ordering::Relaxed) + self.unscored.load(Ordering::Relaxed);
        Work {
            stream: &self.stream.name,
            done,
            given_up: self.slot.counts().dropped,
            interval: self.stream.interval.get(),
        }
    }

    /// Brings the stream's metrics up to date.
    pub(super) fn measure(&self, stretch: f32) {
        let (counts, unscored) = (self.slot.counts(), self.unscored.load(Ordering::Relaxed));
        self.metrics.frames(Frames {
            seen: counts.seen,
            scored: self.scored.load(Ordering::Relaxed),
            skipped: counts.skipped + counts.settled,
            dropped: counts.dropped + unscored,
        });
        self.metrics.stretch(f64::from(stretch));
        if let Some(status) = self.source.get().map(StatusReader::read) {
            let mut last = lock(&self.connections);
            (last.0..status.restarts).for_each(|_| self.metrics.restarted());
            (last.1..status.abandoned).for_each(|_| self.metrics.abandoned());
            *last = (status.restarts, status.abandoned);
        }
    }

    /// The source that plays it.
    pub(super) fn played_by(&self, source: StatusReader) {
        // Set once: a stream has one source.
        let _first = self.source.set(source);
    }

    /// Somebody sets what is enforced, until that time in seconds since 1970, or takes that back.
    pub(super) fn set(&self, monotonic: Duration, by_hand: Option<ByHand>) {
        let wall = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
        let now = self.time(monotonic);
        let set = by_hand.map(|by_hand| {
            let until = by_hand.until.map(|until| now + Duration::from_secs(until).saturating_sub(wall));
            (by_hand, until)
        });
        self.step(now, Input::Override(set), None);
    }

    /// The stream's own time: files have no other clock than their frames.
    fn time(&self, monotonic: Duration) -> Duration {
        if self.stream.location.is_live() { monotonic } else { self.slot.newest().unwrap_or_default() }
    }

    /// Whether there is a verdict, or never will be one.
    pub(super) fn is_judged(&self) -> bool {
        self.is_over() || lock(&self.monitor).state() != GateState::Unknown
    }

    /// The gate's state as decided.
    pub(super) fn state(&self) -> GateState {
        lock(&self.monitor).state()
    }

    pub(super) fn summary(&self) -> StreamSummary {
        let (counts, tally) = (self.slot.counts(), lock(&self.monitor).tally());
        StreamSummary {
            stream: self.stream.name.clone(),
            seen: counts.seen,
            scored: self.scored.load(Ordering::Relaxed),
            skipped: counts.skipped,
            settled: counts.settled,
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
