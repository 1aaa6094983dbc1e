//! Fog: a diamond-square plasma added to the picture, which is then scaled back to its former maximum.

use image::RgbImage;

use super::parameter::{ParameterSpec, checked};
use super::quantise::truncate;
use super::{DistortError, Distortion};
use crate::render::RandomField;
use crate::render::random::uniform;

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
        let draw = |start: u64, numbers: &mut [f64]| uniforms(random, start, numbers);
        let plasma = Plasma::new(side, rgb.height() as usize, decay, draw);
        // (v + a·p)·m/(m + a), v and m in 0..=1, here in 8-bit units.
        let brightest = f64::from(rgb.iter().copied().max().unwrap_or(0)) / 255.0;
        let scale = brightest / (brightest + amplitude);
        let lift = amplitude * 255.0;
        let mut foggy = rgb.clone();
        let line = 3 * rgb.width() as usize;
        let mut fog = vec![0.0; line];
        for (row, points) in foggy.chunks_exact_mut(line).zip(plasma.rows.chunks_exact(side)) {
            for (fog, point) in fog.as_chunks_mut::<3>().0.iter_mut().zip(points) {
                *fog = [lift * ((point - plasma.low) / plasma.range); 3];
            }
            for (sample, fog) in row.iter_mut().zip(&fog) {
                *sample = truncate((f64::from(*sample) + fog) * scale);
            }
        }
        Ok(foggy)
    }
}

/// A wrapped diamond-square plasma; point p stands for (p − `low`) / `range`, which is 0..=1.
///
/// Every point is the mean of its four neighbours plus amplitude × U(−amplitude, amplitude); the amplitude starts at
/// 100 and is divided by `decay` each octave (ImageNet-C's generator).
struct Plasma {
    /// The first rows.
    rows: Vec<f64>,
    low: f64,
    range: f64,
}

impl Plasma {
    /// The first `height` rows of a plasma of `side`² points (a power of two).
    ///
    /// `draw` gives uniform numbers in 0..1 from a place in their sequence on: an octave's squares row by row, then its
    /// edge midpoints row by row.
    fn new(side: usize, height: usize, decay: f64, draw: impl Fn(u64, &mut [f64])) -> Self {
        let mut octave = Octave { corners: vec![0.0], count: 1, amplitude: 100.0, start: 0 };
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        let mut rows = octave.corners.clone();
        while octave.count < side {
            let count = 2 * octave.count;
            let last = count == side;
            // All points count for the range, but only the rows asked for are kept.
            let keep = if last { height.min(side) } else { count };
            rows = vec![0.0; keep * count];
            octave.refine(&draw, |y, even, odd| {
                if let Some(row) = rows.get_mut(y * count..(y + 1) * count) {
                    for ((pair, &even), &odd) in row.as_chunks_mut::<2>().0.iter_mut().zip(even).zip(odd) {
                        *pair = [even, odd];
                    }
                }
                if last {
                    (low, high) = bounds(even, bounds(odd, (low, high)));
                }
            });
            if last {
                break;
            }
            octave = Octave {
                corners: std::mem::take(&mut rows),
                count,
                amplitude: octave.amplitude / decay,
                start: octave.start + 3 * (octave.count * octave.count) as u64,
            };
        }
        // A single point has no range: it stays at the bottom.
        if high > low { Self { rows, low, range: high - low } } else { Self { rows, low: 0.0, range: 1.0 } }
    }
}

/// The points known before an octave, and how the next are drawn.
struct Octave {
    /// `count`² points, row by row.
    corners: Vec<f64>,
    count: usize,
    amplitude: f64,
    /// Place of the octave's first number in the sequence.
    start: u64,
}

impl Octave {
    /// Calls `put` with every row of the next octave's points: its number, its even points, its odd points.
    fn refine(&self, draw: &impl Fn(u64, &mut [f64]), mut put: impl FnMut(usize, &[f64], &[f64])) {
        let n = self.count;
        let mut numbers = vec![0.0; n];
        let (mut above, mut centre) = (vec![0.0; n], vec![0.0; n]);
        let (mut across, mut down) = (vec![0.0; n], vec![0.0; n]);
        self.squares(n - 1, draw, &mut numbers, &mut above);
        for y in 0..n {
            self.squares(y, draw, &mut numbers, &mut centre);
            let (row, next) = (self.row(y), self.row((y + 1) % n));
            let edges = self.start + (n * n + 2 * y * n) as u64;
            draw(edges, &mut numbers);
            let right = |x: usize| (row[x], row[(x + 1) % n]);
            self.wibble(&mut across, &numbers, |x| right(x).0 + right(x).1 + above[x] + centre[x]);
            draw(edges + n as u64, &mut numbers);
            let left = |x: usize| (centre[(x + n - 1) % n], centre[x]);
            self.wibble(&mut down, &numbers, |x| left(x).0 + left(x).1 + row[x] + next[x]);
            put(2 * y, row, &across);
            put(2 * y + 1, &down, &centre);
            std::mem::swap(&mut above, &mut centre);
        }
    }

    /// The centres of the squares below row `y` of corners.
    fn squares(&self, y: usize, draw: &impl Fn(u64, &mut [f64]), numbers: &mut [f64], centres: &mut [f64]) {
        let n = self.count;
        draw(self.start + (y * n) as u64, numbers);
        let (row, next) = (self.row(y), self.row((y + 1) % n));
        self.wibble(centres, numbers, |x| row[x] + next[x] + row[(x + 1) % n] + next[(x + 1) % n]);
    }

    /// Points from the sums of their four neighbours.
    #[inline]
    fn wibble(&self, points: &mut [f64], numbers: &[f64], sum: impl Fn(usize) -> f64) {
        let strength = self.amplitude * self.amplitude;
        for (x, (point, number)) in points.iter_mut().zip(numbers).enumerate() {
            *point = sum(x) / 4.0 + strength * (2.0 * number - 1.0);
        }
    }

    fn row(&self, y: usize) -> &[f64] {
        &self.corners[y * self.count..(y + 1) * self.count]
    }
}

/// The smallest and the largest of `points` and of what was known before.
fn bounds(points: &[f64], (low, high): (f64, f64)) -> (f64, f64) {
    let (mut lows, mut highs) = ([low; 8], [high; 8]);
    let (chunks, rest) = points.as_chunks::<8>();
    for chunk in chunks {
        for lane in 0..8 {
            lows[lane] = if chunk[lane] < lows[lane] { chunk[lane] } else { lows[lane] };
            highs[lane] = if chunk[lane] > highs[lane] { chunk[lane] } else { highs[lane] };
        }
    }
    let low = lows.iter().chain(rest).copied().fold(low, f64::min);
    (low, highs.iter().chain(rest).copied().fold(high, f64::max))
}

/// Numbers `start` and on of the field.
fn uniforms(field: &RandomField, start: u64, numbers: &mut [f64]) {
    let mut words = [0_u32; 256];
    for (part, numbers) in numbers.chunks_mut(words.len()).enumerate() {
        let words = &mut words[..numbers.len()];
        field.fill(start + 256 * part as u64, words);
        numbers.iter_mut().zip(words).for_each(|(number, &mut word)| *number = uniform(word));
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]
mod tests {
    use super::*;
    use crate::recipe::Recipe;
    use crate::source::PixelHash;

    /// The whole plasma, normalised.
    fn plasma(side: usize, decay: f64, draw: impl Fn(u64, &mut [f64])) -> Vec<f64> {
        let plasma = Plasma::new(side, side, decay, draw);
        plasma.rows.iter().map(|point| (point - plasma.low) / plasma.range).collect()
    }

    fn drawn(seed: u8) -> impl Fn(u64, &mut [f64]) {
        move |start, numbers| uniforms(&field(seed), start, numbers)
    }

    fn field(seed: u8) -> RandomField {
        RandomField::of(&PixelHash([seed; 32]), "fog", 0, 0)
    }

    #[test]
    fn equals_imagenet_c_for_the_same_numbers() {
        for golden in super::super::golden::golden().plasma {
            let weyl = |start: u64, numbers: &mut [f64]| {
                let places = (start + 1..).map(|i| (i as f64 * 0.618_033_988_749_894_9) % 1.0);
                numbers.iter_mut().zip(places).for_each(|(number, value)| *number = value);
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
            let points = plasma(side, 2.0, drawn(1));
            assert!(points.iter().all(|p| (0.0..=1.0).contains(p)), "{side}");
            if side > 1 {
                assert!(points.contains(&0.0) && points.contains(&1.0), "{side}");
            }
        }
        // Wrapped: across the seam neighbours are as close as inside.
        let (side, points) = (256, plasma(256, 3.0, drawn(2)));
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
                let points = plasma(64, decay, drawn(seed));
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
            let (side, points) = (64, plasma(64, decay, drawn(seed)));
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
