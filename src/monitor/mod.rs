//! Scores and times in, gate moves and alerts out. Pure: no clock, no I/O; time is an argument.
//!
//! One [`Monitor`] watches one stream. Its time is the stream's own: presentation time for files, so that verdicts don't
//! depend on the machine's speed, and monotonic time for live streams.

mod alert;
mod gate;
mod settings;
mod smooth;

use std::time::Duration;

pub use gate::GateSettings;
pub use settings::{Settings, SettingsError};

use crate::{
    engine::Scores,
    event::{AlertEvent, AlertState, Cause, Event, GateEvent, GateReason, GateState, Seconds},
};
use alert::{Alert, Change};
use gate::{Machine, Move};
use settings::Watch;
use smooth::Smooth;

/// Probability from which a distortion is named as a likely cause.
const LIKELY: f32 = 0.5;

/// Something that is known of a stream without a score.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    /// The first frame arrived.
    Started {
        /// Picture width in pixels.
        width: u32,
        /// Picture height in pixels.
        height: u32,
    },
    /// No frames for as long as the stream's limit; what is known of the cause.
    Stalled(String),
    /// Frames arrive again.
    Resumed,
    /// The stream is over by itself.
    Ended,
    /// Nobody watches it any more: the program was told to stop.
    Stopped,
    /// The source failed and won't be tried again; what failed.
    Failed(String),
    /// Something went wrong that doesn't end the stream.
    Trouble(String),
}

/// What a monitor takes.
#[derive(Clone, Debug, PartialEq)]
pub enum Input<'a> {
    /// A frame's scores, in the order of the model's card.
    Scores(&'a Scores),
    /// A fact.
    Fact(Fact),
    /// Time passed.
    Tick,
}

/// Stream time in each state of the gate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Open.
    pub open: Duration,
    /// Closed.
    pub closed: Duration,
    /// Unknown.
    pub unknown: Duration,
    /// How often it closed.
    pub closings: u64,
}

/// The monitor of one stream.
#[derive(Clone, Debug)]
pub struct Monitor {
    settings: Settings,
    gate: Machine,
    alerts: Vec<Alert>,
    heads: Vec<(Smooth, Option<f32>)>,
    distortions: Vec<(Smooth, Option<f32>)>,
    now: Option<Duration>,
    tally: Tally,
    /// The model's last answer was no number; said once a streak.
    faulty: bool,
}

impl Monitor {
    /// A monitor whose gate is unknown.
    pub fn new(settings: Settings) -> Self {
        let series = |n| vec![(Smooth::new(settings.smooth), None); n];
        Self {
            gate: Machine::new(settings.gate),
            alerts: settings.watches.iter().map(|w| Alert::new(w.settings)).collect(),
            heads: series(settings.heads.len()),
            distortions: series(settings.distortions.len()),
            now: None,
            tally: Tally::default(),
            faulty: false,
            settings,
        }
    }

    /// The gate's state.
    pub fn state(&self) -> GateState {
        self.gate.state()
    }

    /// Stream time of the newest input.
    pub fn now(&self) -> Duration {
        self.now.unwrap_or_default()
    }

    /// Stream time in each state so far.
    pub fn tally(&self) -> Tally {
        self.tally
    }

    /// Takes one input of stream time `now` and says what follows. A time before the newest one counts as the newest.
    pub fn step(&mut self, now: Duration, input: Input<'_>) -> Vec<Event> {
        let mut events = Vec::new();
        let now = self.pass(now);
        // What time alone has changed comes before what the input changes.
        let moved = self.gate.tick(now);
        if moved.is_some() {
            self.forget();
        }
        self.say_gate(now, moved, &mut events);
        match input {
            Input::Tick => {}
            Input::Scores(scores) => self.scores(now, scores, &mut events),
            Input::Fact(fact) => self.fact(now, fact, &mut events),
        }
        events
    }

    /// Moves the stream's time on and books the time passed to the gate's state.
    fn pass(&mut self, now: Duration) -> Duration {
        let before = self.now.unwrap_or(now);
        let now = now.max(before);
        let passed = now - before;
        match self.gate.state() {
            GateState::Open => self.tally.open += passed,
            GateState::Closed => self.tally.closed += passed,
            GateState::Unknown => self.tally.unknown += passed,
        }
        self.now = Some(now);
        now
    }

    fn scores(&mut self, now: Duration, scores: &Scores, events: &mut Vec<Event>) {
        if let Some(error) = self.fault(scores) {
            if !std::mem::replace(&mut self.faulty, true) {
                events.push(Event::Error { stream: Some(self.settings.stream.clone()), error, at: Some(Seconds(now)) });
            }
            return;
        }
        self.faulty = false;
        let take = |series: &mut Vec<(Smooth, Option<f32>)>, values: &[f32]| {
            for ((smooth, raw), &value) in series.iter_mut().zip(values) {
                smooth.add(now, value);
                *raw = Some(value);
            }
        };
        take(&mut self.heads, &scores.heads);
        take(&mut self.distortions, &scores.distortions);
        let moved = self.heads[self.settings.head].0.value().and_then(|value| self.gate.score(now, value));
        self.say_gate(now, moved, events);
        for i in 0..self.alerts.len() {
            let value = self.watched(&self.settings.watches[i]).0.value();
            let change = value.and_then(|value| self.alerts[i].value(now, value));
            self.say_alert(now, i, change, events);
        }
    }

    /// Why these scores are none, if so: such a frame counts as not scored, it never opens a gate.
    fn fault(&self, scores: &Scores) -> Option<String> {
        let Settings { heads, distortions, .. } = &self.settings;
        if (scores.heads.len(), scores.distortions.len()) != (heads.len(), distortions.len()) {
            return Some("the model's answer does not fit its card; run `miqa check`".into());
        }
        let named = heads.iter().zip(&scores.heads).chain(distortions.iter().zip(&scores.distortions));
        // A rounding error beyond the scale is no fault; anything else is no score.
        let mut odd = named.filter(|(_, value)| !(-0.001..=1.001).contains(*value));
        odd.next().map(|(name, value)| {
            format!("the model gave {value} for {name}, so the frame counts as not scored; run `miqa check`, then restore or replace the model")
        })
    }

    fn fact(&mut self, now: Duration, fact: Fact, events: &mut Vec<Event>) {
        let (stream, at) = (self.settings.stream.clone(), Seconds(now));
        match fact {
            Fact::Started { width, height } => events.push(Event::StreamStarted { stream, width, height, at }),
            Fact::Resumed => events.push(Event::StreamResumed { stream, at }),
            Fact::Trouble(error) => events.push(Event::Error { stream: Some(stream), error, at: Some(at) }),
            Fact::Stalled(reason) => {
                events.push(Event::StreamStalled { stream, reason, at });
                self.lose(now, GateReason::Stalled, events);
            }
            Fact::Ended | Fact::Stopped => {
                let reason = if fact == Fact::Ended { "end of stream" } else { "stopped" };
                events.push(Event::StreamEnded { stream, reason: reason.into(), at });
                self.end(now, GateReason::Ended, events);
            }
            Fact::Failed(reason) => {
                events.push(Event::StreamEnded { stream, reason, at });
                self.end(now, GateReason::Failed, events);
            }
        }
    }

    fn lose(&mut self, now: Duration, reason: GateReason, events: &mut Vec<Event>) {
        let moved = self.gate.lose(now, reason);
        self.forget();
        self.say_gate(now, moved, events);
    }

    fn end(&mut self, now: Duration, reason: GateReason, events: &mut Vec<Event>) {
        self.lose(now, reason, events);
        for i in 0..self.alerts.len() {
            let change = self.alerts[i].end();
            self.say_alert(now, i, change, events);
        }
    }

    /// Scores before a gap say nothing about what comes after it.
    fn forget(&mut self) {
        for (smooth, raw) in self.heads.iter_mut().chain(&mut self.distortions) {
            smooth.clear();
            *raw = None;
        }
        self.alerts.iter_mut().for_each(Alert::pause);
    }

    fn watched(&self, watch: &Watch) -> &(Smooth, Option<f32>) {
        if watch.distortion { &self.distortions[watch.index] } else { &self.heads[watch.index] }
    }

    fn causes(&self) -> Vec<Cause> {
        let named = self.settings.distortions.iter().zip(&self.distortions);
        let mut causes: Vec<_> = named
            .filter_map(|(name, (smooth, _))| {
                smooth.value().map(|probability| Cause { distortion: name.clone(), probability })
            })
            .filter(|cause| cause.probability >= LIKELY)
            .collect();
        causes.sort_by(|a, b| b.probability.total_cmp(&a.probability));
        causes
    }

    fn say_gate(&mut self, now: Duration, moved: Option<Move>, events: &mut Vec<Event>) {
        let Some(Move { previous, reason, since }) = moved else { return };
        let state = self.gate.state();
        let (smooth, score) = &self.heads[self.settings.head];
        if state == GateState::Closed {
            self.tally.closings += 1;
        }
        events.push(Event::Gate(GateEvent {
            stream: self.settings.stream.clone(),
            state,
            previous,
            reason,
            head: self.settings.heads[self.settings.head].clone(),
            score: *score,
            smoothed: smooth.value(),
            causes: if state == GateState::Closed { self.causes() } else { Vec::new() },
            at: Seconds(now),
            since: Seconds(since),
        }));
    }

    fn say_alert(&self, now: Duration, index: usize, change: Option<Change>, events: &mut Vec<Event>) {
        let (state, since) = match change {
            None => return,
            Some(Change::Fires(since)) => (AlertState::Firing, since),
            Some(Change::Resolves(since)) => (AlertState::Resolved, since),
        };
        let watch = &self.settings.watches[index];
        let (smooth, score) = self.watched(watch);
        let names = if watch.distortion { &self.settings.distortions } else { &self.settings.heads };
        events.push(Event::Alert(AlertEvent {
            id: format!("{}/{}/{}", self.settings.stream, watch.rule, since.as_millis()),
            stream: self.settings.stream.clone(),
            rule: watch.rule.clone(),
            state,
            severity: watch.severity,
            subject: names[watch.index].clone(),
            score: *score,
            smoothed: smooth.value(),
            causes: self.causes(),
            at: Seconds(now),
            since: Seconds(since),
        }));
    }
}

#[cfg(test)]
mod tests;
