//! MS-SSIM and VSI that piq computed (tests/golden/make_full_reference.py), and the pictures, drawn by whole numbers as
//! there.
#![expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]

use std::sync::LazyLock;

use image::{Rgb, RgbImage};
use serde::Deserialize;

#[derive(Debug, Deserialize)]
pub(super) struct Case {
    picture: String,
    width: u32,
    height: u32,
    k: u32,
    kind: String,
    strength: u32,
    /// Of all values of the distorted picture: that it is the same one.
    sum: u64,
    pub(super) ms_ssim: f64,
    pub(super) vsi: f64,
}

static CASES: LazyLock<Vec<Case>> =
    LazyLock::new(|| serde_json::from_str(include_str!("../../tests/golden/full_reference.json")).unwrap());

pub(super) fn cases() -> &'static [Case] {
    &CASES
}

impl Case {
    pub(super) fn name(&self) -> String {
        format!("{} {}×{}, {} {}", self.picture, self.width, self.height, self.kind, self.strength)
    }

    /// The picture and the distorted one.
    pub(super) fn pictures(&self) -> (RgbImage, RgbImage) {
        let picture = match self.picture.as_str() {
            "photo" => {
                let png = include_bytes!("../../tests/golden/full_reference.png");
                image::load_from_memory(png).unwrap().into_rgb8()
            }
            _ => picture(self.width, self.height, self.k),
        };
        let distorted = distorted(&picture, &self.kind, self.strength);
        let sum: u64 = distorted.as_raw().iter().map(|&value| u64::from(value)).sum();
        assert_eq!(sum, self.sum, "{}: another picture than piq saw", self.name());
        (picture, distorted)
    }
}

/// Waves, texture, a disc and blocks.
pub(super) fn picture(width: u32, height: u32, k: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        let noise = (x.wrapping_mul(2_654_435_761) ^ y.wrapping_mul(40_503) ^ k.wrapping_mul(9973)) >> 13;
        let disc = x.abs_diff(width / 2).pow(2) + y.abs_diff(height / 3).pow(2) < (width / 5).pow(2);
        let block = (x / 24 + y / 36) % 7 == k % 7;
        Rgb([0, 1, 2].map(|c| {
            let wave = (x * (1 + (k + c) % 5) * 2 + y * (1 + (k + 2 * c) % 3) + k * 37) % 512;
            let value = match (block, disc) {
                (true, _) => (240 + 31 * k + 20 * c) % 256,
                (false, true) => (50 * k + 90 * c) % 256,
                (false, false) => ((wave.min(511 - wave) * (120 + 5 * k)) >> 8) + (noise >> (3 * c)) % (1 + 2 * k),
            };
            value.min(255) as u8
        }))
    })
}

fn distorted(picture: &RgbImage, kind: &str, k: u32) -> RgbImage {
    let (width, height) = picture.dimensions();
    RgbImage::from_fn(width, height, |x, y| {
        let here = picture.get_pixel(x, y).0.map(u32::from);
        let values = match kind {
            "noise" => [0, 1, 2].map(|c: u32| {
                let hash = x.wrapping_mul(668_265_263) ^ y.wrapping_mul(374_761_393) ^ c.wrapping_mul(2_246_822_519);
                (here[c as usize] + (hash >> 15) % (2 * k + 1)).saturating_sub(k).min(255)
            }),
            "blur" => {
                let (k, mut sums) = (i64::from(k), [0_u32; 3]);
                let inside =
                    |at: u32, by: i64, length: u32| (i64::from(at) + by).clamp(0, i64::from(length) - 1) as u32;
                for (dy, dx) in (-k..=k).flat_map(|dy| (-k..=k).map(move |dx| (dy, dx))) {
                    let there = picture.get_pixel(inside(x, dx, width), inside(y, dy, height)).0;
                    sums.iter_mut().zip(there).for_each(|(sum, value)| *sum += u32::from(value));
                }
                sums.map(|sum| sum / ((2 * k + 1) * (2 * k + 1)) as u32)
            }
            "dark" => here.map(|value| value * (16 - k) / 16),
            "pixelate" => picture.get_pixel(x / k * k, y / k * k).0.map(u32::from),
            "hue" => [0, 1, 2].map(|c| (here[c] * (8 - k) + here[(c + 1) % 3] * k) / 8),
            other => panic!("{other}: no such distortion"),
        };
        Rgb(values.map(|value| value as u8))
    })
}
