//! Contrast: every channel drawn towards its mean over the picture, (v − μ)·c + μ.

use image::RgbImage;

use super::parameter::{ParameterSpec, checked};
use super::quantise::truncate;
use super::{DistortError, Distortion};
use crate::render::RandomField;

/// What distances from the mean are multiplied by.
const PARAMETERS: [ParameterSpec; 1] = [ParameterSpec::real("factor", 0.0, 10.0)];

/// Less (or more) contrast.
pub(super) struct Contrast;

impl Distortion for Contrast {
    fn name(&self) -> &'static str {
        "contrast"
    }

    fn parameters(&self) -> &'static [ParameterSpec] {
        &PARAMETERS
    }

    fn apply(&self, rgb: &RgbImage, parameters: &[f64], _random: &RandomField) -> Result<RgbImage, DistortError> {
        let [factor] = checked(self, parameters)?;
        let pixels = (rgb.as_raw().len() / 3).max(1) as f64;
        // 256 results a channel are all there is to compute.
        let tables = sums(rgb.as_raw()).map(|sum| {
            let mean = sum as f64 / pixels;
            std::array::from_fn::<u8, 256, _>(|value| truncate((value as f64 - mean) * factor + mean))
        });
        let [red, green, blue] = tables;
        let mut flat = rgb.clone();
        for pixel in flat.as_chunks_mut::<3>().0 {
            *pixel = [red[usize::from(pixel[0])], green[usize::from(pixel[1])], blue[usize::from(pixel[2])]];
        }
        Ok(flat)
    }
}

/// Sums of the three channels.
fn sums(samples: &[u8]) -> [u64; 3] {
    /// Samples that are added side by side: whole pixels and whole vectors.
    const LANES: usize = 96;
    let mut totals = [0; 3];
    let (chunks, rest) = samples.as_chunks::<LANES>();
    // 257 times 255 is the most that 16 bits hold.
    for group in chunks.chunks(257) {
        let mut lanes = [0_u16; LANES];
        for chunk in group {
            lanes.iter_mut().zip(chunk).for_each(|(lane, &sample)| *lane += u16::from(sample));
        }
        lanes.iter().enumerate().for_each(|(i, &lane)| totals[i % 3] += u64::from(lane));
    }
    rest.iter().enumerate().for_each(|(i, &sample)| totals[i % 3] += u64::from(sample));
    totals
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]
mod tests {
    use super::super::golden::{compare, picture};
    use super::*;
    use crate::source::PixelHash;

    #[test]
    fn equals_numpy() {
        compare(&Contrast, &picture(include_bytes!("../../tests/golden/contrast.png")));
    }

    #[test]
    fn each_channel_has_its_own_mean() {
        let random = RandomField::of(&PixelHash([0; 32]), "contrast", 0, 0);
        let rgb = RgbImage::from_raw(2, 1, vec![0, 10, 200, 100, 30, 200]).unwrap();
        let under = |factor| Contrast.apply(&rgb, &[factor], &random).unwrap().into_raw();
        assert_eq!(under(0.5), [25, 15, 200, 75, 25, 200]);
        assert_eq!(under(0.0), [50, 20, 200, 50, 20, 200]);
        assert_eq!(under(3.0), [0, 0, 200, 200, 50, 200]);
        assert_eq!(under(1.0), *rgb.as_raw());
    }

    #[test]
    fn sums_in_lanes_equal_plain_sums() {
        let samples: Vec<u8> = (0..96 * 600 + 33).map(|i| (255 - i % 7) as u8).collect();
        let plain = |channel: usize| samples.iter().skip(channel).step_by(3).map(|&v| u64::from(v)).sum::<u64>();
        assert_eq!(sums(&samples), [plain(0), plain(1), plain(2)]);
    }
}
