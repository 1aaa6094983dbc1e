//! A decoded GStreamer sample → [`Frame`], without copying its pixels.

use std::{sync::Arc, time::Duration};

use gstreamer as gst;
use gstreamer::buffer::{MappedBuffer, Readable};
use gstreamer_video as video;
use gstreamer_video::VideoFormat;

use crate::frame::{Bytes, Colour, Frame, Matrix, Pixels, Plane};

/// The pixel formats that a [`Frame`] can hold as they are.
pub(super) const FORMATS: [VideoFormat; 5] =
    [VideoFormat::I420, VideoFormat::Yv12, VideoFormat::Nv12, VideoFormat::Rgb, VideoFormat::Gray8];

/// A buffer mapped for reading for as long as a frame needs it.
struct Mapped(MappedBuffer<Readable>);

impl AsRef<[u8]> for Mapped {
    fn as_ref(&self) -> &[u8] {
        self.0.as_slice()
    }
}

/// The time of a sample in its stream: 0 is the stream's beginning, whatever its timestamps start with.
pub(super) fn stream_time(sample: &gst::Sample) -> Option<Duration> {
    let pts = sample.buffer()?.pts()?;
    let segment = sample.segment().and_then(|segment| segment.downcast_ref::<gst::ClockTime>());
    let time = segment.and_then(|segment| segment.to_stream_time(pts)).unwrap_or(pts);
    Some(Duration::from_nanos(time.nseconds()))
}

/// The frame of a sample; what is odd about it otherwise.
pub(super) fn frame(sample: &gst::Sample, arrived: Duration) -> Result<Frame, String> {
    let caps = sample.caps().ok_or("a sample without caps")?;
    let info = video::VideoInfo::from_caps(caps).map_err(|_| format!("caps {caps} mean no picture"))?;
    let buffer = sample.buffer_owned().ok_or("a sample without a buffer")?;
    let pts = stream_time(sample);
    let corrupt = buffer.flags().contains(gst::BufferFlags::CORRUPTED);
    // Decoders pad rows and planes as they like and say so in the buffer's meta; the caps know only the plain layout.
    let (offsets, strides) = match buffer.meta::<video::VideoMeta>() {
        Some(meta) => (meta.offset().to_vec(), meta.stride().to_vec()),
        None => (info.offset().to_vec(), info.stride().to_vec()),
    };
    let mapped = buffer.into_mapped_buffer_readable().map_err(|_| "a buffer that cannot be mapped")?;
    let bytes: Bytes = Arc::new(Mapped(mapped));
    let plane = |i: usize| -> Result<Plane, String> {
        match (offsets.get(i), strides.get(i).map(|s| usize::try_from(*s))) {
            (Some(&offset), Some(Ok(stride))) => Ok(Plane { bytes: Arc::clone(&bytes), offset, stride }),
            _ => Err(format!("{} without a plane {i}", info.format())),
        }
    };
    let pixels = match info.format() {
        VideoFormat::I420 => Pixels::I420 { y: plane(0)?, u: plane(1)?, v: plane(2)? },
        VideoFormat::Yv12 => Pixels::I420 { y: plane(0)?, u: plane(2)?, v: plane(1)? },
        VideoFormat::Nv12 => Pixels::Nv12 { y: plane(0)?, uv: plane(1)? },
        VideoFormat::Rgb => Pixels::Rgb(plane(0)?),
        VideoFormat::Gray8 => Pixels::Grey(plane(0)?),
        other => return Err(format!("pixel format {other}")),
    };
    let (width, height) = (info.width(), info.height());
    Ok(Frame { width, height, pixels, colour: colour(&info), pts, arrived, corrupt })
}

fn colour(info: &video::VideoInfo) -> Colour {
    let colorimetry = info.colorimetry();
    let assumed = Colour::assumed(info.height());
    Colour {
        matrix: match colorimetry.matrix() {
            video::VideoColorMatrix::Bt601 => Matrix::Bt601,
            video::VideoColorMatrix::Bt709 => Matrix::Bt709,
            video::VideoColorMatrix::Bt2020 => Matrix::Bt2020,
            _ => assumed.matrix,
        },
        full_range: match colorimetry.range() {
            video::VideoColorRange::Range0_255 => true,
            video::VideoColorRange::Range16_235 => false,
            _ => assumed.full_range,
        },
    }
}
