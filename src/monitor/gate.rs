//! The gate's state machine: open, closed or unknown, with hysteresis in score and in time.

use std::time::Duration;

use crate::event::{GateReason, GateState};

/// When a gate moves.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GateSettings {
    /// Smoothed score (0–1) below which it closes.
    pub close_below: f32,
    /// Smoothed score from which it opens, at least `close_below`.
    pub open_above: f32,
    /// How long the score must stay below.
    pub close_for: Duration,
    /// How long the score must stay above.
    pub open_for: Duration,
    /// Age of the newest score at which the state becomes unknown.
    pub stale_after: Duration,
}

/// A gate's move: the state before, why, and since when the reason holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Move {
    pub(super) previous: GateState,
    pub(super) reason: GateReason,
    pub(super) since: Duration,
}

/// The machine. It starts unknown.
#[derive(Clone, Debug)]
pub(super) struct Machine {
    settings: GateSettings,
    state: GateState,
    /// The last state that a score decided: between the thresholds it goes on to count, also after a gap.
    verdict: GateState,
    bad_since: Option<Duration>,
    good_since: Option<Duration>,
    scored: Option<Duration>,
}

impl Machine {
    pub(super) fn new(settings: GateSettings) -> Self {
        Self {
            settings,
            state: GateState::Unknown,
            verdict: GateState::Unknown,
            bad_since: None,
            good_since: None,
            scored: None,
        }
    }

    pub(super) fn state(&self) -> GateState {
        self.state
    }

    /// Takes the smoothed score of time `now`.
    ///
    /// From unknown both verdicts need their whole time of matching scores. A score between the thresholds keeps the
    /// last verdict; before there is any, it counts as good, since nothing says that it is bad.
    pub(super) fn score(&mut self, now: Duration, value: f32) -> Option<Move> {
        self.scored = Some(now);
        let between = value >= self.settings.close_below && value < self.settings.open_above;
        let (bad, good) = match self.state {
            GateState::Unknown if between => (self.verdict == GateState::Closed, self.verdict != GateState::Closed),
            _ => (value < self.settings.close_below, value >= self.settings.open_above),
        };
        self.bad_since = bad.then(|| self.bad_since.unwrap_or(now));
        self.good_since = good.then(|| self.good_since.unwrap_or(now));
        let held = |since: Option<Duration>, time: Duration| since.filter(|since| now.saturating_sub(*since) >= time);
        if let Some(since) = held(self.bad_since, self.settings.close_for)
            && self.state != GateState::Closed
        {
            self.verdict = GateState::Closed;
            return self.go(GateState::Closed, GateReason::ScoreLow, since);
        }
        if let Some(since) = held(self.good_since, self.settings.open_for)
            && self.state != GateState::Open
        {
            self.verdict = GateState::Open;
            return self.go(GateState::Open, GateReason::ScoreGood, since);
        }
        None
    }

    /// Lets time pass without a score: too old a score makes the state unknown.
    pub(super) fn tick(&mut self, now: Duration) -> Option<Move> {
        let scored = self.scored?;
        let stale = now.saturating_sub(scored) > self.settings.stale_after;
        if stale { self.lose(scored, GateReason::Stale) } else { None }
    }

    /// No score counts any more: frames stopped, or the stream is over.
    pub(super) fn lose(&mut self, since: Duration, reason: GateReason) -> Option<Move> {
        self.bad_since = None;
        self.good_since = None;
        self.scored = None;
        if self.state == GateState::Unknown { None } else { self.go(GateState::Unknown, reason, since) }
    }

    fn go(&mut self, state: GateState, reason: GateReason, since: Duration) -> Option<Move> {
        let previous = std::mem::replace(&mut self.state, state);
        Some(Move { previous, reason, since })
    }
}
