//! Video files of known brightness, made on the spot.

use std::path::Path;

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app as app;

/// Frames a second of every clip.
pub(crate) const RATE: u64 = 25;

/// Luma of white and of black.
pub(crate) const WHITE: u8 = 235;
pub(crate) const BLACK: u8 = 16;

/// Writes an H.264 clip in MP4 of 320×288: each stretch is so many frames of one luma.
pub(crate) fn make(path: &Path, stretches: &[(u64, u8)]) {
    gst::init().expect("GStreamer");
    let text = format!(
        "appsrc name=in format=time caps=video/x-raw,format=I420,width=320,height=288,framerate={RATE}/1 \
         ! x264enc speed-preset=ultrafast tune=zerolatency ! h264parse ! mp4mux faststart=true ! filesink name=out"
    );
    let pipeline =
        gst::parse::launch(&text).expect("x264enc and mp4mux").downcast::<gst::Pipeline>().expect("a pipeline");
    pipeline.by_name("out").expect("sink").set_property("location", path.to_str().expect("UTF-8"));
    let source = pipeline.by_name("in").and_then(|e| e.downcast::<app::AppSrc>().ok()).expect("source");
    pipeline.set_state(gst::State::Playing).expect("plays");
    let lumas = stretches.iter().flat_map(|&(frames, luma)| (0..frames).map(move |_| luma));
    for (i, luma) in lumas.enumerate() {
        let mut pixels = vec![luma; 320 * 288];
        pixels.resize(320 * 288 * 3 / 2, 128);
        let mut buffer = gst::Buffer::from_mut_slice(pixels);
        let times = buffer.get_mut().expect("fresh");
        times.set_pts(gst::ClockTime::from_mseconds(i as u64 * 1000 / RATE));
        times.set_duration(gst::ClockTime::from_mseconds(1000 / RATE));
        source.push_buffer(buffer).expect("taken");
    }
    source.end_of_stream().expect("ends");
    finish(&pipeline);
}

/// Writes a file of sound only.
pub(crate) fn make_sound(path: &Path) {
    gst::init().expect("GStreamer");
    let text = "audiotestsrc num-buffers=50 ! audioconvert ! vorbisenc ! oggmux ! filesink name=out";
    let pipeline =
        gst::parse::launch(text).expect("vorbisenc and oggmux").downcast::<gst::Pipeline>().expect("a pipeline");
    pipeline.by_name("out").expect("sink").set_property("location", path.to_str().expect("UTF-8"));
    pipeline.set_state(gst::State::Playing).expect("plays");
    finish(&pipeline);
}

fn finish(pipeline: &gst::Pipeline) {
    let bus = pipeline.bus().expect("bus");
    let end =
        bus.timed_pop_filtered(gst::ClockTime::from_seconds(60), &[gst::MessageType::Eos, gst::MessageType::Error]);
    assert!(matches!(end.expect("an end").view(), gst::MessageView::Eos(_)), "the clip could not be made");
    pipeline.set_state(gst::State::Null).expect("stops");
}
