//! Milliseconds of one core for every distortion of recipe `miqd` on a 640×480 picture, a line a distortion: its twelve
//! rows, then their mean; the same for the five rows of `imagenet-c`, which are the severities of `imagecorruptions`; then
//! what twelve PSNRs cost, the sum over all candidates, and what a copy of the picture costs.
//!
//! `cargo bench -p miqa-offline --bench distort [NAME…]`; `benches/reference.py` prints the same for `imagecorruptions` and
//! Pillow, in the same run if `REFERENCE` names its Python. On Linux the thread's own processor time counts, so a busy machine disturbs little.

use std::hint::black_box;
use std::time::Instant;

use image::RgbImage;
use miqa_offline::distort::DISTORTIONS;
use miqa_offline::rank::squared_error;
use miqa_offline::recipe::Recipe;
use miqa_offline::render::candidate;
use miqa_offline::source::PixelHash;

const WIDTH: u32 = 640;
const HEIGHT: u32 = 480;
const BATCHES: usize = 7;
/// A batch's length: the system counts a thread's time in ticks of some milliseconds.
const BATCH_MILLISECONDS: f64 = 60.0;

/// Slopes, edges and texture, as reference.py draws it.
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

/// Milliseconds of this thread: processor time where the system tells it, else the wall clock's.
fn milliseconds(start: Instant) -> f64 {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let told = told.and_then(|text| text.split_whitespace().next()?.parse::<f64>().ok());
    told.map_or_else(|| start.elapsed().as_secs_f64() * 1e3, |nanoseconds| nanoseconds / 1e6)
}

/// Median milliseconds of `work` over batches.
fn time<T>(mut work: impl FnMut() -> T) -> f64 {
    let start = Instant::now();
    // The fastest of some, so that a run that was interrupted does not make the batches short.
    let probe = |_| {
        let start = Instant::now();
        black_box(work());
        start.elapsed().as_secs_f64() * 1e3
    };
    let once = (0..4).map(probe).fold(f64::INFINITY, f64::min);
    let runs = (BATCH_MILLISECONDS / once).ceil().max(1.0);
    let mut times: Vec<f64> = (0..BATCHES)
        .map(|_| {
            let before = milliseconds(start);
            (0..runs as u32).for_each(|_| {
                black_box(work());
            });
            (milliseconds(start) - before) / runs
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn main() {
    // Cargo adds `--bench`.
    let wanted: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let (picture, recipe) = (picture(), Recipe::miqd());
    let pixels = PixelHash::of(&picture);
    let mut sum = 0.0;
    for distortion in DISTORTIONS {
        let name = distortion.name();
        if !wanted.is_empty() && !wanted.iter().any(|wanted| wanted == name) {
            continue;
        }
        for recipe in [recipe, Recipe::imagenet_c()] {
            let rows = 0..recipe.rows(distortion).len();
            let made = |row| candidate(recipe, &picture, &pixels, distortion, row).expect("640×480 is large enough");
            let times: Vec<f64> = rows.map(|row| time(|| made(row))).collect();
            let each: String = times.iter().map(|ms| format!("{ms:7.2}")).collect();
            let mean = times.iter().sum::<f64>() / times.len() as f64;
            println!("{name:17}{each}   mean {mean:6.2} ms, {}", recipe.id());
            if times.len() == 12 {
                sum += 12.0 * mean;
            }
        }
    }
    let other = candidate(recipe, &picture, &pixels, DISTORTIONS[0], 0).expect("640×480 is large enough");
    let psnr = 12.0 * time(|| squared_error(black_box(&picture), black_box(&other)));
    println!("twelve PSNRs      {psnr:.2} ms");
    println!("all candidates    {sum:.1} ms");
    let mut copy = picture.clone();
    println!("one copy          {:.3} ms", time(|| copy.copy_from_slice(black_box(&picture))));
    match std::env::var_os("REFERENCE") {
        Some(python) => {
            let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/reference.py");
            let status = std::process::Command::new(python).arg(script).status();
            println!("reference ended: {}", status.map_or_else(|e| e.to_string(), |s| s.to_string()));
        }
        None => {
            println!("reference not run: set REFERENCE to the Python of the venv that benches/reference.py describes");
        }
    }
}
