//! A stream's location → decoded frames. GStreamer lives only here.
//!
//! [`Source`] plays one stream on a supervised thread and puts the newest due frame into a [`Slot`]; [`frames`] gives all
//! frames of a file; [`probe`] says what a location is like. What is decoded, when a stream counts as dead and how long to
//! wait before connecting again are decided apart from GStreamer, in `policy`, `watchdog` and `backoff`.

mod abandoned;
mod backoff;
mod container;
mod error;
mod fragment;
mod frames;
mod images;
mod input;
mod inventory;
mod keyframe;
mod log;
mod pipeline;
mod policy;
mod probe;
mod receive;
mod sample;
mod slot;
mod status;
mod supervise;
mod tap;
mod trial;
mod watchdog;

pub use error::SourceError;
pub use frames::{Frames, frames};
pub use inventory::{Part, parts};
pub use policy::Mode;
pub use probe::{Probe, Probed, probe};
pub use slot::{Counts, Look, Slot};
pub use status::Status;
pub use supervise::{Notice, Source, StatusReader};
pub use trial::trial;
