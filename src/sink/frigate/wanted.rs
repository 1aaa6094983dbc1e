//! What a gate wants of detection. Pure.

use std::time::Duration;

use crate::{
    config::FrigateUnknown,
    event::{GateState, GateStatus},
};

/// A stream of which nothing is on the board after this long counts as unknown.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a gate wants of detection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// As it was before us.
    On,
    /// Off.
    Off,
    /// As this run left it.
    Keep,
    /// Nothing is known yet: no change.
    Wait,
}

/// What is wanted where a gate stands so, `up` after the bridge began. `by_hand` is what somebody set.
pub(super) fn wanted(
    status: Option<&GateStatus>,
    by_hand: Option<GateState>,
    when_unknown: FrigateUnknown,
    up: Duration,
) -> Wanted {
    let unknown = match when_unknown {
        FrigateUnknown::On => Wanted::On,
        FrigateUnknown::Off => Wanted::Off,
        FrigateUnknown::Keep => Wanted::Keep,
    };
    let Some(status) = status else { return if up < PATIENCE { Wanted::Wait } else { Wanted::On } };
    // In shadow mode nothing is commanded.
    let Some(enforced) = status.enforced else { return Wanted::On };
    let state = match (by_hand, status.decided) {
        (Some(by_hand), _) => by_hand,
        // What other readers take an unknown gate for is their affair.
        (None, GateState::Unknown) => GateState::Unknown,
        (None, _) => enforced,
    };
    match state {
        GateState::Open | GateState::Degraded => Wanted::On,
        GateState::Closed => Wanted::Off,
        GateState::Unknown => unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gate_wants_what_it_enforces() {
        use FrigateUnknown as U;
        use GateState as S;
        let s = Duration::from_secs;
        let status = |decided, enforced| GateStatus { decided, enforced, ..GateStatus::default() };
        for (decided, enforced, by_hand, when_unknown, expected) in [
            (S::Open, Some(S::Open), None, U::Off, Wanted::On),
            (S::Degraded, Some(S::Degraded), None, U::Off, Wanted::On),
            (S::Closed, Some(S::Closed), None, U::On, Wanted::Off),
            (S::Unknown, Some(S::Unknown), None, U::On, Wanted::On),
            (S::Unknown, Some(S::Unknown), None, U::Off, Wanted::Off),
            (S::Unknown, Some(S::Unknown), None, U::Keep, Wanted::Keep),
            // [gate] when_unknown = "closed" is for others.
            (S::Unknown, Some(S::Closed), None, U::On, Wanted::On),
            (S::Unknown, Some(S::Closed), Some(S::Closed), U::On, Wanted::Off),
            (S::Closed, Some(S::Open), Some(S::Open), U::On, Wanted::On),
            // Shadow.
            (S::Closed, None, None, U::Off, Wanted::On),
        ] {
            let status = status(decided, enforced);
            assert_eq!(wanted(Some(&status), by_hand, when_unknown, s(0)), expected, "{status:?} {by_hand:?}");
        }
        assert_eq!(wanted(None, None, U::Off, s(9)), Wanted::Wait);
        assert_eq!(wanted(None, None, U::Off, s(10)), Wanted::On);
    }
}
