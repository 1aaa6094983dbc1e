//! The distortions that draw numbers against independent implementations, by their statistics
//! (tests/golden/make_random_statistics.py): what is added by its mean, variance and autocorrelation, the contrast that is
//! left, and the PSNR, a row at a time; the PSNR a level at a time.

#![expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]

use std::ops::Range;

use image::RgbImage;
use serde::Deserialize;

use crate::rank::{by_error, psnr, squared_error};
use crate::recipe::{Levels, Recipe};
use crate::render::RandomField;
use crate::source::PixelHash;

/// Draws of each picture; the maker takes more.
const DRAWS: usize = 4;
/// Deviations that chance is granted: of the 420 figures here one in 350 lots would have one beyond them.
const DEVIATIONS: f64 = 4.5;
/// What rounding may do, beside chance: to the mean in levels, the variance as a share, the autocorrelations and the
/// contrast, and the PSNR in decibels.
const ROUNDING: [f64; 4] = [0.02, 0.002, 0.002, 0.02];

#[derive(Deserialize)]
struct Reference {
    width: u32,
    height: u32,
    pictures: usize,
    draws: usize,
    lags: Vec<(usize, usize)>,
    /// Of each picture: its samples times their place modulo 251.
    sums: Vec<u64>,
    distortions: Vec<Statistics>,
}

#[derive(Deserialize)]
struct Statistics {
    name: String,
    /// Mean, variance, autocorrelations, contrast, PSNR.
    rows: Vec<Summary>,
    /// PSNRs of the five levels.
    levels: Summary,
}

#[derive(Deserialize)]
struct Summary {
    mean: Vec<f64>,
    /// Deviation between draws of the same picture.
    spread: Vec<f64>,
}

impl Reference {
    fn read() -> Self {
        serde_json::from_str(include_str!("../../tests/golden/random_statistics.json")).unwrap()
    }

    /// How far a mean over our draws may be from one over theirs by chance.
    fn chance(&self, spread: f64) -> f64 {
        let draws = |count: usize| (count * self.pictures) as f64;
        DEVIATIONS * spread * (1.0 / draws(DRAWS) + 1.0 / draws(self.draws)).sqrt()
    }

    /// As the maker draws it: slopes, texture, a disc and a block.
    fn picture(&self, k: u32) -> RgbImage {
        RgbImage::from_fn(self.width, self.height, |x, y| {
            let noise = (x.wrapping_mul(2_654_435_761) ^ y.wrapping_mul(40_503) ^ k.wrapping_mul(9973)) >> 13;
            let (dx, dy) = (i64::from(x) - i64::from(20 + 2 * k), i64::from(y) - 30);
            let disc = dx * dx + dy * dy < i64::from(100 + 40 * k);
            let block = (x / 12 + y / 18) % 7 == k % 7;
            image::Rgb([0, 1, 2].map(|c| {
                let wave = (x * (1 + (k + c) % 5) * 2 + y * (1 + (k + 2 * c) % 3) + k * 37) % 512;
                let wave = wave.min(511 - wave);
                let texture = (noise >> (3 * c)) % (1 + 2 * k);
                let value = match (block, disc) {
                    (true, _) => (240 + 31 * k + 20 * c) % 256,
                    (false, true) => (50 * k + 90 * c) % 256,
                    (false, false) => ((wave * (120 + 5 * k)) >> 8) + texture,
                };
                value.min(255) as u8
            }))
        })
    }

    /// Mean, variance and autocorrelations (of one channel with itself) of what was added, the contrast that is left (what
    /// a step from a pixel to the next one has become), and the PSNR.
    fn figures(&self, rgb: &RgbImage, out: &RgbImage) -> Vec<f64> {
        let (width, height) = (3 * self.width as usize, self.height as usize);
        let added: Vec<f64> = out.iter().zip(rgb.iter()).map(|(a, b)| f64::from(*a) - f64::from(*b)).collect();
        let mean = added.iter().sum::<f64>() / added.len() as f64;
        let centred: Vec<f64> = added.iter().map(|a| a - mean).collect();
        let variance = centred.iter().map(|a| a * a).sum::<f64>() / added.len() as f64;
        let lag = |&(down, right): &(usize, usize)| {
            let length = width - 3 * right;
            let row = |y: usize, from: usize| &centred[y * width + from..y * width + from + length];
            let products = (0..height - down)
                .map(|y| row(y, 0).iter().zip(row(y + down, 3 * right)).map(|(a, b)| a * b).sum::<f64>());
            products.sum::<f64>() / ((height - down) * length) as f64 / variance
        };
        let mut figures = vec![mean, variance];
        figures.extend(self.lags.iter().map(lag));
        let (mut both, mut squares) = (0.0, 0.0);
        for (row, out) in rgb.chunks_exact(width).zip(out.chunks_exact(width)) {
            for ((&a, &b), (&c, &d)) in row.iter().zip(&row[3..]).zip(out.iter().zip(&out[3..])) {
                let (step, left) = (f64::from(b) - f64::from(a), f64::from(d) - f64::from(c));
                both += step * left;
                squares += step * step;
            }
        }
        figures.push(both / squares);
        figures.push(psnr(rgb, out).unwrap());
        figures
    }
}

/// The largest difference between our figures of these rows and the maker's, where 1 is what chance and rounding may do;
/// and what differs so. One parameter is taken a little more than once.
fn worst(name: &str, rows: Range<usize>, (parameter, factor): (usize, f64)) -> (f64, String) {
    let reference = Reference::read();
    let distortion = super::find(name).unwrap();
    let theirs = reference.distortions.iter().find(|statistics| statistics.name == name).unwrap();
    let parameters = Recipe::miqd().rows(distortion);
    let Levels::Ranks(ranks) = Recipe::miqd().levels() else { panic!("recipe miqd ranks its candidates") };
    let pictures: Vec<RgbImage> = (0..reference.pictures).map(|k| reference.picture(k as u32)).collect();
    let figures = reference.lags.len() + 4;
    let mut sums = vec![vec![0.0; figures]; parameters.len()];
    let mut levels = vec![0.0; ranks.len()];
    for (number, picture) in pictures.iter().enumerate() {
        let places = picture.iter().enumerate().map(|(at, &sample)| (at % 251) as u64 * u64::from(sample));
        assert_eq!(places.sum::<u64>(), reference.sums[number], "picture {number} is not the maker's");
        for draw in 0..DRAWS {
            let (mut errors, mut psnrs) = (Vec::new(), Vec::new());
            for row in rows.clone() {
                let mut parameters = parameters[row].clone();
                parameters[parameter] *= factor;
                let random = RandomField::of(&PixelHash([number as u8; 32]), name, row, draw as u64);
                let out = distortion.apply(picture, &parameters, &random).unwrap();
                let found = reference.figures(picture, &out);
                psnrs.push(found[figures - 1]);
                errors.push(squared_error(picture, &out).unwrap());
                sums[row].iter_mut().zip(found).for_each(|(sum, value)| *sum += value);
            }
            if rows.len() == sums.len() {
                let order = by_error(&errors);
                let ranked = ranks.iter().map(|&rank| psnrs[order[usize::from(rank) - 1]]);
                levels.iter_mut().zip(ranked).for_each(|(level, psnr)| *level += psnr);
            }
        }
    }
    let count = (DRAWS * reference.pictures) as f64;
    let mut worst = (0.0, String::new());
    let mut compare = |what: String, ours: f64, theirs: f64, limit: f64| {
        let ratio = (ours / count - theirs).abs() / limit;
        if ratio > worst.0 {
            worst = (ratio, format!("{name}, {what}: {} here, {theirs} there, limit {limit:.5}", ours / count));
        }
    };
    for row in rows.clone() {
        let Summary { mean, spread } = &theirs.rows[row];
        for (figure, &ours) in sums[row].iter().enumerate() {
            let (what, rounding) = match figure {
                0 => ("mean", ROUNDING[0]),
                1 => ("variance", ROUNDING[1] * mean[1]),
                last if last == figures - 1 => ("PSNR", ROUNDING[3]),
                last if last == figures - 2 => ("contrast", ROUNDING[2]),
                _ => ("autocorrelation", ROUNDING[2]),
            };
            let limit = reference.chance(spread[figure]) + rounding;
            let limit = if what == "PSNR" { limit.min(0.5) } else { limit };
            compare(format!("row {row}, {what} ({figure})"), ours, mean[figure], limit);
        }
    }
    if rows.len() == sums.len() {
        for (level, &ours) in levels.iter().enumerate() {
            let limit = (reference.chance(theirs.levels.spread[level]) + ROUNDING[3]).min(0.5);
            compare(format!("level {}, PSNR", level + 1), ours, theirs.levels.mean[level], limit);
        }
    }
    worst
}

/// That all figures agree, and that the same comparison notices a parameter of a row that is off.
fn statistics_agree(name: &str, row: usize, off: (usize, f64)) {
    let (ratio, what) = worst(name, 0..12, (0, 1.0));
    println!("{ratio:.2} of the limit: {what}");
    assert!(ratio < 1.0, "{what}");
    let (ratio, what) = worst(name, row..row + 1, off);
    println!("off {off:?}: {ratio:.2} of the limit: {what}");
    assert!(ratio > 1.0, "went unnoticed: {off:?}, {ratio:.2} of the limit, {what}");
}

#[test]
fn gaussian_noise_has_numpys_statistics() {
    statistics_agree("gaussian_noise", 9, (0, 1.05));
}

#[test]
fn fog_has_imagecorruptions_statistics() {
    // Plasmas differ much from draw to draw, but fine steps of the picture know only how thick the fog is.
    statistics_agree("fog", 3, (0, 1.05));
}

#[test]
fn glass_blur_has_scikit_images_statistics() {
    statistics_agree("glass_blur", 9, (0, 1.05));
}

#[test]
fn snow_has_scipys_statistics() {
    statistics_agree("snow", 9, (0, 1.05));
}
