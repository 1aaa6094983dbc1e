//! Scores, sights and times in, gate moves and alerts out. Pure: no clock, no I/O; time is an argument.
//!
//! One [`Monitor`] watches one stream. Its time is the stream's own: presentation time for files, so that verdicts don't
//! depend on the machine's speed, and monotonic time for live streams.

mod alert;
pub mod baseline;
mod drop;
mod flaps;
mod gate;
mod rules;
mod say;
mod settings;
mod smooth;

use std::time::Duration;

pub use gate::GateSettings;
pub use settings::{Settings, SettingsError};

use crate::{
    engine::Scores,
    event::{BaselineStatus, ByHand, Event, GateReason, GateState, Seconds, Sight},
};
use flaps::Flaps;
use gate::{Machine, Move};
use rules::{Known, Normal, Rules};
use smooth::Smooth;

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

/// Something seen in the picture, with the stream time since which it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// What.
    pub sight: Sight,
    /// Since when.
    pub since: Duration,
}

/// What a monitor takes.
#[derive(Clone, Debug, PartialEq)]
pub enum Input<'a> {
    /// A frame's scores, in the order of the model's card.
    Scores(&'a Scores),
    /// What was seen in a frame; nothing if empty. A frame in which something was seen needs no scores.
    Sights(&'a [Seen]),
    /// A fact.
    Fact(Fact),
    /// Other thresholds from now on.
    Retune(GateSettings),
    /// How the camera's baseline stands now; `None` where none is learnt.
    Baseline(Option<BaselineStatus>),
    /// Somebody sets what is enforced, until that stream time or until it is taken back with `None`.
    Override(Option<(ByHand, Option<Duration>)>),
    /// Time passed.
    Tick,
}

/// Stream time in each state of the gate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Open.
    pub open: Duration,
    /// Degraded.
    pub degraded: Duration,
    /// Closed.
    pub closed: Duration,
    /// Unknown.
    pub unknown: Duration,
    /// How often it closed.
    pub closings: u64,
}

/// A value smoothed, and its newest sample.
type Series = (Smooth, Option<f32>);

/// The monitor of one stream.
#[derive(Clone, Debug)]
pub struct Monitor {
    settings: Settings,
    gate: Machine,
    rules: Rules,
    heads: Vec<Series>,
    distortions: Vec<Series>,
    sights: Vec<Seen>,
    /// Time of the newest picture that something was seen in: scores of earlier ones come too late.
    looked: Option<Duration>,
    /// Since when frames are missing, if they are: the score of an earlier one comes too late.
    lost: Option<Duration>,
    now: Option<Duration>,
    tally: Tally,
    flaps: Flaps,
    set: Option<(ByHand, Option<Duration>)>,
    /// The model's last answer was no number; said once a streak.
    faulty: bool,
    /// What was last said of missing frames or scores, until there are some.
    trouble: Option<String>,
    /// The stream is over; its last facts were told.
    over: bool,
    /// The gate's thresholds where nothing is relative.
    base: GateSettings,
    baseline: Option<BaselineStatus>,
}

impl Monitor {
    /// A monitor whose gate is unknown.
    pub fn new(settings: Settings) -> Self {
        let series = |n| vec![(Smooth::new(settings.smooth), None); n];
        Self {
            gate: Machine::new(settings.gate),
            rules: Rules::new(&settings),
            heads: series(settings.heads.len()),
            distortions: series(settings.distortions.len()),
            sights: Vec::new(),
            looked: None,
            lost: None,
            now: None,
            tally: Tally::default(),
            flaps: Flaps::default(),
            set: None,
            faulty: false,
            trouble: None,
            over: false,
            base: settings.gate,
            baseline: None,
            settings,
        }
    }

    /// Takes up alerts that fired in an earlier run, as rule and id. Those whose rule is gone are left over.
    pub fn resume<'a>(&mut self, alerts: impl IntoIterator<Item = (&'a str, &'a str)>) -> Vec<&'a str> {
        alerts.into_iter().filter(|(rule, id)| !self.rules.resume(rule, id)).map(|(_, id)| id).collect()
    }

    /// Other settings from now on: what fires goes on firing where its rule is the same, everything else begins anew.
    pub fn reconfigure(&mut self, settings: Settings) -> Vec<Event> {
        let now = self.now();
        let mut fresh = Self::new(settings);
        let mut events = Vec::new();
        fresh.rules.take_over(&mut self.rules);
        let ended = self.rules.end();
        self.say_alerts(now, ended, &mut events);
        (fresh.now, fresh.tally, fresh.set, fresh.lost) = (self.now, self.tally, self.set, self.lost);
        (fresh.trouble, fresh.over) = (self.trouble.take(), self.over);
        fresh.flaps = self.flaps.clone();
        fresh.baseline = self.baseline.take();
        fresh.retune();
        let moved = fresh.gate.inherit(&self.gate);
        *self = fresh;
        self.say_gate(now, moved, &mut events);
        events
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

    /// The newest smoothed value of every head and the probability of every distortion, in the card's order.
    pub fn values(&self) -> (Vec<Option<f32>>, Vec<Option<f32>>) {
        let values = |series: &[Series]| series.iter().map(|(smooth, _)| smooth.value()).collect();
        (values(&self.heads), values(&self.distortions))
    }

    /// Whether scores ask for another state than the present one, so that looking more often is worth it.
    pub fn pending(&self) -> bool {
        self.gate.pending()
    }

    /// How long evidence counts.
    pub fn stale_after(&self) -> Duration {
        self.gate.settings().stale_after
    }

    /// Takes one input of stream time `now` and says what follows. A time before the newest one counts as the newest.
    pub fn step(&mut self, now: Duration, input: Input<'_>) -> Vec<Event> {
        let mut events = Vec::new();
        let before = |then: Option<Duration>| then.is_some_and(|then| now <= then);
        let late = match input {
            Input::Scores(_) => before(self.lost) || !self.sights.is_empty() && before(self.looked),
            Input::Sights(_) => before(self.lost),
            _ => false,
        };
        if late {
            return events;
        }
        let now = self.pass(now);
        // What time alone has changed comes before what the input changes.
        let moved = self.gate.tick(now);
        if moved.is_some() {
            self.forget();
        }
        self.say_gate(now, moved, &mut events);
        if let Some((_, Some(until))) = self.set
            && now >= until
        {
            self.set(now, None, &mut events);
        }
        let fresh = matches!(input, Input::Scores(_) | Input::Sights(_));
        match input {
            Input::Tick => {}
            Input::Scores(scores) => self.scores(now, scores, &mut events),
            Input::Sights(sights) => self.sights(now, sights, &mut events),
            Input::Fact(fact) => self.fact(now, fact, &mut events),
            Input::Retune(settings) => {
                self.base = settings;
                self.retune();
            }
            Input::Baseline(baseline) => {
                self.baseline = baseline;
                self.retune();
            }
            Input::Override(set) => self.set(now, set, &mut events),
        }
        self.judge(now, fresh, &mut events);
        events
    }

    /// What is normal for the camera by the light it sees by.
    fn normal(&self) -> Option<f32> {
        self.baseline.as_ref().and_then(|baseline| Some(baseline.band?.normal))
    }

    /// The thresholds in force: relative ones where the camera's normal is known. Those of a schedule are what they are.
    fn retune(&mut self) {
        let relative = self.settings.relative.zip(self.normal()).filter(|_| self.base == self.settings.gate);
        self.gate.retune(relative.map_or(self.base, |(relative, normal)| relative.apply(self.base, normal)));
    }

    /// The score from which on the gate makes do, whatever is normal.
    pub fn floor(&self) -> f32 {
        self.settings.gate.degrade_below
    }

    /// Moves the stream's time on and books the time passed to the gate's state.
    fn pass(&mut self, now: Duration) -> Duration {
        let before = self.now.unwrap_or(now);
        let now = now.max(before);
        let passed = now - before;
        match self.gate.state() {
            GateState::Open => self.tally.open += passed,
            GateState::Degraded => self.tally.degraded += passed,
            GateState::Closed => self.tally.closed += passed,
            GateState::Unknown => self.tally.unknown += passed,
        }
        self.now = Some(now);
        now
    }

    fn scores(&mut self, now: Duration, scores: &Scores, events: &mut Vec<Event>) {
        if let Some(error) = self.fault(scores) {
            if !std::mem::replace(&mut self.faulty, true) {
                self.trouble = Some(error.clone());
                events.push(Event::Error { stream: Some(self.settings.stream.clone()), error, at: Some(Seconds(now)) });
            }
            return;
        }
        self.faulty = false;
        self.lost = None;
        self.trouble = None;
        self.sights.clear();
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
        self.rules.scored(now, &self.heads);
    }

    fn sights(&mut self, now: Duration, sights: &[Seen], events: &mut Vec<Event>) {
        self.lost = None;
        self.trouble = None;
        self.sights = sights.to_vec();
        let Some(seen) = Sight::ALL.iter().find_map(|sight| sights.iter().find(|seen| seen.sight == *sight)) else {
            return;
        };
        self.looked = Some(now);
        self.forget();
        let moved = self.gate.sight(now, seen.sight, seen.since);
        self.say_gate(now, moved, events);
    }

    fn set(&mut self, now: Duration, set: Option<(ByHand, Option<Duration>)>, events: &mut Vec<Event>) {
        let before = (self.enforced(), self.set.map(|(by_hand, _)| by_hand));
        self.set = set;
        if (self.enforced(), self.set.map(|(by_hand, _)| by_hand)) != before {
            let state = self.gate.state();
            let still = Move { previous: state, reason: self.gate.reason(), since: self.gate.since() };
            self.say_gate(now, Some(still), events);
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
            Fact::Resumed => {
                self.lost = None;
                self.trouble = None;
                events.push(Event::StreamResumed { stream, at });
            }
            Fact::Trouble(error) => {
                self.trouble = Some(error.clone());
                events.push(Event::Error { stream: Some(stream), error, at: Some(at) });
            }
            Fact::Stalled(reason) => {
                self.trouble = Some(reason.clone());
                events.push(Event::StreamStalled { stream, reason, at });
                self.lost = Some(now);
                self.lose(now, GateReason::Stalled, events);
            }
            Fact::Ended | Fact::Stopped => {
                if !std::mem::replace(&mut self.over, true) {
                    let reason = if fact == Fact::Ended { "end of stream" } else { "stopped" };
                    events.push(Event::StreamEnded { stream, reason: reason.into(), at });
                    self.trouble = None;
                    self.lose(now, GateReason::Ended, events);
                }
                self.lost = None;
                let changes = self.rules.end();
                self.say_alerts(now, changes, events);
            }
            Fact::Failed(reason) => {
                self.over = true;
                self.trouble = Some(reason.clone());
                events.push(Event::StreamEnded { stream, reason, at });
                self.lose(now, GateReason::Failed, events);
                self.lost = Some(now);
                let changes = self.rules.fail(now);
                self.say_alerts(now, changes, events);
            }
        }
    }

    fn lose(&mut self, now: Duration, reason: GateReason, events: &mut Vec<Event>) {
        let moved = self.gate.lose(now, reason);
        self.sights.clear();
        self.forget();
        self.say_gate(now, moved, events);
    }

    /// Lets the rules judge what is known now.
    fn judge(&mut self, now: Duration, fresh: bool, events: &mut Vec<Event>) {
        let normal = self.normal();
        let score = self.heads[self.settings.head].0.value();
        let fall = normal.zip(score).map(|(normal, score)| (normal - score).max(0.0));
        let normal = Normal { known: normal.is_some(), fall };
        let known = Known { sights: &self.sights, lost: self.lost.is_some(), normal };
        let changes = self.rules.judge(now, fresh, &self.heads, &self.distortions, known);
        self.say_alerts(now, changes, events);
    }

    /// Scores before a gap say nothing about what comes after it.
    fn forget(&mut self) {
        for (smooth, raw) in self.heads.iter_mut().chain(&mut self.distortions) {
            smooth.clear();
            *raw = None;
        }
    }
}

#[cfg(test)]
mod tests;
