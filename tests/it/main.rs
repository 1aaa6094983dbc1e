//! Integration tests, one binary: the program and the daemon from outside, on real files and real streams.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bad_input;
mod clip;
mod facts;
mod golden;
mod program;
mod regions;
mod rtsp;
mod support;
mod watch;
