//! Darkness: the HSV value V becomes max(V − c, 0); hue and saturation stay.

use image::RgbImage;

use super::quantise::truncate;
use super::{DistortError, Distortion, ROWS, parameters};
use crate::render::RandomField;

/// What is taken off V (range 0..=1): twelve values log-spaced from 0.015 to 0.7.
const LOSS: [f64; ROWS] = [
    0.015,
    0.021_272_530_168_116_536,
    0.030_168_035_983_561_898,
    0.042_783_363_704_876_39,
    0.060_674_026_340_365_68,
    0.086_046_003_716_435_16,
    0.122_027_747_326_915_65,
    0.173_055_929_090_607_8,
    0.245_422_498_156_759_43,
    0.348_050_499_731_612_73,
    0.493_594_317_037_918_3,
    0.7,
];

/// Less light, to black.
pub(super) struct Darkness;

impl Distortion for Darkness {
    fn name(&self) -> &'static str {
        "darkness"
    }

    fn describe(&self, row: usize) -> String {
        LOSS.get(row).map(|loss| format!("value - {loss:.4}")).unwrap_or_default()
    }

    fn apply(&self, rgb: &RgbImage, row: usize, _random: &RandomField) -> Result<RgbImage, DistortError> {
        let loss = parameters(self.name(), &LOSS, row)? * 255.0;
        // With hue and saturation kept, all three channels scale by (V − c)/V: a factor for each of 256 values of V.
        let factors: Vec<f64> =
            (0..=255).map(f64::from).map(|value| if value > loss { (value - loss) / value } else { 0.0 }).collect();
        let mut dark = rgb.clone();
        for pixel in dark.pixels_mut() {
            let [red, green, blue] = pixel.0;
            let factor = factors[usize::from(red.max(green).max(blue))];
            pixel.0 = pixel.0.map(|sample| truncate(f64::from(sample) * factor));
        }
        Ok(dark)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]
mod tests {
    use super::super::golden::{compare, golden, picture};
    use super::*;
    use crate::source::PixelHash;

    #[test]
    fn equals_the_round_trip_through_hsv() {
        for (ours, theirs) in LOSS.iter().zip(golden().darkness) {
            assert!((ours - theirs).abs() < 1e-15);
        }
        compare(&Darkness, &picture(include_bytes!("../../tests/golden/darkness.png")));
    }

    #[test]
    fn scales_by_the_largest_channel() {
        let random = RandomField::of(&PixelHash([0; 32]), "darkness", 0, 0);
        let dark = |pixel, row| {
            *Darkness.apply(&RgbImage::from_pixel(1, 1, image::Rgb(pixel)), row, &random).unwrap().get_pixel(0, 0)
        };
        // Row 11: V 255 → 76.5, factor 0.3; V under 178.5 → black.
        assert_eq!(dark([255, 10, 100], 11).0, [76, 3, 30]);
        assert_eq!(dark([178, 90, 1], 11).0, [0, 0, 0]);
        assert_eq!(dark([0, 0, 0], 0).0, [0, 0, 0]);
        assert_eq!(dark([255, 255, 255], 0).0, [251, 251, 251]);
    }
}
