//! One GStreamer pipeline from a location to decoded frames, put together from elements so that no secret ever stands in
//! a text.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    time::Duration,
};

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app as app;
use gstreamer_video as video;

use super::{SourceError, container, sample};
use crate::config::{Location, Rtsp};

/// How long a camera's packets may be out of order, in milliseconds.
const RTSP_LATENCY_MS: u32 = 200;

/// How long an old pipeline may take to stop before it is left to itself.
const STOP_LIMIT: Duration = Duration::from_secs(1);

/// How frames leave the pipeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Delivery {
    /// At their time, as a player shows them.
    Timed,
    /// As soon as they are decoded.
    Prompt,
}

/// A pipeline; stopped when dropped, within a limit.
pub(super) struct Pipeline {
    pipeline: gst::Pipeline,
    sink: app::AppSink,
    location: Location,
    tracks: Arc<Tracks>,
    missing: Option<String>,
}

/// What is known of the tracks so far.
#[derive(Default)]
struct Tracks {
    video: AtomicBool,
    complete: AtomicBool,
}

/// What a pipeline's bus said.
#[derive(Debug)]
pub(super) enum News {
    /// Nothing within the time given.
    Nothing,
    /// The stream is over.
    End,
    /// It failed.
    Failed(SourceError),
}

impl Pipeline {
    /// Builds the pipeline without starting it.
    pub(super) fn new(location: &Location, delivery: Delivery) -> Result<Self, SourceError> {
        gst::init().map_err(|e| SourceError::Init(e.to_string()))?;
        let pipeline = gst::Pipeline::new();
        let sink = sink(delivery);
        add(&pipeline, sink.upcast_ref());
        let decode = element("decodebin", "gstreamer1.0-plugins-base")?;
        add(&pipeline, &decode);
        match location {
            Location::File(path) => {
                let source = file(path)?;
                add(&pipeline, &source);
                source.link(&decode).map_err(|e| failed(location, &e))?;
            }
            Location::Rtsp(rtsp) => {
                let source = camera(rtsp, &decode)?;
                add(&pipeline, &source);
            }
        }
        let tracks = Arc::new(Tracks::default());
        decode_video_only(&pipeline, &decode, &sink, &tracks);
        Ok(Self { pipeline, sink, location: location.clone(), tracks, missing: None })
    }

    pub(super) fn sink(&self) -> &app::AppSink {
        &self.sink
    }

    /// Starts it.
    pub(super) fn play(&mut self) -> Result<(), SourceError> {
        if self.pipeline.set_state(gst::State::Playing).is_ok() {
            return Ok(());
        }
        match self.news(Duration::from_secs(1)) {
            News::Failed(error) => Err(error),
            _ => {
                Err(SourceError::Failed { name: self.location.to_string(), reason: "GStreamer cannot play it".into() })
            }
        }
    }

    /// What the bus says within `wait`.
    pub(super) fn news(&mut self, wait: Duration) -> News {
        let name = || self.location.to_string();
        let Some(bus) = self.pipeline.bus() else { return News::Nothing };
        let kinds = [gst::MessageType::Error, gst::MessageType::Eos, gst::MessageType::Element];
        let silent = self.tracks.complete.load(Ordering::Acquire) && !self.tracks.video.load(Ordering::Acquire);
        // With no time to wait, the waiting call would not even look.
        let message = match u64::try_from(wait.as_nanos()).unwrap_or(u64::MAX / 2) {
            0 => bus.pop_filtered(&kinds),
            wait => bus.timed_pop_filtered(gst::ClockTime::from_nseconds(wait), &kinds),
        };
        let Some(message) = message else {
            return match (&self.missing, silent) {
                (Some(codec), true) => News::Failed(SourceError::NoDecoder { name: name(), codec: codec.clone() }),
                (None, true) => News::Failed(SourceError::NoVideo { name: name() }),
                _ => News::Nothing,
            };
        };
        match message.view() {
            gst::MessageView::Eos(_) if silent => News::Failed(SourceError::NoVideo { name: name() }),
            gst::MessageView::Eos(_) => News::End,
            gst::MessageView::Error(error) => {
                let undecoded = self.missing.as_deref().filter(|_| !self.tracks.video.load(Ordering::Acquire));
                // Without a video track every track is left unlinked, which demuxers take for a failure of the flow.
                if silent && undecoded.is_none() {
                    return News::Failed(SourceError::NoVideo { name: name() });
                }
                News::Failed(SourceError::from_bus(&self.location, error, undecoded))
            }
            gst::MessageView::Element(element) => {
                let structure = element.structure().filter(|s| s.name() == "missing-plugin");
                if let Some(what) = structure.and_then(|s| s.get::<String>("name").ok()) {
                    self.missing.get_or_insert_with(|| what.trim_end_matches(" decoder").to_owned());
                }
                News::Nothing
            }
            _ => News::Nothing,
        }
    }
}

impl Drop for Pipeline {
    /// An element that hangs must not hang us: a pipeline that won't stop is left to a thread of its own.
    fn drop(&mut self) {
        let (done, stopped) = mpsc::channel();
        let pipeline = self.pipeline.clone();
        let stop = move || {
            let stopped = pipeline.set_state(gst::State::Null);
            drop(pipeline);
            // Nobody listens any more if it took too long.
            let _ = done.send(stopped.is_ok());
        };
        let thread = std::thread::Builder::new().name("source-stop".into()).spawn(stop);
        if thread.is_err() || stopped.recv_timeout(STOP_LIMIT).is_err() {
            tracing::warn!(source = %self.location, "a pipeline did not stop within {} s and was left behind", STOP_LIMIT.as_secs());
        }
    }
}

fn element(name: &'static str, package: &'static str) -> Result<gst::Element, SourceError> {
    gst::ElementFactory::make(name).build().map_err(|_| SourceError::Element { element: name, package })
}

fn add(pipeline: &gst::Pipeline, element: &gst::Element) {
    // Adding fails only for an element that has a parent or a name already taken; these are fresh and unnamed.
    if let Err(error) = pipeline.add(element) {
        tracing::error!(%error, "an element could not be added");
    }
}

fn failed(location: &Location, error: &gst::glib::BoolError) -> SourceError {
    SourceError::Failed { name: location.to_string(), reason: error.message.to_string() }
}

fn file(path: &Path) -> Result<gst::Element, SourceError> {
    container::check(path)?;
    let Some(text) = path.to_str() else {
        return Err(SourceError::Missing { path: path.into(), reason: "its name is not UTF-8; rename it".into() });
    };
    let source = element("filesrc", "libgstreamer1.0-0")?;
    source.set_property("location", text);
    Ok(source)
}

fn camera(rtsp: &Rtsp, decode: &gst::Element) -> Result<gst::Element, SourceError> {
    let source = element("rtspsrc", "gstreamer1.0-plugins-good")?;
    source.set_property("location", rtsp.url());
    if let Some(login) = rtsp.login() {
        source.set_property("user-id", &login.user);
        source.set_property("user-pw", &login.password);
    }
    source.set_property_from_str("protocols", "tcp");
    source.set_property("latency", RTSP_LATENCY_MS);
    source.set_property("drop-on-latency", true);
    // Sound and metadata are not even asked for.
    source.connect("select-stream", false, |values| {
        let caps = values.get(2).and_then(|value| value.get::<gst::Caps>().ok());
        Some(caps.is_some_and(|caps| is_video_rtp(&caps)).to_value())
    });
    let decode = decode.downgrade();
    source.connect_pad_added(move |_, pad| {
        let Some(to) = decode.upgrade().and_then(|decode| decode.static_pad("sink")) else { return };
        if !to.is_linked() && pad.current_caps().is_none_or(|caps| is_video_rtp(&caps)) && pad.link(&to).is_err() {
            tracing::warn!("a camera's stream could not be linked");
        }
    });
    Ok(source)
}

fn is_video_rtp(caps: &gst::Caps) -> bool {
    caps.structure(0).is_some_and(|s| s.get::<&str>("media").is_ok_and(|media| media == "video"))
}

fn sink(delivery: Delivery) -> app::AppSink {
    let formats = sample::FORMATS.iter().copied();
    let caps = video::VideoCapsBuilder::new().format_list(formats).build();
    let sink = app::AppSink::builder()
        .caps(&caps)
        .sync(delivery == Delivery::Timed)
        .max_buffers(1)
        .drop(false)
        .wait_on_eos(false)
        .enable_last_sample(false)
        .build();
    // Decoders copy every picture into the plain layout unless they are told that its meta is understood here.
    if let Some(pad) = sink.static_pad("sink") {
        pad.add_probe(gst::PadProbeType::QUERY_DOWNSTREAM, |_, info| {
            match info.query_mut().map(gst::QueryRef::view_mut) {
                Some(gst::QueryViewMut::Allocation(allocation)) => {
                    allocation.add_allocation_meta::<video::VideoMeta>(None);
                    gst::PadProbeReturn::Handled
                }
                _ => gst::PadProbeReturn::Ok,
            }
        });
    }
    sink
}

/// Lets only video be decoded, in one thread a stream, and leads it to the sink.
///
/// Pictures in one of [`sample::FORMATS`] come as they are. For others (10 bits, 4:2:2) `videoconvert` stands between,
/// since it costs a conversion of every frame.
fn decode_video_only(pipeline: &gst::Pipeline, decode: &gst::Element, sink: &app::AppSink, tracks: &Arc<Tracks>) {
    decode.connect("autoplug-continue", false, |values| {
        let caps = values.get(2).and_then(|value| value.get::<gst::Caps>().ok());
        let other = caps.and_then(|caps| {
            caps.structure(0).map(|s| s.name().starts_with("audio/") || s.name().starts_with("text/"))
        });
        Some((other != Some(true)).to_value())
    });
    pipeline.connect_deep_element_added(|_, _, element| {
        // Frame threads delay pictures and cost memory; one thread decodes 1080p several times faster than it plays.
        if element.factory().is_some_and(|f| f.name().starts_with("avdec_")) && element.has_property("max-threads") {
            element.set_property("max-threads", 1i32);
        }
    });
    let done = Arc::clone(tracks);
    decode.connect_no_more_pads(move |_| done.complete.store(true, Ordering::Release));
    let (pipeline, sink, tracks) = (pipeline.downgrade(), sink.downgrade(), Arc::clone(tracks));
    decode.connect_pad_added(move |_, pad| {
        let (Some(pipeline), Some(sink)) = (pipeline.upgrade(), sink.upgrade()) else { return };
        let caps = pad.current_caps().unwrap_or_else(|| pad.query_caps(None));
        let Some(structure) = caps.structure(0).filter(|s| s.name() == "video/x-raw") else { return };
        if tracks.video.swap(true, Ordering::AcqRel) {
            return;
        }
        let format = structure.get::<&str>("format").unwrap_or_default();
        let plain = sample::FORMATS.iter().any(|known| known.to_str() == format);
        let linked = sink.static_pad("sink").and_then(|to| {
            if plain {
                return pad.link(&to).ok().map(|_| ());
            }
            let convert = element("videoconvert", "gstreamer1.0-plugins-base").ok()?;
            pipeline.add(&convert).ok()?;
            convert.link(&sink).ok()?;
            convert.sync_state_with_parent().ok()?;
            pad.link(&convert.static_pad("sink")?).ok().map(|_| ())
        });
        if linked.is_none() {
            gst::element_error!(sink, gst::StreamError::Format, ("frames of format {} cannot be taken", format));
        }
    });
}
