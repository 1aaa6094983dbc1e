//! Alerts that fire are written down, so that "resolved" is said even if the program dies in between.

use std::{collections::BTreeMap, io, sync::Arc, time::SystemTime};

use crate::{
    config::{Rule, Severity},
    event::{AlertEvent, AlertState, Event, Said, Seconds, Unjudged},
    http::Known,
    sink::Sink,
    state::{FiringAlert, State, Store},
};

/// Writes alerts into the state.
pub(super) struct Survive {
    store: Arc<Store>,
    /// How alerts stand that could not be written, as on a full disk, by id; `None` is resolved. They are written with the
    /// next one.
    owed: BTreeMap<String, Option<FiringAlert>>,
}

impl Survive {
    pub(super) fn new(store: Arc<Store>) -> Self {
        Self { store, owed: BTreeMap::new() }
    }
}

impl Sink for Survive {
    fn name(&self) -> &'static str {
        "state"
    }

    fn write(&mut self, said: &Said) -> io::Result<()> {
        let Event::Alert(alert) = &said.event else { return Ok(()) };
        let since = said.time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
        let known = self.store.get().alerts;
        let stands = match alert.state {
            AlertState::Firing => {
                let (stream, rule) = (alert.stream.clone(), alert.rule.clone());
                // One that was silenced is said again once the silence ends.
                let before = self.owed.get(&alert.id).and_then(Option::as_ref).or(known.get(&alert.id));
                let since = before.map_or(since, |before| before.since);
                let acknowledged = before.and_then(|before| before.acknowledged);
                Some(FiringAlert { stream, rule, since, silenced: alert.silenced, acknowledged })
            }
            AlertState::Resolved => None,
        };
        self.owed.insert(alert.id.clone(), stands);
        // Nobody need know that what was never written down is over: what is owed can't grow without end.
        self.owed.retain(|id, stands| stands.is_some() || known.contains_key(id));
        let changed = self.store.change(|state| {
            for (id, stands) in &self.owed {
                match stands {
                    Some(alert) => drop(state.alerts.insert(id.clone(), alert.clone())),
                    None => drop(state.alerts.remove(id)),
                }
            }
        });
        changed.map_err(io::Error::other)?;
        self.owed.clear();
        Ok(())
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

/// Every alert of an earlier run that fires still, for those who show them.
pub(super) fn known(state: &State, rules: &[Rule]) -> Vec<Known> {
    let of = |(id, alert): (&String, &FiringAlert)| {
        let event = bare(id, &alert.stream, &alert.rule);
        let rule = rules.iter().find(|rule| rule.name == alert.rule);
        let (severity, subject) =
            rule.map_or((event.severity, event.subject.clone()), |rule| (rule.severity, rule.subject.name().into()));
        let alert_event = AlertEvent { severity, subject, silenced: alert.silenced, ..event };
        Known { alert: alert_event, fired: alert.since, acknowledged: alert.acknowledged }
    };
    state.alerts.iter().map(of).collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_not_be_written_is_written_with_the_next_one() {
        let folder = tempfile::tempdir().expect("folder");
        let store = Arc::new(Store::open(folder.path()).expect("opens"));
        let mut survive = Survive::new(Arc::clone(&store));
        let mut say = |id: &str, state| {
            let event = Event::Alert(AlertEvent { state, ..bare(id, "s", "r") });
            survive.write(&Said { time: SystemTime::now(), id: "1".into(), event }).is_ok()
        };
        let kept = || store.get().alerts.into_keys().collect::<Vec<_>>();
        use AlertState::{Firing, Resolved};
        assert!(say("a", Firing));
        // A folder where the new state would be written first: as on a full disk, nothing can be written.
        let beside = folder.path().join("state.json.new");
        std::fs::create_dir(&beside).expect("made");
        assert!(!say("a", Resolved) && !say("b", Firing) && !say("c", Firing) && !say("c", Resolved));
        assert_eq!(kept(), ["a"]);
        std::fs::remove_dir(&beside).expect("removed");
        assert!(say("d", Firing));
        assert_eq!(kept(), ["b", "d"]);
        assert!(say("b", Resolved) && say("d", Resolved));
        assert_eq!(kept(), [""; 0]);
    }
}
