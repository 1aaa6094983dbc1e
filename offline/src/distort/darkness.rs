//! Darkness: the HSV value V becomes max(V − c, 0); hue and saturation stay.

use image::RgbImage;

use super::parameter::{ParameterSpec, checked};
use super::quantise::truncate;
use super::{DistortError, Distortion};
use crate::render::RandomField;

/// What is taken off V, whose range is 0..=1.
const PARAMETERS: [ParameterSpec; 1] = [ParameterSpec::real("loss", 0.0, 1.0)];

/// Less light, to black.
pub(super) struct Darkness;

impl Distortion for Darkness {
    fn name(&self) -> &'static str {
        "darkness"
    }

    fn parameters(&self) -> &'static [ParameterSpec] {
        &PARAMETERS
    }

    fn apply(&self, rgb: &RgbImage, parameters: &[f64], _random: &RandomField) -> Result<RgbImage, DistortError> {
        let [loss] = checked(self, parameters)?;
        let loss = loss * 255.0;
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
    use crate::recipe::Recipe;
    use crate::source::PixelHash;

    #[test]
    fn equals_the_round_trip_through_hsv() {
        for (ours, theirs) in Recipe::miqd().rows(&Darkness).iter().zip(golden().darkness) {
            assert!((ours[0] - theirs).abs() < 1e-15);
        }
        compare(&Darkness, &picture(include_bytes!("../../tests/golden/darkness.png")));
    }

    #[test]
    fn scales_by_the_largest_channel() {
        let random = RandomField::of(&PixelHash([0; 32]), "darkness", 0, 0);
        let dark = |pixel, loss| {
            *Darkness.apply(&RgbImage::from_pixel(1, 1, image::Rgb(pixel)), &[loss], &random).unwrap().get_pixel(0, 0)
        };
        // V 255 → 76.5, factor 0.3; V under 178.5 → black.
        assert_eq!(dark([255, 10, 100], 0.7).0, [76, 3, 30]);
        assert_eq!(dark([178, 90, 1], 0.7).0, [0, 0, 0]);
        assert_eq!(dark([0, 0, 0], 0.015).0, [0, 0, 0]);
        assert_eq!(dark([255, 255, 255], 0.015).0, [251, 251, 251]);
    }
}
