//! The facts of a decoded 1080p I420 frame, beside the preprocessing of one view of it.
//!
//! `cargo bench --bench facts` prints both and the ratio. Limit: 0.3 ms of one core a frame.

use std::{hint::black_box, time::Duration};

use criterion::Criterion;
use miqa::{
    config::Facts,
    facts::Inspector,
    frame::{Colour, Frame, Matrix, Pixels, Plane},
    preprocess::{View, from_frame},
};

#[path = "ratio/mod.rs"]
mod ratio;

const WIDTH: usize = 1920;
const HEIGHT: usize = 1080;

/// Coloured texture in limited range, other in every frame, so that nothing repeats and no step can take a short cut.
fn frame(salt: usize) -> Frame {
    let noise =
        |i: usize, low: u8, span: usize| low + ((i + salt).wrapping_mul(2_654_435_761) >> 13) as u8 % span as u8;
    let plane = |n: usize, stride: usize, span| Plane::owned((0..n).map(|i| noise(i, 16, span)).collect(), stride);
    Frame {
        width: WIDTH as u32,
        height: HEIGHT as u32,
        pixels: Pixels::I420 {
            y: plane(WIDTH * HEIGHT, WIDTH, 219),
            u: plane(WIDTH * HEIGHT / 4, WIDTH / 2, 224),
            v: plane(WIDTH * HEIGHT / 4, WIDTH / 2, 224),
        },
        colour: Colour { matrix: Matrix::Bt709, full_range: false },
        pts: None,
        arrived: Duration::ZERO,
        corrupt: false,
    }
}

fn main() {
    // Sixteen frames, 50 MB: more than a cache holds, as with a decoder's fresh frames.
    let frames: Vec<Frame> = (0..16).map(|i| frame(i * 7919)).collect();
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("facts");
    let mut next = frames.iter().cycle();
    let mut turn = || next.next().expect("a cycle has no end");
    let (mut inspector, mut now) = (Inspector::new(&Facts::default()), Duration::ZERO);
    group.bench_function("inspect", |b| {
        b.iter(|| {
            now += Duration::from_millis(40);
            black_box(inspector.look(turn(), now));
        });
    });
    let still = frame(3);
    let mut inspector = Inspector::new(&Facts::default());
    group.bench_function("inspect_still", |b| {
        b.iter(|| {
            now += Duration::from_millis(40);
            black_box(inspector.look(&still, now));
        });
    });
    group.bench_function("preprocess_centre", |b| b.iter(|| black_box(from_frame(turn(), View::Centre))));
    group.finish();
    criterion.final_summary();
    ratio::print("facts", "preprocess_centre", "inspect");
    ratio::print("facts", "preprocess_centre", "inspect_still");
}
