//! Alerts as they stand: those that fire and those that were resolved lately. Pure: events and times come in.

use std::collections::VecDeque;

use serde::Serialize;

use crate::{
    config::Severity,
    event::{AlertEvent, AlertState, Cause, Unjudged},
};

/// Resolved alerts that are remembered.
const RESOLVED: usize = 100;

/// Alerts that may fire at a time; beyond it the oldest is forgotten here, not elsewhere.
const FIRING: usize = 2000;

/// One alert as it is shown. Times are seconds since 1970.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AlertView {
    /// Its name over its whole life.
    pub id: String,
    /// The stream.
    pub stream: String,
    /// The rule.
    pub rule: String,
    /// Whether it fires.
    pub state: AlertState,
    /// How much it matters.
    pub severity: Severity,
    /// What the rule watches.
    pub subject: String,
    /// Its smoothed value when it fired or was resolved.
    pub smoothed: Option<f32>,
    /// Likely causes, the likeliest first.
    pub causes: Vec<Cause>,
    /// What could not be judged.
    pub unjudged: Vec<Unjudged>,
    /// How often the rule fired within the last hour.
    pub flaps: u32,
    /// Nobody was told.
    pub silenced: bool,
    /// When it began to fire.
    pub fired: f64,
    /// When it was resolved.
    pub resolved: Option<f64>,
    /// When somebody acknowledged it.
    pub acknowledged: Option<u64>,
    /// Whether there may be a picture of it.
    pub snapshot: bool,
    /// Whether there may be the last good picture before it.
    pub last_good: bool,
}

/// An alert of an earlier run that fires still.
#[derive(Clone, Debug)]
pub struct Known {
    /// What is known of it.
    pub alert: AlertEvent,
    /// When it began to fire, in seconds since 1970.
    pub fired: u64,
    /// When it was acknowledged.
    pub acknowledged: Option<u64>,
}

#[derive(Debug, Default)]
pub(super) struct Alerts {
    /// In the order in which they fired.
    firing: VecDeque<AlertView>,
    /// The newest first.
    resolved: VecDeque<AlertView>,
}

fn view(alert: &AlertEvent, fired: f64, acknowledged: Option<u64>) -> AlertView {
    AlertView {
        id: alert.id.clone(),
        stream: alert.stream.clone(),
        rule: alert.rule.clone(),
        state: alert.state,
        severity: alert.severity,
        subject: alert.subject.clone(),
        smoothed: alert.smoothed.filter(|value| value.is_finite()),
        causes: alert.causes.clone(),
        unjudged: alert.unjudged.clone(),
        flaps: alert.flaps,
        silenced: alert.silenced,
        fired,
        resolved: None,
        acknowledged,
        snapshot: alert.snapshot.is_some(),
        last_good: alert.last_good.is_some(),
    }
}

impl Alerts {
    pub(super) fn of(known: impl IntoIterator<Item = Known>) -> Self {
        // Pictures of an earlier run may be there still; who asks will see.
        let seen = |known: Known| AlertView {
            snapshot: true,
            last_good: true,
            ..view(&known.alert, known.fired as f64, known.acknowledged)
        };
        Self { firing: known.into_iter().map(seen).collect(), resolved: VecDeque::new() }
    }

    pub(super) fn take(&mut self, alert: &AlertEvent, time: f64) {
        let place = self.firing.iter().position(|known| known.id == alert.id);
        let before = place.and_then(|place| self.firing.remove(place));
        let (fired, acknowledged) = before.as_ref().map_or((time, None), |known| (known.fired, known.acknowledged));
        let mut now = view(alert, fired, acknowledged);
        if let Some(before) = before {
            now.snapshot |= before.snapshot;
            now.last_good |= before.last_good;
        }
        match alert.state {
            AlertState::Firing => {
                self.firing.push_back(now);
                if self.firing.len() > FIRING {
                    self.firing.pop_front();
                }
            }
            AlertState::Resolved => {
                now.resolved = Some(time);
                self.resolved.push_front(now);
                self.resolved.truncate(RESOLVED);
            }
        }
    }

    pub(super) fn acknowledge(&mut self, id: &str, at: u64) {
        if let Some(alert) = self.firing.iter_mut().find(|alert| alert.id == id) {
            alert.acknowledged.get_or_insert(at);
        }
    }

    pub(super) fn all(&self) -> Vec<AlertView> {
        self.firing.iter().rev().chain(&self.resolved).cloned().collect()
    }

    pub(super) fn find(&self, id: &str) -> Option<&AlertView> {
        self.firing.iter().chain(&self.resolved).find(|alert| alert.id == id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Seconds;

    fn alert(id: &str, state: AlertState) -> AlertEvent {
        AlertEvent {
            id: id.into(),
            stream: "s".into(),
            rule: "r".into(),
            state,
            severity: Severity::default(),
            subject: "fog".into(),
            score: None,
            smoothed: Some(f32::NAN),
            causes: Vec::new(),
            unjudged: Vec::new(),
            flaps: 0,
            silenced: false,
            snapshot: (state == AlertState::Firing).then(|| "a.jpg".into()),
            last_good: None,
            at: Seconds::default(),
            since: Seconds::default(),
        }
    }

    #[test]
    fn an_alert_keeps_its_beginning_and_who_looks_after_it() {
        use AlertState::{Firing, Resolved};
        let mut alerts = Alerts::of([Known { alert: alert("old", Firing), fired: 5, acknowledged: None }]);
        alerts.take(&alert("new", Firing), 10.0);
        alerts.acknowledge("old", 11);
        alerts.acknowledge("old", 12);
        alerts.acknowledge("none", 12);
        assert_eq!(alerts.all().iter().map(|a| a.id.as_str()).collect::<Vec<_>>(), ["new", "old"]);
        alerts.take(&alert("old", Resolved), 20.0);
        let [new, old] = &alerts.all()[..] else { panic!("two") };
        assert_eq!(
            (new.id.as_str(), new.smoothed, old.resolved, old.acknowledged),
            ("new", None, Some(20.0), Some(11))
        );
        assert_eq!((old.fired, old.snapshot), (5.0, true));
        for i in 0..300 {
            alerts.take(&alert(&i.to_string(), Resolved), 30.0);
        }
        assert!(alerts.all().len() == 1 + RESOLVED && alerts.find("old").is_none() && alerts.find("new").is_some());
    }
}
