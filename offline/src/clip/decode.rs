//! Every frame of a video file in order, as the decoder gives it.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use gstreamer::{self as gst, prelude::*};
use gstreamer_app::AppSink;
use gstreamer_video::{
    VideoCapsBuilder, VideoColorMatrix, VideoColorRange, VideoFormat, VideoFrameExt, VideoFrameRef, VideoInfo,
};
use miqa::frame::{Colour, Frame, Matrix, Pixels, Plane};

use super::ClipError;
use super::error::pipeline_error;

/// Longest silence of a decoder that still works.
const PATIENCE: Duration = Duration::from_secs(20);
const POLL: gst::ClockTime = gst::ClockTime::from_mseconds(100);

/// A video file being decoded.
pub(super) struct Decoder {
    path: PathBuf,
    pipeline: gst::Pipeline,
    sink: AppSink,
}

impl Decoder {
    pub(super) fn open(path: &Path) -> Result<Self, ClipError> {
        if let Err(source) = std::fs::File::open(path) {
            return Err(ClipError::Io { path: path.to_owned(), source });
        }
        let element = |name| gst::ElementFactory::make(name).build().map_err(|_| ClipError::Element(name));
        let failed = |e: &dyn std::fmt::Display| ClipError::Pipeline(e.to_string());
        let (source, decode) = (element("filesrc")?, element("decodebin")?);
        source.set_property("location", path);
        // No conversion in between: what is encoded again must be what was decoded.
        let caps = VideoCapsBuilder::new().format(VideoFormat::I420).build();
        let sink = AppSink::builder().caps(&caps).sync(false).max_buffers(4).build();
        let pipeline = gst::Pipeline::new();
        pipeline.add_many([&source, &decode, sink.upcast_ref()]).map_err(|e| failed(&e))?;
        source.link(&decode).map_err(|e| failed(&e))?;
        let target = sink.clone();
        decode.connect_pad_added(move |decode, pad| {
            let Some(sink) = target.static_pad("sink").filter(|sink| !sink.is_linked()) else {
                return;
            };
            let caps = pad.current_caps().unwrap_or_else(|| pad.query_caps(None));
            let video = caps.structure(0).is_some_and(|s| s.name().starts_with("video/"));
            if video && pad.link(&sink).is_err() {
                gst::element_error!(
                    decode,
                    gst::StreamError::Format,
                    ["its pictures are not 8-bit 4:2:0; convert it first"]
                );
            }
        });
        let decoder = Self { path: path.to_owned(), pipeline, sink };
        decoder
            .pipeline
            .set_state(gst::State::Playing)
            .map_err(|e| decoder.bus_error().unwrap_or_else(|| failed(&e)))?;
        Ok(decoder)
    }

    /// The next frame and its format, `None` after the last.
    pub(super) fn next(&mut self) -> Result<Option<(Frame, VideoInfo)>, ClipError> {
        let begun = Instant::now();
        loop {
            if let Some(sample) = self.sink.try_pull_sample(POLL) {
                return self.frame(&sample).map(Some);
            }
            if let Some(error) = self.bus_error() {
                return Err(error);
            }
            if self.sink.is_eos() {
                return Ok(None);
            }
            if begun.elapsed() > PATIENCE {
                return Err(
                    self.refuse(format!("no frame within {} s; is there a video track in it?", PATIENCE.as_secs()))
                );
            }
        }
    }

    fn frame(&self, sample: &gst::Sample) -> Result<(Frame, VideoInfo), ClipError> {
        let unusable = || self.refuse("a decoded frame can't be read; try another file".into());
        let (buffer, caps) = sample.buffer().zip(sample.caps()).ok_or_else(unusable)?;
        let info = VideoInfo::from_caps(caps).map_err(|_| unusable())?;
        let picture = VideoFrameRef::from_buffer_ref_readable(buffer, &info).map_err(|_| unusable())?;
        let plane = |index: u32| -> Result<Plane, ClipError> {
            let data = picture.plane_data(index).map_err(|_| unusable())?;
            let stride = usize::try_from(picture.plane_stride()[index as usize]).map_err(|_| unusable())?;
            Ok(Plane::owned(data.to_vec(), stride))
        };
        let frame = Frame {
            width: info.width(),
            height: info.height(),
            pixels: Pixels::I420 { y: plane(0)?, u: plane(1)?, v: plane(2)? },
            colour: colour(&info),
            pts: buffer.pts().map(Duration::from),
            arrived: Duration::ZERO,
            corrupt: buffer.flags().contains(gst::BufferFlags::CORRUPTED),
        };
        Ok((frame, info))
    }

    fn bus_error(&self) -> Option<ClipError> {
        pipeline_error(&self.pipeline).map(|reason| self.refuse(reason))
    }

    fn refuse(&self, reason: String) -> ClipError {
        ClipError::Input { path: self.path.clone(), reason }
    }
}

impl Drop for Decoder {
    fn drop(&mut self) {
        // Going to NULL can only fail for elements that are broken already.
        let _ = self.pipeline.set_state(gst::State::Null);
    }
}

/// Matrix and range as the stream states them.
fn colour(info: &VideoInfo) -> Colour {
    let assumed = Colour::assumed(info.height());
    let stated = info.colorimetry();
    let matrix = match stated.matrix() {
        VideoColorMatrix::Bt601 => Matrix::Bt601,
        VideoColorMatrix::Bt709 => Matrix::Bt709,
        VideoColorMatrix::Bt2020 => Matrix::Bt2020,
        _ => assumed.matrix,
    };
    Colour { matrix, full_range: stated.range() == VideoColorRange::Range0_255 }
}
