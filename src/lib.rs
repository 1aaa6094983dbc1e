//! miqa: is this picture still good enough for the models behind it?
//!
//! The way of a frame, one direction only:
//!
//! ```text
//! source → preprocess → engine → monitor → sink
//! (GStreamer)  (288×288 RGB)  (RA-MIQA)  (pure)   (log, JSON lines)
//! ```
//!
//! * [`frame`]: one decoded picture with its times; knows nobody.
//! * [`picture`]: a still picture's file → RGB.
//! * [`source`]: a stream's location → decoded frames (GStreamer lives only here).
//! * [`preprocess`]: planes → views → 288×288 8-bit RGB, the model's one input.
//! * [`facts`]: every frame's cheap facts (frozen, black, slate, smear, light mode) without a model; pure.
//! * [`engine`]: model card, ONNX Runtime session, execution providers.
//! * [`monitor`]: scores and times in, gate transitions and alerts out; no clock, no I/O.
//! * [`secret`]: passwords and tokens that can't be printed.
//! * [`event`]: what the monitor says; sinks speak only this.
//! * [`sink`]: where events go.
//! * [`gate`]: how detectors read where the gates stand.
//! * [`http`]: metrics, health and gates over HTTP.
//! * [`ledger`]: how gates stood, for a year.
//! * [`snapshot`]: pictures of alerts.
//! * [`state`]: what must survive the program.
//! * [`control`]: what people ask of a running daemon.
//! * [`calibrate`]: a detector's own losses → thresholds; pure.
//! * [`config`]: the TOML file as typed values.
//! * [`daemon`]: wires the above with threads; decides nothing.
//! * [`command`]: one file a subcommand of the `miqa` binary.

pub mod calibrate;
pub mod config;
pub mod engine;
pub mod event;
pub mod facts;
pub mod frame;
pub mod monitor;
pub mod picture;
pub mod preprocess;
pub mod secret;

#[cfg(feature = "source")]
pub mod source;

#[cfg(feature = "daemon")]
pub mod command;
#[cfg(feature = "daemon")]
pub mod control;
#[cfg(feature = "daemon")]
pub mod daemon;
#[cfg(feature = "daemon")]
pub mod gate;
#[cfg(feature = "daemon")]
pub mod http;
#[cfg(feature = "daemon")]
pub mod ledger;
#[cfg(feature = "daemon")]
pub mod sink;
#[cfg(feature = "daemon")]
pub mod snapshot;
#[cfg(feature = "daemon")]
pub mod state;
