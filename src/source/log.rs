//! GStreamer's own log, led to `tracing` (target `gstreamer`) without secrets.
//!
//! `GST_DEBUG` says what is logged, as always; at its higher levels GStreamer prints the addresses, logins and messages it
//! works with. Its default log function is taken out, so that no line goes past the scrubbing.

use std::sync::OnceLock;

use gstreamer as gst;
use gstreamer::{DebugLevel, glib};

use super::SourceError;
use crate::secret;

/// Starts GStreamer, once.
///
/// # Errors
/// [`SourceError::Init`].
pub(super) fn start() -> Result<(), SourceError> {
    static STARTED: OnceLock<Result<(), String>> = OnceLock::new();
    let started = STARTED.get_or_init(|| {
        gst::log::remove_default_log_function();
        gst::log::add_log_function(|category, level, _, _, _, object, message| {
            let object = || object.map(|object| format!(" {object}")).unwrap_or_default();
            let line = || format!("{}{}: {}", category.name(), object(), message.get().unwrap_or_default());
            say(level, line);
        });
        // Warnings of GLib, which GStreamer's libraries use for what must not happen.
        glib::log_set_default_handler(|domain, level, text| {
            let level = match level {
                glib::LogLevel::Error | glib::LogLevel::Critical => DebugLevel::Error,
                glib::LogLevel::Warning => DebugLevel::Warning,
                glib::LogLevel::Message | glib::LogLevel::Info => DebugLevel::Info,
                glib::LogLevel::Debug => DebugLevel::Debug,
            };
            say(level, || format!("{}: {text}", domain.unwrap_or("GLib")));
        });
        gst::init().map_err(|e| secret::scrub(&e.to_string()).into_owned())
    });
    started.clone().map_err(SourceError::Init)
}

fn say(level: DebugLevel, line: impl FnOnce() -> String) {
    macro_rules! at {
        ($level:ident) => {
            if tracing::enabled!(target: "gstreamer", tracing::Level::$level) {
                tracing::event!(target: "gstreamer", tracing::Level::$level, "{}", secret::scrub(&line()));
            }
        };
    }
    match level {
        DebugLevel::Error => at!(ERROR),
        DebugLevel::Warning => at!(WARN),
        DebugLevel::Fixme | DebugLevel::Info => at!(INFO),
        DebugLevel::Debug => at!(DEBUG),
        DebugLevel::Log | DebugLevel::Trace => at!(TRACE),
        // Bytes in hexadecimal, cut into lines: a secret in them could not be found.
        _ => {}
    }
}
