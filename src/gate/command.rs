//! What somebody outside asks of a gate or of its alerts.

use crate::event::GateState;

/// A wish that reached us over MQTT or another way. Whoever receives it decides whether it is granted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Set a gate by hand, or take that back.
    Override {
        /// The stream.
        stream: String,
        /// What to enforce from now on; `None` takes an earlier wish back.
        state: Option<GateState>,
        /// Until when, in seconds since 1970; `None` until it is taken back.
        until: Option<u64>,
    },
    /// Silence a stream's alerts, or end that.
    Silence {
        /// The stream.
        stream: String,
        /// The rule; `None` for all of them.
        rule: Option<String>,
        /// Until when, in seconds since 1970; `None` ends an earlier silence.
        until: Option<u64>,
    },
}
