//! Gaussian noise: v + N(0, σ²) per sample and channel.

use image::RgbImage;

use super::quantise::truncate;
use super::{DistortError, Distortion, ROWS, parameters};
use crate::render::RandomField;

/// σ in units of the full range: twelve values log-spaced from 0.01 to 1.
const SIGMA: [f64; ROWS] = [
    0.01,
    0.015_199_110_829_529_34,
    0.023_101_297_000_831_605,
    0.035_111_917_342_151_31,
    0.053_366_992_312_063_1,
    0.081_113_083_078_968_72,
    0.123_284_673_944_206_59,
    0.187_381_742_286_038_4,
    0.284_803_586_843_580_2,
    0.432_876_128_108_305_95,
    0.657_933_224_657_568_2,
    1.0,
];

/// White noise on every sample.
pub(super) struct GaussianNoise;

impl Distortion for GaussianNoise {
    fn name(&self) -> &'static str {
        "gaussian_noise"
    }

    fn describe(&self, row: usize) -> String {
        SIGMA.get(row).map(|sigma| format!("sigma {sigma:.4}")).unwrap_or_default()
    }

    fn apply(&self, rgb: &RgbImage, row: usize, random: &RandomField) -> Result<RgbImage, DistortError> {
        let scale = parameters(self.name(), &SIGMA, row)? * 255.0;
        let mut noisy = rgb.clone();
        for (block, samples) in noisy.chunks_mut(4).enumerate() {
            for (sample, noise) in samples.iter_mut().zip(random.normal(block as u64)) {
                *sample = truncate(f64::from(*sample) + scale * noise);
            }
        }
        Ok(noisy)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]
mod tests {
    use super::*;
    use crate::source::PixelHash;

    #[test]
    fn deviations_are_log_spaced() {
        for (ours, theirs) in SIGMA.iter().zip(super::super::golden::golden().gaussian_noise) {
            assert!((ours - theirs).abs() < 1e-15);
        }
    }

    #[test]
    fn noise_has_the_stated_deviation_and_no_memory() {
        let grey = RgbImage::from_pixel(200, 200, image::Rgb([128; 3]));
        for (row, sigma) in SIGMA.iter().enumerate().take(7) {
            let random = RandomField::of(&PixelHash::of(&grey), "gaussian_noise", row, 0);
            let noisy = GaussianNoise.apply(&grey, row, &random).unwrap();
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
