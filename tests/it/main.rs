//! Integration tests, one binary: the program and the daemon from outside, on real files and real streams.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bad_input;
mod clip;
mod golden;
mod program;
mod receiver;
mod rtsp;
mod sink_jsonl;
mod sink_webhook;
mod support;
mod watch;
