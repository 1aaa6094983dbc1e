//! A gate's standing as one JSON line.

use serde::{Deserialize, Serialize};

use super::Standing;
use crate::event::{BaselineStatus, ByHand, Cause, GateReason, GateState, Seconds};

/// Why a line was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// The reader has just come and is told where the gate stands.
    State,
    /// State, reason or what is enforced is new.
    Change,
    /// Only lease and scores are new.
    Renewal,
}

/// What readers of the socket get, one a line. New keys may be added; none is renamed or reused.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// Why this line was written.
    pub kind: Kind,
    /// The stream.
    pub stream: String,
    /// The state decided.
    pub decided: GateState,
    /// What to obey; `null` in shadow mode, where nothing is commanded.
    pub enforced: Option<GateState>,
    /// What somebody set by hand, as long as it holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by_hand: Option<ByHand>,
    /// What to take the gate for once `valid_until` has passed or the connection is gone.
    pub when_unknown: GateState,
    /// Why.
    pub reason: GateReason,
    /// Newest value (0–1) of the model output that decides.
    pub score: Option<f32>,
    /// The same, smoothed.
    pub smoothed: Option<f32>,
    /// Likely causes, the likeliest first; absent where the writer has no room for them (the mapped file).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub causes: Option<Vec<Cause>>,
    /// Stream time since which the reason holds, in seconds.
    pub since: Seconds,
    /// More on why, for people; absent if there is nothing to add, and where the writer has no room (the mapped file).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// How the camera's baseline stands; absent where none is learnt, in renewals, and where the writer has no room.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<BaselineStatus>,
    /// For how many seconds from when it was written the line may be believed.
    pub valid_for: Seconds,
    /// The same as a time of `CLOCK_MONOTONIC`, in nanoseconds.
    pub valid_until: u64,
    /// The stream was removed; no more lines about it will follow.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub gone: bool,
}

impl Line {
    /// What is to be said of a standing at time `now` (`CLOCK_MONOTONIC` in nanoseconds).
    pub fn new(standing: Standing, kind: Kind, now: u64) -> Self {
        let Standing { status, valid_until, gone } = standing;
        Self {
            kind,
            stream: status.stream,
            decided: status.decided,
            enforced: status.enforced,
            by_hand: status.by_hand,
            when_unknown: status.when_unknown,
            reason: status.reason,
            score: status.score,
            smoothed: status.smoothed,
            causes: Some(status.causes),
            since: status.since,
            detail: status.detail,
            // Many a second, and it changes with the days.
            baseline: status.baseline.filter(|_| kind != Kind::Renewal),
            valid_for: Seconds(std::time::Duration::from_nanos(valid_until.saturating_sub(now))),
            valid_until,
            gone,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{event::GateStatus, gate::Entry};

    #[test]
    fn the_form_is_stable_and_reads_back() {
        let status = GateStatus {
            stream: "yard".into(),
            decided: GateState::Closed,
            enforced: Some(GateState::Closed),
            reason: GateReason::ScoreLow,
            score: Some(0.25),
            causes: vec![Cause::new("darkness", 0.75)],
            ..GateStatus::default()
        };
        let entry = Entry { status, valid_until: 5_500_000_000, ..Entry::default() };
        let line = Line::new(entry.standing(3_000_000_000), Kind::Change, 3_000_000_000);
        let json = r#"{"kind":"change","stream":"yard","decided":"closed","enforced":"closed","when_unknown":"unknown","reason":"score_low","score":0.25,"smoothed":null,"causes":[{"distortion":"darkness","probability":0.75,"onvif":"ImageTooDark"}],"since":0.0,"valid_for":2.5,"valid_until":5500000000}"#;
        assert_eq!(serde_json::to_string(&line).expect("serialises"), json);
        assert_eq!(serde_json::from_str::<Line>(json).expect("reads back"), line);
        assert!(
            include_str!("../../docs/gate.md")
                .contains(r#""decided":"closed","enforced":"closed","when_unknown":"unknown""#)
        );
    }
}
