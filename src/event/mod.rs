//! What the monitor says: one enum with a stable JSON form (`type` tells the kind) and one readable line each.
//!
//! Sinks and every later interface speak only this. New fields and kinds may be added; none is renamed or reused.

mod alert;
mod baseline;
mod gate;
mod kind;
mod onvif;
mod summary;

use std::{
    fmt,
    time::{Duration, SystemTime},
};

use jiff::{Timestamp, tz::TimeZone};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use alert::{AlertEvent, AlertState, Unjudged};
pub use baseline::{Band, BaselineEvent, BaselineNews, BaselineStatus, CleanBy};
pub use gate::{ByHand, Cause, GateEvent, GateReason, GateState, GateStatus, Sight};
pub use kind::EventKind;
pub use onvif::word as onvif_word;
pub use summary::{Latency, StreamSummary, Summary};

/// A point or length of time, written as seconds with three decimals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seconds(pub Duration);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = self.0.as_millis();
        f.pad(&format!("{}.{:03}", ms / 1000, ms % 1000))
    }
}

impl Serialize for Seconds {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_f64(self.0.as_millis() as f64 / 1000.0)
    }
}

impl<'de> Deserialize<'de> for Seconds {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let seconds = f64::deserialize(d)?;
        Duration::try_from_secs_f64((seconds * 1000.0).round() / 1000.0).map(Self).map_err(serde::de::Error::custom)
    }
}

/// An event as it goes to sinks: numbered, and with the time of day for people.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Said {
    /// Wall clock, written as seconds since 1970 (UTC) with milliseconds.
    #[serde(serialize_with = "since_1970")]
    pub time: SystemTime,
    /// The event's name over every retry and sink: the run's name and its number in the run. `event_id` in the JSON form:
    /// an alert has an `id` of its own.
    #[serde(rename = "event_id")]
    pub id: String,
    /// The event.
    #[serde(flatten)]
    pub event: Event,
}

fn since_1970<S: Serializer>(time: &SystemTime, s: S) -> Result<S::Ok, S::Error> {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    s.serialize_f64(since.as_millis() as f64 / 1000.0)
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Event {
    /// The first frame of a stream arrived.
    StreamStarted {
        /// The stream.
        stream: String,
        /// Picture width in pixels.
        width: u32,
        /// Picture height in pixels.
        height: u32,
        /// Stream time.
        at: Seconds,
    },
    /// A stream is over.
    StreamEnded {
        /// The stream.
        stream: String,
        /// Why: `end of stream`, `stopped`, or an error.
        reason: String,
        /// Stream time.
        at: Seconds,
    },
    /// No frame for the stream's `stall_after`.
    StreamStalled {
        /// The stream.
        stream: String,
        /// What is known of the cause.
        reason: String,
        /// Stream time.
        at: Seconds,
    },
    /// Frames arrive again after a stall.
    StreamResumed {
        /// The stream.
        stream: String,
        /// Stream time.
        at: Seconds,
    },
    /// A gate moved.
    Gate(GateEvent),
    /// An alert started or ended.
    Alert(AlertEvent),
    /// News of a camera's baseline.
    Baseline(BaselineEvent),
    /// Somebody silenced alerts, or the silence is over.
    Silence {
        /// The stream.
        stream: String,
        /// The rule; all of them if there is none.
        rule: Option<String>,
        /// Until when, in seconds since 1970; `null` once it is over.
        until: Option<u64>,
        /// Time since the program's start.
        at: Seconds,
    },
    /// All streams' intervals are stretched, since scoring can't keep up; or no longer.
    Overload {
        /// Real interval / configured interval; 1 once it is over.
        stretch: f32,
        /// Time since the program's start.
        at: Seconds,
    },
    /// A changed configuration is in force.
    Reloaded {
        /// Streams that were added, removed or restarted, or whose gate was changed.
        streams: Vec<String>,
        /// Time since the program's start.
        at: Seconds,
    },
    /// Something went wrong that doesn't end the run.
    Error {
        /// The stream, if it concerns one.
        stream: Option<String>,
        /// What went wrong and the next step.
        error: String,
        /// Stream time, if it concerns a stream.
        at: Option<Seconds>,
    },
    /// The last event of a run.
    Summary(Summary),
}

/// A time of day in the machine's own time zone, from seconds since 1970.
pub fn day(seconds: u64) -> String {
    let time = i64::try_from(seconds).ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
    time.map_or_else(
        || seconds.to_string(),
        |time| time.to_zoned(TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S %Z").to_string(),
    )
}

fn number(value: Option<f32>) -> String {
    value.map_or_else(|| "–".into(), |v| format!("{v:.3}"))
}

fn list(causes: &[Cause]) -> String {
    let names: Vec<_> = causes.iter().map(|c| format!("{} {:.0} %", c.distortion, 100.0 * c.probability)).collect();
    if names.is_empty() { String::new() } else { format!(", likely {}", names.join(", ")) }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StreamStarted { stream, width, height, at } => {
                write!(f, "{at:>9}  {stream}  started, {width}×{height}")
            }
            Self::StreamEnded { stream, reason, at } => write!(f, "{at:>9}  {stream}  ended: {reason}"),
            Self::StreamStalled { stream, reason, at } => write!(f, "{at:>9}  {stream}  stalled: {reason}"),
            Self::StreamResumed { stream, at } => write!(f, "{at:>9}  {stream}  resumed"),
            Self::Gate(g) => {
                let state = format!("{}", g.state).to_uppercase();
                if g.state == g.previous {
                    write!(f, "{:>9}  {}  gate still {state}: {}", g.at, g.stream, g.reason)?;
                } else {
                    write!(f, "{:>9}  {}  gate {state} (was {}): {}", g.at, g.stream, g.previous, g.reason)?;
                }
                match (g.by_hand, g.enforced) {
                    (Some(by_hand), _) => write!(f, " (enforced: {by_hand})")?,
                    (None, None) => f.write_str(" (shadow, not enforced)")?,
                    (None, Some(enforced)) if enforced != g.state || g.state == g.previous => {
                        write!(f, " (enforced: {enforced})")?;
                    }
                    (None, Some(_)) => {}
                }
                if g.smoothed.is_some() {
                    write!(f, ", {} {} (smoothed {})", g.head, number(g.score), number(g.smoothed))?;
                }
                f.write_str(&list(&g.causes))
            }
            Self::Alert(a) => {
                let state = if a.state == AlertState::Firing { "firing" } else { "resolved" };
                write!(f, "{:>9}  {}  alert {state}: {} ({})", a.at, a.stream, a.rule, a.severity.name())?;
                write!(f, ", {} {} since {}{}", a.subject, number(a.smoothed), a.since, list(&a.causes))?;
                if a.silenced {
                    f.write_str(" (silenced)")?;
                }
                for u in &a.unjudged {
                    write!(f, "; {} not judged: {}", u.what, u.why)?;
                }
                Ok(())
            }
            Self::Baseline(news) => news.fmt(f),
            Self::Silence { stream, rule, until, at } => {
                let rule = rule.as_ref().map_or_else(|| "all alerts".into(), |rule| format!("alerts of rule {rule}"));
                match until {
                    Some(until) => write!(f, "{at:>9}  {stream}  {rule} silenced by hand until {}", day(*until)),
                    None => write!(f, "{at:>9}  {stream}  {rule} no longer silenced"),
                }
            }
            Self::Overload { stretch, at } if *stretch > 1.0 => {
                write!(
                    f,
                    "{at:>9}  miqa  overload: every interval is stretched {stretch:.1}×; score less often or add cores"
                )
            }
            Self::Overload { at, .. } => write!(f, "{at:>9}  miqa  overload is over"),
            Self::Reloaded { streams, at } => {
                write!(f, "{at:>9}  miqa  configuration reloaded, {} stream(s) changed", streams.len())
            }
            Self::Error { stream, error, at } => {
                let at = at.map_or_else(|| "–".into(), |at| at.to_string());
                write!(f, "{at:>9}  {}  error: {error}", stream.as_deref().unwrap_or("miqa"))
            }
            Self::Summary(summary) => {
                for s in &summary.streams {
                    write!(
                        f,
                        "  summary  {}  {} frames seen, {} scored, {} dropped; open {} s, degraded {} s, closed {} s ({}×), unknown {} s",
                        s.stream, s.seen, s.scored, s.dropped, s.open, s.degraded, s.closed, s.closings, s.unknown
                    )?;
                    if let Some(l) = s.latency {
                        write!(f, "; latency p50 {:.1} ms, p99 {:.1} ms", l.p50_ms, l.p99_ms)?;
                    }
                    writeln!(f)?;
                }
                write!(f, "  summary  took {} s", summary.took)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Severity;

    fn at(ms: u64) -> Seconds {
        Seconds(Duration::from_millis(ms))
    }

    fn samples() -> Vec<(Event, &'static str, &'static str)> {
        let gate = GateEvent {
            stream: "yard".into(),
            state: GateState::Closed,
            previous: GateState::Open,
            reason: GateReason::ScoreLow,
            head: "cls_consistency".into(),
            score: Some(0.25),
            smoothed: Some(0.375),
            enforced: Some(GateState::Closed),
            by_hand: None,
            causes: vec![Cause::new("fog", 0.75), Cause::new("darkness", 0.5)],
            flaps: 2,
            at: at(12_340),
            since: at(11_500),
        };
        let alert = AlertEvent {
            id: "yard/fog/9000".into(),
            stream: "yard".into(),
            rule: "fog".into(),
            state: AlertState::Firing,
            severity: Severity::Critical,
            subject: "fog".into(),
            score: None,
            smoothed: Some(0.5),
            causes: vec![],
            unjudged: vec![Unjudged { what: "scores".into(), why: "no picture".into() }],
            flaps: 1,
            silenced: false,
            snapshot: None,
            last_good: None,
            at: at(9500),
            since: at(9000),
        };
        let by_hand = ByHand { state: GateState::Open, until: Some(1_763_900_000) };
        let set = GateEvent {
            previous: GateState::Closed,
            enforced: Some(GateState::Open),
            by_hand: Some(by_hand),
            causes: vec![],
            score: None,
            smoothed: None,
            ..gate.clone()
        };
        let taken_back = GateEvent { by_hand: None, enforced: Some(GateState::Closed), ..set.clone() };
        let frozen = GateEvent {
            state: GateState::Closed,
            previous: GateState::Closed,
            reason: GateReason::Frozen,
            enforced: Some(GateState::Open),
            by_hand: None,
            score: None,
            smoothed: None,
            causes: vec![],
            ..gate.clone()
        };
        vec![
            (
                Event::Gate(set),
                r#"{"type":"gate","stream":"yard","state":"closed","previous":"closed","enforced":"open","by_hand":{"state":"open","until":1763900000},"reason":"score_low","head":"cls_consistency","score":null,"smoothed":null,"causes":[],"flaps":2,"at":12.34,"since":11.5}"#,
                &*format!(
                    "   12.340  yard  gate still CLOSED: score low (enforced: open by hand until {})",
                    day(1_763_900_000)
                )
                .leak(),
            ),
            (
                Event::Gate(taken_back),
                r#"{"type":"gate","stream":"yard","state":"closed","previous":"closed","enforced":"closed","reason":"score_low","head":"cls_consistency","score":null,"smoothed":null,"causes":[],"flaps":2,"at":12.34,"since":11.5}"#,
                "   12.340  yard  gate still CLOSED: score low (enforced: closed)",
            ),
            (
                Event::Gate(frozen),
                r#"{"type":"gate","stream":"yard","state":"closed","previous":"closed","enforced":"open","reason":"frozen","head":"cls_consistency","score":null,"smoothed":null,"causes":[],"flaps":2,"at":12.34,"since":11.5}"#,
                "   12.340  yard  gate still CLOSED: picture frozen (enforced: open)",
            ),
            (
                Event::StreamStarted { stream: "yard".into(), width: 1920, height: 1080, at: at(0) },
                r#"{"type":"stream_started","stream":"yard","width":1920,"height":1080,"at":0.0}"#,
                "    0.000  yard  started, 1920×1080",
            ),
            (
                Event::Gate(gate),
                r#"{"type":"gate","stream":"yard","state":"closed","previous":"open","enforced":"closed","reason":"score_low","head":"cls_consistency","score":0.25,"smoothed":0.375,"causes":[{"distortion":"fog","probability":0.75},{"distortion":"darkness","probability":0.5,"onvif":"ImageTooDark"}],"flaps":2,"at":12.34,"since":11.5}"#,
                "   12.340  yard  gate CLOSED (was open): score low, cls_consistency 0.250 (smoothed 0.375), likely fog 75 %, darkness 50 %",
            ),
            (
                Event::Alert(alert),
                r#"{"type":"alert","id":"yard/fog/9000","stream":"yard","rule":"fog","state":"firing","severity":"critical","subject":"fog","score":null,"smoothed":0.5,"causes":[],"unjudged":[{"what":"scores","why":"no picture"}],"flaps":1,"at":9.5,"since":9.0}"#,
                "    9.500  yard  alert firing: fog (critical), fog 0.500 since 9.000; scores not judged: no picture",
            ),
            (
                Event::Error { stream: None, error: "no".into(), at: None },
                r#"{"type":"error","stream":null,"error":"no","at":null}"#,
                "        –  miqa  error: no",
            ),
        ]
    }

    #[test]
    fn json_form_is_stable_and_reads_back() {
        for (event, json, line) in samples() {
            assert_eq!(serde_json::to_string(&event).expect("serialises"), json);
            assert_eq!(serde_json::from_str::<Event>(json).expect("reads back"), event);
            assert_eq!(event.to_string(), line);
        }
    }
}
