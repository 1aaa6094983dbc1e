//! Fog: a diamond-square plasma added to the picture, which is then scaled back to its former maximum.

use image::RgbImage;

use super::parameter::{ParameterSpec, checked};
use super::quantise::truncate;
use super::{DistortError, Distortion};
use crate::render::RandomField;

/// Amplitude of the plasma, factor by which its roughness decays an octave.
const PARAMETERS: [ParameterSpec; 2] =
    [ParameterSpec::real("amplitude", 0.0, 100.0), ParameterSpec::real("decay", 1.0, 100.0)];

/// White fog of uneven density.
pub(super) struct Fog;

impl Distortion for Fog {
    fn name(&self) -> &'static str {
        "fog"
    }

    fn parameters(&self) -> &'static [ParameterSpec] {
        &PARAMETERS
    }

    fn apply(&self, rgb: &RgbImage, parameters: &[f64], random: &RandomField) -> Result<RgbImage, DistortError> {
        let [amplitude, decay] = checked(self, parameters)?;
        let side = rgb.width().max(rgb.height()).next_power_of_two() as usize;
        let plasma = plasma(side, decay, uniform(random));
        // (v + a·p)·m/(m + a), v and m in 0..=1, here in 8-bit units.
        let brightest = f64::from(rgb.iter().copied().max().unwrap_or(0)) / 255.0;
        let scale = brightest / (brightest + amplitude);
        let lift = amplitude * 255.0;
        let mut foggy = rgb.clone();
        for (x, y, pixel) in foggy.enumerate_pixels_mut() {
            let fog = lift * plasma[y as usize * side + x as usize];
            pixel.0 = pixel.0.map(|sample| truncate((f64::from(sample) + fog) * scale));
        }
        Ok(foggy)
    }
}

/// A wrapped diamond-square plasma of `side`² points (a power of two), row by row, normalised to 0..=1.
///
/// Every point is the mean of its four neighbours plus amplitude × U(−amplitude, amplitude); the amplitude starts at
/// 100 and is divided by `decay` each octave (ImageNet-C's generator). `draw` gives uniform numbers in 0..1: an octave's
/// squares row by row, then its edge midpoints row by row.
fn plasma(side: usize, decay: f64, mut draw: impl FnMut() -> f64) -> Vec<f64> {
    let mut points = vec![0.0; side * side];
    let mut amplitude = 100.0;
    let mut step = side;
    while step >= 2 {
        let half = step / 2;
        // The power of two makes wrapping a mask.
        let at = |x: usize, y: usize| (y & (side - 1)) * side + (x & (side - 1));
        let mut wibble = |mean: f64| mean + amplitude * amplitude * (2.0 * draw() - 1.0);
        for y in (half..side).step_by(step) {
            for x in (half..side).step_by(step) {
                let sum = points[at(x - half, y - half)]
                    + points[at(x - half, y + half)]
                    + points[at(x + half, y - half)]
                    + points[at(x + half, y + half)];
                points[at(x, y)] = wibble(sum / 4.0);
            }
        }
        for y in (0..side).step_by(half) {
            // Edge midpoints: every other column, beginning where no corner or centre lies.
            let start = if (y / half).is_multiple_of(2) { half } else { 0 };
            for x in (start..side).step_by(step) {
                let sum = points[at(x + side - half, y)]
                    + points[at(x + half, y)]
                    + points[at(x, y + side - half)]
                    + points[at(x, y + half)];
                points[at(x, y)] = wibble(sum / 4.0);
            }
        }
        step = half;
        amplitude /= decay;
    }
    let low = points.iter().copied().fold(f64::INFINITY, f64::min);
    let high = points.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    // A single point has no range: it stays at the bottom.
    let range = if high > low { high - low } else { 1.0 };
    for point in &mut points {
        *point = (*point - low) / range;
    }
    points
}

/// The field's uniform numbers one after another.
fn uniform(field: &RandomField) -> impl FnMut() -> f64 + '_ {
    let mut numbers = (0..).flat_map(|block| field.uniform(block));
    move || numbers.next().expect("blocks never end")
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]
mod tests {
    use super::*;
    use crate::recipe::Recipe;
    use crate::source::PixelHash;

    fn field(seed: u8) -> RandomField {
        RandomField::of(&PixelHash([seed; 32]), "fog", 0, 0)
    }

    #[test]
    fn equals_imagenet_c_for_the_same_numbers() {
        for golden in super::super::golden::golden().plasma {
            let mut i = 0.0;
            let weyl = || {
                i += 1.0;
                (i * 0.618_033_988_749_894_9) % 1.0
            };
            let points = plasma(golden.side, golden.decay, weyl);
            assert_eq!(points.len(), golden.points.len());
            for (at, (ours, theirs)) in points.iter().zip(&golden.points).enumerate() {
                assert!((ours - theirs).abs() < 2e-9, "side {} point {at}: {ours} {theirs}", golden.side);
            }
        }
    }

    #[test]
    fn plasma_fills_the_range_and_wraps() {
        for side in [1, 2, 8, 256] {
            let points = plasma(side, 2.0, uniform(&field(1)));
            assert!(points.iter().all(|p| (0.0..=1.0).contains(p)), "{side}");
            if side > 1 {
                assert!(points.contains(&0.0) && points.contains(&1.0), "{side}");
            }
        }
        // Wrapped: across the seam neighbours are as close as inside.
        let (side, points) = (256, plasma(256, 3.0, uniform(&field(2))));
        let mean_step = |a: usize, b: usize| {
            (0..side).map(|y| (points[y * side + a] - points[y * side + b]).abs()).sum::<f64>() / 256.0
        };
        assert!(mean_step(side - 1, 0) < 3.0 * mean_step(100, 101));
    }

    #[test]
    fn slower_decay_is_rougher() {
        let roughness = |decay: f64| {
            let mut sum = 0.0;
            for seed in 0..8 {
                let points = plasma(64, decay, uniform(&field(seed)));
                sum += points.windows(2).map(|pair| (pair[0] - pair[1]).abs()).sum::<f64>();
            }
            sum
        };
        assert!(roughness(3.0) < 0.7 * roughness(1.5));
        assert!(roughness(2.0) < 0.5 * roughness(1.3));
    }

    #[test]
    fn differences_shrink_by_the_decay_an_octave() {
        // Innovations (a point minus the mean of its neighbours) are uniform: their deviation is amplitude²/√3,
        // so an octave later it is decay² times smaller.
        let decay = 2.0;
        let (mut coarse, mut fine) = (0.0, 0.0);
        for seed in 0..20 {
            let (side, points) = (64, plasma(64, decay, uniform(&field(seed))));
            let innovation = |step: usize| {
                let half = step / 2;
                let at = |x: usize, y: usize| points[(y % side) * side + x % side];
                let mut squares = Vec::new();
                for y in (half..side).step_by(step) {
                    for x in (half..side).step_by(step) {
                        let mean = (at(x - half, y - half)
                            + at(x + half, y - half)
                            + at(x - half, y + half)
                            + at(x + half, y + half))
                            / 4.0;
                        squares.push((at(x, y) - mean).powi(2));
                    }
                }
                squares.iter().sum::<f64>() / squares.len() as f64
            };
            coarse += innovation(4);
            fine += innovation(2);
        }
        let ratio = (coarse / fine).sqrt();
        assert!((ratio - decay * decay).abs() < 0.15, "{ratio}");
    }

    #[test]
    fn the_brightest_value_bounds_the_picture() {
        let grey = RgbImage::from_pixel(100, 60, image::Rgb([40, 80, 120]));
        for row in Recipe::miqd().rows(&Fog) {
            let foggy = Fog.apply(&grey, row, &field(3)).unwrap();
            assert!(foggy.iter().all(|&v| v <= 120), "{row:?}");
        }
        let black = RgbImage::new(4, 4);
        assert_eq!(Fog.apply(&black, &[0.34, 1.89], &field(3)).unwrap(), black);
    }
}
