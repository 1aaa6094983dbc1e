//! Pixelation: shrunk by box averages, enlarged again by the nearest pixel, in Pillow's arithmetic.
//!
//! Pillow's `BOX` gives every sample under an output pixel the same 22-bit weight, along rows first, then along columns,
//! with 8 bits between; so a result is one multiplication of an integer sum. Its `NEAREST` adds the step in floating
//! point from pixel to pixel.

use std::ops::Range;

use image::RgbImage;

use super::parameter::{ParameterSpec, checked};
use super::{DistortError, Distortion};
use crate::render::RandomField;

/// Ratio of the small picture's sides to the original's.
const PARAMETERS: [ParameterSpec; 1] = [ParameterSpec::real("scale", 0.001, 1.0)];

/// Fractional bits of Pillow's weights.
const BITS: u32 = 22;

/// Fewer, larger pixels.
pub(super) struct Pixelate;

impl Distortion for Pixelate {
    fn name(&self) -> &'static str {
        "pixelate"
    }

    fn parameters(&self) -> &'static [ParameterSpec] {
        &PARAMETERS
    }

    fn apply(&self, rgb: &RgbImage, parameters: &[f64], _random: &RandomField) -> Result<RgbImage, DistortError> {
        let [scale] = checked(self, parameters)?;
        let [wide, high] = [rgb.width(), rgb.height()].map(|side| (f64::from(side) * scale) as usize);
        if wide == 0 || high == 0 {
            let reason = format!(
                "a picture of {}×{} has nothing left at scale {scale}; use larger pictures or a larger scale",
                rgb.width(),
                rgb.height()
            );
            return Err(DistortError::Refused { distortion: self.name(), reason });
        }
        let (width, height) = (rgb.width() as usize, rgb.height() as usize);
        let (columns, rows) = (boxes(width, wide), boxes(height, high));
        let from = nearest(wide, width);
        let mut coarse = RgbImage::new(rgb.width(), rgb.height());
        let mut narrow: Vec<u8> = Vec::new();
        let mut small = vec![0; 3 * wide];
        let mut sums = vec![0_u16; 3 * wide];
        let mut last = None;
        let samples: &mut [u8] = &mut coarse;
        for (y, source) in nearest(high, height).into_iter().enumerate() {
            let line = 3 * width;
            if last == Some(source) {
                samples.copy_within((y - 1) * line..y * line, y * line);
                continue;
            }
            last = Some(source);
            let under = rows[source].clone();
            narrow.resize(under.len() * 3 * wide, 0);
            for (row, narrow) in under.clone().zip(narrow.chunks_exact_mut(3 * wide)) {
                shrink_row(&rgb.as_raw()[row * line..(row + 1) * line], &columns, narrow);
            }
            mean_of_rows(&narrow, &mut sums, &mut small);
            let pixels = small.as_chunks::<3>().0;
            let out = samples[y * line..(y + 1) * line].as_chunks_mut::<3>().0;
            out.iter_mut().zip(&from).for_each(|(out, &x)| *out = pixels[x]);
        }
        Ok(coarse)
    }
}

/// The input samples under each of `out` output samples.
fn boxes(length: usize, out: usize) -> Vec<Range<usize>> {
    let scale = length as f64 / out as f64;
    let one = |at: usize| {
        let centre = (at as f64 + 0.5) * scale;
        let start = (centre - 0.5 * scale + 0.5) as usize;
        let end = ((centre + 0.5 * scale + 0.5) as usize).min(length);
        // A sample counts where its centre lies in the half-open box.
        let inside = |sample: &usize| {
            let distance = (*sample as f64 - centre + 0.5) * (1.0 / scale);
            distance > -0.5 && distance <= 0.5
        };
        let mut taps = (start..end).filter(inside);
        let first = taps.next().unwrap_or(start.min(length - 1));
        first..taps.next_back().unwrap_or(first) + 1
    };
    (0..out).map(one).collect()
}

/// The weight of each of `count` samples.
fn weight(count: usize) -> u32 {
    (0.5 + 1.0 / count as f64 * f64::from(1 << BITS)) as u32
}

#[inline]
fn mean(sum: u32, weight: u32) -> u8 {
    // Never more than 255 and a little: the weights of a box sum to 1 within a rounding each.
    ((sum * weight + (1 << (BITS - 1))) >> BITS).min(255) as u8
}

/// One row averaged over `columns`.
fn shrink_row(row: &[u8], columns: &[Range<usize>], narrow: &mut [u8]) {
    let pixels = row.as_chunks::<3>().0;
    let mut known = (0, 0);
    for (out, columns) in narrow.as_chunks_mut::<3>().0.iter_mut().zip(columns) {
        let under = &pixels[columns.clone()];
        if let [only] = under {
            *out = *only;
            continue;
        }
        if known.0 != under.len() {
            known = (under.len(), weight(under.len()));
        }
        let mut sums = [0_u32; 3];
        for pixel in under {
            sums.iter_mut().zip(pixel).for_each(|(sum, &sample)| *sum += u32::from(sample));
        }
        *out = sums.map(|sum| mean(sum, known.1));
    }
}

/// The mean of rows of equal length that lie one after another.
fn mean_of_rows(rows: &[u8], sums: &mut [u16], small: &mut [u8]) {
    let count = rows.len() / small.len();
    if count == 1 {
        return small.copy_from_slice(rows);
    }
    let weight = weight(count);
    if count > 257 {
        // 16 bits would overflow.
        for (x, small) in small.iter_mut().enumerate() {
            *small = mean(rows.iter().skip(x).step_by(rows.len() / count).map(|&v| u32::from(v)).sum(), weight);
        }
        return;
    }
    sums.fill(0);
    for row in rows.chunks_exact(small.len()) {
        sums.iter_mut().zip(row).for_each(|(sum, &sample)| *sum += u16::from(sample));
    }
    small.iter_mut().zip(sums).for_each(|(small, &mut sum)| *small = mean(u32::from(sum), weight));
}

/// For each of `length` enlarged samples the one of `small` that it shows.
fn nearest(small: usize, length: usize) -> Vec<usize> {
    let step = small as f64 / length as f64;
    let mut at = 0.5 * step;
    let mut next = || {
        let index = at as usize;
        at += step;
        index.min(small - 1)
    };
    (0..length).map(|_| next()).collect()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]
mod tests {
    use super::super::golden::{compare, picture};
    use super::*;
    use crate::source::PixelHash;

    fn pixelate(rgb: &RgbImage, scale: f64) -> Result<RgbImage, DistortError> {
        Pixelate.apply(rgb, &[scale], &RandomField::of(&PixelHash([0; 32]), "pixelate", 0, 0))
    }

    #[test]
    fn equals_pillow() {
        compare(&Pixelate, &picture(include_bytes!("../../tests/golden/pixelate.png")));
    }

    #[test]
    fn halves_are_means_of_four() {
        let rgb = RgbImage::from_fn(4, 2, |x, y| image::Rgb([(x * 40 + y) as u8, (y * 100) as u8, 7]));
        let coarse = pixelate(&rgb, 0.5).unwrap();
        // 0, 40 → 20 and 1, 41 → 21; their mean 20.5 is rounded up.
        assert_eq!(coarse.get_pixel(0, 0).0, [21, 50, 7]);
        assert_eq!(coarse.get_pixel(3, 1).0, [101, 50, 7]);
        assert_eq!(pixelate(&rgb, 1.0).unwrap(), rgb);
    }

    #[test]
    fn many_rows_do_not_overflow_and_nothing_is_refused() {
        let tall = RgbImage::from_pixel(2, 2000, image::Rgb([255, 254, 1]));
        assert_eq!(pixelate(&tall, 0.5).unwrap(), tall);
        assert_eq!(
            pixelate(&RgbImage::from_pixel(1000, 1000, image::Rgb([255, 254, 1])), 0.001).unwrap().get_pixel(9, 9).0,
            [255, 254, 1]
        );
        let text = pixelate(&RgbImage::new(9, 200), 0.1).unwrap_err().to_string();
        assert!(text.contains("9×200") && text.contains("0.1"), "{text}");
    }
}
