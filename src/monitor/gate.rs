//! The gate's state machine: open, degraded, closed or unknown, with hysteresis in score and in time.

use std::time::Duration;

use crate::event::{GateReason, GateState, Sight};

/// When a gate moves.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GateSettings {
    /// Smoothed score (0–1) below which it closes.
    pub close_below: f32,
    /// Smoothed score below which an open gate is degraded; between `close_below` and `open_above`.
    pub degrade_below: f32,
    /// Smoothed score from which it opens, at least `close_below`.
    pub open_above: f32,
    /// How long the score must stay below.
    pub close_for: Duration,
    /// How long the score must stay above.
    pub open_for: Duration,
    /// Age of the newest evidence at which the state becomes unknown.
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
    reason: GateReason,
    /// Since when the reason holds.
    since: Duration,
    /// The last state that a score decided: between the thresholds it goes on to count, also after a gap.
    verdict: GateState,
    /// Since when scores ask for closed, for degraded or worse, for open.
    closing: Option<Duration>,
    degrading: Option<Duration>,
    opening: Option<Duration>,
    /// Time of the newest score, or of the newest picture that a fact was seen in.
    evidence: Option<Duration>,
}

impl Machine {
    pub(super) fn new(settings: GateSettings) -> Self {
        Self {
            settings,
            state: GateState::Unknown,
            reason: GateReason::Starting,
            since: Duration::ZERO,
            verdict: GateState::Unknown,
            closing: None,
            degrading: None,
            opening: None,
            evidence: None,
        }
    }

    pub(super) fn state(&self) -> GateState {
        self.state
    }

    pub(super) fn reason(&self) -> GateReason {
        self.reason
    }

    /// Since when the reason holds.
    pub(super) fn since(&self) -> Duration {
        self.since
    }

    /// Time of the newest evidence for the state.
    pub(super) fn evidence(&self) -> Option<Duration> {
        self.evidence
    }

    pub(super) fn settings(&self) -> GateSettings {
        self.settings
    }

    /// Other thresholds from now on; the state stays until scores decide by them.
    pub(super) fn retune(&mut self, settings: GateSettings) {
        if settings != self.settings {
            self.settings = settings;
            self.forget();
        }
    }

    /// Takes over where another machine stands. Its state holds until this one's own evidence decides; without a mark of
    /// evidence it can't grow stale, so that is taken over, too.
    pub(super) fn inherit(&mut self, other: &Self) -> Option<Move> {
        (self.state, self.reason, self.since) = (other.state, other.reason, other.since);
        (self.verdict, self.evidence) = (other.verdict, other.evidence);
        None
    }

    /// Whether scores ask for another state than the present one, so that looking more often is worth it.
    pub(super) fn pending(&self) -> bool {
        let asked = |since: Option<Duration>| since.is_some();
        match self.state {
            GateState::Open => asked(self.closing) || asked(self.degrading),
            GateState::Degraded => asked(self.closing) || asked(self.opening),
            GateState::Closed => asked(self.opening),
            GateState::Unknown => asked(self.closing) || asked(self.degrading) || asked(self.opening),
        }
    }

    /// What a score asks for. Between the thresholds a closed gate stays closed and a degraded one degraded; before there
    /// is any verdict a fair score counts as good, since nothing says that it is bad.
    fn asks(&self, value: f32) -> GateState {
        let GateSettings { close_below, degrade_below, open_above, .. } = self.settings;
        let standing = if self.undecided() { self.verdict } else { self.state };
        match standing {
            _ if value < close_below => GateState::Closed,
            _ if value >= open_above => GateState::Open,
            GateState::Closed | GateState::Degraded => standing,
            _ if value < degrade_below => GateState::Degraded,
            _ => GateState::Open,
        }
    }

    /// Takes the smoothed score of time `now`.
    ///
    /// From unknown every verdict needs its whole time of matching scores.
    pub(super) fn score(&mut self, now: Duration, value: f32) -> Option<Move> {
        self.evidence = Some(now);
        let asks = self.asks(value);
        let keep = |since: Option<Duration>, holds: bool| holds.then(|| since.unwrap_or(now));
        self.closing = keep(self.closing, asks == GateState::Closed);
        self.degrading = keep(self.degrading, matches!(asks, GateState::Closed | GateState::Degraded));
        self.opening = keep(self.opening, asks == GateState::Open);
        let held = |since: Option<Duration>, time: Duration| since.filter(|since| now.saturating_sub(*since) >= time);
        let (close_for, open_for) = (self.settings.close_for, self.settings.open_for);
        let undecided = self.undecided();
        let degrade_for = if undecided { open_for.max(close_for) } else { close_for };
        let verdicts = [
            (GateState::Closed, GateReason::ScoreLow, held(self.closing, close_for)),
            (GateState::Open, GateReason::ScoreGood, held(self.opening, open_for)),
            (GateState::Degraded, GateReason::ScorePoor, held(self.degrading, degrade_for)),
        ];
        for (state, reason, since) in verdicts {
            if let Some(since) = since {
                // A gate that scores closed is not opened half by scores that ask for closed or degraded.
                if state == GateState::Degraded && self.state == GateState::Closed && !undecided {
                    continue;
                }
                self.verdict = state;
                return if state == self.state && !undecided { None } else { self.go(state, reason, since) };
            }
        }
        None
    }

    /// Whether no score decided the present state: it is unknown, or rests on something seen in the picture.
    fn undecided(&self) -> bool {
        self.state == GateState::Unknown || Sight::ALL.iter().any(|sight| GateReason::from(*sight) == self.reason)
    }

    /// Takes something seen in the picture of time `now`, which has held since `since`. It decides at once, scores wait.
    pub(super) fn sight(&mut self, now: Duration, sight: Sight, since: Duration) -> Option<Move> {
        self.forget();
        self.evidence = Some(now);
        let reason = GateReason::from(sight);
        if reason == self.reason { None } else { self.go(sight.state(), reason, since) }
    }

    /// Lets time pass without evidence: too old evidence makes the state unknown.
    pub(super) fn tick(&mut self, now: Duration) -> Option<Move> {
        let evidence = self.evidence?;
        let stale = now.saturating_sub(evidence) > self.settings.stale_after;
        if stale { self.lose(evidence, GateReason::Stale) } else { None }
    }

    /// Nothing known counts any more: frames stopped, or the stream is over.
    pub(super) fn lose(&mut self, since: Duration, reason: GateReason) -> Option<Move> {
        self.forget();
        self.evidence = None;
        if self.state == GateState::Unknown {
            if self.reason != reason {
                (self.reason, self.since) = (reason, since);
            }
            return None;
        }
        self.go(GateState::Unknown, reason, since)
    }

    fn forget(&mut self) {
        self.closing = None;
        self.degrading = None;
        self.opening = None;
    }

    fn go(&mut self, state: GateState, reason: GateReason, since: Duration) -> Option<Move> {
        let previous = std::mem::replace(&mut self.state, state);
        (self.reason, self.since) = (reason, since);
        Some(Move { previous, reason, since })
    }
}
