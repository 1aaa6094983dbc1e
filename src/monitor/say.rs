//! What a monitor says: where its gate stands, moves, alerts, with their likely causes and what could not be judged.

use std::time::Duration;

use super::{Monitor, gate::Move, rules::RuleChange};
use crate::{
    config::GateMode,
    event::{Cause, Event, GateEvent, GateReason, GateState, GateStatus, Seconds, Sight, Unjudged},
};

/// Probability from which a distortion is named as a likely cause.
const LIKELY: f32 = 0.5;

impl Monitor {
    /// Where the gate stands, for its readers.
    pub fn status(&mut self) -> GateStatus {
        let now = self.now();
        let (smooth, score) = &self.heads[self.settings.head];
        GateStatus {
            stream: self.settings.stream.clone(),
            decided: self.gate.state(),
            enforced: self.enforced(),
            by_hand: self.set.map(|(by_hand, _)| by_hand),
            when_unknown: self.settings.when_unknown,
            reason: self.gate.reason(),
            head: self.settings.heads[self.settings.head].clone(),
            score: *score,
            smoothed: smooth.value(),
            causes: if matches!(self.gate.state(), GateState::Closed | GateState::Degraded) {
                self.causes()
            } else {
                Vec::new()
            },
            flaps: self.flaps.count(now),
            at: Seconds(self.gate.evidence().unwrap_or(now)),
            since: Seconds(self.gate.since()),
            detail: self.trouble.clone(),
            baseline: self.baseline.clone(),
        }
    }

    /// What readers are told to obey now.
    pub(super) fn enforced(&self) -> Option<GateState> {
        match (self.set, self.settings.mode, self.gate.state()) {
            (Some((by_hand, _)), ..) => Some(by_hand.state),
            (None, GateMode::Shadow, _) => None,
            (None, GateMode::Enforce, GateState::Unknown) => Some(self.settings.when_unknown),
            (None, GateMode::Enforce, state) => Some(state),
        }
    }

    pub(super) fn say_alerts(&mut self, now: Duration, changes: Vec<RuleChange>, events: &mut Vec<Event>) {
        for change in changes {
            events.push(self.alert(now, change));
        }
    }

    /// What is seen, then what the model takes for likely.
    fn causes(&self) -> Vec<Cause> {
        let lost = self.lost.map(|_| Cause::new("lost", 1.0));
        let seen = Sight::ALL.iter().filter(|sight| self.sights.iter().any(|seen| seen.sight == **sight));
        let named = self.settings.distortions.iter().zip(&self.distortions);
        let mut likely: Vec<_> = named
            .filter_map(|(name, (smooth, _))| smooth.value().map(|probability| (name, probability)))
            .filter(|(_, probability)| *probability >= LIKELY)
            .collect();
        likely.sort_by(|a, b| b.1.total_cmp(&a.1));
        let likely = likely.into_iter().map(|(name, probability)| Cause::new(name.as_str(), probability));
        lost.into_iter().chain(seen.map(|sight| Cause::new(sight.name(), 1.0))).chain(likely).collect()
    }

    /// What can't be judged now, and why.
    fn unjudged(&self) -> Vec<Unjudged> {
        let scored = self.heads.iter().any(|(smooth, _)| smooth.value().is_some());
        let why = match Sight::ALL.iter().find(|sight| self.sights.iter().any(|seen| seen.sight == **sight)) {
            _ if self.lost.is_some() => "no frames arrive".to_owned(),
            Some(sight) => GateReason::from(*sight).to_string(),
            None if self.faulty => "the model's answer is no number".into(),
            None if !scored => "nothing was scored lately".into(),
            None => return self.unlearnt().into_iter().collect(),
        };
        let scores = Unjudged { what: "scores".into(), why };
        std::iter::once(scores).chain(self.unlearnt()).collect()
    }

    /// What goes by the camera's normal, while nobody knows that.
    fn unlearnt(&self) -> Option<Unjudged> {
        let wanted = self.settings.relative.is_some() || self.rules.want_normal();
        let missing = match &self.baseline {
            Some(baseline) => baseline.missing()?,
            None => "nothing is learnt of what is normal for this stream".into(),
        };
        wanted.then_some(Unjudged { what: "normal".into(), why: missing })
    }

    pub(super) fn say_gate(&mut self, now: Duration, moved: Option<Move>, events: &mut Vec<Event>) {
        let Some(Move { previous, reason, since }) = moved else { return };
        let state = self.gate.state();
        if state == GateState::Closed && previous != GateState::Closed {
            self.tally.closings += 1;
        }
        let passable = |state| matches!(state, GateState::Open | GateState::Degraded);
        if passable(state) && previous == GateState::Closed || state == GateState::Closed && passable(previous) {
            self.flaps.add(now);
        }
        let GateStatus { stream, enforced, by_hand, head, score, smoothed, causes, flaps, .. } = self.status();
        let (at, since) = (Seconds(now), Seconds(since));
        events.push(Event::Gate(GateEvent {
            stream,
            state,
            previous,
            enforced,
            by_hand,
            reason,
            head,
            score,
            smoothed,
            causes,
            flaps,
            at,
            since,
        }));
    }

    fn alert(&mut self, now: Duration, change: RuleChange) -> Event {
        let (causes, unjudged) = (self.causes(), self.unjudged());
        self.rules.say(now, &self.settings, change, causes, unjudged)
    }
}
