//! Gaussian noise: v + N(0, σ²) per sample and channel.

use std::sync::LazyLock;

use image::RgbImage;

use super::parameter::{ParameterSpec, checked};
use super::quantise::SNAP;
use super::{DistortError, Distortion};
use crate::render::RandomField;
use crate::render::elementary::normal_quantile;

/// σ in units of the full range.
const PARAMETERS: [ParameterSpec; 1] = [ParameterSpec::real("sigma", 0.0, 10.0)];

/// White noise on every sample.
pub(super) struct GaussianNoise;

impl Distortion for GaussianNoise {
    fn name(&self) -> &'static str {
        "gaussian_noise"
    }

    fn parameters(&self) -> &'static [ParameterSpec] {
        &PARAMETERS
    }

    fn apply(&self, rgb: &RgbImage, parameters: &[f64], random: &RandomField) -> Result<RgbImage, DistortError> {
        let [sigma] = checked(self, parameters)?;
        let shifts = shifts(sigma * 255.0);
        let mut noisy = rgb.clone();
        let mut numbers = [0_u16; 2048];
        let mut steps = [0_i16; 2048];
        for (part, samples) in noisy.chunks_mut(numbers.len()).enumerate() {
            random.fill_halves((part * numbers.len()) as u64, &mut numbers);
            steps.iter_mut().zip(&numbers).for_each(|(step, &number)| *step = shifts[usize::from(number)]);
            for (sample, &step) in samples.iter_mut().zip(&steps) {
                *sample = (i16::from(*sample) + step).clamp(0, 255) as u8;
            }
        }
        Ok(noisy)
    }
}

/// Normal deviates of the numbers 2¹⁵ to 2¹⁶ − 1, the upper half of 16 bits: each is that of the middle of its interval.
///
/// The farthest is 4.33, and the variance of all is 3·10⁻⁵ short of 1.
static DEVIATES: LazyLock<Vec<f32>> = LazyLock::new(|| {
    let middle = |number: u32| (f64::from(number) + 0.5) / 65_536.0;
    (1 << 15..1 << 16).map(|number| normal_quantile(middle(number)) as f32).collect()
});

/// By how many whole levels each 16-bit number shifts a sample: floor(`scale` × its normal deviate).
///
/// A sample is a whole number, so truncation needs the noise's floor only.
fn shifts(scale: f64) -> Box<[i16; 1 << 16]> {
    let scale = scale as f32;
    let floor = |noise: f32| {
        // More than 256 levels either way change nothing. Truncation is floor above 0.
        ((noise + SNAP as f32).clamp(-256.0, 256.0) + 256.0) as i32 as i16 - 256
    };
    let mut shifts = Box::new([0; 1 << 16]);
    let (below, above) = shifts.split_at_mut(1 << 15);
    for ((below, above), &deviate) in below.iter_mut().rev().zip(above).zip(&*DEVIATES) {
        *above = floor(scale * deviate);
        *below = floor(-scale * deviate);
    }
    shifts
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]
mod tests {
    use super::*;
    use crate::recipe::Recipe;
    use crate::source::PixelHash;

    #[test]
    fn deviations_are_log_spaced() {
        let rows = Recipe::miqd().rows(&GaussianNoise);
        for (ours, theirs) in rows.iter().zip(super::super::golden::golden().gaussian_noise) {
            assert!((ours[0] - theirs).abs() < 1e-15);
        }
    }

    #[test]
    fn the_table_equals_the_plain_sum() {
        for row in Recipe::miqd().rows(&GaussianNoise).iter().chain([&vec![0.0], &vec![10.0]]) {
            let (scale, shifts) = (row[0] * 255.0, shifts(row[0] * 255.0));
            let mut other = 0;
            for (number, &shift) in shifts.iter().enumerate() {
                let noise = scale * normal_quantile((number as f64 + 0.5) / 65_536.0);
                let plain = (noise + SNAP).floor().clamp(-256.0, 256.0) as i16;
                // 32 bits are short of the exact product by up to a millionth, which tips few floors.
                assert!((plain - shift).abs() <= 1, "{row:?} {number}: {plain} {shift}");
                other += u32::from(plain != shift);
            }
            assert!(other <= 8, "{row:?}: {other}");
        }
    }

    #[test]
    fn sixteen_bits_keep_the_normal_moments() {
        let moment = |k: i32| 2.0 * DEVIATES.iter().map(|&d| f64::from(d).powi(k)).sum::<f64>() / 65_536.0;
        assert!((moment(2) - 1.0).abs() < 2e-4 && (moment(4) - 3.0).abs() < 1e-2, "{} {}", moment(2), moment(4));
        assert!(DEVIATES.is_sorted() && DEVIATES[32_767] > 4.2);
    }

    #[test]
    fn noise_has_the_stated_deviation_and_no_memory() {
        let grey = RgbImage::from_pixel(200, 200, image::Rgb([128; 3]));
        for (row, parameters) in Recipe::miqd().rows(&GaussianNoise).iter().enumerate().take(7) {
            let sigma = parameters[0];
            let random = RandomField::of(&PixelHash::of(&grey), "gaussian_noise", row, 0);
            let noisy = GaussianNoise.apply(&grey, parameters, &random).unwrap();
            // Truncation takes half a level off the mean and adds 1/12 to the variance.
            let errors: Vec<f64> = noisy.iter().map(|&v| f64::from(v) - 127.5).collect();
            let n = errors.len() as f64;
            let variance = errors.iter().map(|e| e * e).sum::<f64>() / n;
            let expected = (sigma * 255.0).powi(2) + 1.0 / 12.0;
            assert!((errors.iter().sum::<f64>() / n).abs() < 5.0 * (expected / n).sqrt(), "mean of row {row}");
            assert!(
                (variance / expected - 1.0).abs() < 5.0 * (2.0 / n).sqrt(),
                "variance of row {row}: {variance} {expected}"
            );
            for lag in [1, 3, 600] {
                let covariance = errors.iter().zip(&errors[lag..]).map(|(a, b)| a * b).sum::<f64>() / n;
                assert!((covariance / expected).abs() < 5.0 / n.sqrt(), "row {row} remembers at lag {lag}");
            }
        }
    }
}
