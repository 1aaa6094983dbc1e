//! What the monitor says: one enum with a stable JSON form (`type` tells the kind) and one readable line each.
//!
//! Sinks and every later interface speak only this. New fields and kinds may be added; none is renamed or reused.

use std::{fmt, time::Duration};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::config::Severity;

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

/// Whether a picture is good enough for the models behind it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GateState {
    /// Good enough, by a score younger than the stream's limit.
    Open,
    /// Not good enough, by such a score.
    Closed,
    /// Nobody can say.
    #[default]
    Unknown,
}

impl fmt::Display for GateState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Open => "open",
            Self::Closed => "closed",
            Self::Unknown => "unknown",
        })
    }
}

/// Why a gate moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GateReason {
    /// The score stayed below the closing threshold.
    ScoreLow,
    /// The score stayed at or above the opening threshold.
    ScoreGood,
    /// The newest score is too old.
    Stale,
    /// No frames arrive.
    Stalled,
    /// The stream ended.
    Ended,
    /// The source failed.
    Failed,
}

impl fmt::Display for GateReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ScoreLow => "score low",
            Self::ScoreGood => "score good",
            Self::Stale => "score stale",
            Self::Stalled => "stream stalled",
            Self::Ended => "stream ended",
            Self::Failed => "stream failed",
        })
    }
}

/// One likely cause of a bad score.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cause {
    /// The distortion's name in the model's card.
    pub distortion: String,
    /// Its smoothed probability (0–1).
    pub probability: f32,
}

/// Where an alert stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AlertState {
    /// The rule's condition holds.
    Firing,
    /// It no longer does, or the stream ended.
    Resolved,
}

/// A gate's move.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GateEvent {
    /// The stream.
    pub stream: String,
    /// The state from now on.
    pub state: GateState,
    /// The state until now.
    pub previous: GateState,
    /// Why it moved.
    pub reason: GateReason,
    /// The model output that decides.
    pub head: String,
    /// Its newest value (0–1), if there is one young enough.
    pub score: Option<f32>,
    /// The same, smoothed.
    pub smoothed: Option<f32>,
    /// Likely causes, the likeliest first; empty unless closed.
    pub causes: Vec<Cause>,
    /// Stream time: presentation time for files, time since the program's start for live streams.
    pub at: Seconds,
    /// Stream time since which the reason holds.
    pub since: Seconds,
}

/// An alert that starts or ends.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AlertEvent {
    /// Same for the firing and the resolved event of one alert: `stream/rule/milliseconds`.
    pub id: String,
    /// The stream.
    pub stream: String,
    /// The rule.
    pub rule: String,
    /// Whether it starts or ends.
    pub state: AlertState,
    /// How much it matters.
    pub severity: Severity,
    /// The head or distortion that the rule watches.
    pub subject: String,
    /// Its newest value (0–1).
    pub score: Option<f32>,
    /// The same, smoothed.
    pub smoothed: Option<f32>,
    /// Likely causes, the likeliest first.
    pub causes: Vec<Cause>,
    /// Stream time.
    pub at: Seconds,
    /// Stream time since which the condition holds.
    pub since: Seconds,
}

/// Time from a frame's arrival to its verdict, over the most recent frames.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    /// Half of the frames were faster, in milliseconds.
    pub p50_ms: f64,
    /// 99 of 100 frames were faster, in milliseconds.
    pub p99_ms: f64,
}

/// What became of one stream.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StreamSummary {
    /// The stream.
    pub stream: String,
    /// Frames decoded.
    pub seen: u64,
    /// Frames scored.
    pub scored: u64,
    /// Frames that were not due by the interval.
    pub skipped: u64,
    /// Frames that were due but gave way to newer ones, came too late for the end or could not be scored.
    pub dropped: u64,
    /// Stream time with the gate open.
    pub open: Seconds,
    /// Stream time with the gate closed.
    pub closed: Seconds,
    /// Stream time with the gate unknown.
    pub unknown: Seconds,
    /// How often the gate closed.
    pub closings: u64,
    /// Frame arrival to verdict; none if no frame was scored.
    pub latency: Option<Latency>,
    /// Why the stream could not be watched to its end, if so.
    pub failure: Option<String>,
}

/// What became of a whole run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Every stream, in the order of the configuration.
    pub streams: Vec<StreamSummary>,
    /// Time that the run took.
    pub took: Seconds,
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
                write!(f, "{:>9}  {}  gate {state} (was {}): {}", g.at, g.stream, g.previous, g.reason)?;
                if g.smoothed.is_some() {
                    write!(f, ", {} {} (smoothed {})", g.head, number(g.score), number(g.smoothed))?;
                }
                f.write_str(&list(&g.causes))
            }
            Self::Alert(a) => {
                let state = if a.state == AlertState::Firing { "firing" } else { "resolved" };
                write!(f, "{:>9}  {}  alert {state}: {} ({})", a.at, a.stream, a.rule, a.severity.name())?;
                write!(f, ", {} {} since {}{}", a.subject, number(a.smoothed), a.since, list(&a.causes))
            }
            Self::Error { stream, error, at } => {
                let at = at.map_or_else(|| "–".into(), |at| at.to_string());
                write!(f, "{at:>9}  {}  error: {error}", stream.as_deref().unwrap_or("miqa"))
            }
            Self::Summary(summary) => {
                for s in &summary.streams {
                    write!(
                        f,
                        "  summary  {}  {} frames seen, {} scored, {} dropped; open {} s, closed {} s ({}×), unknown {} s",
                        s.stream, s.seen, s.scored, s.dropped, s.open, s.closed, s.closings, s.unknown
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
            causes: vec![Cause { distortion: "fog".into(), probability: 0.75 }],
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
            at: at(9500),
            since: at(9000),
        };
        vec![
            (
                Event::StreamStarted { stream: "yard".into(), width: 1920, height: 1080, at: at(0) },
                r#"{"type":"stream_started","stream":"yard","width":1920,"height":1080,"at":0.0}"#,
                "    0.000  yard  started, 1920×1080",
            ),
            (
                Event::Gate(gate),
                r#"{"type":"gate","stream":"yard","state":"closed","previous":"open","reason":"score_low","head":"cls_consistency","score":0.25,"smoothed":0.375,"causes":[{"distortion":"fog","probability":0.75}],"at":12.34,"since":11.5}"#,
                "   12.340  yard  gate CLOSED (was open): score low, cls_consistency 0.250 (smoothed 0.375), likely fog 75 %",
            ),
            (
                Event::Alert(alert),
                r#"{"type":"alert","id":"yard/fog/9000","stream":"yard","rule":"fog","state":"firing","severity":"critical","subject":"fog","score":null,"smoothed":0.5,"causes":[],"at":9.5,"since":9.0}"#,
                "    9.500  yard  alert firing: fog (critical), fog 0.500 since 9.000",
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
