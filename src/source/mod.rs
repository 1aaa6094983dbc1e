//! A stream's location → decoded frames. GStreamer lives only here.
//!
//! [`Source`] plays one stream on a supervised thread and puts the newest due frame into a [`Slot`]; [`frames`] gives all
//! frames of a file.

mod container;
mod error;
mod frames;
mod pipeline;
mod sample;
mod slot;
mod supervise;

pub use error::SourceError;
pub use frames::{Frames, frames};
pub use slot::{Counts, Look, Slot};
pub use supervise::{Notice, Source};
