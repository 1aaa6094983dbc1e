//! What a location is like: connects, looks at it for some seconds, and says what it saw.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use gstreamer as gst;
use gstreamer_video as video;
use serde::Serialize;

use super::{
    Mode, SourceError,
    abandoned::Abandoned,
    images,
    pipeline::{Delivery, News, Pipeline},
    sample,
    tap::Tap,
};
use crate::{
    config::{Decode, Location, Pace, Period, Transport},
    picture::{self, Orientation},
};

/// Looked at for at least this long, for the rate.
const LOOK: Duration = Duration::from_secs(2);

/// What to look at and how long.
#[derive(Clone, Debug)]
pub struct Probe {
    /// The location, with its login.
    pub location: Location,
    /// What RTSP's pictures travel over.
    pub transport: Transport,
    /// The interval for which the decode mode is asked.
    pub interval: Period,
    /// For the first frame, and for all of it.
    pub limit: Period,
}

/// What was seen.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Probed {
    /// The location, without secrets.
    pub location: String,
    /// Codec; `None` for raw video.
    pub codec: Option<String>,
    /// Element that decodes.
    pub decoder: Option<String>,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Pixel format of the decoded frames.
    pub format: String,
    /// Colourimetry as the stream says it, `None` if it doesn't.
    pub colourimetry: Option<String>,
    /// Frames a second as the stream says it; `None` if it doesn't or if the rate varies.
    pub rate_said: Option<f64>,
    /// Frames a second as they came; `None` with fewer than two.
    pub rate_seen: Option<f64>,
    /// Seconds from one keyframe to the next, the longest seen; `None` with fewer than two keyframes.
    pub keyframe_interval_s: Option<f64>,
    /// What `decode = "auto"` would do for the interval asked for; `None` where nothing is decoded or too few keyframes
    /// were seen.
    pub mode: Option<Mode>,
    /// Seconds from the beginning to the first frame.
    pub first_frame_s: f64,
    /// RTP packets lost meanwhile.
    pub packets_lost: Option<u64>,
    /// Kilobits of encoded video a second; `None` for raw video.
    pub kbit_s: Option<f64>,
}

/// Connects and looks, within the limit.
///
/// # Errors
/// [`SourceError`], which names the location without its secrets and the next step.
pub fn probe(wanted: &Probe) -> Result<Probed, SourceError> {
    if let Location::Images(folder) = &wanted.location {
        return folder_of_pictures(folder, wanted);
    }
    let name = wanted.location.to_string();
    let begun = Instant::now();
    let interval = wanted.interval.get();
    let live = wanted.location.is_live();
    let tap = Arc::new(Tap::new(begun, live, Decode::All, Box::new(move || interval)));
    let abandoned = Arc::new(Abandoned::default());
    let opening = {
        let (wanted, tap, abandoned) = (wanted.clone(), Arc::clone(&tap), Arc::clone(&abandoned));
        move || {
            let delivery = Delivery::of(&wanted.location, Pace::Asap);
            let mut pipeline = Pipeline::new(&wanted.location, wanted.transport, delivery, Some(tap), abandoned)?;
            pipeline.play()?;
            Ok::<_, SourceError>(pipeline)
        }
    };
    let limit = wanted.limit.get();
    let hangs = || SourceError::Hangs { name: name.clone(), after: wanted.limit };
    let mut pipeline = abandoned.within("probe", limit, || false, opening).ok_or_else(hangs)??;
    let mut times = Times::default();
    while begun.elapsed() < limit && !times.enough(&tap, interval) {
        if let Some(sample) = pipeline.sink().try_pull_sample(gst::ClockTime::from_mseconds(50)) {
            tap.frame();
            times.add(begun.elapsed(), sample::stream_time(&sample));
        }
        match pipeline.news(Duration::ZERO) {
            News::Nothing => {}
            News::Failed(error) => return Err(error),
            News::End if times.frames == 0 => return Err(SourceError::NoVideo { name }),
            News::End => break,
        }
    }
    let (Some(first), Some(video)) = (times.first, pipeline.video()) else {
        return Err(SourceError::Silent { name, after: wanted.limit });
    };
    let status = tap.status();
    let span = times.span();
    Ok(Probed {
        location: name,
        width: video.width(),
        height: video.height(),
        format: video.format().to_string(),
        colourimetry: colourimetry(&video),
        rate_said: rate(video.fps()),
        rate_seen: span.map(|span| round((times.frames - 1) as f64 / span.as_secs_f64())),
        keyframe_interval_s: status.keyframe_interval.map(|k| round(k.as_secs_f64())),
        mode: tap.choice(interval),
        first_frame_s: round(first.as_secs_f64()),
        packets_lost: status.packets_lost,
        kbit_s: status.codec.as_ref().and(span).map(|s| round(status.bytes as f64 * 0.008 / s.as_secs_f64())),
        codec: status.codec,
        decoder: status.decoder,
    })
}

/// When frames came.
#[derive(Default)]
struct Times {
    frames: u64,
    first: Option<Duration>,
    last: Duration,
    /// First and last by the stream's own time, which doesn't depend on how fast a file is read.
    own: Option<(Duration, Duration)>,
}

impl Times {
    fn add(&mut self, at: Duration, own: Option<Duration>) {
        self.frames += 1;
        self.first.get_or_insert(at);
        self.last = at;
        if let Some(own) = own {
            let (first, last) = self.own.unwrap_or((own, own));
            self.own = Some((first.min(own), last.max(own)));
        }
    }

    /// From the first frame to the last.
    fn span(&self) -> Option<Duration> {
        let own = self.own.map(|(first, last)| last - first);
        own.or_else(|| self.first.map(|first| self.last - first)).filter(|span| !span.is_zero())
    }

    fn enough(&self, tap: &Tap, interval: Duration) -> bool {
        let told = tap.is_raw() || tap.choice(interval).is_some();
        told && self.span().is_some_and(|span| span >= LOOK)
    }
}

fn folder_of_pictures(folder: &std::path::Path, wanted: &Probe) -> Result<Probed, SourceError> {
    let begun = Instant::now();
    let none = || SourceError::NoPictures { folder: folder.into() };
    let pictures = images::pictures(folder)?;
    let first = pictures.iter().find_map(|path| Some((path, picture::read(path, Orientation::Apply).ok()?)));
    let (path, picture) = first.ok_or_else(none)?;
    Ok(Probed {
        location: wanted.location.to_string(),
        codec: picture::kind(path).map(|kind| format!("{kind:?}").to_uppercase()),
        decoder: None,
        width: picture.width(),
        height: picture.height(),
        format: "RGB".into(),
        colourimetry: None,
        rate_said: None,
        rate_seen: None,
        keyframe_interval_s: None,
        mode: None,
        first_frame_s: round(begun.elapsed().as_secs_f64()),
        packets_lost: None,
        kbit_s: None,
    })
}

fn colourimetry(video: &video::VideoInfo) -> Option<String> {
    let colorimetry = video.colorimetry();
    let text = colorimetry.to_string();
    (colorimetry.matrix() != video::VideoColorMatrix::Unknown && !text.is_empty()).then_some(text)
}

fn rate(fps: gst::Fraction) -> Option<f64> {
    (fps.numer() > 0 && fps.denom() > 0).then(|| round(f64::from(fps.numer()) / f64::from(fps.denom())))
}

/// To the thousandth.
fn round(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}
