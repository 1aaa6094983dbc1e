//! Is a stream still alive? Pure: times in, verdict out. RTSP servers that freeze say nothing, so this is the only word on
//! it.

use std::time::Duration;

/// A stream that sends pictures without a keyframe gets this long for its first one: cameras that save bandwidth make one
/// every ten seconds or twenty.
const FIRST_KEYFRAME: Duration = Duration::from_secs(30);

/// While units flow, silence is most often damage that the decoder waits out. Connecting again would cost the pictures of
/// some seconds and mend no loss; only a decoder that gives nothing for this long is worth a new one.
const DAMAGE: Duration = Duration::from_secs(10);

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

/// A silence that is too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Silence {
    /// For how long there has been no frame.
    pub(super) lasted: Duration,
    /// Nothing but a new connection helps.
    pub(super) dead: bool,
}

/// The silence, if there is no frame for too long.
pub(super) fn silence(now: Duration, seen: &Seen, limits: &Limits) -> Option<Silence> {
    let flows = seen.unit.is_some_and(|unit| now.saturating_sub(unit) < limits.stall_after);
    let (since, limit, dead) = match seen.frame {
        Some(frame) if flows => {
            let limit = limits.stall_after.max(limits.patience);
            (frame, limit, limit.max(DAMAGE))
        }
        Some(frame) => (frame, limits.stall_after, limits.stall_after),
        None => {
            let keyless = flows && !seen.keyed;
            let limit = if keyless { limits.first_frame.max(FIRST_KEYFRAME) } else { limits.first_frame };
            (seen.begun, limit, limit)
        }
    };
    let lasted = now.saturating_sub(since.max(seen.begun));
    (lasted >= limit).then_some(Silence { lasted, dead: lasted >= dead })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_judged_by_what_still_flows() {
        let s = Duration::from_secs;
        let limits = Limits { stall_after: s(3), first_frame: s(8), patience: s(6) };
        let (dead, waits) = (|lasted| Some((lasted, true)), |lasted| Some((lasted, false)));
        for (case, now, frame, unit, keyed, expected) in [
            ("starting", 17, None, None, false, None),
            ("nothing came", 18, None, None, false, dead(8)),
            ("waits for a keyframe", 39, None, Some(39), false, None),
            ("no keyframe at all", 40, None, Some(40), false, dead(30)),
            ("the server fell silent before a keyframe", 30, None, Some(20), false, dead(20)),
            ("the decoder makes nothing of keyframes", 18, None, Some(18), true, dead(8)),
            ("flows", 22, Some(20), Some(22), true, None),
            ("keyframes are seldom", 25, Some(20), Some(25), true, None),
            ("too seldom", 26, Some(20), Some(26), true, waits(6)),
            ("far too seldom", 30, Some(20), Some(30), true, dead(10)),
            ("silent", 23, Some(20), Some(20), true, dead(3)),
            ("raw video", 23, Some(20), None, false, dead(3)),
            ("a frame from before the start", 17, Some(2), None, false, dead(7)),
        ] {
            let seen = Seen { begun: s(10), frame: frame.map(s), unit: unit.map(s), keyed };
            let expected = expected.map(|(lasted, dead)| Silence { lasted: s(lasted), dead });
            assert_eq!(silence(s(now), &seen, &limits), expected, "{case}");
        }
    }
}
