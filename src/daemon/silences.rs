//! Alerts that somebody silenced for a while: recorded and marked, sent to nobody. Pure: the time of day is an argument.
//!
//! "Resolved" goes where "firing" went: an alert that was sent before the silence is resolved in spite of it, and one that
//! still fires when the silence ends is sent then.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::{
    event::{AlertEvent, AlertState},
    state::Silence,
};

/// The silences, and the alerts that they keep quiet.
#[derive(Debug, Default)]
pub(super) struct Silences {
    /// Shared with those who show it; only this changes it.
    list: Arc<Mutex<Vec<Silence>>>,
    quiet: BTreeMap<String, AlertEvent>,
}

impl Silences {
    /// Silences of an earlier run and the alerts that fired quietly at its end.
    pub(super) fn of(list: Vec<Silence>, quiet: impl IntoIterator<Item = AlertEvent>) -> Self {
        let list = Arc::new(Mutex::new(list));
        Self { list, quiet: quiet.into_iter().map(|alert| (alert.id.clone(), alert)).collect() }
    }

    /// The silences for those who show them; what is over may still be among them.
    pub(super) fn shared(&self) -> Arc<Mutex<Vec<Silence>>> {
        Arc::clone(&self.list)
    }

    fn all(&self) -> MutexGuard<'_, Vec<Silence>> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on only these hold.
    pub(super) fn replace(&mut self, list: Vec<Silence>) {
        *self.all() = list;
    }

    /// Those that hold at `now`, in seconds since 1970.
    pub(super) fn list(&self, now: u64) -> Vec<Silence> {
        self.all().iter().filter(|silence| now < silence.until).cloned().collect()
    }

    fn covers(&self, alert: &AlertEvent, now: u64) -> bool {
        self.all().iter().any(|silence| silence.covers(&alert.stream, &alert.rule, now))
    }

    /// Marks an alert that is about to be said.
    pub(super) fn mark(&mut self, alert: &mut AlertEvent, now: u64) {
        match alert.state {
            AlertState::Firing => {
                alert.silenced = self.covers(alert, now);
                if alert.silenced {
                    self.quiet.insert(alert.id.clone(), alert.clone());
                }
            }
            AlertState::Resolved => alert.silenced = self.quiet.remove(&alert.id).is_some(),
        }
    }

    /// What has ended by `now`: silences, and alerts that fire still and are to be said aloud.
    pub(super) fn end(&mut self, now: u64) -> (Vec<Silence>, Vec<AlertEvent>) {
        let over = self.all().extract_if(.., |silence| now >= silence.until).collect();
        let loud: Vec<String> =
            self.quiet.iter().filter(|(_, alert)| !self.covers(alert, now)).map(|(id, _)| id.clone()).collect();
        (over, loud.iter().filter_map(|id| self.quiet.remove(id)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::survive;

    fn alert(rule: &str, state: AlertState) -> AlertEvent {
        AlertEvent { state, ..survive::bare(&format!("s/{rule}/1"), "s", rule) }
    }

    #[test]
    fn resolved_goes_where_firing_went_and_what_lasts_is_said_at_the_end() {
        use AlertState::{Firing, Resolved};
        let silence = |rule: Option<&str>, until| Silence { stream: "s".into(), rule: rule.map(Into::into), until };
        let mut silences = Silences::default();
        let say = |silences: &mut Silences, rule, state, now| {
            let mut alert = alert(rule, state);
            silences.mark(&mut alert, now);
            alert.silenced
        };
        assert!(!say(&mut silences, "before", Firing, 1));
        silences.replace(vec![silence(Some("fog"), 10), silence(Some("dark"), 20)]);
        assert!(!say(&mut silences, "before", Resolved, 2));
        assert!(say(&mut silences, "fog", Firing, 3) && say(&mut silences, "fog", Resolved, 4));
        assert!(!say(&mut silences, "other", Firing, 5), "another rule is not silenced");
        assert!(say(&mut silences, "fog", Firing, 6) && say(&mut silences, "dark", Firing, 7));
        assert_eq!(silences.end(9), (vec![], vec![]));
        let (over, loud) = silences.end(10);
        assert_eq!((over.len(), loud.len(), loud[0].rule.as_str()), (1, 1, "fog"));
        assert!(!say(&mut silences, "fog", Firing, 10) && !say(&mut silences, "fog", Resolved, 11));
        // Over a restart.
        let mut next = Silences::of(silences.list(11), [alert("dark", Firing)]);
        assert_eq!(next.end(12), (vec![], vec![]));
        assert!(say(&mut next, "dark", Resolved, 13));
        // Ended by hand.
        assert!(say(&mut next, "dark", Firing, 14));
        next.replace(vec![]);
        assert_eq!(next.end(14).1.len(), 1);
        next.replace(vec![silence(None, 20)]);
        assert!(say(&mut next, "any", Firing, 15));
    }
}
