//! Kinds of events: what an output is told to pass on.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Event;

/// A kind of event, by which outputs choose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// A stream started, ended, stalled or resumed.
    Stream,
    /// A gate moved.
    Gate,
    /// An alert fired or was resolved.
    Alert,
    /// News of a camera's baseline.
    Baseline,
    /// Scoring can't keep up, or can again.
    Overload,
    /// A changed configuration is in force.
    Reloaded,
    /// Something went wrong.
    Error,
    /// The last event of a run.
    Summary,
}

impl EventKind {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Stream,
        Self::Gate,
        Self::Alert,
        Self::Baseline,
        Self::Overload,
        Self::Reloaded,
        Self::Error,
        Self::Summary,
    ];

    /// The word used in configuration and in names of topics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stream => "stream",
            Self::Gate => "gate",
            Self::Alert => "alert",
            Self::Baseline => "baseline",
            Self::Overload => "overload",
            Self::Reloaded => "reloaded",
            Self::Error => "error",
            Self::Summary => "summary",
        }
    }
}

impl Event {
    /// Its kind.
    pub const fn kind(&self) -> EventKind {
        match self {
            Self::StreamStarted { .. }
            | Self::StreamEnded { .. }
            | Self::StreamStalled { .. }
            | Self::StreamResumed { .. } => EventKind::Stream,
            Self::Gate(_) => EventKind::Gate,
            Self::Alert(_) | Self::Silence { .. } => EventKind::Alert,
            Self::Baseline(_) => EventKind::Baseline,
            Self::Overload { .. } => EventKind::Overload,
            Self::Reloaded { .. } => EventKind::Reloaded,
            Self::Error { .. } => EventKind::Error,
            Self::Summary(_) => EventKind::Summary,
        }
    }

    /// To be recorded, and sent to nobody: what was silenced, and the silence itself.
    pub const fn is_quiet(&self) -> bool {
        match self {
            Self::Alert(alert) => alert.silenced,
            Self::Silence { .. } => true,
            _ => false,
        }
    }

    /// The stream it concerns, if it concerns one.
    pub fn stream(&self) -> Option<&str> {
        match self {
            Self::StreamStarted { stream, .. }
            | Self::StreamEnded { stream, .. }
            | Self::StreamStalled { stream, .. }
            | Self::StreamResumed { stream, .. } => Some(stream),
            Self::Gate(gate) => Some(&gate.stream),
            Self::Alert(alert) => Some(&alert.stream),
            Self::Baseline(news) => Some(&news.stream),
            Self::Silence { stream, .. } => Some(stream),
            Self::Error { stream, .. } => stream.as_deref(),
            Self::Overload { .. } | Self::Reloaded { .. } | Self::Summary(_) => None,
        }
    }
}
