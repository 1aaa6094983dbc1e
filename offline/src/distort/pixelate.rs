//! Pixelation: shrunk by box averages, enlarged again by the nearest pixel, in Pillow's arithmetic.
//!
//! Pillow's `BOX` gives every sample under an output pixel the same 22-bit weight, along rows first, then along columns,
//! with 8 bits between; so a result is one multiplication of an integer sum. Its `NEAREST` adds the step in floating
//! point from pixel to pixel.

mod enlarge;
mod shrink;
mod stretch;

use std::ops::Range;

use image::RgbImage;

use self::enlarge::{Enlargement, nearest};
use self::shrink::{Columns, Rows, boxes};
use self::stretch::SPARE;
use super::parameter::{ParameterSpec, checked};
use super::{DistortError, Distortion};
use crate::render::RandomField;

/// Ratio of the small picture's sides to the original's.
const PARAMETERS: [ParameterSpec; 1] = [ParameterSpec::real("scale", 0.001, 1.0)];

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
        Ok(coarse(rgb, wide, high))
    }
}

/// `rgb` with the pixels of a picture of `wide`×`high`, neither of them 0.
fn coarse(rgb: &RgbImage, wide: usize, high: usize) -> RgbImage {
    let (width, height) = (rgb.width() as usize, rgb.height() as usize);
    let (line, stride) = (3 * width, 3 * wide + SPARE);
    let under = boxes(height, high);
    let (mut columns, mut rows) = (Columns::new(width, wide), Rows::new(&under, wide));
    let enlargement = Enlargement::new(wide, width);
    let most = under.iter().map(Range::len).max().unwrap_or(0);
    let mut narrow = vec![0; most * stride];
    let mut small = vec![0; stride];
    let mut enlarged = vec![0; line + SPARE];
    let mut last = vec![0; line + SPARE];
    let mut shown = None;
    let mut samples = Vec::with_capacity(height * line);
    for source in nearest(high, height) {
        if shown != Some(source) {
            shown = Some(source);
            let under = under[source].clone();
            let narrow = &mut narrow[..under.len() * stride];
            for (row, narrow) in under.zip(narrow.chunks_exact_mut(stride)) {
                let with_spare = rgb.as_raw().get(row * line..(row + 1) * line + SPARE);
                // The picture ends too soon behind its last rows.
                let row = with_spare.unwrap_or_else(|| {
                    last[..line].copy_from_slice(&rgb.as_raw()[row * line..(row + 1) * line]);
                    &last
                });
                columns.shrink(row, narrow);
            }
            rows.mean(narrow, stride, &mut small);
            enlargement.enlarge(&small, &mut enlarged);
        }
        samples.extend_from_slice(&enlarged[..line]);
    }
    RgbImage::from_raw(rgb.width(), rgb.height(), samples).expect("a row was written for each of the picture's")
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
