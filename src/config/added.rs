//! Streams that somebody adds to a running daemon instead of writing them into the file.
//!
//! Whoever may add a stream is not whoever may write the file: an addition reaches cameras and servers, not this machine's
//! files, environment or devices (unless `[http] files` says which folder), and runs no pipeline of its own.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Additions, Location, StreamKeys};

/// The keys of a `[[stream]]` that an addition may have. Those that name files, variables or masks are for the file.
const KEYS: [&str; 14] = [
    "name",
    "location",
    "user",
    "password",
    "transport",
    "decode",
    "repeat",
    "views",
    "interval",
    "fast_interval",
    "pace",
    "stall_after",
    "snapshots",
    "gate",
];

/// Bytes of the longest name and location.
const LONGEST: (usize, usize) = (64, 2048);

/// A kind of location that may be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum AddKind {
    /// `rtsp://` and `rtsps://`.
    Rtsp,
    /// `http://` and `https://`.
    Http,
    /// `test:PATTERN`.
    Test,
}

impl AddKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Rtsp, Self::Http, Self::Test];
}

/// One added stream: its keys, and the JSON object that it was asked with, for the next start. `Debug` shows its name only.
#[derive(Clone, PartialEq)]
pub struct Addition {
    keys: StreamKeys,
    asked: Map<String, Value>,
}

impl Addition {
    /// Takes the keys of a `[[stream]]` as a JSON object, `password` among them, if what they ask for may be added.
    ///
    /// # Errors
    /// The key at fault and why.
    pub fn new(asked: Map<String, Value>, allowed: &Additions) -> Result<Self, (String, String)> {
        let fault = |key: &str, reason: String| Err((key.to_owned(), reason));
        if let Some(key) = asked.keys().find(|key| !KEYS.contains(&key.as_str())) {
            let shown: String = key.chars().filter(|c| !c.is_control()).take(40).collect();
            return fault(&shown, format!("is no key of an added stream; those are {}", KEYS.join(", ")));
        }
        let text = |key: &str| asked.get(key).and_then(Value::as_str);
        let (Some(name), Some(location)) = (text("name"), text("location")) else {
            let key = if text("name").is_none() { "name" } else { "location" };
            return fault(key, "is missing, or no text".into());
        };
        if name.len() > LONGEST.0 {
            return fault("name", format!("is too long; at most {} bytes", LONGEST.0));
        }
        if location.len() > LONGEST.1 {
            return fault("location", format!("is too long; at most {} bytes", LONGEST.1));
        }
        let location = match admitted(location, allowed).and_then(|location| {
            let (user, password) = (text("user"), text("password"));
            with_login(location, user, password)
        }) {
            Ok(location) => location,
            Err(reason) => return fault("location", reason),
        };
        let mut keys = asked.clone();
        keys.retain(|key, _| key != "user" && key != "password");
        keys.insert("location".into(), location.into());
        let mut keys: StreamKeys = serde_json::from_value(keys.into()).map_err(|e| (String::new(), e.to_string()))?;
        keys.name = name.into();
        Ok(Self { keys, asked })
    }

    /// The stream's name.
    pub fn name(&self) -> &str {
        &self.keys.name
    }

    /// What it was asked with, secrets among it.
    pub fn asked(&self) -> &Map<String, Value> {
        &self.asked
    }

    pub(super) fn keys(&self) -> &StreamKeys {
        &self.keys
    }
}

impl fmt::Debug for Addition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Addition({})", self.name())
    }
}

/// The location as text, if it may be added; of a file its whole path.
fn admitted(text: &str, allowed: &Additions) -> Result<String, String> {
    let (kind, word) = match text.parse::<Location>()? {
        Location::Rtsp(_) => (AddKind::Rtsp, "rtsp"),
        Location::Http(_) => (AddKind::Http, "http"),
        Location::Test(_) => (AddKind::Test, "test"),
        Location::File(path) => return inside(&path, allowed).map(|path| path.display().to_string()),
        Location::Images(path) => return inside(&path, allowed).map(|path| format!("images:{}", path.display())),
        Location::Device(_) | Location::Fragment(_) => {
            return Err("devices and gst: fragments are for the configuration file only".into());
        }
    };
    if allowed.kinds.contains(&kind) {
        return Ok(text.into());
    }
    Err(format!("may not be added here; [http] add would have to name \"{word}\""))
}

/// A path that lies in the folder of files that may be added, links followed.
fn inside(path: &Path, allowed: &Additions) -> Result<PathBuf, String> {
    let Some(folder) = &allowed.files else {
        return Err("files may not be added here; [http] files would have to name their folder".into());
    };
    // Whether a file outside is there or not must look the same.
    let outside = || "is no file in the folder that [http] files names".to_owned();
    let folder = folder.canonicalize().map_err(|_| "the folder that [http] files names can't be read".to_owned())?;
    let path = folder.join(path).canonicalize().map_err(|_| outside())?;
    if path.starts_with(&folder) && path != folder { Ok(path) } else { Err(outside()) }
}

fn with_login(location: String, user: Option<&str>, password: Option<&str>) -> Result<String, String> {
    let (user, password) = match (user, password) {
        (None | Some(""), None | Some("")) => return Ok(location),
        (None | Some(""), Some(_)) => return Err("has a password, but no user".into()),
        (Some(user), password) => (user, password.unwrap_or_default()),
    };
    let Some((scheme, rest)) = location.split_once("://") else {
        return Err("takes no user and password; rtsp:// and http(s):// do".into());
    };
    if location.parse::<Location>()?.user().is_some() {
        return Err("holds a user name too; take one of them out".into());
    }
    crate::secret::remember(password);
    let encoded = |text: &str| -> String { text.bytes().map(|byte| format!("%{byte:02X}")).collect() };
    Ok(format!("{scheme}://{}:{}@{rest}", encoded(user), encoded(password)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::config::Config;

    fn addition(keys: &Value, allowed: &Additions) -> Result<Addition, String> {
        let Value::Object(asked) = keys.clone() else { panic!("an object") };
        Addition::new(asked, allowed).map_err(|(key, reason)| format!("{key}: {reason}"))
    }

    fn all() -> Additions {
        Additions { kinds: AddKind::ALL.to_vec(), files: None }
    }

    #[test]
    fn an_addition_reaches_cameras_and_nothing_of_this_machine() {
        let folder = tempfile::tempdir().expect("folder");
        let place = |name: &str| folder.path().join(name);
        std::fs::create_dir_all(place("clips/deep")).expect("made");
        std::fs::write(place("secret.mp4"), "").expect("written");
        std::fs::write(place("clips/deep/a.mp4"), "").expect("written");
        std::os::unix::fs::symlink(place("secret.mp4"), place("clips/link.mp4")).expect("linked");
        let files = Additions { files: Some(place("clips")), ..all() };
        for (location, expected) in [
            ("rtsp://cam/1", None),
            ("https://cam/live.m3u8", None),
            ("test:ball", None),
            ("deep/a.mp4", None),
            ("images:deep", None),
            ("gst:filesrc location=x ! decodebin", Some("configuration file only")),
            ("/dev/video0", Some("configuration file only")),
            ("../secret.mp4", Some("is no file in the folder")),
            ("link.mp4", Some("is no file in the folder")),
            ("none.mp4", Some("is no file in the folder")),
            ("/etc/passwd", Some("is no file in the folder")),
            ("ftp://x", Some("not supported")),
        ] {
            let got = addition(&json!({ "name": "a", "location": location }), &files);
            match expected {
                None => assert!(got.is_ok(), "{location}: {got:?}"),
                Some(part) => assert!(got.as_ref().is_err_and(|e| e.contains(part)), "{location}: {got:?}"),
            }
        }
        let none = Additions::default();
        for location in ["rtsp://cam/1", "test:ball", "a.mp4"] {
            let error = addition(&json!({ "name": "a", "location": location }), &none).expect_err(location);
            assert!(error.contains("may not be added here"), "{error}");
        }
        for (keys, part) in [
            (json!({ "location": "test:ball" }), "name: is missing"),
            (
                json!({ "name": "a", "location": "test:ball", "password_file": "/etc/shadow" }),
                "password_file: is no key",
            ),
            (json!({ "name": "a", "location": "test:ball", "region": [] }), "region: is no key"),
            (json!({ "name": "a", "location": "test:ball", "interval": 3 }), "a duration"),
            (json!({ "name": "a", "location": "test:ball", "user": "u" }), "takes no user"),
            (json!({ "name": "a", "location": "rtsp://b:c@h/", "user": "u" }), "take one of them out"),
        ] {
            let error = addition(&keys, &all()).expect_err(part);
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn added_streams_stand_behind_the_files_own_with_its_defaults() {
        let text = "[gate]\nclose_for = \"2s\"\n[[stream]]\nname = \"a\"\nlocation = \"a.mp4\"\n";
        let config = Config::parse(text, Path::new("conf/miqa.toml")).expect("valid");
        let keys =
            json!({ "name": "b", "location": "rtsp://cam/1", "user": "bob", "password": "zk p@ss", "interval": "1s" });
        let b = addition(&keys, &all()).expect("valid");
        assert!(!format!("{b:?} {:?}", config.with(std::slice::from_ref(&b))).contains("zk"));
        let both = config.with(std::slice::from_ref(&b)).expect("valid");
        let [_, stream] = &both.streams[..] else { panic!("two streams") };
        let Location::Rtsp(address) = &stream.location else { panic!("an address") };
        assert_eq!(address.login().map(|l| (l.user.as_str(), l.password.reveal())), Some(("bob", "zk p@ss")));
        assert_eq!(
            (stream.gate.close_for, both.is_written("a"), both.is_written("b")),
            (config.streams[0].gate.close_for, true, false)
        );
        // Added again, what was added before doesn't count twice.
        assert_eq!(both.with(std::slice::from_ref(&b)).expect("valid"), both);
        let (key, reason) = config.with(&[b.clone(), b]).expect_err("twice");
        assert!(key == "stream[2].name" && reason.contains("earlier stream"), "{key}: {reason}");
        let none = Config::parse("[http]\n", Path::new("c.toml")).expect("streams may come later");
        assert!(none.streams.is_empty());
    }
}
