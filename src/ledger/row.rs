//! Sums by day: what old stretches are folded to, and what is exported. Pure.

use std::collections::BTreeMap;

use jiff::{Span, civil::Date};
use serde::{Serialize, Serializer};

use super::Stretch;
use crate::event::{GateReason, GateState};

/// What a sum is of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Key {
    /// The day (UTC), counted since 1970; written as `2026-11-24`.
    #[serde(serialize_with = "date")]
    pub day: i32,
    /// The stream.
    pub stream: String,
    /// The state decided.
    pub decided: State,
    /// What readers were told to obey; `None` in shadow mode.
    pub enforced: Option<State>,
    /// Why.
    pub reason: &'static str,
}

/// A state's name: what keys are sorted by.
type State = &'static str;

/// What is summed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Sum {
    /// Time in milliseconds.
    pub ms: u64,
    /// Stays in this state that began so. One whose reason changes goes on and began once.
    pub stays: u32,
    /// Moves between letting pass (open, degraded) and closed that ended so.
    pub flaps: u32,
}

impl Sum {
    /// Adds another one.
    pub fn add(&mut self, other: Self) {
        self.ms += other.ms;
        self.stays += other.stays;
        self.flaps += other.flaps;
    }

    /// Time in seconds.
    pub fn seconds(&self) -> f64 {
        self.ms as f64 / 1000.0
    }
}

/// One sum with what it is of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Row {
    /// What it is of.
    #[serde(flatten)]
    pub key: Key,
    /// The sum.
    #[serde(flatten)]
    pub sum: Sum,
}

/// Sums by day, stream, state, what was enforced, and reason.
pub type Rows = BTreeMap<Key, Sum>;

/// Adds a stretch to the sums of its days.
pub(super) fn add(rows: &mut Rows, stream: &str, stretch: &Stretch) {
    for (day, part) in stretch.by_day() {
        let key = Key {
            day,
            stream: stream.into(),
            decided: part.state.name(),
            enforced: part.enforced.map(GateState::name),
            reason: part.reason.name(),
        };
        let sum = Sum {
            // Both ends are rounded alike, so that parts add up to their whole.
            ms: (ms(part.until)).saturating_sub(ms(part.from)),
            stays: u32::from(part.begins_stay()),
            flaps: u32::from(part.is_flap()),
        };
        rows.entry(key).or_default().add(sum);
    }
}

/// Milliseconds since 1970.
pub(super) fn ms(time: f64) -> u64 {
    (time * 1000.0).round().max(0.0) as u64
}

/// A day's name, `2026-11-24`.
pub(super) fn day_name(day: i32) -> String {
    let date = Date::constant(1970, 1, 1).checked_add(Span::new().days(day));
    date.map_or_else(|_| day.to_string(), |date| date.to_string())
}

fn date<S: Serializer>(day: &i32, s: S) -> Result<S::Ok, S::Error> {
    s.collect_str(&day_name(*day))
}

/// A state's own name, of one that was read.
pub(super) fn state(name: &str) -> Option<&'static str> {
    GateState::ALL.iter().map(|state| state.name()).find(|own| *own == name)
}

/// A reason's own name, of one that was read.
pub(super) fn reason(name: &str) -> Option<&'static str> {
    GateReason::ALL.iter().map(|reason| reason.name()).find(|own| *own == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::stretch::{DAY, tests::event};

    #[test]
    fn parts_add_up_to_their_whole() {
        let mut rows = Rows::new();
        let mut stretch =
            Stretch::begun(&event(GateState::Closed, GateState::Open, GateReason::Black), 20_000.0 * DAY - 0.3337);
        stretch.until = 20_002.0 * DAY + 1.0004;
        add(&mut rows, "yard", &stretch);
        let sums: Vec<_> = rows.iter().map(|(key, sum)| (day_name(key.day), sum.ms, sum.stays, sum.flaps)).collect();
        let day = |name: &str, ms, begun| (name.to_owned(), ms, begun, begun);
        assert_eq!(
            sums,
            [
                day("2024-10-03", 334, 1),
                day("2024-10-04", 86_400_000, 0),
                day("2024-10-05", 86_400_000, 0),
                day("2024-10-06", 1000, 0)
            ]
        );
    }

    #[test]
    fn names_lead_back_to_themselves() {
        assert!(GateState::ALL.iter().all(|s| state(s.name()) == Some(s.name())));
        assert!(GateReason::ALL.iter().all(|r| reason(r.name()) == Some(r.name())));
        assert_eq!((state("ajar"), reason("ajar")), (None, None));
    }
}
