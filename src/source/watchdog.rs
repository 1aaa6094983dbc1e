//! Is a stream still alive? Pure: times in, verdict out. RTSP servers that freeze say nothing, so this is the only word on
//! it.

use std::time::Duration;

/// A stream that sends pictures without a keyframe gets this long for its first one: cameras that save bandwidth make one
/// every ten seconds or twenty.
const FIRST_KEYFRAME: Duration = Duration::from_secs(30);

/// What was seen of a stream since its pipeline started, as monotonic times.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seen {
    /// When the pipeline started.
    pub(super) begun: Duration,
    /// The newest decoded frame.
    pub(super) frame: Option<Duration>,
    /// The newest unit before the decoder.
    pub(super) unit: Option<Duration>,
    /// Whether a keyframe was among them.
    pub(super) keyed: bool,
}

/// What a stream may take its time for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Without a frame for this long it has stalled.
    pub(super) stall_after: Duration,
    /// The first frame may take this long.
    pub(super) first_frame: Duration,
    /// So long may a decoder give nothing while units flow.
    pub(super) patience: Duration,
}

/// For how long there has been no frame, if that is too long.
pub(super) fn silence(now: Duration, seen: &Seen, limits: &Limits) -> Option<Duration> {
    let flows = seen.unit.is_some_and(|unit| now.saturating_sub(unit) < limits.stall_after);
    let (since, limit) = match seen.frame {
        Some(frame) if flows => (frame, limits.stall_after.max(limits.patience)),
        Some(frame) => (frame, limits.stall_after),
        None if flows && !seen.keyed => (seen.begun, limits.first_frame.max(FIRST_KEYFRAME)),
        None => (seen.begun, limits.first_frame),
    };
    let silent = now.saturating_sub(since.max(seen.begun));
    (silent >= limit).then_some(silent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_judged_by_what_still_flows() {
        let s = Duration::from_secs;
        let limits = Limits { stall_after: s(3), first_frame: s(8), patience: s(6) };
        for (case, now, frame, unit, keyed, expected) in [
            ("starting", 17, None, None, false, None),
            ("nothing came", 18, None, None, false, Some(8)),
            ("waits for a keyframe", 39, None, Some(39), false, None),
            ("no keyframe at all", 40, None, Some(40), false, Some(30)),
            ("the server fell silent before a keyframe", 30, None, Some(20), false, Some(20)),
            ("the decoder makes nothing of keyframes", 18, None, Some(18), true, Some(8)),
            ("flows", 22, Some(20), Some(22), true, None),
            ("keyframes are seldom", 25, Some(20), Some(25), true, None),
            ("too seldom", 26, Some(20), Some(26), true, Some(6)),
            ("silent", 23, Some(20), Some(20), true, Some(3)),
            ("raw video", 23, Some(20), None, false, Some(3)),
            ("a frame from before the start", 17, Some(2), None, false, Some(7)),
        ] {
            let seen = Seen { begun: s(10), frame: frame.map(s), unit: unit.map(s), keyed };
            assert_eq!(silence(s(now), &seen, &limits), expected.map(s), "{case}");
        }
    }
}
