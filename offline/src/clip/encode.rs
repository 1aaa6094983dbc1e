//! I420 frames → H.264 in an MP4 file that can be played while it loads.

use std::path::{Path, PathBuf};
use std::time::Duration;

use gstreamer::{self as gst, prelude::*};
use gstreamer_app::AppSrc;
use gstreamer_video::{VideoFormat, VideoFrameExt, VideoFrameRef, VideoInfo};

use super::error::pipeline_error;
use super::{ClipError, mp4, planes::Planes};

/// Frames from one keyframe to the next: a player or a keyframe-only decoder gets one every 2 s at 12.5 frames/s.
const KEYFRAME_EVERY: u32 = 25;
/// Longest wait for the encoder's last frames and the file's index.
const PATIENCE: gst::ClockTime = gst::ClockTime::from_seconds(120);

/// An MP4 file being written; it gets its name when it is whole.
pub(super) struct Encoder {
    path: PathBuf,
    partial: PathBuf,
    pipeline: gst::Pipeline,
    source: AppSrc,
    info: VideoInfo,
}

impl Encoder {
    /// Encodes frames of the format `like` (size, rate, colourimetry) at a constant quality, `quality` being x264's
    /// rate factor: 0 lossless to 51 worst.
    pub(super) fn create(path: &Path, like: &VideoInfo, quality: u32) -> Result<Self, ClipError> {
        let failed = |e: &dyn std::fmt::Display| ClipError::Pipeline(e.to_string());
        let element = |name| gst::ElementFactory::make(name).build().map_err(|_| ClipError::Element(name));
        let info = VideoInfo::builder(VideoFormat::I420, like.width(), like.height())
            .fps(like.fps())
            .par(like.par())
            .colorimetry(&like.colorimetry())
            .build()
            .map_err(|e| failed(&e))?;
        let caps = info.to_caps().map_err(|e| failed(&e))?;
        let source = AppSrc::builder().caps(&caps).format(gst::Format::Time).max_bytes(16 << 20).block(true).build();
        let (encode, parse) = (element("x264enc")?, element("h264parse")?);
        encode.set_property_from_str("pass", "qual");
        encode.set_property("quantizer", quality);
        encode.set_property_from_str("speed-preset", "slow");
        encode.set_property("key-int-max", KEYFRAME_EVERY);
        encode.set_property("bframes", 0_u32);
        // More threads would make the bytes depend on the machine.
        encode.set_property("threads", 1_u32);
        let (mux, sink) = (element("mp4mux")?, element("filesink")?);
        mux.set_property("faststart", true);
        let mut partial = path.as_os_str().to_owned();
        partial.push(".partial");
        let partial = PathBuf::from(partial);
        sink.set_property("location", &partial);
        let pipeline = gst::Pipeline::new();
        let chain = [source.upcast_ref(), &encode, &parse, &mux, &sink];
        pipeline.add_many(chain).map_err(|e| failed(&e))?;
        gst::Element::link_many(chain).map_err(|e| failed(&e))?;
        let encoder = Self { path: path.to_owned(), partial, pipeline, source, info };
        encoder
            .pipeline
            .set_state(gst::State::Playing)
            .map_err(|e| encoder.bus_error().unwrap_or_else(|| failed(&e)))?;
        Ok(encoder)
    }

    /// Hands one frame over; waits while the encoder is busy.
    pub(super) fn push(&mut self, planes: &Planes, pts: Duration) -> Result<(), ClipError> {
        if (planes.width, planes.height) != (self.info.width(), self.info.height()) {
            return Err(self.refuse("the frames change their size; cut the input where they do".into()));
        }
        let refused = || self.refuse("a frame's memory is not to be had; close other programs and try again".into());
        let mut buffer = gst::Buffer::with_size(self.info.size()).map_err(|_| refused())?;
        let writable = buffer.get_mut().ok_or_else(refused)?;
        writable.set_pts(gst::ClockTime::try_from(pts).ok());
        writable.set_duration(frame_duration(&self.info));
        let mut frame = VideoFrameRef::from_buffer_ref_writable(writable, &self.info).map_err(|_| refused())?;
        for (index, samples) in planes.data.iter().enumerate() {
            let stride = usize::try_from(frame.plane_stride()[index]).map_err(|_| refused())?;
            let width = if index == 0 { planes.width } else { planes.width.div_ceil(2) } as usize;
            let plane = frame.plane_data_mut(index as u32).map_err(|_| refused())?;
            for (to, from) in plane.chunks_mut(stride).zip(samples.chunks(width)) {
                to[..width].copy_from_slice(from);
            }
        }
        drop(frame);
        self.source.push_buffer(buffer).map(|_| ()).map_err(|flow| {
            self.bus_error()
                .unwrap_or_else(|| self.refuse(format!("it takes no more frames ({flow}); is the disk full?")))
        })
    }

    /// Writes what is left and gives the file its name.
    pub(super) fn finish(self) -> Result<(), ClipError> {
        let failed = |e: &dyn std::fmt::Display| self.refuse(e.to_string());
        self.source.end_of_stream().map_err(|e| failed(&e))?;
        let bus = self.pipeline.bus().ok_or_else(|| failed(&"the pipeline has no bus"))?;
        let last = bus.timed_pop_filtered(PATIENCE, &[gst::MessageType::Eos, gst::MessageType::Error]);
        match last.as_ref().map(|message| message.view()) {
            Some(gst::MessageView::Eos(_)) => {}
            Some(gst::MessageView::Error(error)) => return Err(failed(&error.error().message())),
            _ => return Err(failed(&format!("not done {} s after the last frame", PATIENCE.seconds()))),
        }
        self.pipeline.set_state(gst::State::Null).map_err(|e| failed(&e))?;
        let io = |source| ClipError::Io { path: self.path.clone(), source };
        let mut bytes = std::fs::read(&self.partial).map_err(io)?;
        mp4::clear_times(&mut bytes);
        std::fs::write(&self.partial, bytes).map_err(io)?;
        std::fs::rename(&self.partial, &self.path).map_err(io)
    }

    fn bus_error(&self) -> Option<ClipError> {
        pipeline_error(&self.pipeline).map(|reason| self.refuse(reason))
    }

    fn refuse(&self, reason: String) -> ClipError {
        ClipError::Output { path: self.path.clone(), reason }
    }
}

impl Drop for Encoder {
    fn drop(&mut self) {
        let _ = self.pipeline.set_state(gst::State::Null);
        // Gone already when the file was finished.
        let _ = std::fs::remove_file(&self.partial);
    }
}

fn frame_duration(info: &VideoInfo) -> Option<gst::ClockTime> {
    let (frames, seconds) = (info.fps().numer(), info.fps().denom());
    let nanoseconds = 1_000_000_000_u64.checked_mul(u64::try_from(seconds).ok()?)?;
    nanoseconds.checked_div(u64::try_from(frames).ok()?).map(gst::ClockTime::from_nseconds)
}
