//! One GStreamer pipeline from a location to decoded frames, put together from elements so that no secret ever stands in
//! a text.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app as app;
use gstreamer_video as video;

use super::{SourceError, abandoned::Abandoned, error, input, input::element, log, sample, tap::Tap};
use crate::config::{Location, Pace, Transport};

/// How long an old pipeline may take to stop before it is left to itself.
const STOP_LIMIT: Duration = Duration::from_secs(1);

/// What brings pictures of a graphics card's memory into the machine's. What has a download of its own element comes
/// first; the others convert on the card.
const DOWNLOADS: [(&str, &str); 5] = [
    ("memory:CUDAMemory", "cudadownload"),
    ("memory:GLMemory", "gldownload"),
    ("memory:VAMemory", "vapostproc"),
    ("memory:DMABuf", "vapostproc"),
    ("memory:NVMM", "nvvideoconvert"),
];

/// How frames leave the pipeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Delivery {
    /// At their time, as a player shows them.
    Timed,
    /// As soon as they are decoded.
    Prompt,
}

impl Delivery {
    /// What suits a location. Cameras pace themselves; what comes in bursts or as fast as it is taken has to be paced.
    pub(super) fn of(location: &Location, pace: Pace) -> Self {
        match location {
            Location::Http(_) | Location::Fragment(_) => Self::Timed,
            Location::File(_) | Location::Images(_) if pace == Pace::Realtime => Self::Timed,
            _ => Self::Prompt,
        }
    }
}

/// A pipeline; stopped when dropped, within a limit.
pub(super) struct Pipeline {
    pipeline: gst::Pipeline,
    sink: app::AppSink,
    location: Location,
    tracks: Arc<Tracks>,
    missing: Option<String>,
    tap: Option<Arc<Tap>>,
    abandoned: Arc<Abandoned>,
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
    /// Builds the pipeline without starting it. Access units pass `tap`, if there is one.
    pub(super) fn new(
        location: &Location,
        transport: Transport,
        delivery: Delivery,
        tap: Option<Arc<Tap>>,
        abandoned: Arc<Abandoned>,
    ) -> Result<Self, SourceError> {
        log::start()?;
        let pipeline = gst::Pipeline::new();
        let sink = sink(delivery, location.is_live());
        let decode = element("decodebin", "gstreamer1.0-plugins-base")?;
        pipeline.add_many([&decode, sink.upcast_ref()]).map_err(|e| SourceError::Init(e.to_string()))?;
        let tracks = Arc::new(Tracks::default());
        watch_elements(&pipeline, tap.clone());
        decode_video_only(&pipeline, &decode, &sink, &tracks);
        input::build(location, transport, &pipeline, &decode)?;
        if let Some(tap) = &tap {
            tap.connect(matches!(location, Location::Rtsp(_)));
        }
        Ok(Self { pipeline, sink, location: location.clone(), tracks, missing: None, tap, abandoned })
    }

    pub(super) fn sink(&self) -> &app::AppSink {
        &self.sink
    }

    /// Starts it. Devices, pipes and network disks may hang in here.
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
        let kinds =
            [gst::MessageType::Error, gst::MessageType::Warning, gst::MessageType::Eos, gst::MessageType::Element];
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
            gst::MessageView::Warning(warning) => {
                if let Some(tap) = &self.tap {
                    tap.warned();
                }
                let text = error::scrub(warning.error().message(), &self.location);
                tracing::debug!(source = %self.location, "GStreamer warns: {text}");
                News::Nothing
            }
            gst::MessageView::Latency(_) => {
                if self.pipeline.recalculate_latency().is_err() {
                    tracing::debug!(source = %self.location, "the latency could not be worked out anew");
                }
                News::Nothing
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

    /// The caps of the frames: size, rate, colourimetry.
    pub(super) fn video(&self) -> Option<video::VideoInfo> {
        let caps = self.sink.static_pad("sink")?.current_caps()?;
        video::VideoInfo::from_caps(&caps).ok()
    }
}

impl Drop for Pipeline {
    /// An element that hangs must not hang us: a pipeline that won't stop is left to a thread of its own.
    fn drop(&mut self) {
        if let Some(tap) = &self.tap {
            tap.disconnect();
        }
        let pipeline = self.pipeline.clone();
        let stopped =
            self.abandoned.within("source-stop", STOP_LIMIT, || false, move || pipeline.set_state(gst::State::Null));
        if stopped.is_none() {
            let limit = STOP_LIMIT.as_secs();
            tracing::warn!(source = %self.location, "a pipeline did not stop within {limit} s and was left behind");
        }
    }
}

fn sink(delivery: Delivery, live: bool) -> app::AppSink {
    let formats = sample::FORMATS.iter().copied();
    let caps = video::VideoCapsBuilder::new().format_list(formats).build();
    let sink = app::AppSink::builder()
        .caps(&caps)
        .sync(delivery == Delivery::Timed)
        .max_buffers(1)
        .drop(live)
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

/// Has decoders decode in one thread and their units pass the tap, and notes who receives packets.
fn watch_elements(pipeline: &gst::Pipeline, tap: Option<Arc<Tap>>) {
    pipeline.connect_deep_element_added(move |_, _, element| {
        let Some(factory) = element.factory() else { return };
        let (name, class) = (factory.name(), factory.metadata("klass").unwrap_or_default());
        // Frame threads delay pictures and cost memory; one thread decodes 1080p several times faster than it plays.
        if name.starts_with("avdec_") && element.has_property("max-threads") {
            element.set_property("max-threads", 1i32);
        }
        let Some(tap) = &tap else { return };
        if class.contains("Decoder") && (class.contains("Video") || class.contains("Image")) {
            tap.attach(element);
        } else if name == "rtpjitterbuffer" {
            tap.receives(element);
        }
    });
}

/// Lets only video be decoded and leads it to the sink.
///
/// Pictures in one of [`sample::FORMATS`] come as they are. For others (10 bits, 4:2:2) `videoconvert` stands between,
/// since it costs a conversion of every frame; what lies in a graphics card's memory is fetched from there.
fn decode_video_only(pipeline: &gst::Pipeline, decode: &gst::Element, sink: &app::AppSink, tracks: &Arc<Tracks>) {
    decode.connect("autoplug-continue", false, |values| {
        let caps = values.get(2).and_then(|value| value.get::<gst::Caps>().ok());
        let other = caps.and_then(|caps| {
            caps.structure(0).map(|s| s.name().starts_with("audio/") || s.name().starts_with("text/"))
        });
        Some((other != Some(true)).to_value())
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
        let steps = between(format, caps.features(0));
        if link(&pipeline, pad, &steps, sink.upcast_ref()).is_none() {
            gst::element_error!(sink, gst::StreamError::Format, ("frames of format {} cannot be taken", format));
        }
    });
}

/// The elements that frames of this format and memory need before they can be taken.
fn between(format: &str, features: Option<&gst::CapsFeaturesRef>) -> Vec<&'static str> {
    let download = DOWNLOADS.iter().find(|(memory, _)| features.is_some_and(|features| features.contains(*memory)));
    let plain = sample::FORMATS.iter().any(|known| known.to_str() == format);
    let convert = (!plain).then_some("videoconvert");
    download.map(|(_, element)| *element).into_iter().chain(convert).collect()
}

/// Links a pad to the sink through new elements of these names.
fn link(pipeline: &gst::Pipeline, pad: &gst::Pad, steps: &[&str], sink: &gst::Element) -> Option<()> {
    let mut next = sink.clone();
    for name in steps.iter().rev() {
        let step = gst::ElementFactory::make(name).build().ok()?;
        pipeline.add(&step).ok()?;
        step.link(&next).ok()?;
        step.sync_state_with_parent().ok()?;
        next = step;
    }
    pad.link(&next.static_pad("sink")?).ok().map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_fetched_and_converted_only_where_they_must_be() {
        log::start().expect("GStreamer");
        for (format, memory, steps) in [
            ("I420", "memory:SystemMemory", vec![]),
            ("NV12", "memory:CUDAMemory", vec!["cudadownload"]),
            ("P010_10LE", "memory:VAMemory", vec!["vapostproc", "videoconvert"]),
            ("YUY2", "memory:SystemMemory", vec!["videoconvert"]),
        ] {
            let features = gst::CapsFeatures::new([memory]);
            assert_eq!(between(format, Some(&features)), steps, "{format} {memory}");
        }
    }
}
