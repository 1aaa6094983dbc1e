//! One original of 640×480 → its 250 variants: 120 candidates, their PSNRs and ranks, 200 fusions; on demand, and written
//! as lossless files. Processor seconds of one core, medians of rounds that alternate with the authors' steps if `REFERENCE`
//! names a Python (`benches/authors.py`), and how much of the writing is encoding; then how much two threads gain, and the
//! most memory that was held.
//!
//! `REFERENCE=venv/bin/python cargo bench -p miqa-offline --bench original`

use std::ffi::OsStr;
use std::fs::File;
use std::hint::black_box;
use std::io::BufWriter;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use image::RgbImage;
use miqa_offline::generate::Format;
use miqa_offline::mask::Mask;
use miqa_offline::rank::{by_error, squared_error};
use miqa_offline::recipe::{Levels, Recipe};
use miqa_offline::render::{FusionWeight, candidate, fuse_into};
use miqa_offline::source::PixelHash;

const WIDTH: u32 = 640;
const HEIGHT: u32 = 480;
/// Runs; their median counts.
const RUNS: usize = 5;
/// In so many of them the authors' steps run too.
const AUTHORS_RUNS: usize = 3;

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

/// All 250 variants of an original, each given to `take` once with its number; returns how many there were.
fn variants(recipe: &Recipe, rgb: &RgbImage, mask: &Mask, mut take: impl FnMut(usize, &RgbImage)) -> usize {
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
                take(made, roi);
            } else {
                fuse_into(&weight, roi, background, &mut fused).expect("one size");
                take(made, &fused);
            }
            made += 1;
        }
    }
    made
}

/// How variants are written.
enum Written {
    /// A file each.
    Files(Format),
    /// Files in one archive, as layout `webdataset` has them.
    Archive(Format),
}

impl Written {
    fn format(&self) -> Format {
        match self {
            Self::Files(format) | Self::Archive(format) => *format,
        }
    }

    /// Makes and encodes all variants, and drops them: processor seconds.
    fn time_encoded(&self, recipe: &Recipe, rgb: &RgbImage, mask: &Mask) -> f64 {
        let start = processor_seconds();
        variants(recipe, rgb, mask, |_, variant| {
            black_box(self.format().encode(variant).expect("640×480 fits every format"));
        });
        processor_seconds() - start
    }

    /// Makes and writes all variants into `folder`: processor seconds, and bytes written.
    fn time(&self, recipe: &Recipe, rgb: &RgbImage, mask: &Mask, folder: &Path) -> (f64, usize) {
        let format = self.format();
        let mut size = 0;
        let start = processor_seconds();
        let mut archive = match self {
            Self::Files(_) => None,
            Self::Archive(_) => {
                let file = File::create(folder.join("variants.tar")).expect("the folder takes files");
                Some(tar::Builder::new(BufWriter::with_capacity(1 << 20, file)))
            }
        };
        variants(recipe, rgb, mask, |number, variant| {
            let bytes = format.encode(variant).expect("640×480 fits every format");
            size += bytes.len();
            let name = format!("{number:03}.{}", format.extension());
            match &mut archive {
                None => std::fs::write(folder.join(name), bytes).expect("the folder takes files"),
                Some(archive) => {
                    let mut header = tar::Header::new_gnu();
                    header.set_size(bytes.len() as u64);
                    archive.append_data(&mut header, name, bytes.as_slice()).expect("the archive takes files");
                }
            }
        });
        if let Some(mut archive) = archive {
            archive.finish().expect("the archive takes its end");
        }
        (processor_seconds() - start, size)
    }
}

/// The authors' steps: processor seconds, and the whole line that they print.
fn authors(python: &OsStr) -> (f64, String) {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/authors.py");
    let output = Command::new(python).arg(script).output().expect("REFERENCE can be run");
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    (text.split_whitespace().next().and_then(|s| s.parse().ok()).unwrap_or(f64::NAN), text)
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
    let look = |_: usize, variant: &RgbImage| {
        black_box(variant);
    };
    assert_eq!(variants(recipe, &rgb, &mask, look), 250);
    let folder = tempfile::tempdir().expect("there is room for temporary files");
    let ways = [
        ("PNG files", Written::Files(Format::Png)),
        ("PNG in a tar", Written::Archive(Format::Png)),
        ("WebP files", Written::Files(Format::WebP)),
    ];
    let python = std::env::var_os("REFERENCE");
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    let mut written = vec![(Vec::new(), Vec::new(), 0); ways.len()];
    for round in 0..RUNS {
        let before = processor_seconds();
        black_box(variants(recipe, &rgb, &mask, look));
        ours.push(processor_seconds() - before);
        for ((_, way), (seconds, encoding, size)) in ways.iter().zip(&mut written) {
            let (all, bytes) = way.time(recipe, &rgb, &mask, folder.path());
            seconds.push(all);
            encoding.push(way.time_encoded(recipe, &rgb, &mask));
            *size = bytes;
        }
        // A minute each.
        if let Some(python) = python.as_deref().filter(|_| round < AUTHORS_RUNS) {
            let (seconds, line) = authors(python);
            println!("authors'  {line}");
            theirs.push(seconds);
        }
    }
    let ours = median(ours);
    let theirs = if theirs.is_empty() { f64::NAN } else { median(theirs) };
    println!(
        "on demand      {ours:.3} s of one core for 250 variants of {WIDTH}×{HEIGHT}; authors' {theirs:.1} s, ratio {:.0}",
        theirs / ours
    );
    for ((name, _), (seconds, encoding, size)) in ways.iter().zip(written) {
        let (seconds, encoding) = (median(seconds), median(encoding) - ours);
        println!(
            "{name:14} {seconds:.3} s, ratio {:.0}; encoding {encoding:.3} s, so all is {:.2} times it; {:.1} MB",
            theirs / seconds,
            seconds / encoding,
            size as f64 / 1e6
        );
    }
    if theirs.is_nan() {
        println!("authors' steps not run: set REFERENCE to the Python of the venv that benches/reference.py describes");
    }

    // Pairs of runs, four originals each, so that what else the machine does hits both sides.
    let four = |threads: usize| {
        let start = Instant::now();
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    (0..4 / threads).for_each(|_| {
                        black_box(variants(recipe, &rgb, &mask, look));
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
