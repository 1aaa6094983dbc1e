//! What a gate's retained topic says. Pure.

use std::time::Duration;

use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    event::{GateReason, GateState, Sight},
    gate::{Kind, Line, Standing},
    state::Silence,
};

/// The socket's line without its lease, and what those need who show it.
#[derive(Debug, Serialize)]
struct Payload {
    #[serde(flatten)]
    line: serde_json::Map<String, Value>,
    /// The likeliest cause, or the reason; `none` for an open gate.
    cause: String,
    /// Whether somebody set the gate by hand: `auto`, `open` or `closed`.
    r#override: &'static str,
    /// Whether all alerts of the stream are silenced: `on` or `off`.
    silenced: &'static str,
    /// The silences of the stream and of its rules.
    silences: Vec<Value>,
}

/// Every word that `cause` may have.
pub(super) fn causes(distortions: &[String]) -> Vec<String> {
    let mut words = vec!["none".to_owned()];
    let sights = Sight::ALL.iter().map(|sight| sight.name().to_owned());
    let reasons = GateReason::ALL.iter().map(|reason| reason.name().to_owned());
    for word in distortions.iter().cloned().chain(sights).chain(reasons) {
        if !words.contains(&word) {
            words.push(word);
        }
    }
    words
}

/// The payload for a gate that stands so.
///
/// `known` are the causes that were announced; `valid_for` is the time within which the next payload comes. The lease
/// itself is no use to readers here: it is shorter than the time between payloads, and in this machine's clock. We say
/// *unknown* ourselves once it runs out.
pub(super) fn payload(
    standing: Standing,
    kind: Kind,
    by_hand: Option<GateState>,
    silences: &[Silence],
    known: &[String],
    valid_for: Duration,
) -> serde_json::Result<Vec<u8>> {
    let status = &standing.status;
    let likeliest = status.causes.iter().map(|cause| &cause.distortion).find(|name| known.contains(name));
    let cause = match (status.decided, likeliest) {
        (GateState::Open, _) => "none".into(),
        (GateState::Closed | GateState::Degraded, Some(name)) => name.clone(),
        _ => status.reason.name().into(),
    };
    let by_hand = match by_hand {
        Some(GateState::Open) => "open",
        Some(GateState::Closed) => "closed",
        _ => "auto",
    };
    let Value::Object(mut line) = serde_json::to_value(Line::new(standing, kind, 0))? else {
        return Err(serde::ser::Error::custom("a line is an object"));
    };
    line.remove("valid_until");
    line.insert("valid_for".into(), valid_for.as_secs_f64().into());
    let silenced = if silences.iter().any(|silence| silence.rule.is_none()) { "on" } else { "off" };
    let silences = silences.iter().map(|silence| json!({ "rule": silence.rule, "until": silence.until })).collect();
    serde_json::to_vec(&Payload { line, cause, r#override: by_hand, silenced, silences })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Cause, GateStatus};

    #[test]
    fn the_cause_is_always_one_that_was_announced() {
        let known = causes(&["fog".into(), "frozen".into()]);
        assert_eq!(known.iter().filter(|word| *word == "frozen").count(), 1);
        let word = |decided, reason, causes: &[&str]| {
            let causes = causes.iter().map(|name| Cause::new(*name, 0.5)).collect();
            let status = GateStatus { stream: "yard".into(), decided, reason, causes, ..GateStatus::default() };
            let standing = Standing { status, valid_until: 9, gone: false };
            let text = payload(standing, Kind::State, None, &[], &known, Duration::from_secs(30)).expect("JSON");
            let json: Value = serde_json::from_slice(&text).expect("JSON");
            assert!(json["stream"] == "yard" && json["override"] == "auto" && json["valid_for"] == 30.0);
            assert!(json.get("valid_until").is_none(), "{json}");
            json["cause"].as_str().expect("a word").to_owned()
        };
        use GateReason as R;
        use GateState as S;
        for (decided, reason, causes, expected) in [
            (S::Open, R::ScoreGood, &["fog"][..], "none"),
            (S::Closed, R::ScoreLow, &["fog"], "fog"),
            (S::Degraded, R::ScorePoor, &["haze", "fog"], "fog"),
            (S::Closed, R::ScoreLow, &["haze"], "score_low"),
            (S::Closed, R::Frozen, &["frozen"], "frozen"),
            (S::Unknown, R::Stalled, &["fog"], "stalled"),
        ] {
            assert_eq!(word(decided, reason, causes), expected);
            assert!(known.contains(&expected.to_owned()));
        }
    }
}
