//! What an entry of the board is worth at a given time: the one place that knows what an expired lease means.

use std::time::Duration;

use super::Entry;
use crate::event::{GateReason, GateState, GateStatus};

/// How long *unknown* may be believed. It rests on no score, so its lease says only that the program lives; it is renewed
/// well before it runs out.
pub const UNKNOWN_LEASE: Duration = Duration::from_secs(3);

/// Where a gate stands at some time.
#[derive(Clone, Debug, PartialEq)]
pub struct Standing {
    /// Its status; *unknown* if the lease had run out by then.
    pub status: GateStatus,
    /// `CLOCK_MONOTONIC` in nanoseconds until which this may be believed.
    pub valid_until: u64,
    /// The stream was removed from the configuration.
    pub gone: bool,
}

impl Entry {
    /// Where the gate stands at time `now` (`CLOCK_MONOTONIC` in nanoseconds).
    ///
    /// Once the lease has run out it is unknown, and what is enforced is what the operator wants unknown to be taken for.
    /// In shadow mode nothing is enforced then, either.
    pub fn standing(&self, now: u64) -> Standing {
        let mut status = self.status.clone();
        if status.decided != GateState::Unknown && now >= self.valid_until {
            status.decided = GateState::Unknown;
            status.reason = GateReason::Stale;
            // What somebody set by hand holds whatever is known.
            if status.by_hand.is_none() {
                status.enforced = status.enforced.map(|_| status.when_unknown);
            }
            status.causes.clear();
        }
        let valid_until = match status.decided {
            GateState::Unknown => now.saturating_add(UNKNOWN_LEASE.as_nanos() as u64),
            _ => self.valid_until,
        };
        Standing { status, valid_until, gone: self.gone }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expired_lease_is_unknown_whatever_the_status_says() {
        let lease = UNKNOWN_LEASE.as_nanos() as u64;
        let entry = |decided, enforced, when_unknown| Entry {
            status: GateStatus {
                decided,
                enforced,
                when_unknown,
                reason: GateReason::ScoreGood,
                ..GateStatus::default()
            },
            valid_until: 100,
            ..Entry::default()
        };
        let (open, closed, unknown) = (GateState::Open, GateState::Closed, GateState::Unknown);
        for (entry, now, decided, enforced, until) in [
            (entry(open, Some(open), unknown), 99, open, Some(open), 100),
            (entry(open, Some(open), unknown), 100, unknown, Some(unknown), 100 + lease),
            (entry(open, Some(open), closed), 200, unknown, Some(closed), 200 + lease),
            // Shadow stays shadow.
            (entry(closed, None, open), 100, unknown, None, 100 + lease),
            // Set by hand while nothing is known: that needs no evidence.
            (entry(unknown, Some(closed), open), 200, unknown, Some(closed), 200 + lease),
        ] {
            let standing = entry.standing(now);
            assert_eq!(
                (standing.status.decided, standing.status.enforced, standing.valid_until),
                (decided, enforced, until)
            );
            assert_eq!(standing.status.reason == GateReason::Stale, decided != entry.status.decided);
        }
    }
}
