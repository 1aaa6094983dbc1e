//! Gaussian noise: v + N(0, σ²) per sample and channel.

use image::RgbImage;

use super::parameter::{ParameterSpec, checked};
use super::quantise::truncate;
use super::{DistortError, Distortion};
use crate::render::RandomField;

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
        let scale = sigma * 255.0;
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
