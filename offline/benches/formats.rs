//! File formats of `generate`, on variants of the pictures of a folder: megapixels a second on one core, and bits a
//! pixel. Usage: `MIQA_PICTURES=<folder> cargo bench -p miqa-offline --bench formats`; without a folder it uses the
//! golden scene.
#![expect(clippy::unwrap_used, reason = "a bench that can't set up has nothing to say")]

use std::path::{Path, PathBuf};
use std::time::Instant;

use image::RgbImage;
use miqa_offline::generate::Format;
use miqa_offline::recipe::Recipe;
use miqa_offline::render::candidate;
use miqa_offline::source::{PixelHash, decode};

/// Pictures taken from the folder.
const PICTURES: usize = 6;

/// Rows of each distortion, from mild to extreme.
const ROWS: [usize; 3] = [0, 6, 11];

fn main() {
    let folder = std::env::var_os("MIQA_PICTURES").map(PathBuf::from);
    let mut files: Vec<PathBuf> = match &folder {
        Some(folder) => std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect(),
        None => vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/scene.png")],
    };
    files.sort();
    let pictures: Vec<RgbImage> = files.iter().filter_map(|file| decode(file).ok()).take(PICTURES).collect();
    let mut variants = Vec::new();
    for picture in &pictures {
        for distortion in Recipe::miqd().distortions() {
            for row in ROWS {
                variants.push(candidate(Recipe::miqd(), picture, &PixelHash::of(picture), distortion, row).unwrap());
            }
        }
    }
    println!("{} variants of {} pictures", variants.len(), pictures.len());
    let compressions = [png::Compression::Fastest, png::Compression::Fast, png::Compression::Balanced];
    let filters = [png::Filter::Sub, png::Filter::Up, png::Filter::Paeth, png::Filter::Adaptive];
    for compression in compressions {
        for filter in filters {
            measure(&format!("png {compression:?} {filter:?}"), &variants, |rgb| {
                let mut bytes = Vec::with_capacity(rgb.as_raw().len() / 2);
                let mut encoder = png::Encoder::new(&mut bytes, rgb.width(), rgb.height());
                encoder.set_color(png::ColorType::Rgb);
                encoder.set_compression(compression);
                encoder.set_filter(filter);
                let mut writer = encoder.write_header().unwrap();
                writer.write_image_data(rgb.as_raw()).unwrap();
                writer.finish().unwrap();
                bytes
            });
        }
    }
    for format in [Format::Png, Format::WebP, Format::Jpeg(90)] {
        measure(&format!("generate: {format}"), &variants, |rgb| format.encode(rgb).unwrap());
    }
}

fn measure(name: &str, variants: &[RgbImage], encode: impl Fn(&RgbImage) -> Vec<u8>) {
    let mut rounds: Vec<(f64, usize)> = (0..3)
        .map(|_| {
            let start = Instant::now();
            let bytes = variants.iter().map(|rgb| encode(rgb).len()).sum();
            (start.elapsed().as_secs_f64(), bytes)
        })
        .collect();
    rounds.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (seconds, bytes) = rounds[1];
    let pixels: f64 = variants.iter().map(|rgb| f64::from(rgb.width()) * f64::from(rgb.height())).sum();
    println!("{name:28} {:7.1} Mpixel/s {:6.2} bits a pixel", pixels / seconds / 1e6, bytes as f64 * 8.0 / pixels);
}
