//! The HTTP server: metrics for Prometheus, health for supervisors, the API, and a page for people.
//!
//! It runs on a thread of its own. It reads [`Metrics`] and [`Screen`] that the daemon keeps, [`Health`] that it feeds, and the
//! [`Board`](crate::gate::Board); what is to be changed it asks at the [`Desk`](crate::control::Desk).

mod access;
mod api;
mod connection;
mod gates;
mod health;
mod metrics;
mod page;
mod screen;
mod server;
mod session;
mod tls;

use std::{sync::Arc, time::Duration};

pub use health::Health;
pub use metrics::{About, Frames, Metrics, SinkReading, StreamMetrics};
pub use screen::{AlertView, Known, Normal, Pane, PaneAbout, RuleView, Screen};
pub use server::{HttpError, Server};

use crate::control::Desk;

/// Tells what was gated within that time before now, as a JSON object; may block. An error says why not and the next step.
pub type Report = dyn Fn(Duration) -> Result<serde_json::Value, String> + Send + Sync;

/// Finds the JPEG file of an alert: the last good picture before it (true), or the one that fired it.
pub type Snapshot = dyn Fn(&str, bool) -> Option<std::path::PathBuf> + Send + Sync;

/// What the server serves.
#[derive(Clone)]
pub struct Served {
    /// What doesn't change during a run.
    pub about: Arc<About>,
    /// Counters, and where the gates stand.
    pub metrics: Arc<Metrics>,
    /// Whether the program is alive and ready.
    pub health: Arc<Health>,
    /// Streams, alerts, events.
    pub screen: Arc<Screen>,
    /// Where changes are asked for.
    pub desk: Desk,
    /// Whether changes are remembered over a restart.
    pub kept: bool,
    /// What was gated.
    pub report: Arc<Report>,
    /// Pictures of alerts.
    pub snapshot: Arc<Snapshot>,
}
