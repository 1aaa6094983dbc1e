//! Alerts that fire are written down, so that "resolved" is said even if the program dies in between.

use std::{io, sync::Arc, time::SystemTime};

use crate::{
    config::Severity,
    event::{AlertEvent, AlertState, Event, Said, Seconds, Unjudged},
    sink::Sink,
    state::{FiringAlert, Store},
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
                state.alerts.insert(alert.id.clone(), FiringAlert { stream, rule, since });
            }
            AlertState::Resolved => drop(state.alerts.remove(&alert.id)),
        });
        changed.map_err(io::Error::other)
    }
}

/// The last word on an alert of an earlier run that nobody watches any more.
pub(super) fn orphan(id: &str, alert: &FiringAlert) -> Event {
    Event::Alert(AlertEvent {
        id: id.into(),
        stream: alert.stream.clone(),
        rule: alert.rule.clone(),
        state: AlertState::Resolved,
        severity: Severity::default(),
        subject: "none".into(),
        score: None,
        smoothed: None,
        causes: Vec::new(),
        unjudged: vec![Unjudged { what: "rule".into(), why: "it is no longer configured".into() }],
        flaps: 0,
        snapshot: None,
        last_good: None,
        at: Seconds::default(),
        since: Seconds::default(),
    })
}
