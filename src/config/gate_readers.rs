//! `[socket]` and `[slot]`: how others read where the gates stand.

use std::{
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
};

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::{Period, Stream};

/// Longest path of a unix socket, less what is appended to it while it is made.
const LONGEST_SOCKET: usize = 107 - ".new".len();

/// Most slots a mapped file may have.
pub(crate) const MOST_SLOTS: u32 = 65_536;

/// Longest name of a stream in the mapped file, in bytes.
pub(crate) const LONGEST_NAME: usize = 64;

/// A file's permission bits, written as text in octal, such as `"0660"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileMode(u32);

impl FileMode {
    /// The bits.
    pub const fn bits(self) -> u32 {
        self.0
    }
}

impl FromStr for FileMode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match u32::from_str_radix(text, 8) {
            Ok(bits) if (text.len() == 3 || text.len() == 4 && text.starts_with('0')) && bits & 0o600 == 0o600 => {
                Ok(Self(bits))
            }
            _ => Err(format!("\"{text}\" is no file mode that its owner can use; write it in octal, such as \"0660\"")),
        }
    }
}

impl fmt::Display for FileMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04o}", self.0)
    }
}

impl Serialize for FileMode {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for FileMode {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(de::Error::custom)
    }
}

/// The keys of `[socket]`: a unix socket that tells gates as JSON lines. Without the section there is none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SocketKeys {
    /// Where it is, relative to the configuration file; its folder is made if need be. Default `"/run/miqa/gate.sock"`.
    pub path: PathBuf,
    /// Its permission bits; who may write may connect. Default `"0660"`.
    pub mode: FileMode,
    /// Readers at a time; more are turned away. Default 256.
    #[schemars(range(min = 1, max = 10_000))]
    pub readers: usize,
    /// Time after which a reader that takes nothing of what waits for it is cut off. Default `"10s"`.
    pub stuck_after: Period,
}

impl Default for SocketKeys {
    fn default() -> Self {
        Self {
            path: "/run/miqa/gate.sock".into(),
            mode: FileMode(0o660),
            readers: 256,
            stuck_after: Period::from_millis(10_000),
        }
    }
}

/// The keys of `[slot]`: a mapped file with a slot of 64 bytes a stream. Without the section there is none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SlotKeys {
    /// Where it is, relative to the configuration file; a folder in memory is best. Default `"/dev/shm/miqa.gates"`.
    pub path: PathBuf,
    /// Its permission bits; who may read may map it. Default `"0644"`.
    pub mode: FileMode,
    /// Streams it has room for, fixed as long as the program runs: leave room for those that a reload may add.
    /// Default 256.
    #[schemars(range(min = 1, max = 65_536))]
    pub capacity: u32,
}

impl Default for SlotKeys {
    fn default() -> Self {
        Self { path: "/dev/shm/miqa.gates".into(), mode: FileMode(0o644), capacity: 256 }
    }
}

/// How gates can be read from outside.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GateReaders {
    /// The unix socket, if there is to be one.
    pub socket: Option<SocketKeys>,
    /// The mapped file, if there is to be one.
    pub slot: Option<SlotKeys>,
}

impl GateReaders {
    /// The same with paths under the configuration's folder, or the path of the first wrong key and why.
    pub(super) fn check(mut self, streams: &[Stream], folder: &Path) -> Result<Self, (String, String)> {
        let fault = |key: &str, reason: String| Err((key.to_owned(), reason));
        if let Some(socket) = &mut self.socket {
            socket.path = folder.join(&socket.path);
            let length = socket.path.as_os_str().len();
            if length > LONGEST_SOCKET {
                let reason =
                    format!("{} has {length} bytes; a socket's path may have {LONGEST_SOCKET}", socket.path.display());
                return fault("socket.path", reason);
            }
            if !(1..=10_000).contains(&socket.readers) {
                return fault("socket.readers", format!("{} must be 1 to 10000", socket.readers));
            }
            if socket.stuck_after < Period::from_millis(100) {
                return fault("socket.stuck_after", format!("{} is too short; at least 100ms", socket.stuck_after));
            }
        }
        if let Some(slot) = &mut self.slot {
            slot.path = folder.join(&slot.path);
            if !(1..=MOST_SLOTS).contains(&slot.capacity) {
                return fault("slot.capacity", format!("{} must be 1 to {MOST_SLOTS}", slot.capacity));
            }
            if (slot.capacity as usize) < streams.len() {
                let reason = format!("{} is less than the {} streams", slot.capacity, streams.len());
                return fault("slot.capacity", reason);
            }
            if let Some(i) = streams.iter().position(|stream| stream.name.len() > LONGEST_NAME) {
                let reason = format!("has more than {LONGEST_NAME} bytes, too many for [slot]; shorten it");
                return fault(&format!("stream[{i}].name"), reason);
            }
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    const ONE: &str = "[[stream]]\nname = \"a\"\nlocation = \"a.mp4\"\n";

    fn readers(text: &str) -> Result<GateReaders, String> {
        let config = Config::parse(&format!("{ONE}{text}"), Path::new("/etc/miqa/miqa.toml"));
        config.map(|config| config.readers).map_err(|e| e.to_string())
    }

    #[test]
    fn nothing_is_opened_unless_it_is_asked_for() {
        assert_eq!(readers("").expect("valid"), GateReaders::default());
        let all = readers("[socket]\n[slot]\npath = \"run/gates\"\nmode = \"600\"\n").expect("valid");
        assert_eq!(all.socket, Some(SocketKeys::default()));
        let slot = all.slot.expect("asked for");
        assert_eq!((slot.path.as_path(), slot.mode.bits()), (Path::new("/etc/miqa/run/gates"), 0o600));
    }

    #[test]
    fn the_example_file_shows_the_defaults() {
        let text = include_str!("../../config/miqa.toml");
        let (socket, slot) = (SocketKeys::default(), SlotKeys::default());
        for line in [
            format!("# path = {:?}", socket.path),
            format!("# mode = \"{}\"", socket.mode),
            format!("# readers = {}", socket.readers),
            format!("# stuck_after = \"{}\"", socket.stuck_after),
            format!("# path = {:?}", slot.path),
            format!("# mode = \"{}\"", slot.mode),
            format!("# capacity = {}", slot.capacity),
        ] {
            assert!(text.contains(&line), "config/miqa.toml lacks \"{line}\"");
        }
    }

    #[test]
    fn errors_name_the_key() {
        let long = "x".repeat(120);
        for (text, expected) in [
            ("[socket]\nmode = \"0888\"\n", "5: socket.mode: \"0888\" is no file mode"),
            ("[socket]\nmode = \"0060\"\n", "socket.mode: \"0060\" is no file mode"),
            ("[socket]\nmode = 432\n", "socket.mode: invalid type"),
            ("[socket]\nreaders = 0\n", "socket.readers: 0 must be 1 to 10000"),
            ("[socket]\nstuck_after = \"1ms\"\n", "socket.stuck_after: 1ms is too short"),
            ("[socket]\npth = \"x\"\n", "socket.pth: unknown key; did you mean \"path\"?"),
            (&format!("[socket]\npath = \"{long}\"\n"), "socket.path: /etc/miqa/xxx"),
            ("[slot]\ncapacity = 0\n", "slot.capacity: 0 must be 1 to 65536"),
            (
                "[[stream]]\nname = \"b\"\nlocation = \"b\"\n[slot]\ncapacity = 1\n",
                "slot.capacity: 1 is less than the 2",
            ),
            (&format!("[[stream]]\nname = \"{long}\"\nlocation = \"b\"\n[slot]\n"), "stream[1].name: has more than 64"),
        ] {
            let error = readers(text).expect_err(text);
            assert!(error.contains(expected), "{error}\n want {expected}");
        }
    }
}
