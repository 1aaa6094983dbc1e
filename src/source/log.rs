//! GStreamer's own log, led to `tracing` (target `gstreamer`) without secrets.
//!
//! `GST_DEBUG` says what is logged, as always; at its higher levels GStreamer prints the addresses, logins and messages it
//! works with. Its default log function is taken out, so that no line goes past the scrubbing.

use std::{borrow::Cow, sync::OnceLock};

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
                tracing::event!(target: "gstreamer", tracing::Level::$level, "{}", scrub(line()));
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

/// How deep GStreamer writes structures into structures; each step escapes once more.
const NESTING: usize = 6;

/// The line without secrets, even where they are escaped. A line that held one so is shown unescaped.
fn scrub(line: String) -> String {
    let mut text = clean(&line).unwrap_or(line);
    let mut plain = text.clone();
    for _ in 0..NESTING {
        if !plain.contains('\\') {
            break;
        }
        plain = unescape(&plain);
        if let Some(clean) = clean(&plain) {
            plain.clone_from(&clean);
            text = clean;
        }
    }
    text
}

/// The text without known secrets and without what stands in an `Authorization` header; `None` if it held neither.
fn clean(text: &str) -> Option<String> {
    let mut scrubbed = secret::scrub(text);
    for scheme in ["Basic ", "Bearer "] {
        let mut from = 0;
        while let Some(at) = scrubbed[from..].find(scheme).map(|at| from + at + scheme.len()) {
            let token = |c: char| c.is_ascii_alphanumeric() || "+/=-._~".contains(c);
            let end = scrubbed[at..].find(|c| !token(c)).map_or(scrubbed.len(), |length| at + length);
            if end > at {
                scrubbed.to_mut().replace_range(at..end, "***");
            }
            from = at;
        }
    }
    match scrubbed {
        Cow::Owned(text) => Some(text),
        Cow::Borrowed(_) => None,
    }
}

/// Takes one level of GStreamer's escapes away: a backslash before a character, or before three octal digits for a byte.
fn unescape(text: &str) -> String {
    let (bytes, mut out, mut i) = (text.as_bytes(), Vec::with_capacity(text.len()), 0);
    while let Some(&byte) = bytes.get(i) {
        let octal = bytes.get(i + 1..i + 4).and_then(|digits| std::str::from_utf8(digits).ok());
        let octal = octal.filter(|_| byte == b'\\').and_then(|digits| u8::from_str_radix(digits, 8).ok());
        match (byte, octal, bytes.get(i + 1)) {
            (_, Some(byte), _) => {
                out.push(byte);
                i += 4;
            }
            (b'\\', None, Some(&next)) => {
                out.push(next);
                i += 2;
            }
            _ => {
                out.push(byte);
                i += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_found_in_structures_within_structures() {
        secret::remember("qv9 wörd=");
        for (line, clean) in [
            ("plain qv9 wörd=.", "plain ***."),
            (r#"once "qv9\ w\303\266rd\=""#, r#"once "***""#),
            (r#"twice \"qv9\\\ w\\303\\266rd\\\=\""#, r#"twice "***""#),
            ("value: 'Basic Ym9iOg==', more", "value: 'Basic ***', more"),
            (r#"v\=\"Bearer\\\ ab.c\""#, r#"v="Bearer ***""#),
            (r#"a path\ with \"escapes\""#, r#"a path\ with \"escapes\""#),
        ] {
            assert_eq!(scrub(line.to_owned()), clean);
        }
    }
}
