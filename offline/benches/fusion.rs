//! The 200 fusions of one original of 640×480: from the definition, a pixel at a time in f64, against the product's.
//!
//! `cargo bench --locked -p miqa-offline --bench fusion`: medians of rounds that alternate, one core.

use std::hint::black_box;
use std::time::{Duration, Instant};

use image::{Rgb, RgbImage};
use miqa_offline::mask::Mask;
use miqa_offline::render::{FusionWeight, Softening, fuse, fuse_into};

const SIZE: (u32, u32) = (640, 480);
const FUSIONS: usize = 200;
/// Fusions of the plain side in a round: it is slow.
const PLAIN: usize = 4;
const ROUNDS: usize = 7;

fn level(seed: u32) -> RgbImage {
    RgbImage::from_fn(SIZE.0, SIZE.1, |x, y| {
        Rgb([(x * seed + y) as u8, (x * y / 7 + seed) as u8, (y * 3 + (x ^ y)) as u8])
    })
}

/// F = W·ROI + (1 − W)·background, the mean with its 3×3 blur where 0.05 < W < 0.95, truncated.
fn plain(weight: &FusionWeight, roi: &RgbImage, background: &RgbImage) -> RgbImage {
    let reflect = |at: i64, length: u32| if at < 0 { -at } else { at.min(2 * (i64::from(length) - 1) - at) } as u32;
    let mix = |x: i64, y: i64, c: usize| {
        let (x, y) = (reflect(x, SIZE.0), reflect(y, SIZE.1));
        let w = f64::from(weight.at(x, y)) / 255.0;
        w * f64::from(roi.get_pixel(x, y).0[c]) + (1.0 - w) * f64::from(background.get_pixel(x, y).0[c])
    };
    RgbImage::from_fn(SIZE.0, SIZE.1, |x, y| {
        let w = f64::from(weight.at(x, y)) / 255.0;
        let (x, y) = (i64::from(x), i64::from(y));
        Rgb([0, 1, 2].map(|c| {
            let own = mix(x, y, c);
            if w <= 0.05 || w >= 0.95 {
                return own as u8;
            }
            let tap = |i: i64| [0.25, 0.5, 0.25][i as usize];
            let blurred: f64 = (0..9).map(|i| tap(i % 3) * tap(i / 3) * mix(x + i % 3 - 1, y + i / 3 - 1, c)).sum();
            ((own + blurred) / 2.0) as u8
        }))
    })
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort();
    times[times.len() / 2].as_secs_f64()
}

fn main() {
    let (roi, background) = (level(3), level(5));
    let ellipse = |x: u32, y: u32| (f64::from(x) - 300.0).powi(2) / 2.0 + (f64::from(y) - 230.0).powi(2) < 17_000.0;
    let blobs = |x: u32, y: u32| (x / 80 + y / 80).is_multiple_of(2);
    let masks = [
        ("one object", Mask::from_fn(SIZE.0, SIZE.1, ellipse)),
        ("chequers of 80 pixels", Mask::from_fn(SIZE.0, SIZE.1, blobs)),
    ];
    for (name, mask) in masks {
        let start = Instant::now();
        let weight = FusionWeight::of(&mask, Softening::default()).expect("radius 32 is allowed");
        let once = start.elapsed();
        let mut fused = RgbImage::new(SIZE.0, SIZE.1);
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let start = Instant::now();
            for _ in 0..FUSIONS {
                fuse_into(&weight, black_box(&roi), black_box(&background), &mut fused).expect("one size");
                black_box(&fused);
            }
            ours.push(start.elapsed());
            let start = Instant::now();
            for _ in 0..PLAIN {
                black_box(plain(&weight, black_box(&roi), black_box(&background)));
            }
            theirs.push(start.elapsed() * (FUSIONS / PLAIN) as u32);
        }
        let differing = {
            let (a, b) = (fuse(&weight, &roi, &background).expect("one size"), plain(&weight, &roi, &background));
            a.as_raw().iter().zip(b.as_raw()).filter(|(a, b)| a != b).count()
        };
        let (ours, theirs) = (median(ours), median(theirs));
        println!(
            "{name}, area share {:.2}: 200 fusions {ours:.3} s, plain {theirs:.2} s, ratio {:.1}; weight once {:.1} ms; {differing} of {} samples differ",
            mask.area_share(),
            theirs / ours,
            once.as_secs_f64() * 1e3,
            roi.len()
        );
    }
}
