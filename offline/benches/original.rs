//! One original of 640×480 → its 250 variants on demand: 120 candidates, their PSNRs and ranks, 200 fusions. Processor
//! seconds of one core, beside the authors' steps if `REFERENCE` names a Python (`benches/authors.py`); then how much two
//! threads gain, and the most memory that was held.
//!
//! `REFERENCE=venv/bin/python cargo bench -p miqa-offline --bench original`

use std::hint::black_box;
use std::process::Command;
use std::time::Instant;

use image::RgbImage;
use miqa_offline::mask::Mask;
use miqa_offline::rank::{by_error, squared_error};
use miqa_offline::recipe::{Levels, Recipe};
use miqa_offline::render::{FusionWeight, candidate, fuse_into};
use miqa_offline::source::PixelHash;

const WIDTH: u32 = 640;
const HEIGHT: u32 = 480;
/// Runs; their median counts.
const RUNS: usize = 5;

/// Slopes, edges and texture, as authors.py draws it.
fn picture() -> RgbImage {
    RgbImage::from_fn(WIDTH, HEIGHT, |x, y| {
        let noise = (x.wrapping_mul(2_654_435_761) ^ y.wrapping_mul(40_503)) >> 13;
        let edge = if (x / 80 + y / 60) % 2 == 0 { 40 } else { 0 };
        image::Rgb([
            (x / 4 + noise % 17 + edge) as u8,
            (y / 3 + (noise >> 5) % 29) as u8,
            ((x + y) / 6 + (noise >> 9) % 60) as u8,
        ])
    })
}

/// Processor time of this process in seconds.
fn processor_seconds() -> f64 {
    // Fields 14 and 15 of proc(5) stat, in ticks of a hundredth of a second, are too coarse; schedstat has nanoseconds of
    // each thread, and all of ours are still alive when this is asked.
    let threads = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let nanoseconds = threads.filter_map(|thread| {
        let text = std::fs::read_to_string(thread.path().join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse::<f64>().ok()
    });
    nanoseconds.sum::<f64>() / 1e9
}

/// All 250 variants of an original, each looked at once; returns how many there were.
fn variants(recipe: &Recipe, rgb: &RgbImage, mask: &Mask) -> usize {
    let pixels = PixelHash::of(rgb);
    let weight = FusionWeight::of(mask, recipe.softening()).expect("the recipe's radius is allowed");
    let Levels::Ranks(ranks) = recipe.levels() else { panic!("recipe miqd ranks its candidates") };
    let mut fused = RgbImage::new(rgb.width(), rgb.height());
    let mut made = 0;
    for distortion in recipe.distortions() {
        let rows = 0..recipe.rows(distortion).len();
        let candidates: Vec<RgbImage> =
            rows.map(|row| candidate(recipe, rgb, &pixels, distortion, row).expect("large enough")).collect();
        let errors: Vec<u64> = candidates.iter().map(|other| squared_error(rgb, other).expect("one size")).collect();
        let order = by_error(&errors);
        let levels: Vec<&RgbImage> = ranks.iter().map(|&rank| &candidates[order[usize::from(rank) - 1]]).collect();
        for pair in recipe.pairs() {
            let (roi, background) = (levels[usize::from(pair.roi) - 1], levels[usize::from(pair.background) - 1]);
            if pair.roi == pair.background {
                black_box(roi);
            } else {
                fuse_into(&weight, roi, background, &mut fused).expect("one size");
                black_box(&fused);
            }
            made += 1;
        }
    }
    made
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn main() {
    let (rgb, recipe) = (picture(), Recipe::miqd());
    let mask = Mask::from_fn(WIDTH, HEIGHT, |x, y| {
        let (dx, dy) = ((f64::from(x) - 320.0) / 160.0, (f64::from(y) - 240.0) / 160.0);
        dx * dx + dy * dy <= 1.0
    });
    assert_eq!(variants(recipe, &rgb, &mask), 250);
    let ours = median(
        (0..RUNS)
            .map(|_| {
                let before = processor_seconds();
                black_box(variants(recipe, &rgb, &mask));
                processor_seconds() - before
            })
            .collect(),
    );
    println!("ours      {ours:.3} s of one core for 250 variants of {WIDTH}×{HEIGHT}");
    match std::env::var_os("REFERENCE") {
        Some(python) => {
            let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/authors.py");
            let output = Command::new(python).arg(script).output().expect("REFERENCE can be run");
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            let seconds: f64 = text.split_whitespace().next().and_then(|s| s.parse().ok()).unwrap_or(f64::NAN);
            println!("authors'  {}", text.trim());
            println!("ratio     {:.0}", seconds / ours);
        }
        None => {
            println!("authors'  not run: set REFERENCE to the Python of the venv that benches/reference.py describes");
        }
    }

    // Pairs of runs, four originals each, so that what else the machine does hits both sides.
    let four = |threads: usize| {
        let start = Instant::now();
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    (0..4 / threads).for_each(|_| {
                        black_box(variants(recipe, &rgb, &mask));
                    });
                });
            }
        });
        start.elapsed().as_secs_f64()
    };
    let gain = median((0..RUNS).map(|_| four(1) / four(2)).collect());
    println!("threads   two are {gain:.2} times as fast as one (wall time, median of {RUNS} pairs)");
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("unknown").trim().to_owned();
    let limit = f64::from(80 * WIDTH * HEIGHT * 2) / 1e6 + 200.0;
    println!("memory    at most {peak} (limit {limit:.0} MB: 80 bytes a pixel and thread and 200 MB)");
}
