//! Integration tests, one binary: the program and the daemon from outside, on real files and real streams.

mod bad_input;
mod clip;
mod golden;
mod program;
mod rtsp;
mod support;
mod watch;
