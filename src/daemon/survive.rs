//! Alerts that fire are written down, so that "resolved" is said even if the program dies in between.

use std::{io, sync::Arc, time::SystemTime};

use crate::{
    config::{Rule, Severity},
    event::{AlertEvent, AlertState, Event, Said, Seconds, Unjudged},
    sink::Sink,
    state::{FiringAlert, State, Store},
};

/// Writes alerts into the state.
pub(super) struct Survive(pub(super) Arc<Store>);

impl Sink for Survive {
    fn name(&self) -> &'static str {
        "state"
    }

    fn write(&mut self, said: &Said) -> io::Result<()> {
        let Event::Alert(alert) = &said.event else { return Ok(()) };
        let since = said.time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
        let changed = self.0.change(|state| match alert.state {
            AlertState::Firing => {
                let (stream, rule) = (alert.stream.clone(), alert.rule.clone());
                // One that was silenced is said again once the silence ends.
                let since = state.alerts.get(&alert.id).map_or(since, |known| known.since);
                state.alerts.insert(alert.id.clone(), FiringAlert { stream, rule, since, silenced: alert.silenced });
            }
            AlertState::Resolved => drop(state.alerts.remove(&alert.id)),
        });
        changed.map_err(io::Error::other)
    }
}

/// The last word on an alert of an earlier run that nobody watches any more.
pub(super) fn orphan(id: &str, alert: &FiringAlert) -> Event {
    let unjudged = vec![Unjudged { what: "rule".into(), why: "it is no longer configured".into() }];
    Event::Alert(AlertEvent { state: AlertState::Resolved, unjudged, ..bare(id, &alert.stream, &alert.rule) })
}

/// Alerts of an earlier run that fired without anybody being told, as far as they are known still.
pub(super) fn quiet(state: &State, rules: &[Rule]) -> Vec<AlertEvent> {
    let quiet = state.alerts.iter().filter(|(_, alert)| alert.silenced);
    let event = |(id, alert): (&String, &FiringAlert)| {
        let rule = rules.iter().find(|rule| rule.name == alert.rule)?;
        let (severity, subject) = (rule.severity, rule.subject.name().into());
        Some(AlertEvent { severity, subject, ..bare(id, &alert.stream, &alert.rule) })
    };
    quiet.filter_map(event).collect()
}

/// An alert that fires, of which nothing but its name is known.
pub(super) fn bare(id: &str, stream: &str, rule: &str) -> AlertEvent {
    AlertEvent {
        id: id.into(),
        stream: stream.into(),
        rule: rule.into(),
        state: AlertState::Firing,
        severity: Severity::default(),
        subject: "none".into(),
        score: None,
        smoothed: None,
        causes: Vec::new(),
        unjudged: Vec::new(),
        flaps: 0,
        silenced: false,
        snapshot: None,
        last_good: None,
        at: Seconds::default(),
        since: Seconds::default(),
    }
}
