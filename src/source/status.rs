//! How a source is doing, for metrics and for people.

use std::time::Duration;

use serde::Serialize;

use super::Mode;

/// What is known of a source at this moment. Counts run from its start, over all its connections.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Status {
    /// Codec, such as `H.264`; `None` for raw video and before the first unit.
    pub codec: Option<String>,
    /// Name of the GStreamer element that decodes.
    pub decoder: Option<String>,
    /// Width and height of the newest frame, in pixels.
    pub size: Option<(u32, u32)>,
    /// What is decoded now; `None` where nothing has to be.
    pub mode: Option<Mode>,
    /// The longest of the last distances between keyframes.
    pub keyframe_interval: Option<Duration>,
    /// Decoded frames.
    pub frames: u64,
    /// Frames that are damaged: marked by the decoder, or built upon lost packets.
    pub corrupt: u64,
    /// Bytes of encoded video received.
    pub bytes: u64,
    /// RTP packets lost; `None` for what doesn't come by RTP.
    pub packets_lost: Option<u64>,
    /// Warnings of elements, such as decoding errors.
    pub warnings: u64,
    /// Connections after the first.
    pub restarts: u64,
    /// Pipelines that did not start or stop in time and were left to themselves, ever.
    pub abandoned: u64,
    /// Those of them that still hang.
    pub hanging: usize,
    /// The newest reason why frames were missing, without secrets.
    pub last_error: Option<String>,
}
