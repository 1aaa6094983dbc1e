//! `[[stream]]` and `[engine]`: what is watched and what scores it.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{
    Credentials, Detector, DetectorKeys, FactKeys, Facts, Gate, GateBound, GateKeys, Location, Period, Region,
    RegionKeys,
};
use crate::{engine::Device, preprocess::ViewSet};

/// The keys of `[engine]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EngineKeys {
    /// Folder of the model and its card, looked for beside the configuration file first, then in the working folder.
    /// Default `"models/edge"`.
    pub model: PathBuf,
    /// `"auto"` (CUDA if it works, else CPU), `"cuda"` or `"cpu"`. Default `"auto"`.
    pub device: Device,
    /// Threads of one session. Default 1: more threads cost more CPU time a score.
    pub threads: usize,
    /// Sessions that score side by side, each with its own copy of the model; 0 for one a core, at most one a stream.
    /// Default 0.
    pub workers: usize,
}

impl Default for EngineKeys {
    fn default() -> Self {
        Self { model: "models/edge".into(), device: Device::Auto, threads: 1, workers: 0 }
    }
}

/// How fast a file plays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pace {
    /// At its own speed; what can't be scored in time is dropped, as with a camera.
    #[default]
    Realtime,
    /// As fast as it can be scored; every due frame is scored.
    Asap,
}

/// What RTSP's pictures travel over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// The connection that RTSP itself uses: nothing is lost, what is late comes late.
    #[default]
    Tcp,
    /// Datagrams, multicast where the server offers it: what is lost is lost.
    Udp,
    /// Datagrams first; the connection if none arrive within 3 s.
    Auto,
}

impl std::str::FromStr for Transport {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "tcp" => Ok(Self::Tcp),
            "udp" => Ok(Self::Udp),
            "auto" => Ok(Self::Auto),
            _ => Err("a transport is tcp, udp or auto".into()),
        }
    }
}

/// Which pictures of encoded video are decoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Decode {
    /// Keyframes only, as long as they come as often as frames are due; otherwise all.
    #[default]
    Auto,
    /// All of them.
    All,
    /// Keyframes only, however seldom they come.
    Keyframes,
}

/// The keys of one `[[stream]]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StreamKeys {
    /// Unique name: letters, digits, `_`, `-` and `.`. Required.
    pub name: String,
    /// A video file or `images:FOLDER` (relative to the configuration file), an `rtsp://` or `http://` address, a device
    /// `/dev/videoN`, `test:PATTERN` or `gst:FRAGMENT`. Required.
    pub location: Location,
    /// What of the picture is scored: `"centre"`, `"tiles:N"` (the worst tile counts) or `"tiles:N:mean"`.
    /// Default `"tiles:2"`.
    #[serde(default = "two_tiles")]
    pub views: ViewSet,
    /// Time from one scored frame to the next, `"0s"` for every frame. Default `"200ms"`.
    #[serde(default = "five_a_second")]
    pub interval: Period,
    /// The same while the gate is about to move. Default: a quarter of `interval`, but not under `"200ms"`.
    pub fast_interval: Option<Period>,
    /// `"realtime"` or `"asap"`; files only. Default `"realtime"`.
    #[serde(default)]
    pub pace: Pace,
    /// `false`: no picture of this stream is ever kept, whatever `[snapshots]` says. Default `true`.
    #[serde(default = "yes")]
    pub snapshots: bool,
    /// Time without a frame after which the stream counts as stalled. Default `"3s"`.
    #[serde(default = "three_seconds")]
    pub stall_after: Period,
    /// User name for RTSP and HTTP, if it isn't in the location.
    #[serde(default)]
    pub user: Option<String>,
    /// File whose first line is the password, relative to the configuration file.
    #[serde(default)]
    pub password_file: Option<PathBuf>,
    /// Environment variable that holds the password.
    #[serde(default)]
    pub password_env: Option<String>,
    /// `"tcp"`, `"udp"` or `"auto"`; RTSP only. Default `"tcp"`.
    #[serde(default)]
    pub transport: Transport,
    /// `"auto"`, `"all"` or `"keyframes"`. Default `"auto"`.
    #[serde(default)]
    pub decode: Decode,
    /// Whether a folder of pictures begins again at its end. Default `false`.
    #[serde(default)]
    pub repeat: bool,
    /// Parts of the picture that count, instead of `views`; of several the worst counts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub region: Vec<RegionKeys>,
    /// This stream's own hold times of facts.
    #[serde(default)]
    pub facts: FactKeys,
    /// What the detector behind this stream costs.
    #[serde(default)]
    pub detector: DetectorKeys,
    /// This stream's own gate keys.
    #[serde(default)]
    pub gate: GateKeys,
}

fn yes() -> bool {
    true
}

fn two_tiles() -> ViewSet {
    ViewSet::Tiles(2)
}

fn five_a_second() -> Period {
    Period::from_millis(200)
}

fn three_seconds() -> Period {
    Period::from_millis(3000)
}

/// One checked stream.
#[derive(Clone, Debug, PartialEq)]
pub struct Stream {
    /// Unique name.
    pub name: String,
    /// Where it comes from, with its login; file paths are resolved.
    pub location: Location,
    /// What RTSP's pictures travel over.
    pub transport: Transport,
    /// Which pictures of encoded video are decoded.
    pub decode: Decode,
    /// A folder of pictures begins again at its end.
    pub repeat: bool,
    /// What of the picture is scored.
    pub views: ViewSet,
    /// Time from one scored frame to the next.
    pub interval: Period,
    /// The same while the gate is about to move.
    pub fast_interval: Period,
    /// How fast a file plays.
    pub pace: Pace,
    /// Time without a frame after which it counts as stalled.
    pub stall_after: Period,
    /// Whether pictures of it may be kept.
    pub snapshots: bool,
    /// What is looked for in every picture.
    pub facts: Facts,
    /// What the detector behind it costs.
    pub detector: Detector,
    /// Parts of the picture that count; `views` where there are none.
    pub regions: Vec<Region>,
    /// Its gate, with general keys and defaults filled in.
    pub gate: Gate,
}

impl Stream {
    /// What to decode: `auto` on a file that is scored as fast as possible means all, so that which frames are scored
    /// depends on the interval alone.
    pub fn decode_now(&self) -> Decode {
        match self.decode {
            Decode::Auto if self.pace == Pace::Asap => Decode::All,
            decode => decode,
        }
    }
}

impl StreamKeys {
    /// The stream these keys mean with its gate, facts and regions, or the key that is wrong and why.
    /// Relative paths start at `folder`.
    pub(super) fn check(
        self,
        gate: Gate,
        facts: Facts,
        detector: Detector,
        regions: Vec<Region>,
        folder: &Path,
    ) -> Result<Stream, (&'static str, String)> {
        let plain = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
        if self.name.is_empty() || !self.name.chars().all(plain) {
            return Err(("name", format!("\"{}\" must be letters, digits, '_', '-' or '.'", self.name)));
        }
        if self.location.is_live() && self.pace == Pace::Asap {
            return Err(("pace", "\"asap\" is for files; a live stream has its own pace".into()));
        }
        if self.transport != Transport::Tcp && !matches!(self.location, Location::Rtsp(_)) {
            return Err(("transport", "is for rtsp:// locations".into()));
        }
        let images = matches!(self.location, Location::Images(_));
        if self.repeat && !images {
            return Err(("repeat", "is for folders of pictures (images:FOLDER)".into()));
        }
        if images && self.interval == Period::default() {
            return Err(("interval", "0s says nothing about a folder of pictures; give the time between two".into()));
        }
        if self.stall_after < Period::from_millis(100) {
            return Err(("stall_after", format!("{} is too short; at least 100ms", self.stall_after)));
        }
        if gate.stale_after <= self.interval {
            return Err((
                "interval",
                format!("{} is not below the gate's stale_after ({})", self.interval, gate.stale_after),
            ));
        }
        let score = |bound: Option<GateBound>| bound.and_then(GateBound::score);
        if let (Some(close), Some(open)) = (score(gate.close_below), score(gate.open_above))
            && open < close
        {
            return Err((
                "gate.open_above",
                format!("{open} is below close_below ({close}) once [gate] is counted in"),
            ));
        }
        let password_file = self.password_file.as_deref().map(|file| folder.join(file));
        let credentials = Credentials {
            user: self.user.as_deref(),
            password_file: password_file.as_deref(),
            password_env: self.password_env.as_deref(),
        };
        let location = match credentials.login(self.location.user())? {
            Some(login) => {
                let key = if self.user.is_some() { "user" } else { "location" };
                self.location.with_login(login).map_err(|reason| (key, reason))?
            }
            None => self.location,
        };
        let quarter = Period::from_millis(u64::try_from(self.interval.get().as_millis() / 4).unwrap_or(u64::MAX));
        let fast_interval = self.fast_interval.unwrap_or(quarter.max(five_a_second())).min(self.interval);
        let Self { name, transport, decode, repeat, views, interval, pace, stall_after, snapshots, .. } = self;
        Ok(Stream {
            name,
            location,
            transport,
            decode,
            repeat,
            views,
            interval,
            fast_interval,
            pace,
            stall_after,
            snapshots,
            facts,
            detector,
            regions,
            gate,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(keys: &str) -> Result<Stream, (&'static str, String)> {
        let keys: StreamKeys = toml::from_str(&format!("name = \"a\"\n{keys}")).expect(keys);
        let gate = GateKeys::default().with(&GateKeys::default(), Period::default()).expect("no schedules");
        keys.check(gate, Facts::default(), Detector::default(), Vec::new(), Path::new("conf"))
    }

    #[test]
    fn a_login_may_stand_apart_from_its_location() {
        let folder = tempfile::tempdir().expect("folder");
        let file = folder.path().join("password");
        std::fs::write(&file, "zk-apart\n").expect("written");
        for location in ["rtsp://cam/1", "rtsp://ann@cam/1", "https://cam/live.m3u8"] {
            let keys = format!("location = \"{location}\"\nuser = \"bob\"\npassword_file = {file:?}\n");
            let stream = check(&keys).expect("valid");
            let (Location::Rtsp(address) | Location::Http(address)) = &stream.location else { panic!("{location}") };
            let login = address.login().expect("a login");
            assert_eq!((login.user.as_str(), login.password.reveal()), ("bob", "zk-apart"));
            assert!(!format!("{stream:?}").contains("zk-apart"));
        }
        let keys = format!("location = \"rtsp://ann@cam/1\"\npassword_file = {file:?}\n");
        assert_eq!(check(&keys).expect("valid").location.user(), Some("ann"));
    }

    #[test]
    fn keys_of_a_source_go_with_its_kind() {
        for (keys, key, reason) in [
            ("location = \"a.mp4\"\nuser = \"bob\"", "user", "rtsp://"),
            ("location = \"rtsp://cam/1\"\npassword_env = \"PATH\"", "user", "is missing"),
            ("location = \"rtsp://a:bcd@cam/1\"\npassword_env = \"PATH\"", "location", "too"),
            ("location = \"rtsp://a@cam/1\"\npassword_file = \"none\"", "password_file", "conf/none: cannot be read"),
            ("location = \"http://cam/1\"\ntransport = \"udp\"", "transport", "rtsp://"),
            ("location = \"a.mp4\"\nrepeat = true", "repeat", "images:FOLDER"),
            ("location = \"images:a\"\ninterval = \"0s\"", "interval", "time between two"),
            ("location = \"test:ball\"\npace = \"asap\"", "pace", "for files"),
        ] {
            let (at, why) = check(keys).expect_err(keys);
            assert!(at == key && why.contains(reason), "{keys}: {at}: {why}");
        }
        for (text, transport) in [("tcp", Transport::Tcp), ("udp", Transport::Udp), ("auto", Transport::Auto)] {
            let stream = check(&format!("location = \"rtsp://cam/1\"\ntransport = \"{text}\"")).expect("valid");
            assert_eq!((stream.transport, text.parse()), (transport, Ok(transport)));
        }
    }

    #[test]
    fn what_is_scored_of_a_file_depends_on_the_interval_alone() {
        let asap = check("location = \"a.mp4\"\npace = \"asap\"").expect("valid");
        assert_eq!((asap.decode, asap.decode_now()), (Decode::Auto, Decode::All));
        assert_eq!(check("location = \"a.mp4\"").expect("valid").decode_now(), Decode::Auto);
        let told = check("location = \"a.mp4\"\npace = \"asap\"\ndecode = \"keyframes\"").expect("valid");
        assert_eq!(told.decode_now(), Decode::Keyframes);
    }
}
