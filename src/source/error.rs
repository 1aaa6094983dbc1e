//! Why a source gives no frames, in one line with the next step and without secrets.

use std::path::PathBuf;

use gstreamer as gst;
use gstreamer::prelude::*;

use crate::{
    config::{Location, Period},
    secret,
};

/// Why a source gives no frames.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The file can't be opened.
    #[error("{path}: cannot be opened: {reason}; check the path and its permissions", path = path.display())]
    Missing {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        reason: String,
    },
    /// The file holds nothing.
    #[error("{path}: is empty; copy or record it again", path = path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// The file ends before its own headers say.
    #[error("{path}: is truncated ({missing} bytes are missing at its end); copy or record it again", path = path.display())]
    Truncated {
        /// The file.
        path: PathBuf,
        /// Bytes that should follow.
        missing: u64,
    },
    /// Nothing knows what it is.
    #[error("{name}: is no picture or video that GStreamer recognises; check that it plays elsewhere")]
    Unrecognised {
        /// The source.
        name: String,
    },
    /// Audio or text only.
    #[error("{name}: has no video track; give a file or stream with one")]
    NoVideo {
        /// The source.
        name: String,
    },
    /// No decoder for its video.
    #[error(
        "{name}: no decoder for {codec}; install the GStreamer plug-in that has it (gstreamer1.0-libav, -plugins-bad, -plugins-ugly) or convert the video"
    )]
    NoDecoder {
        /// The source.
        name: String,
        /// GStreamer's name of what is missing.
        codec: String,
    },
    /// Frames in a form that can't be read.
    #[error("{name}: frames cannot be read: {reason}; convert the video to 8-bit 4:2:0")]
    Frame {
        /// The source.
        name: String,
        /// What is odd.
        reason: String,
    },
    /// The camera refused user name or password.
    #[error("{name}: login refused; check the stream's user name and password")]
    Login {
        /// The source.
        name: String,
    },
    /// The server has no such stream.
    #[error("{name}: the server has no such stream; check the path in the stream's location")]
    NoStream {
        /// The source.
        name: String,
    },
    /// A test picture that there is none of.
    #[error("test:{pattern}: there is no such test picture; try smpte, ball, snow or black")]
    Pattern {
        /// Its name.
        pattern: String,
    },
    /// A fragment that makes no pipeline. Its text may hold secrets and isn't shown.
    #[error("gst:***: {reason}; try the fragment with gst-launch-1.0 and an end of \"! fakesink\"")]
    Fragment {
        /// The kind of the mistake.
        reason: &'static str,
    },
    /// A folder without pictures.
    #[error("{folder}: holds no PNG or JPEG file that can be read; put pictures there", folder = folder.display())]
    NoPictures {
        /// The folder.
        folder: PathBuf,
    },
    /// GStreamer hangs while it starts.
    #[error("{name}: did not start within {after}; check that its device, disk or server answers")]
    Hangs {
        /// The source.
        name: String,
        /// The limit.
        after: Period,
    },
    /// Nobody answers.
    #[error("{name}: cannot connect; check host and port and that the camera is on")]
    Connect {
        /// The source.
        name: String,
    },
    /// No frame for too long.
    #[error("{name}: no frame for {after}; check that the camera sends video")]
    Silent {
        /// The source.
        name: String,
        /// How long.
        after: Period,
    },
    /// Anything else, in GStreamer's words.
    #[error("{name}: {reason}")]
    Failed {
        /// The source.
        name: String,
        /// GStreamer's reason, scrubbed.
        reason: String,
    },
    /// GStreamer lacks an element.
    #[error("GStreamer has no element \"{element}\"; install the Debian package {package}")]
    Element {
        /// The element.
        element: &'static str,
        /// The package that has it.
        package: &'static str,
    },
    /// GStreamer doesn't start.
    #[error("GStreamer does not start: {0}; reinstall libgstreamer1.0-0")]
    Init(String),
}

impl SourceError {
    /// What an error message of the bus means for this location.
    pub(super) fn from_bus(location: &Location, message: &gst::message::Error, missing: Option<&str>) -> Self {
        let name = location.to_string();
        let error = message.error();
        let remote = matches!(location, Location::Rtsp(_) | Location::Http(_));
        if let Some(codec) = missing {
            return Self::NoDecoder { name, codec: codec.into() };
        }
        match error.kind::<gst::StreamError>() {
            Some(gst::StreamError::TypeNotFound | gst::StreamError::WrongType) => return Self::Unrecognised { name },
            Some(gst::StreamError::CodecNotFound) => return Self::NoDecoder { name, codec: "its format".into() },
            _ => {}
        }
        match error.kind::<gst::ResourceError>() {
            Some(gst::ResourceError::NotAuthorized) => Self::Login { name },
            Some(gst::ResourceError::NotFound) if remote => Self::NoStream { name },
            Some(gst::ResourceError::OpenRead | gst::ResourceError::OpenReadWrite) if remote => Self::Connect { name },
            // The HTTP source says no more than this when nobody answers.
            _ if matches!(location, Location::Http(_)) && refused(message) => Self::Connect { name },
            _ => Self::Failed { reason: scrub(error.message(), location), name },
        }
    }
}

/// Whether an HTTP source got nothing at all.
fn refused(message: &gst::message::Error) -> bool {
    let by_http = message.src().and_then(|src| src.downcast_ref::<gst::Element>()).and_then(|e| e.factory());
    by_http.is_some_and(|factory| factory.name() == "souphttpsrc")
        && message.debug().is_some_and(|text| text.contains("reason error"))
}

/// GStreamer's text on one line, without address, user name and secrets.
pub(super) fn scrub(text: &str, location: &Location) -> String {
    let mut text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if let Location::Rtsp(address) | Location::Http(address) = location {
        text = text.replace(address.url(), "***");
        if let Some(login) = address.login() {
            for word in [login.password.reveal(), &login.user] {
                if !word.is_empty() {
                    text = text.replace(word, "***");
                }
            }
        }
    }
    secret::scrub(text.trim_end_matches('.')).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_leave_the_text() {
        let location: Location = "rtsp://bob:hunter2@cam/1?key=abc".parse().expect("location");
        let text = scrub("could not open\n rtsp://cam/1?key=abc as bob with hunter2.", &location);
        assert_eq!(text, "could not open *** as *** with ***");
    }
}
