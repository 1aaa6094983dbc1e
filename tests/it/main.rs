//! Integration tests, one binary: the program and the daemon from outside, on real files and real streams.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bad_input;
mod broker;
mod clip;
mod frigate;
mod frigate_stand_in;
mod golden;
mod http;
mod program;
mod receiver;
mod rtsp;
mod sink_jsonl;
mod sink_mqtt;
mod sink_webhook;
mod support;
mod watch;
