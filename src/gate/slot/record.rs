//! A slot's content as values and as words.

use super::layout::{self, SHADOW, code};
use crate::{
    event::{GateReason, GateState, Seconds},
    gate::Standing,
};

/// What a slot says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Record {
    /// The state decided.
    pub decided: GateState,
    /// What to obey; `None` in shadow mode, where nothing is commanded.
    pub enforced: Option<GateState>,
    /// What to obey once lease or heartbeat have run out, unless in shadow mode.
    pub when_unknown: GateState,
    /// Why; `None` if a newer writer has a reason that this reader doesn't know.
    pub reason: Option<GateReason>,
    /// Moves between open and closed within the last hour.
    pub flaps: u32,
    /// The newest score (0–1).
    pub score: Option<f32>,
    /// The same, smoothed.
    pub smoothed: Option<f32>,
    /// Stream time of the state's beginning, in nanoseconds.
    pub since: u64,
    /// Stream time of the newest evidence, in nanoseconds.
    pub at: u64,
    /// When the state last changed, `CLOCK_MONOTONIC` in nanoseconds.
    pub changed: u64,
    /// The lease: until when this may be believed, `CLOCK_MONOTONIC` in nanoseconds.
    pub valid_until: u64,
    /// When the slot was written, `CLOCK_MONOTONIC` in nanoseconds.
    pub written: u64,
}

/// The words of a slot behind sequence and tenancy.
pub(super) const WORDS: usize = (layout::SLOT - layout::slot::DECIDED) / 8;

fn pair(low: u32, high: u32) -> u64 {
    u64::from(low) | u64::from(high) << 32
}

fn nanoseconds(time: Seconds) -> u64 {
    u64::try_from(time.0.as_nanos()).unwrap_or(u64::MAX)
}

impl Record {
    /// What a slot says of a standing, written at `now`; the state last changed at `changed`.
    pub(super) fn new(standing: &Standing, changed: u64, now: u64) -> Self {
        let status = &standing.status;
        Self {
            decided: status.decided,
            enforced: status.enforced,
            when_unknown: status.when_unknown,
            reason: Some(status.reason),
            flaps: status.flaps,
            score: status.score,
            smoothed: status.smoothed,
            since: nanoseconds(status.since),
            at: nanoseconds(status.at),
            changed,
            valid_until: standing.valid_until,
            written: now,
        }
    }

    /// In the order of their offsets, in the machine's own byte order.
    pub(super) fn words(&self) -> [u64; WORDS] {
        let reason = GateReason::ALL.iter().position(|reason| Some(*reason) == self.reason);
        let bytes = [
            code(self.decided),
            self.enforced.map_or(SHADOW, code),
            code(self.when_unknown),
            reason.and_then(|place| u8::try_from(place).ok()).unwrap_or(u8::MAX),
        ];
        let bits = |score: Option<f32>| score.unwrap_or(f32::NAN).to_bits();
        [
            pair(u32::from_le_bytes(bytes), self.flaps),
            pair(bits(self.score), bits(self.smoothed)),
            self.since,
            self.at,
            self.changed,
            self.valid_until,
            self.written,
        ]
    }

    /// The other way round.
    pub(super) fn read(words: [u64; WORDS]) -> Self {
        let [states, scores, since, at, changed, valid_until, written] = words;
        let (low, high) = (|word: u64| word as u32, |word: u64| (word >> 32) as u32);
        let [decided, enforced, when_unknown, reason] = low(states).to_le_bytes();
        let score = |bits| Some(f32::from_bits(bits)).filter(|score| !score.is_nan());
        Self {
            decided: layout::state(decided),
            enforced: (enforced != SHADOW).then(|| layout::state(enforced)),
            when_unknown: layout::state(when_unknown),
            reason: GateReason::ALL.get(usize::from(reason)).copied(),
            flaps: high(states),
            score: score(low(scores)),
            smoothed: score(high(scores)),
            since,
            at,
            changed,
            valid_until,
            written,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn words_read_back(
            (decided, enforced, when_unknown) in (0usize..4, proptest::option::of(0usize..4), 0usize..4),
            reason in proptest::option::of(0usize..GateReason::ALL.len()),
            scores in (proptest::option::of(0f32..=1.0), proptest::option::of(0f32..=1.0)),
            flaps: u32,
            times: [u64; 5],
        ) {
            let state = |i: usize| GateState::ALL[i];
            let [since, at, changed, valid_until, written] = times;
            let record = Record {
                decided: state(decided),
                enforced: enforced.map(state),
                when_unknown: state(when_unknown),
                reason: reason.map(|i| GateReason::ALL[i]),
                score: scores.0,
                smoothed: scores.1,
                flaps, since, at, changed, valid_until, written,
            };
            prop_assert_eq!(Record::read(record.words()), record);
        }
    }

    #[test]
    fn the_layout_is_the_documented_one() {
        let record = Record {
            decided: GateState::Closed,
            enforced: None,
            when_unknown: GateState::Open,
            reason: Some(GateReason::ScoreLow),
            flaps: 7,
            score: Some(0.25),
            smoothed: None,
            since: 1,
            at: 2,
            changed: 3,
            valid_until: 4,
            written: 5,
        };
        let bytes: Vec<u8> = [0u64].into_iter().chain(record.words()).flat_map(u64::to_le_bytes).collect();
        use layout::slot as at;
        assert_eq!(bytes.len(), layout::SLOT);
        assert_eq!(bytes[at::DECIDED..at::FLAPS], [3, 255, 1, 3]);
        assert_eq!(bytes[at::FLAPS], 7);
        assert_eq!(bytes[at::SCORE..at::SMOOTHED], 0.25f32.to_le_bytes());
        assert!(f32::from_le_bytes(bytes[at::SMOOTHED..at::SINCE].try_into().expect("four")).is_nan());
        for (offset, value) in [(at::SINCE, 1), (at::AT, 2), (at::CHANGED, 3), (at::VALID_UNTIL, 4), (at::WRITTEN, 5)] {
            assert_eq!(bytes[offset], value);
        }
        let page = include_str!("../../../docs/gate.md");
        for (code, reason) in GateReason::ALL.into_iter().enumerate() {
            assert!(
                page.contains(&format!("{code} {}", reason.name())),
                "docs/gate.md lacks code {code}, {}",
                reason.name()
            );
        }
        // A slot of zeros says nothing.
        let nothing = Record::read([0; WORDS]);
        assert_eq!((nothing.decided, nothing.enforced), (GateState::Unknown, Some(GateState::Unknown)));
    }
}
