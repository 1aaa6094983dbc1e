//! Gaussian noise: v + N(0, σ²) per sample and channel.

use image::RgbImage;

use super::parameter::{ParameterSpec, checked};
use super::quantise::SNAP;
use super::{DistortError, Distortion};
use crate::render::RandomField;
use crate::render::elementary::normal_quantile;
use crate::render::random::uniform;

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
        let steps = Steps::new(scale);
        let mut words = [0_u32; 1024];
        for (part, samples) in noisy.chunks_mut(words.len()).enumerate() {
            random.fill((part * words.len()) as u64, &mut words);
            for (sample, &word) in samples.iter_mut().zip(&words) {
                *sample = (i32::from(*sample) + steps.shift(word)).clamp(0, 255) as u8;
            }
        }
        Ok(noisy)
    }
}

/// By how many whole levels a word of the random field shifts a sample: floor(`scale` × normal quantile of the word).
///
/// A sample is a whole number, so truncation needs the noise's floor only, and that is a staircase over the words. Its
/// treads are looked up by the word's upper bits: a bucket with at most one step knows where it is. Only in the far
/// tails, a few words in a hundred at most, the quantile is computed.
struct Steps {
    scale: f64,
    buckets: Vec<Bucket>,
}

#[derive(Clone, Copy)]
struct Bucket {
    /// Shift of the words up to `last`; one more above. [`STEEP`] where there are more steps.
    shift: i32,
    last: u32,
}

/// Marks buckets of more than one step.
const STEEP: i32 = i32::MAX;

/// Bits of a word below those that name its bucket.
const BELOW: u32 = 20;

impl Steps {
    fn new(scale: f64) -> Self {
        let edge = (1_u32 << BELOW) - 1;
        let mut first = shift(scale, 0);
        let bucket = |start: u32| {
            // The bucket's end is next to the start of the one that follows: one evaluation a bucket.
            let end = start | edge;
            let (low, high) = (first, shift(scale, end));
            first = high;
            match high - low {
                0 => Bucket { shift: low, last: u32::MAX },
                1 => Bucket { shift: low, last: last_of(scale, low, start, end) },
                _ => Bucket { shift: STEEP, last: u32::MAX },
            }
        };
        Self { scale, buckets: (0..=u32::MAX >> BELOW).map(|at| at << BELOW).map(bucket).collect() }
    }

    #[inline]
    fn shift(&self, word: u32) -> i32 {
        let bucket = self.buckets[(word >> BELOW) as usize];
        if bucket.shift == STEEP { shift(self.scale, word) } else { bucket.shift + i32::from(word > bucket.last) }
    }
}

/// The shift by definition; more than 256 levels either way change nothing.
fn shift(scale: f64, word: u32) -> i32 {
    (scale * normal_quantile(uniform(word)) + SNAP).floor().clamp(-256.0, 256.0) as i32
}

/// The last word from `start` on, before `end`, whose shift is `low`.
fn last_of(scale: f64, low: i32, mut start: u32, mut end: u32) -> u32 {
    while end - start > 1 {
        let middle = start + (end - start) / 2;
        if shift(scale, middle) == low { start = middle } else { end = middle }
    }
    start
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
    fn the_staircase_equals_the_plain_sum() {
        let random = RandomField::of(&PixelHash([5; 32]), "gaussian_noise", 0, 0);
        for row in Recipe::miqd().rows(&GaussianNoise).iter().chain([&vec![0.0], &vec![10.0]]) {
            let scale = row[0] * 255.0;
            let steps = Steps::new(scale);
            let edges = steps.buckets.iter().filter(|bucket| bucket.last < u32::MAX).map(|bucket| bucket.last);
            let words =
                (0..5000).flat_map(|block| random.words(block)).chain(edges.clone()).chain(edges.map(|w| w + 1));
            for word in words.chain([0, 1, u32::MAX - 1, u32::MAX]) {
                let noise = scale * normal_quantile(uniform(word));
                for sample in [0, 3, 100, 255] {
                    let shifted = (sample + steps.shift(word)).clamp(0, 255) as u8;
                    assert_eq!(shifted, (f64::from(sample) + noise + SNAP) as u8, "{row:?} {word} {sample}");
                }
            }
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
