//! The HTTP server: metrics for Prometheus, health for supervisors, gates for whoever asks.
//!
//! It runs on a thread of its own and only reads: [`Metrics`] that the daemon keeps, [`Health`] that it feeds, and the
//! [`Board`](crate::gate::Board).

mod access;
mod connection;
mod gates;
mod health;
mod metrics;
mod server;

pub use health::Health;
pub use metrics::{About, Frames, Metrics, SinkReading, StreamMetrics};
pub use server::{HttpError, Server};
