//! Where a stream comes from: a file or a camera's address, whose secret can't be printed.

use std::{
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
};

use serde::{Deserialize, Deserializer, de};

/// A stream's location. `Debug` and `Display` never show a user name, a password or the values of a query.
#[derive(Clone, PartialEq, Eq)]
pub enum Location {
    /// A video file.
    File(PathBuf),
    /// A camera or server that speaks RTSP.
    Rtsp(Rtsp),
}

/// An RTSP address, taken apart so that its secret travels on its own.
#[derive(Clone, PartialEq, Eq)]
pub struct Rtsp {
    url: String,
    login: Option<Login>,
}

/// User name and password, percent-decoded.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    /// User name.
    pub user: String,
    /// Password, empty if the address gave none.
    pub password: String,
}

impl Rtsp {
    /// The address without user name and password; its query may still hold a secret, so it is for the pipeline only.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What to log in with.
    pub fn login(&self) -> Option<&Login> {
        self.login.as_ref()
    }
}

impl Location {
    /// A source that never ends by itself; its errors and its end are reasons to connect again.
    pub fn is_live(&self) -> bool {
        matches!(self, Self::Rtsp(_))
    }

    /// The same with a relative file path put under `folder`.
    #[must_use]
    pub fn under(self, folder: &Path) -> Self {
        match self {
            Self::File(path) => Self::File(folder.join(path)),
            rtsp @ Self::Rtsp(_) => rtsp,
        }
    }
}

impl FromStr for Location {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Some((scheme, rest)) = text.split_once("://") else {
            return match text {
                "" => Err("is empty; give a file or an rtsp:// address".into()),
                path => Ok(Self::File(path.into())),
            };
        };
        match scheme.to_ascii_lowercase().as_str() {
            "file" => Ok(Self::File(rest.into())),
            scheme @ ("rtsp" | "rtsps") => rtsp(scheme, rest).map(Self::Rtsp),
            other => Err(format!(
                "locations of kind \"{}://\" are not supported; use a file path, rtsp:// or rtsps://",
                printable(other)
            )),
        }
    }
}

fn rtsp(scheme: &str, rest: &str) -> Result<Rtsp, String> {
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    // A password may hold '/' or '?' unescaped; then the host begins after the last '@' of the whole address.
    let at = rest[..end].rfind('@').or_else(|| rest.rfind('@'));
    let (login, host) = match at {
        Some(at) => (Some(&rest[..at]), &rest[at + 1..]),
        None => (None, rest),
    };
    if host.is_empty() || host.starts_with(['/', '?', ':']) {
        return Err(format!("the {scheme}:// address names no host"));
    }
    let login = login.map(|login| {
        let (user, password) = login.split_once(':').unwrap_or((login, ""));
        Login { user: decode(user), password: decode(password) }
    });
    Ok(Rtsp { url: format!("{scheme}://{host}"), login })
}

/// Resolves percent escapes; what is no valid escape stays as it is.
fn decode(text: &str) -> String {
    let (bytes, mut out, mut i) = (text.as_bytes(), Vec::with_capacity(text.len()), 0);
    while i < bytes.len() {
        let escaped = (bytes[i] == b'%').then(|| text.get(i + 1..i + 3)).flatten();
        match escaped.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                out.push(byte);
                i += 3;
            }
            None => {
                out.push(bytes[i]);
                i += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// A scheme fit for an error message: what is too long or odd is more likely a secret than a scheme.
fn printable(scheme: &str) -> &str {
    if scheme.len() <= 12 && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b)) {
        scheme
    } else {
        "…"
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Rtsp(rtsp) => rtsp.fmt(f),
        }
    }
}

impl fmt::Debug for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Rtsp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, rest) = self.url.split_once("://").unwrap_or(("rtsp", &self.url));
        let login = if self.login.is_some() { "***@" } else { "" };
        match rest.split_once('?') {
            Some((path, _)) => write!(f, "{scheme}://{login}{path}?***"),
            None => write!(f, "{scheme}://{login}{rest}"),
        }
    }
}

impl fmt::Debug for Rtsp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Login(***)")
    }
}

impl<'de> Deserialize<'de> for Location {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_taken_apart_and_never_printed() {
        for (text, url, user, password, shown) in [
            ("rtsp://cam/1", "rtsp://cam/1", None, "", "rtsp://cam/1"),
            ("rtsp://bob:s3cret@cam:554/1", "rtsp://cam:554/1", Some("bob"), "s3cret", "rtsp://***@cam:554/1"),
            ("RTSPS://bob@cam", "rtsps://cam", Some("bob"), "", "rtsps://***@cam"),
            ("rtsp://b%40b:p%3A%2f%zz@cam/", "rtsp://cam/", Some("b@b"), "p:/%zz", "rtsp://***@cam/"),
            ("rtsp://bob:a/b?c@cam/1", "rtsp://cam/1", Some("bob"), "a/b?c", "rtsp://***@cam/1"),
            ("rtsp://cam/1?token=s3cret", "rtsp://cam/1?token=s3cret", None, "", "rtsp://cam/1?***"),
        ] {
            let location: Location = text.parse().expect(text);
            let Location::Rtsp(rtsp) = &location else { panic!("{text}: no RTSP") };
            assert_eq!(rtsp.url(), url);
            assert_eq!(rtsp.login().map(|l| l.user.as_str()), user);
            assert_eq!(rtsp.login().map_or("", |l| l.password.as_str()), password);
            assert_eq!(location.to_string(), shown);
            assert!(!format!("{location:?} {:?}", rtsp.login()).contains("s3cret"));
        }
    }

    #[test]
    fn files_and_refusals() {
        assert_eq!("a/b.mp4".parse(), Ok(Location::File("a/b.mp4".into())));
        assert_eq!("file:///v/b.mp4".parse(), Ok(Location::File("/v/b.mp4".into())));
        assert_eq!(Location::File("b.mp4".into()).under(Path::new("/v")), Location::File("/v/b.mp4".into()));
        for text in ["", "rtsp://", "rtsp:///x", "rtsp://a:b@", "http://cam/1", "rtsp://:554/x"] {
            assert!(text.parse::<Location>().is_err(), "{text}");
        }
        let odd = "hunter2 hunter2 hunter2://x".parse::<Location>().expect_err("no scheme");
        assert!(!odd.contains("hunter2"), "{odd}");
    }
}
