//! A time in which a gate stood still. Pure.

use serde::{Deserialize, Serialize};

use crate::event::{Cause, GateEvent, GateReason, GateState};

/// Likely causes that are kept of a stretch.
const CAUSES: usize = 3;

/// A day in seconds.
pub(super) const DAY: f64 = 86_400.0;

/// How a stretch came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum End {
    /// The gate moved on, or the program ended in good order.
    Moved,
    /// It lasts.
    Lasting,
    /// The program was killed, or the machine slept: it lasted at least until then.
    Cut,
}

/// A time in which a gate stood still. Times are seconds since 1970.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stretch {
    /// The state decided.
    pub state: GateState,
    /// The state decided before; the same where only the reason or what is enforced changed.
    pub previous: GateState,
    /// What readers were told to obey; `None` in shadow mode.
    pub enforced: Option<GateState>,
    /// Why.
    pub reason: GateReason,
    /// Likely causes at its beginning, three at most.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<Cause>,
    /// Its beginning.
    pub from: f64,
    /// Its end, or how far it is known.
    pub until: f64,
    /// How it ended.
    pub end: End,
}

impl Stretch {
    /// The stretch that a gate's move begins.
    pub fn begun(event: &GateEvent, time: f64) -> Self {
        Self {
            state: event.state,
            previous: event.previous,
            enforced: event.enforced,
            reason: event.reason,
            causes: event.causes.iter().take(CAUSES).cloned().collect(),
            from: time,
            until: time,
            end: End::Lasting,
        }
    }

    /// How long it was, in seconds.
    pub fn length(&self) -> f64 {
        (self.until - self.from).max(0.0)
    }

    /// Whether a detector that obeys would have done anything but look as always.
    pub fn gated(&self) -> bool {
        self.enforced.unwrap_or(self.state) != GateState::Open
    }

    /// Whether a stay in its state began with it: one whose reason changes goes on.
    pub fn begins_stay(&self) -> bool {
        self.previous != self.state
    }

    /// Whether the gate moved between letting pass and closed with it.
    pub fn is_flap(&self) -> bool {
        let passable = |state| matches!(state, GateState::Open | GateState::Degraded);
        passable(self.state) && self.previous == GateState::Closed
            || self.state == GateState::Closed && passable(self.previous)
    }

    /// The part of it between two times, if it touches them. What began before goes on in it.
    pub fn within(&self, since: f64, until: f64) -> Option<Self> {
        let (from, to) = (self.from.max(since), self.until.min(until));
        if to < from || from >= until || self.until <= since && self.from < since {
            return None;
        }
        let mut part = self.clone();
        if self.from < since {
            part.previous = self.state;
        }
        (part.from, part.until) = (from, to);
        Some(part)
    }

    /// Its parts by day (UTC), each with the number of its day since 1970.
    pub fn by_day(&self) -> impl Iterator<Item = (i32, Self)> {
        let (first, last) = (day(self.from), day(self.until.max(self.from)));
        (first..=last).filter_map(|number| {
            let begin = f64::from(number) * DAY;
            self.within(begin, begin + DAY).map(|part| (number, part))
        })
    }
}

/// The day (UTC) that a time belongs to, counted since 1970.
pub(super) fn day(time: f64) -> i32 {
    (time / DAY).floor() as i32
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::event::Seconds;

    pub(crate) fn event(state: GateState, previous: GateState, reason: GateReason) -> GateEvent {
        GateEvent {
            stream: "yard".into(),
            state,
            previous,
            enforced: None,
            by_hand: None,
            reason,
            head: String::new(),
            score: None,
            smoothed: None,
            causes: vec![],
            flaps: 0,
            at: Seconds::default(),
            since: Seconds::default(),
        }
    }

    #[test]
    fn a_stretch_is_cut_at_midnight_and_begins_one_stay() {
        let mut stretch = Stretch::begun(&event(GateState::Closed, GateState::Open, GateReason::Black), DAY - 10.0);
        stretch.until = 3.0 * DAY + 5.0;
        let parts: Vec<_> = stretch.by_day().collect();
        let lengths: Vec<_> = parts.iter().map(|(day, part)| (*day, part.length())).collect();
        assert_eq!(lengths, [(0, 10.0), (1, DAY), (2, DAY), (3, 5.0)]);
        let begun: Vec<_> = parts.iter().map(|(_, part)| (part.begins_stay(), part.is_flap())).collect();
        assert_eq!(begun, [(true, true), (false, false), (false, false), (false, false)]);
    }

    #[test]
    fn a_part_of_a_stretch_is_between_two_times() {
        let mut stretch = Stretch::begun(&event(GateState::Closed, GateState::Open, GateReason::Black), 20.0);
        stretch.until = 26.0;
        let cut = |stretch: &Stretch, since, until| stretch.within(since, until).map(|part| (part.from, part.until));
        assert_eq!(cut(&stretch, 0.0, 30.0), Some((20.0, 26.0)));
        assert_eq!(cut(&stretch, 22.0, 24.0), Some((22.0, 24.0)));
        assert_eq!((cut(&stretch, 26.0, 30.0), cut(&stretch, 0.0, 20.0)), (None, None));
        // The clock of the day was set back: it began, and has no length.
        stretch.until = 19.0;
        assert_eq!(stretch.length(), 0.0);
        // One without length counts as begun.
        stretch.until = 20.0;
        assert_eq!(cut(&stretch, 20.0, 30.0), Some((20.0, 20.0)));
        assert_eq!(stretch.by_day().count(), 1);
    }
}
