//! The alert rules of one stream: what each watches, and its alert's life.

use std::time::Duration;

use super::{
    Seen, Series, Settings,
    alert::{Alert, Change},
    drop::Drop,
    flaps::Flaps,
    settings::{Watch, Watched},
};
use crate::{
    config::SightKey,
    event::{AlertEvent, AlertState, Cause, Event, Seconds, Unjudged},
};

/// One rule at work.
#[derive(Clone, Debug)]
struct Active {
    watch: Watch,
    alert: Alert,
    drop: Option<Drop>,
    /// How far the score lies under its mean; for rules on drops.
    fall: Option<f32>,
    flaps: Flaps,
    /// The id of the alert that fires.
    id: Option<String>,
    raw: Option<f32>,
    value: Option<f32>,
}

/// All of a stream's rules.
#[derive(Clone, Debug)]
pub(super) struct Rules(Vec<Active>);

/// How the score lies to what is normal for the camera.
#[derive(Clone, Copy, Debug)]
pub(super) struct Normal {
    /// There is a normal by this light.
    pub(super) known: bool,
    /// How far the score lies under it; none without a score.
    pub(super) fall: Option<f32>,
}

/// What is known beside the scores.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known<'a> {
    /// What is seen in the picture itself.
    pub(super) sights: &'a [Seen],
    /// No frames arrive.
    pub(super) lost: bool,
    pub(super) normal: Normal,
}

/// What became of a rule's alert.
pub(super) struct RuleChange {
    index: usize,
    change: Change,
}

impl Rules {
    pub(super) fn new(settings: &Settings) -> Self {
        let active = |watch: &Watch| Active {
            alert: Alert::new(watch.settings),
            drop: match watch.watched {
                Watched::Drop { over, accept_after, .. } => Some(Drop::new(over, accept_after)),
                _ => None,
            },
            watch: watch.clone(),
            fall: None,
            flaps: Flaps::default(),
            id: None,
            raw: None,
            value: None,
        };
        Self(settings.watches.iter().map(active).collect())
    }

    /// Takes up an alert of an earlier run; false if its rule is gone.
    pub(super) fn resume(&mut self, rule: &str, id: &str) -> bool {
        let Some(active) = self.0.iter_mut().find(|active| active.watch.rule == rule) else { return false };
        active.alert.resume();
        active.id = Some(id.to_owned());
        true
    }

    /// Takes over what fires from rules that watch the same; the others end there.
    pub(super) fn take_over(&mut self, old: &mut Self) {
        for new in &mut self.0 {
            let same = |old: &&mut Active| old.watch.rule == new.watch.rule && old.watch.watched == new.watch.watched;
            if let Some(old) = old.0.iter_mut().find(same)
                && let Some(id) = old.id.take()
            {
                new.alert.resume();
                new.id = Some(id);
                old.alert.end();
            }
        }
    }

    /// Whether some rule goes by the camera's normal.
    pub(super) fn want_normal(&self) -> bool {
        self.0.iter().any(|active| active.watch.watched == Watched::UnderNormal)
    }

    /// New scores arrived: how far they lie under their means.
    pub(super) fn scored(&mut self, now: Duration, heads: &[Series]) {
        for active in &mut self.0 {
            if let (Some(drop), Watched::Drop { head, .. }) = (&mut active.drop, active.watch.watched) {
                active.fall = heads[head].0.value().and_then(|value| drop.add(now, value, active.alert.bad_since()));
            }
        }
    }

    /// Lets every rule judge; those that can't pause. Time alone (not `fresh`) counts for lost streams only: a score that
    /// is repeated is no new evidence.
    pub(super) fn judge(
        &mut self,
        now: Duration,
        fresh: bool,
        heads: &[Series],
        distortions: &[Series],
        Known { sights, lost, normal }: Known<'_>,
    ) -> Vec<RuleChange> {
        let scored = heads.iter().any(|(smooth, _)| smooth.value().is_some());
        let mut changes = Vec::new();
        for (index, active) in self.0.iter_mut().enumerate() {
            let seen = |key: SightKey| match key {
                SightKey::Any => !sights.is_empty(),
                SightKey::One(sight) => sights.iter().any(|seen| seen.sight == sight),
            };
            let yes = |holds: bool| if holds { 1.0 } else { 0.0 };
            let pair = |(smooth, raw): &Series| (*raw, smooth.value());
            (active.raw, active.value) = match active.watch.watched {
                Watched::Head(i) => pair(&heads[i]),
                Watched::Distortion(i) => pair(&distortions[i]),
                Watched::Lost => (None, (scored || lost || !sights.is_empty()).then(|| yes(lost))),
                Watched::Sight(key) => (None, (scored || !sights.is_empty()).then(|| yes(seen(key)))),
                Watched::Drop { .. } => (None, if scored { active.fall } else { None }),
                Watched::UnderNormal => (None, normal.fall),
            };
            let change = match active.value {
                // Not by guess: what fires without a normal is over.
                _ if active.watch.watched == Watched::UnderNormal && !normal.known => active.alert.end(),
                Some(_) if !fresh && active.watch.watched != Watched::Lost => None,
                Some(value) => active.alert.value(now, value),
                None => {
                    active.alert.pause();
                    None
                }
            };
            changes.extend(change.map(|change| RuleChange { index, change }));
        }
        changes
    }

    /// The stream is over: nothing goes on firing.
    pub(super) fn end(&mut self) -> Vec<RuleChange> {
        let end = |(index, active): (usize, &mut Active)| active.alert.end().map(|change| RuleChange { index, change });
        self.0.iter_mut().enumerate().filter_map(end).collect()
    }

    /// The stream failed for good: no time will pass for it, so what watches for lost streams fires now, and nothing else
    /// goes on firing.
    pub(super) fn fail(&mut self, now: Duration) -> Vec<RuleChange> {
        let fail = |(index, active): (usize, &mut Active)| {
            let change =
                if active.watch.watched == Watched::Lost { active.alert.fire(now) } else { active.alert.end() };
            change.map(|change| RuleChange { index, change })
        };
        self.0.iter_mut().enumerate().filter_map(fail).collect()
    }

    /// The event that a change makes.
    pub(super) fn say(
        &mut self,
        now: Duration,
        settings: &Settings,
        RuleChange { index, change }: RuleChange,
        mut causes: Vec<Cause>,
        unjudged: Vec<Unjudged>,
    ) -> Event {
        let active = &mut self.0[index];
        let (state, since) = match change {
            Change::Fires(since) => (AlertState::Firing, since),
            Change::Resolves(since) => (AlertState::Resolved, since),
        };
        let id = match (state, active.id.take()) {
            (AlertState::Resolved, Some(id)) => id,
            _ => format!("{}/{}/{}{}", settings.stream, active.watch.rule, settings.run, since.as_millis()),
        };
        if state == AlertState::Firing {
            active.flaps.add(now);
            active.id = Some(id.clone());
            if active.drop.is_some() {
                causes.insert(0, Cause::new("drop", 1.0));
            }
        }
        Event::Alert(AlertEvent {
            id,
            stream: settings.stream.clone(),
            rule: active.watch.rule.clone(),
            state,
            severity: active.watch.severity,
            subject: active.watch.subject.clone(),
            score: active.raw,
            smoothed: active.value,
            causes,
            unjudged,
            flaps: active.flaps.count(now),
            silenced: false,
            snapshot: None,
            last_good: None,
            at: Seconds(now),
            since: Seconds(since),
        })
    }
}
