//! What is said of an alert.

use serde::{Deserialize, Serialize};

use super::{Cause, Seconds};
use crate::config::Severity;

/// Where an alert stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AlertState {
    /// The rule's condition holds.
    Firing,
    /// It no longer does, or the stream ended.
    Resolved,
}

/// Something that could not be judged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unjudged {
    /// A head's or a distortion's name, or `scores` for all of them.
    pub what: String,
    /// Why not.
    pub why: String,
}

/// An alert that starts or ends.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AlertEvent {
    /// Same for the firing and the resolved event of one alert, also over a restart of the program.
    pub id: String,
    /// The stream.
    pub stream: String,
    /// The rule.
    pub rule: String,
    /// Whether it starts or ends.
    pub state: AlertState,
    /// How much it matters.
    pub severity: Severity,
    /// What the rule watches: a head, a distortion, a sight such as `frozen`, `lost` or `drop`.
    pub subject: String,
    /// Its newest value (0–1).
    pub score: Option<f32>,
    /// The same, smoothed.
    pub smoothed: Option<f32>,
    /// Likely causes, the likeliest first.
    pub causes: Vec<Cause>,
    /// What could not be judged, and why.
    pub unjudged: Vec<Unjudged>,
    /// How often this rule fired for this stream within the last hour of stream time, this time included.
    pub flaps: u32,
    /// Somebody silenced it: it is recorded, and sent to nobody.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub silenced: bool,
    /// File of the picture that fired it, if snapshots are kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<String>,
    /// File of the last good picture before it, if snapshots are kept and there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_good: Option<String>,
    /// Stream time.
    pub at: Seconds,
    /// Stream time since which the condition holds.
    pub since: Seconds,
}
