//! `[[stream]]` and `[engine]`: what is watched and what scores it.

use std::path::PathBuf;

use serde::Deserialize;

use super::{Gate, GateKeys, Location, Period};
use crate::{engine::Device, preprocess::ViewSet};

/// The keys of `[engine]`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pace {
    /// At its own speed; what can't be scored in time is dropped, as with a camera.
    #[default]
    Realtime,
    /// As fast as it can be scored; every due frame is scored.
    Asap,
}

/// The keys of one `[[stream]]`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StreamKeys {
    /// Unique name: letters, digits, `_`, `-` and `.`. Required.
    pub name: String,
    /// A video file (relative to the configuration file) or an `rtsp://` address. Required.
    pub location: Location,
    /// What of the picture is scored: `"centre"`, `"tiles:N"` (the worst tile counts) or `"tiles:N:mean"`.
    /// Default `"tiles:2"`.
    #[serde(default = "two_tiles")]
    pub views: ViewSet,
    /// Time from one scored frame to the next, `"0s"` for every frame. Default `"200ms"`.
    #[serde(default = "five_a_second")]
    pub interval: Period,
    /// `"realtime"` or `"asap"`; files only. Default `"realtime"`.
    #[serde(default)]
    pub pace: Pace,
    /// Time without a frame after which the stream counts as stalled. Default `"3s"`.
    #[serde(default = "three_seconds")]
    pub stall_after: Period,
    /// This stream's own gate keys.
    #[serde(default)]
    pub gate: GateKeys,
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
    /// Where it comes from; file paths are resolved.
    pub location: Location,
    /// What of the picture is scored.
    pub views: ViewSet,
    /// Time from one scored frame to the next.
    pub interval: Period,
    /// How fast a file plays.
    pub pace: Pace,
    /// Time without a frame after which it counts as stalled.
    pub stall_after: Period,
    /// Its gate, with general keys and defaults filled in.
    pub gate: Gate,
}

impl StreamKeys {
    /// The stream these keys mean, or the key that is wrong and why.
    pub(super) fn check(self, general: &GateKeys) -> Result<Stream, (&'static str, String)> {
        let plain = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
        if self.name.is_empty() || !self.name.chars().all(plain) {
            return Err(("name", format!("\"{}\" must be letters, digits, '_', '-' or '.'", self.name)));
        }
        if self.location.is_live() && self.pace == Pace::Asap {
            return Err(("pace", "\"asap\" is for files; a live stream has its own pace".into()));
        }
        if self.stall_after < Period::from_millis(100) {
            return Err(("stall_after", format!("{} is too short; at least 100ms", self.stall_after)));
        }
        let gate = general.with(&self.gate);
        if gate.stale_after <= self.interval {
            return Err((
                "interval",
                format!("{} is not below the gate's stale_after ({})", self.interval, gate.stale_after),
            ));
        }
        if let (Some(close), Some(open)) = (gate.close_below, gate.open_above)
            && open < close
        {
            return Err((
                "gate.open_above",
                format!("{open} is below close_below ({close}) once [gate] is counted in"),
            ));
        }
        let Self { name, location, views, interval, pace, stall_after, gate: _ } = self;
        Ok(Stream { name, location, views, interval, pace, stall_after, gate })
    }
}
