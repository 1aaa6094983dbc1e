//! Why a clip could not be made.

use std::path::PathBuf;

use gstreamer::{self as gst, prelude::*};

/// Why a clip could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ClipError {
    /// A stretch on the command line can't be read.
    #[error("stretch `{text}`: {reason}; write clean:SECONDSs or DISTORTION:ROW:SECONDSs, as fog:8:4.3s")]
    Stretch {
        /// The stretch as given.
        text: String,
        /// What is wrong with it.
        reason: String,
    },
    /// No stretch was given.
    #[error("a clip needs at least one stretch; give --stretch clean:4s or the like")]
    NoStretch,
    /// GStreamer lacks something.
    #[error("GStreamer can't make a {0}; install gstreamer1.0-plugins-{{base,good,ugly}} and gstreamer1.0-libav")]
    Element(&'static str),
    /// GStreamer could not be started or a pipeline refused a state.
    #[error("GStreamer: {0}; run with GST_DEBUG=3 for its own account")]
    Pipeline(String),
    /// The input can't be decoded.
    #[error("video {path}: {reason}", path = path.display())]
    Input {
        /// The input.
        path: PathBuf,
        /// What the decoder said and what would do.
        reason: String,
    },
    /// The input ends before the stretches do.
    #[error("video {path} ends after {has:.2} s, the stretches need {needs:.2} s; shorten them", path = path.display())]
    TooShort {
        /// The input.
        path: PathBuf,
        /// Its length in seconds.
        has: f64,
        /// Length of all stretches in seconds.
        needs: f64,
    },
    /// The encoder failed.
    #[error("encoding {path}: {reason}", path = path.display())]
    Output {
        /// The output.
        path: PathBuf,
        /// What the encoder said.
        reason: String,
    },
    /// Colour conversion refused a frame.
    #[error("colour conversion failed: {0}")]
    Colour(String),
    /// A distortion refused a frame.
    #[error(transparent)]
    Distort(#[from] crate::distort::DistortError),
    /// A file can't be read or written.
    #[error("{path}: {source}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

/// The first error that a pipeline has reported and nobody has read yet.
pub(super) fn pipeline_error(pipeline: &gst::Pipeline) -> Option<String> {
    let message = pipeline.bus()?.pop_filtered(&[gst::MessageType::Error])?;
    match message.view() {
        gst::MessageView::Error(error) => Some(error.error().message().to_owned()),
        _ => None,
    }
}
