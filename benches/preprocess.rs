//! From a decoded 1080p I420 frame to the 288×288 input, beside GStreamer's videoconvertscale to the same size.
//!
//! `cargo bench --bench preprocess` prints both and the ratio. Limit (issue of record): at most 2 ms of one core.

use std::{hint::black_box, time::Duration, time::Instant};

use criterion::Criterion;
use gstreamer::{self as gst, prelude::*};
use miqa::{
    frame::{Colour, Frame, Matrix, Pixels, Plane},
    preprocess::{View, ViewSet, from_frame},
};

#[path = "ratio/mod.rs"]
mod ratio;

const WIDTH: u32 = 1920;
const HEIGHT: u32 = 1080;

/// Coloured texture in limited range, so that no step can take a short cut.
fn planes() -> (Vec<u8>, Vec<u8>, Vec<u8>) {
    let (w, h) = (WIDTH as usize, HEIGHT as usize);
    let noise = |i: usize, low: u8, span: usize| low + (i.wrapping_mul(2_654_435_761) >> 13) as u8 % span as u8;
    let y = (0..w * h).map(|i| noise(i, 16, 219)).collect();
    let u = (0..w * h / 4).map(|i| noise(i, 16, 224)).collect();
    let v = (0..w * h / 4).map(|i| noise(i + 7, 16, 224)).collect();
    (y, u, v)
}

/// Pushes frames through appsrc ! videocrop ! videoconvertscale ! appsink, in lock step.
struct Gst {
    source: gstreamer_app::AppSrc,
    sink: gstreamer_app::AppSink,
    pipeline: gst::Pipeline,
    buffer: gst::Buffer,
}

impl Gst {
    fn new() -> Self {
        gst::init().expect("GStreamer is installed by make deps");
        let pipeline = gst::parse::launch(&format!(
            "appsrc name=in format=time caps=video/x-raw,format=I420,width={WIDTH},height={HEIGHT},framerate=25/1,colorimetry=bt709 \
             ! videocrop left=420 right=420 ! videoconvertscale method=bilinear2 n-threads=1 \
             ! video/x-raw,format=RGB,width=288,height=288 ! appsink name=out sync=false"
        ))
        .expect("the elements are in plugins-base and plugins-good")
        .downcast::<gst::Pipeline>()
        .expect("launch gives a pipeline");
        let by = |name: &str| pipeline.by_name(name).expect("named above");
        let source = by("in").downcast().expect("an appsrc");
        let sink = by("out").downcast().expect("an appsink");
        let (y, u, v) = planes();
        let buffer = gst::Buffer::from_slice([y, u, v].concat());
        pipeline.set_state(gst::State::Playing).expect("plays");
        Self { source, sink, pipeline, buffer }
    }

    fn frame(&self) {
        self.source.push_buffer(self.buffer.copy()).expect("takes a buffer");
        black_box(self.sink.pull_sample().expect("gives a sample"));
    }
}

impl Drop for Gst {
    fn drop(&mut self) {
        let _ = self.pipeline.set_state(gst::State::Null);
    }
}

fn main() {
    let (y, u, v) = planes();
    let frame = Frame {
        width: WIDTH,
        height: HEIGHT,
        pixels: Pixels::I420 {
            y: Plane::owned(y, WIDTH as usize),
            u: Plane::owned(u, WIDTH as usize / 2),
            v: Plane::owned(v, WIDTH as usize / 2),
        },
        colour: Colour { matrix: Matrix::Bt709, full_range: false },
        pts: None,
        arrived: Duration::ZERO,
        corrupt: false,
    };
    let gst = Gst::new();
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("preprocess");
    group.bench_function("miqa_centre", |b| b.iter(|| black_box(from_frame(&frame, View::Centre))));
    let tiles = ViewSet::Tiles(2).views();
    group.bench_function("miqa_tiles_2", |b| {
        b.iter(|| tiles.iter().for_each(|&v| drop(black_box(from_frame(&frame, v)))));
    });
    group.bench_function("videoconvertscale", |b| {
        b.iter_custom(|n| {
            let start = Instant::now();
            (0..n).for_each(|_| gst.frame());
            start.elapsed()
        });
    });
    group.finish();
    criterion.final_summary();
    ratio::print("preprocess", "videoconvertscale", "miqa_centre");
    ratio::print("preprocess", "videoconvertscale", "miqa_tiles_2");
}
