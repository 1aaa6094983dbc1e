//! Secrets that can't be printed: passwords, tokens, keys.
//!
//! A [`Secret`] shows as `***`. It is also remembered, so that [`scrub`] takes it out of texts that others made, such as
//! GStreamer's messages, in whichever spelling they carry it.

use std::{
    borrow::Cow,
    fmt,
    io::{self, Write},
    sync::{PoisonError, RwLock},
};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Shorter secrets are not searched for: they would tear words apart that have nothing to do with them.
const SHORTEST: usize = 3;

/// Every spelling of every secret, the longest first.
static KNOWN: RwLock<Vec<String>> = RwLock::new(Vec::new());

/// A text that `Debug` and `Display` never show.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes a secret and remembers it for [`scrub`].
    pub fn new(text: impl Into<String>) -> Self {
        let text = text.into();
        remember(&text);
        Self(text)
    }

    /// The secret itself, for the one call that needs it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

/// Also takes this spelling out of texts from now on, as where a secret travels percent-encoded.
pub fn remember(text: &str) {
    let encoded: String = text
        .bytes()
        .map(|b| {
            if b.is_ascii_alphanumeric() || b"-._~".contains(&b) {
                char::from(b).to_string()
            } else {
                format!("%{b:02X}")
            }
        })
        .collect();
    let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
    for spelling in [text.to_owned(), encoded] {
        if spelling.len() >= SHORTEST && !known.contains(&spelling) {
            known.push(spelling);
        }
    }
    known.sort_by_key(|spelling| std::cmp::Reverse(spelling.len()));
}

/// The text with every known secret replaced by `***`.
pub fn scrub(text: &str) -> Cow<'_, str> {
    let known = KNOWN.read().unwrap_or_else(PoisonError::into_inner);
    let mut out = Cow::Borrowed(text);
    for secret in known.iter().filter(|secret| text.contains(secret.as_str())) {
        out = Cow::Owned(out.replace(secret.as_str(), "***"));
    }
    out
}

/// A writer that takes every known secret out of what goes through it, such as other libraries' logs. Each write must be
/// whole lines of text, as a log's are.
#[derive(Debug)]
pub struct Scrubbed<W>(pub W);

impl<W: Write> Write for Scrubbed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write_all(scrub(&String::from_utf8_lossy(bytes)).as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d).map(Self::new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_shown_and_taken_out_of_texts() {
        let secret = Secret::new("q7 w/secret");
        assert_eq!(format!("{secret} {secret:?}"), "*** ***");
        assert_eq!(scrub("at q7 w/secret and q7%20w%2Fsecret!"), "at *** and ***!");
        assert_eq!(secret.reveal(), "q7 w/secret");
        assert!(matches!(scrub("nothing here"), Cow::Borrowed(_)));
        // Too short to be searched for, still not shown.
        assert_eq!(format!("{:?}", Secret::new("ab")), "***");
        assert_eq!(scrub("ab"), "ab");
    }

    #[test]
    fn nothing_secret_goes_through_a_scrubbed_writer() {
        let _known = Secret::new("hooks/zq-path/word");
        let mut out = Vec::new();
        Scrubbed(&mut out).write_all(b"POST https://x/hooks/zq-path/word\n").expect("written");
        let text = String::from_utf8(out).expect("text");
        assert_eq!(text, "POST https://x/***\n");
    }
}
