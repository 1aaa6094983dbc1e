//! What became of a run.

use serde::{Deserialize, Serialize};

use super::Seconds;

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
    /// Frames that were due and of which a look at the picture said enough, such as a black one.
    #[serde(default)]
    pub settled: u64,
    /// Frames that were due but gave way to newer ones, came too late for the end or could not be scored.
    pub dropped: u64,
    /// Stream time with the gate open.
    pub open: Seconds,
    /// Stream time with the gate degraded.
    #[serde(default)]
    pub degraded: Seconds,
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
