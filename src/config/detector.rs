//! `[detector]` and `[stream.detector]`: what the detector behind a stream costs, for the ledger's sums.

use serde::{Deserialize, Serialize};

/// The keys of `[detector]`; those of a `[stream.detector]` win over it, key by key.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DetectorKeys {
    /// Frames that it looks at in a second. Default 5, as Frigate's.
    pub fps: Option<f64>,
    /// Milliseconds that it takes for one. Default 20.
    pub frame_ms: Option<f64>,
}

/// The detector behind a stream.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Detector {
    /// Frames that it looks at in a second.
    pub fps: f64,
    /// Milliseconds that it takes for one.
    pub frame_ms: f64,
}

impl Default for Detector {
    fn default() -> Self {
        DetectorKeys::default().with(&DetectorKeys::default())
    }
}

impl DetectorKeys {
    /// These keys as the general ones, `stream`'s as the special ones.
    pub fn with(&self, stream: &Self) -> Detector {
        Detector {
            fps: stream.fps.or(self.fps).unwrap_or(5.0),
            frame_ms: stream.frame_ms.or(self.frame_ms).unwrap_or(20.0),
        }
    }

    /// Every key of a stream as it counts: its own, the general one or the default.
    pub(super) fn filled(&self, stream: &Self) -> Self {
        let Detector { fps, frame_ms } = self.with(stream);
        Self { fps: Some(fps), frame_ms: Some(frame_ms) }
    }

    /// The first key whose own value makes no sense, with the reason.
    pub(super) fn fault(&self) -> Option<(&'static str, String)> {
        let keys = [("fps", self.fps, 1000.0), ("frame_ms", self.frame_ms, 60_000.0)];
        keys.into_iter().find_map(|(key, value, most)| {
            let value = value.filter(|value| !(*value > 0.0 && *value <= most))?;
            Some((key, format!("{value} must be above 0 and at most {most}")))
        })
    }
}
