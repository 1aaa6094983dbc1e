//! The place before the decoder: every access unit passes here, is counted, and goes on or not as the [`Policy`] says.
//!
//! A tap outlives the pipelines of its stream, so what was learnt holds over connections.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use gstreamer as gst;
use gstreamer::{glib, prelude::*};
use gstreamer_video as video;

use super::{
    keyframe::{self, Framing},
    policy::{Mode, Policy, Unit},
    status::Status,
    watchdog::Seen,
};
use crate::{config::Decode, frame::Frame};

/// Units before a connection's first keyframe are left out: a decoder makes grey or smeared pictures of them, if any. But
/// only for so long, since encoders that refresh pictures bit by bit send no keyframe at all.
const JOIN: Duration = Duration::from_secs(3);

/// Says the interval between due frames, which may change.
type Interval = Box<dyn Fn() -> Duration + Send + Sync>;

/// What a stream's tap knows.
pub(super) struct Tap {
    epoch: Instant,
    /// Times are those of arrival; otherwise those in the file.
    live: bool,
    interval: Interval,
    state: Mutex<State>,
    about: Mutex<About>,
    frames: AtomicU64,
    corrupt: AtomicU64,
    bytes: AtomicU64,
    warnings: AtomicU64,
    damaged: AtomicBool,
    /// Packets lost in connections that are over.
    lost: AtomicU64,
}

/// What changes with every unit.
struct State {
    policy: Policy,
    /// Nothing is lost before RTP's receiver says so.
    rtp: bool,
    /// Of H.264; other codecs' keyframes are taken for what they are called.
    framing: Option<Framing>,
    /// When this connection's first unit came.
    first: Option<Duration>,
    /// Units before the first keyframe are left out.
    joining: bool,
    seen: Seen,
    /// A keyframe went to the decoder when there were so many frames; if that is still so when the next unit is left out,
    /// the decoder keeps it back for pictures that won't come.
    owed: Option<u64>,
}

/// What is said of the stream.
#[derive(Default)]
struct About {
    codec: Option<String>,
    decoder: Option<String>,
    size: Option<(u32, u32)>,
    /// RTP's jitter buffers of this connection; they count what is lost.
    receivers: Vec<glib::WeakRef<gst::Element>>,
    rtp: bool,
}

/// What becomes of a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Decoded,
    LeftOut,
    /// Left out, and the decoder has to be asked for what it keeps back.
    Drained,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Tap {
    /// A tap whose times count from `epoch`; `live` takes times of arrival, otherwise those of the file.
    pub(super) fn new(epoch: Instant, live: bool, decode: Decode, interval: Interval) -> Self {
        let (policy, seen) = (Policy::new(decode), Seen::default());
        let state = State { policy, rtp: false, framing: None, first: None, joining: true, seen, owed: None };
        Self {
            epoch,
            live,
            interval,
            state: Mutex::new(state),
            about: Mutex::default(),
            frames: AtomicU64::new(0),
            corrupt: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            warnings: AtomicU64::new(0),
            damaged: AtomicBool::new(false),
            lost: AtomicU64::new(0),
        }
    }

    /// A new pipeline begins; whether it receives by RTP.
    pub(super) fn connect(&self, rtp: bool) {
        let mut state = lock(&self.state);
        state.policy.reconnected();
        (state.rtp, state.first, state.joining, state.owed) = (rtp, None, true, None);
        state.seen = Seen { begun: self.epoch.elapsed(), ..Seen::default() };
        drop(state);
        self.damaged.store(false, Ordering::Release);
        lock(&self.about).rtp |= rtp;
    }

    /// The pipeline ends; what it lost is kept.
    pub(super) fn disconnect(&self) {
        let receivers = std::mem::take(&mut lock(&self.about).receivers);
        self.lost.fetch_add(receivers.iter().map(lost).sum(), Ordering::Relaxed);
    }

    /// Counts what this jitter buffer loses.
    pub(super) fn receives(&self, jitter_buffer: &gst::Element) {
        lock(&self.about).receivers.push(jitter_buffer.downgrade());
    }

    /// Lets everything that goes to this decoder pass here.
    pub(super) fn attach(self: &Arc<Self>, decoder: &gst::Element) {
        let Some(pad) = decoder.static_pad("sink") else { return };
        let (tap, drains) = (Arc::clone(self), decoder.is::<video::VideoDecoder>());
        let name = decoder.factory().map(|factory| factory.name().to_string());
        let what = gst::PadProbeType::BUFFER | gst::PadProbeType::EVENT_DOWNSTREAM;
        pad.add_probe(what, move |pad, info| match &info.data {
            Some(gst::PadProbeData::Buffer(buffer)) => match tap.unit(buffer) {
                Verdict::Decoded => gst::PadProbeReturn::Ok,
                // Not Drop: the binding gives the buffer up itself then, and GStreamer 1.22 complains of each.
                Verdict::LeftOut => gst::PadProbeReturn::Handled,
                Verdict::Drained => {
                    // "Show what you have": the picture stands still until the next keyframe.
                    if drains && !pad.send_event(video::StillFrameEvent::builder(true).build()) {
                        tracing::debug!("a decoder did not give what it keeps back");
                    }
                    gst::PadProbeReturn::Handled
                }
            },
            Some(gst::PadProbeData::Event(event)) => {
                if let gst::EventView::Caps(caps) = event.view() {
                    let mut about = lock(&tap.about);
                    about.codec = caps.caps().structure(0).map(codec);
                    about.decoder.clone_from(&name);
                    drop(about);
                    lock(&tap.state).framing = caps.caps().structure(0).and_then(framing);
                }
                gst::PadProbeReturn::Ok
            }
            _ => gst::PadProbeReturn::Ok,
        });
    }

    fn unit(&self, buffer: &gst::BufferRef) -> Verdict {
        self.bytes.fetch_add(buffer.size() as u64, Ordering::Relaxed);
        let (flags, arrived) = (buffer.flags(), self.epoch.elapsed());
        let pts = buffer.pts().or(buffer.dts()).map(|time| Duration::from_nanos(time.nseconds()));
        let called_key = !flags.contains(gst::BufferFlags::DELTA_UNIT);
        let frames = self.frames.load(Ordering::Acquire);
        let now = if self.live { arrived } else { pts.unwrap_or(arrived) };
        let interval = (self.interval)();

        let mut state = lock(&self.state);
        let key = called_key && state.framing.is_none_or(|framing| is_idr(buffer, framing));
        let unit = Unit { now, pts, key, frames, interval };
        state.seen.unit = Some(arrived);
        state.seen.keyed |= called_key;
        let broken = state.rtp && state.first.is_some() && flags.contains(gst::BufferFlags::DISCONT);
        let first = *state.first.get_or_insert(arrived);
        state.joining &= !called_key && arrived.saturating_sub(first) < JOIN;
        if state.joining {
            return Verdict::LeftOut;
        }
        if state.policy.unit(&unit) {
            state.owed = key.then_some(frames);
            let damaged = broken || flags.contains(gst::BufferFlags::CORRUPTED);
            // What was lost shows in all pictures up to the next whole keyframe.
            if called_key || damaged {
                self.damaged.store(damaged, Ordering::Release);
            }
            return Verdict::Decoded;
        }
        match state.owed.take() {
            Some(before) if before == frames => Verdict::Drained,
            _ => Verdict::LeftOut,
        }
    }

    /// A frame was decoded.
    pub(super) fn frame(&self) {
        self.frames.fetch_add(1, Ordering::AcqRel);
    }

    /// What is known of a frame that is passed on.
    pub(super) fn mark(&self, frame: &mut Frame) {
        frame.corrupt |= self.damaged.load(Ordering::Acquire);
        if frame.corrupt {
            self.corrupt.fetch_add(1, Ordering::Relaxed);
        }
        lock(&self.about).size = Some((frame.width, frame.height));
    }

    /// An element warned.
    pub(super) fn warned(&self) {
        self.warnings.fetch_add(1, Ordering::Relaxed);
    }

    /// What units were seen since the pipeline started, and how long the decoder may take its time.
    pub(super) fn seen(&self) -> (Seen, Duration) {
        let state = lock(&self.state);
        (state.seen, state.policy.patience((self.interval)()))
    }

    /// What would be decoded at this interval; `None` until enough keyframes were seen to tell.
    pub(super) fn choice(&self, interval: Duration) -> Option<Mode> {
        let state = lock(&self.state);
        let (policy, decoded) = (&state.policy, lock(&self.about).codec.is_some());
        // One distance that is too long tells as much as several that are not.
        let long = policy.is_seldom(interval);
        match policy.suits(interval) {
            _ if !decoded => None,
            true => Some(Mode::Keyframes),
            false => long.then_some(Mode::All),
        }
    }

    /// Whether nothing has passed that had to be decoded.
    pub(super) fn is_raw(&self) -> bool {
        lock(&self.about).codec.is_none()
    }

    /// What the tap knows, for a status.
    pub(super) fn status(&self) -> Status {
        let state = lock(&self.state);
        let (mode, keyframe_interval) = (state.policy.mode(), state.policy.keyframe_interval());
        drop(state);
        let about = lock(&self.about);
        let lost = self.lost.load(Ordering::Relaxed) + about.receivers.iter().map(lost).sum::<u64>();
        Status {
            codec: about.codec.clone(),
            decoder: about.decoder.clone(),
            size: about.size,
            mode: about.codec.as_ref().map(|_| mode),
            keyframe_interval,
            frames: self.frames.load(Ordering::Relaxed),
            corrupt: self.corrupt.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
            packets_lost: about.rtp.then_some(lost),
            warnings: self.warnings.load(Ordering::Relaxed),
            ..Status::default()
        }
    }
}

/// Packets that a jitter buffer gave up.
fn lost(jitter_buffer: &glib::WeakRef<gst::Element>) -> u64 {
    let stats = jitter_buffer.upgrade().and_then(|element| element.property::<Option<gst::Structure>>("stats"));
    stats.and_then(|stats| stats.get::<u64>("num-lost").ok()).unwrap_or(0)
}

fn is_idr(buffer: &gst::BufferRef, framing: Framing) -> bool {
    buffer.map_readable().is_ok_and(|bytes| keyframe::is_idr(&bytes, framing))
}

/// How an H.264 stream with these caps is parted; `None` for other codecs.
fn framing(caps: &gst::StructureRef) -> Option<Framing> {
    if caps.name() != "video/x-h264" {
        return None;
    }
    if caps.get::<&str>("stream-format").is_ok_and(|format| format == "byte-stream") {
        return Some(Framing::StartCodes);
    }
    // The decoder's configuration says how long lengths are (ISO/IEC 14496-15, 5.3.3.1.2).
    let configuration = caps.get::<gst::Buffer>("codec_data").ok();
    let byte = configuration.and_then(|data| data.map_readable().ok().and_then(|bytes| bytes.get(4).copied()));
    Some(Framing::Lengths(byte.map_or(4, |byte| usize::from(byte & 3) + 1)))
}

/// What people call a codec.
fn codec(caps: &gst::StructureRef) -> String {
    let version = caps.get::<i32>("mpegversion").ok();
    match (caps.name().as_str(), version) {
        ("video/x-h264", _) => "H.264".into(),
        ("video/x-h265", _) => "H.265".into(),
        ("video/x-av1", _) => "AV1".into(),
        ("video/x-vp8", _) => "VP8".into(),
        ("video/x-vp9", _) => "VP9".into(),
        ("video/mpeg", Some(version)) => format!("MPEG-{version}"),
        ("image/jpeg", _) => "JPEG".into(),
        (other, _) => other.trim_start_matches("video/").trim_start_matches("x-").to_owned(),
    }
}
