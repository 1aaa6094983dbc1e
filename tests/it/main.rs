//! Integration tests, one binary: the program and the daemon from outside, on real files and real streams.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bad_input;
mod broker;
mod calibrate;
mod clip;
mod facts;
mod frigate;
mod frigate_stand_in;
mod gate_command;
mod gate_slot;
mod gate_socket;
mod gate_state;
mod golden;
mod http;
mod ledger;
mod mqtt_login;
mod operation;
mod program;
mod reasons;
mod receiver;
mod regions;
mod rtsp;
mod rtsp_camera;
mod silence;
mod sink_jsonl;
mod sink_mqtt;
mod sink_webhook;
mod stream_decode;
mod stream_faults;
mod stream_http;
mod stream_kinds;
mod stream_secrets;
mod stream_watched;
mod support;
mod watch;
mod whole;
