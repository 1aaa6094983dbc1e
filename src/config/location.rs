//! Where a stream comes from. Whatever secret a location holds, it can't be printed.

mod login;
mod sensitive;

use std::{
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

pub use login::{Credentials, Login};

use crate::secret::Secret;

/// A stream's location. `Debug` and `Display` never show a user name, a password, the values of a query or the text of
/// a fragment.
#[derive(Clone, PartialEq, Eq)]
pub enum Location {
    /// A video file.
    File(PathBuf),
    /// A folder of PNG and JPEG files, in the order of their names.
    Images(PathBuf),
    /// A camera or server that speaks RTSP.
    Rtsp(Address),
    /// Video over HTTP: HLS, MJPEG, or a file on a server.
    Http(Address),
    /// A V4L2 device.
    Device(PathBuf),
    /// A test picture: the name of one of `videotestsrc`'s patterns.
    Test(String),
    /// The beginning of a GStreamer pipeline as `gst-launch-1.0` reads it; it ends in raw or encoded video.
    Fragment(Secret),
}

/// A server's address, taken apart so that its secret travels on its own.
#[derive(Clone, PartialEq, Eq)]
pub struct Address {
    url: String,
    login: Option<Login>,
}

impl Address {
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
    /// A source that doesn't end by itself: its errors and its end are reasons to connect again. A fragment counts as
    /// one, and so does whatever comes over HTTP.
    pub fn is_live(&self) -> bool {
        !matches!(self, Self::File(_) | Self::Images(_))
    }

    /// The same with a relative file path put under `folder`.
    #[must_use]
    pub fn under(self, folder: &Path) -> Self {
        match self {
            Self::File(path) => Self::File(folder.join(path)),
            Self::Images(path) => Self::Images(folder.join(path)),
            other => other,
        }
    }

    /// The same with a login that was given apart from it.
    ///
    /// # Errors
    /// The location takes none, or has one already.
    pub fn with_login(self, login: Login) -> Result<Self, String> {
        let fill = |address: Address| match address.login {
            Some(given) if !given.password.reveal().is_empty() => {
                Err("the location holds a password too; take one of them out".to_owned())
            }
            _ => Ok(Address { login: Some(login), ..address }),
        };
        match self {
            Self::Rtsp(address) => fill(address).map(Self::Rtsp),
            Self::Http(address) => fill(address).map(Self::Http),
            _ => Err("goes with rtsp:// and http(s):// locations only".into()),
        }
    }

    /// The user name in the address.
    pub fn user(&self) -> Option<&str> {
        match self {
            Self::Rtsp(address) | Self::Http(address) => address.login().map(|login| login.user.as_str()),
            _ => None,
        }
    }

    /// Whether its text holds a password, token or key. What can't be told from other text isn't found.
    pub fn holds_secret(&self) -> bool {
        match self {
            Self::Rtsp(address) | Self::Http(address) => {
                address.login().is_some_and(|login| !login.password.reveal().is_empty())
                    || !sensitive::of_query(address.url()).is_empty()
            }
            Self::Fragment(text) => !sensitive::of_fragment(text.reveal()).is_empty(),
            _ => false,
        }
    }
}

impl FromStr for Location {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("is empty; give a file or an rtsp:// address".into());
        }
        if let Some(fragment) = text.strip_prefix("gst:") {
            return fragment_of(fragment);
        }
        if let Some(pattern) = text.strip_prefix("test:") {
            let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
            if pattern.is_empty() || !pattern.chars().all(plain) {
                return Err("a test picture is written test:PATTERN, such as test:ball or test:smpte".into());
            }
            return Ok(Self::Test(pattern.into()));
        }
        if let Some(folder) = text.strip_prefix("images:") {
            return match folder {
                "" => Err("a folder of pictures is written images:FOLDER".into()),
                folder => Ok(Self::Images(folder.into())),
            };
        }
        let Some((scheme, rest)) = text.split_once("://") else {
            return Ok(match text {
                device if device.starts_with("/dev/video") => Self::Device(device.into()),
                path => Self::File(path.into()),
            });
        };
        match scheme.to_ascii_lowercase().as_str() {
            "file" => Ok(Self::File(rest.into())),
            "v4l2" if rest.starts_with('/') => Ok(Self::Device(rest.into())),
            "v4l2" => Err("a V4L2 device is written /dev/videoN or v4l2:///dev/videoN".into()),
            scheme @ ("rtsp" | "rtsps") => address(scheme, rest).map(Self::Rtsp),
            scheme @ ("http" | "https") => address(scheme, rest).map(Self::Http),
            other => Err(format!(
                "locations of kind \"{}://\" are not supported; use a file path, rtsp(s)://, http(s)://, /dev/videoN, images:FOLDER, test:PATTERN or gst:FRAGMENT",
                printable(other)
            )),
        }
    }
}

fn fragment_of(text: &str) -> Result<Location, String> {
    if text.trim().is_empty() {
        return Err("a fragment is written gst:ELEMENT ! ELEMENT, as gst-launch-1.0 reads it".into());
    }
    for secret in sensitive::of_fragment(text) {
        crate::secret::remember(secret);
    }
    Ok(Location::Fragment(Secret::new(text)))
}

fn address(scheme: &str, rest: &str) -> Result<Address, String> {
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    // A password may hold '/' or '?' unescaped; then the host begins after the last '@' of the whole address. Over HTTP
    // an '@' further on is as likely part of a path.
    let anywhere = if scheme.starts_with("rtsp") { rest.rfind('@') } else { None };
    let at = rest[..end].rfind('@').or(anywhere);
    let (login, host) = match at {
        Some(at) => (Some(&rest[..at]), &rest[at + 1..]),
        None => (None, rest),
    };
    if host.is_empty() || host.starts_with(['/', '?', ':']) {
        return Err(format!("the {scheme}:// address names no host"));
    }
    if !has_sound_port(host) {
        // The text itself may be half a password.
        return Err(format!("the {scheme}:// address has a port that is none; a port is a number from 1 to 65535"));
    }
    let login = login.map(|login| {
        let (user, password) = login.split_once(':').unwrap_or((login, ""));
        // As it stands in the address, too: it may be escaped otherwise than we would.
        crate::secret::remember(password);
        Login::new(decode(user), Secret::new(decode(password)))
    });
    let url = format!("{scheme}://{host}");
    for secret in sensitive::of_query(&url) {
        crate::secret::remember(secret);
    }
    Ok(Address { url, login })
}

/// Whether what stands behind the host's colon, if anything, is a port. An address begins with its host here.
pub(super) fn has_sound_port(address: &str) -> bool {
    let authority = address.split(['/', '?', '#']).next().unwrap_or_default();
    // An IPv6 address has colons of its own, in brackets.
    let port = match authority.rsplit_once(']') {
        Some((_, rest)) => rest.strip_prefix(':'),
        None => authority.split_once(':').map(|(_, port)| port),
    };
    port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0))
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
            Self::File(path) | Self::Device(path) => path.display().fmt(f),
            Self::Images(path) => write!(f, "images:{}", path.display()),
            Self::Rtsp(address) | Self::Http(address) => address.fmt(f),
            Self::Test(pattern) => write!(f, "test:{pattern}"),
            Self::Fragment(text) => write!(f, "gst:{text}"),
        }
    }
}

impl fmt::Debug for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, rest) = self.url.split_once("://").unwrap_or(("rtsp", &self.url));
        let login = if self.login.is_some() { "***@" } else { "" };
        match rest.split_once('?') {
            Some((path, _)) => write!(f, "{scheme}://{login}{path}?***"),
            None => write!(f, "{scheme}://{login}{rest}"),
        }
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Location {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
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
    use crate::secret::scrub;

    #[test]
    fn secrets_are_taken_apart_and_never_printed() {
        for (text, url, user, password, shown) in [
            ("rtsp://cam/1", "rtsp://cam/1", None, "", "rtsp://cam/1"),
            ("rtsp://bob:s3cret@cam:554/1", "rtsp://cam:554/1", Some("bob"), "s3cret", "rtsp://***@cam:554/1"),
            ("RTSPS://bob@cam", "rtsps://cam", Some("bob"), "", "rtsps://***@cam"),
            ("rtsp://b%40b:p%3A%2f%zz@cam/", "rtsp://cam/", Some("b@b"), "p:/%zz", "rtsp://***@cam/"),
            ("rtsp://bob:a/b?c@cam/1", "rtsp://cam/1", Some("bob"), "a/b?c", "rtsp://***@cam/1"),
            ("rtsp://cam/1?token=s3cret", "rtsp://cam/1?token=s3cret", None, "", "rtsp://cam/1?***"),
            ("http://cam/a@b.m3u8", "http://cam/a@b.m3u8", None, "", "http://cam/a@b.m3u8"),
            ("HTTPS://bob:s3cret@cam/x.m3u8", "https://cam/x.m3u8", Some("bob"), "s3cret", "https://***@cam/x.m3u8"),
        ] {
            let location: Location = text.parse().expect(text);
            let (Location::Rtsp(address) | Location::Http(address)) = &location else { panic!("{text}: no address") };
            assert_eq!(address.url(), url);
            assert_eq!(location.user(), user);
            assert_eq!(address.login().map_or("", |l| l.password.reveal()), password);
            assert_eq!(location.to_string(), shown);
            assert!(!format!("{location:?} {:?}", address.login()).contains("s3cret"));
        }
        assert_eq!(scrub("at p%3A%2f%zz, s3cret"), "at ***, ***");
    }

    #[test]
    fn a_fragment_is_not_printed_and_its_secrets_are_known() {
        let text = "gst:rtspsrc location=rtsp://al:qx9-first@cam/1 user-pw=\"qx9 second\" ! rtph264depay";
        let location: Location = text.parse().expect("a fragment");
        assert_eq!(format!("{location} {location:?}"), "gst:*** gst:***");
        assert_eq!(scrub("with qx9-first and qx9 second!"), "with *** and ***!");
        assert!(location.is_live() && location.holds_secret());
        assert!(!"gst:videotestsrc ! queue".parse::<Location>().expect("a fragment").holds_secret());
    }

    #[test]
    fn kinds_and_refusals() {
        for (text, expected) in [
            ("a/b.mp4", Location::File("a/b.mp4".into())),
            ("file:///v/b.mp4", Location::File("/v/b.mp4".into())),
            ("file:///dev/video0", Location::File("/dev/video0".into())),
            ("/dev/video0", Location::Device("/dev/video0".into())),
            ("v4l2:///dev/v4l/by-id/x", Location::Device("/dev/v4l/by-id/x".into())),
            ("images:stills", Location::Images("stills".into())),
            ("test:smpte75", Location::Test("smpte75".into())),
        ] {
            assert_eq!(text.parse(), Ok(expected), "{text}");
        }
        assert_eq!(Location::File("b.mp4".into()).under(Path::new("/v")), Location::File("/v/b.mp4".into()));
        assert_eq!(Location::Images("b".into()).under(Path::new("/v")), Location::Images("/v/b".into()));
        for text in [
            "",
            "rtsp://",
            "rtsp:///x",
            "rtsp://a:b@",
            "ftp://cam/1",
            "rtsp://:554/x",
            "http://",
            "v4l2://video0",
            "gst: ",
            "test:",
            "test:a b",
            "rtsp://cam:99999/1",
            "rtsp://bob:pw@cam:0/1",
            "http://[2001:db8::1]:http/",
            "images:",
        ] {
            assert!(text.parse::<Location>().is_err(), "{text}");
        }
        let odd = "rtsp://bob:hunter2/1".parse::<Location>().expect_err("no port");
        assert!(odd.contains("1 to 65535") && !odd.contains("hunter2"), "{odd}");
        for text in ["rtsp://[2001:db8::1]/1", "rtsp://[2001:db8::1]:554/1", "http://cam/x:y"] {
            assert!(text.parse::<Location>().is_ok(), "{text}");
        }
        let odd = "hunter2 hunter2 hunter2://x".parse::<Location>().expect_err("no scheme");
        assert!(!odd.contains("hunter2"), "{odd}");
    }

    #[test]
    fn a_login_comes_from_one_place() {
        let login = || Login::new("ann".into(), Secret::new("qz-pass"));
        let of = |text: &str| text.parse::<Location>().expect(text).with_login(login());
        let filled = of("rtsp://bob@cam/1").expect("no password yet");
        assert_eq!((filled.user(), filled.to_string().as_str()), (Some("ann"), "rtsp://***@cam/1"));
        assert!(of("http://cam/x.m3u8").is_ok());
        assert!(of("rtsp://bob:pw1@cam/1").expect_err("two passwords").contains("too"));
        assert!(of("a.mp4").expect_err("a file").contains("rtsp://"));
    }
}
