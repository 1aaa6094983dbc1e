//! Blur along a straight line of whole pixels: what `motion_blur` does to pictures and `snow` to its flakes.

use crate::render::elementary::{exp, sine_cosine};

/// Samples that are summed together: eight vectors of four, which is what the registers of the plainest x86-64 hold.
const LANES: usize = 32;

/// Rows that are made together, so that samples fetched for one serve the next.
const BAND: usize = 8;

/// Share of the kernel that may be left off at its thin end: a quarter of a thousandth of a level.
const TAIL: f64 = 1e-6;

/// The one-sided Gaussian exp(−i²/2σ²) for i in 0..`count`, normalised. A `sigma` of 0 leaves only the first.
pub(super) fn one_sided_gaussian(count: usize, sigma: f64) -> Vec<f64> {
    // ImageMagick's epsilon.
    let sigma = sigma.max(1e-12);
    let mut weights: Vec<f64> = (0..count).map(|i| exp(-((i * i) as f64) / (2.0 * sigma * sigma))).collect();
    let sum: f64 = weights.iter().sum();
    weights.iter_mut().for_each(|weight| *weight /= sum);
    weights
}

/// Weighted places on a line through (0, 0), one a step.
pub(super) struct Line {
    taps: Vec<Tap>,
}

struct Tap {
    dx: isize,
    dy: isize,
    weight: f32,
}

impl Line {
    /// The line whose i-th place has `weights[i]`, at `angle` degrees: 0 points right, 90 down.
    ///
    /// Places are rounded to whole pixels as ImageMagick does: ⌈i·cos − ½⌉ and ⌈i·sin − ½⌉.
    pub(super) fn new(weights: &[f64], angle: f64) -> Self {
        let (sine, cosine) = sine_cosine(angle);
        let place = |i: usize, slope: f64| (i as f64 * slope - 0.5).ceil() as isize;
        let mut length = weights.len();
        let mut tail = 0.0;
        while length > 1 && tail + weights[length - 1] < TAIL {
            length -= 1;
            tail += weights[length];
        }
        let tap = |(i, &weight): (usize, &f64)| Tap { dx: place(i, cosine), dy: place(i, sine), weight: weight as f32 };
        Self { taps: weights[..length].iter().enumerate().map(tap).collect() }
    }

    /// Blurs rows of `CHANNELS` interleaved samples, then cuts to whole levels: ⌊sum + `lift`⌋ with 0 < `lift` < 1;
    /// borders repeat the edge.
    ///
    /// `load` writes a row of `from.0` pixels (values 0..=255); it is asked for rows 0, 1, 2, … of `from.1`, each at
    /// most once. The result has `to` = (width, height), the top left corner of the blurred `from`, which is no
    /// smaller. Only the rows that the line reaches are kept meanwhile.
    pub(super) fn blur<const CHANNELS: usize>(
        &self,
        from: (usize, usize),
        to: (usize, usize),
        lift: f32,
        mut load: impl FnMut(usize, &mut [f32]),
    ) -> Vec<u8> {
        let length = to.0 * CHANNELS;
        let mut blurred = vec![0; length * to.1];
        if blurred.is_empty() {
            return blurred;
        }
        let mut rows = Rows::<CHANNELS>::new(&self.taps, from, to.0);
        let weights: Vec<f32> = self.taps.iter().map(|tap| tap.weight).collect();
        let mut starts = vec![0; self.taps.len() * BAND];
        for (band, out) in blurred.chunks_mut(length * BAND).enumerate() {
            let top = band * BAND;
            let height = out.len() / length;
            rows.load_until(top + height, &mut load);
            for (y, starts) in starts.chunks_exact_mut(self.taps.len()).enumerate() {
                for (start, tap) in starts.iter_mut().zip(&self.taps) {
                    *start = rows.start(top + y, tap);
                }
            }
            for column in (0..length).step_by(LANES) {
                let width = LANES.min(length - column);
                for (out, starts) in out.chunks_exact_mut(length).zip(starts.chunks_exact(self.taps.len())) {
                    let levels = weighted_sum(&rows.samples[column..], starts, &weights).map(|sum| whole(sum + lift));
                    out[column..column + width].copy_from_slice(&levels[..width]);
                }
            }
        }
        blurred
    }
}

/// Σ weight × samples from each start, in the order of the taps whatever the vector width.
#[inline]
fn weighted_sum(samples: &[f32], starts: &[usize], weights: &[f32]) -> [f32; LANES] {
    let mut sums = [0.0; LANES];
    for (&start, &weight) in starts.iter().zip(weights) {
        let samples: &[f32; LANES] = samples[start..].first_chunk().expect("rows are padded for the last column");
        for (sum, &sample) in sums.iter_mut().zip(samples) {
            *sum += weight * sample;
        }
    }
    sums
}

/// The whole part of 0.0..256.0.
#[inline]
fn whole(value: f32) -> u8 {
    // From 2²³ on a float has no fraction left: adding 1.5·2²³ rounds, and the lowest bits are the integer.
    ((value - 0.5) + 12_582_912.0).to_bits() as u8
}

/// The rows in reach of the band in work, each repeated beyond its ends as far as the line goes.
struct Rows<const CHANNELS: usize> {
    /// Row y lies in slot y modulo the number of slots.
    samples: Vec<f32>,
    slots: usize,
    stride: usize,
    /// Pixels before the first of a row.
    left: usize,
    from: (usize, usize),
    /// How far down the line reaches.
    below: usize,
    loaded: usize,
}

impl<const CHANNELS: usize> Rows<CHANNELS> {
    fn new(taps: &[Tap], from: (usize, usize), width: usize) -> Self {
        // The first tap is (0, 0), so none of these is negative.
        let reach = |of: fn(&Tap) -> isize| taps.iter().map(of).max().unwrap_or(0).unsigned_abs();
        let (left, right) = (reach(|tap| -tap.dx), reach(|tap| tap.dx));
        let (above, below) = (reach(|tap| -tap.dy), reach(|tap| tap.dy));
        let slots = from.1.min(above + below + BAND);
        let read = (left + right) * CHANNELS + (width * CHANNELS).next_multiple_of(LANES);
        let stride = read.max((left + from.0) * CHANNELS);
        // An odd number of cache lines, else the rows of wide pictures fall into the same few sets of the cache.
        let stride = (stride.div_ceil(16) | 1) * 16;
        Self { samples: vec![0.0; slots * stride], slots, stride, left, from, below, loaded: 0 }
    }

    /// Loads what output rows before `end` need.
    fn load_until(&mut self, end: usize, load: &mut impl FnMut(usize, &mut [f32])) {
        let (width, height) = self.from;
        while self.loaded < height.min(end + self.below) {
            let start = self.loaded % self.slots * self.stride;
            let (before, row) = self.samples[start..start + self.stride].split_at_mut(self.left * CHANNELS);
            let (row, after) = row.split_at_mut(width * CHANNELS);
            load(self.loaded, row);
            before.chunks_exact_mut(CHANNELS).for_each(|pixel| pixel.copy_from_slice(&row[..CHANNELS]));
            // The stride need not be whole pixels; samples behind the last whole one reach no output.
            after.chunks_exact_mut(CHANNELS).for_each(|pixel| pixel.copy_from_slice(&row[row.len() - CHANNELS..]));
            self.loaded += 1;
        }
    }

    /// Where the samples for the first pixel of output row `y` begin.
    fn start(&self, y: usize, tap: &Tap) -> usize {
        let row = y.saturating_add_signed(tap.dy).min(self.from.1 - 1);
        row % self.slots * self.stride + self.left.strict_add_signed(tap.dx) * CHANNELS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pseudo-random levels.
    fn levels(count: usize) -> Vec<u8> {
        (0..count as u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
    }

    fn blur<const CHANNELS: usize>(line: &Line, source: &[u8], from: (usize, usize), to: (usize, usize)) -> Vec<u8> {
        let mut next = 0;
        line.blur::<CHANNELS>(from, to, 0.5, |y, row| {
            assert_eq!(y, next, "rows come in order");
            next += 1;
            let samples = &source[y * row.len()..][..row.len()];
            row.iter_mut().zip(samples).for_each(|(value, &sample)| *value = f32::from(sample));
        })
    }

    /// The same sum in double precision, a sample at a time.
    fn plainly<const CHANNELS: usize>(
        weights: &[f64],
        angle: f64,
        source: &[u8],
        from: (usize, usize),
        to: (usize, usize),
    ) -> Vec<f64> {
        let (sine, cosine) = angle.to_radians().sin_cos();
        let mut out = Vec::new();
        for y in 0..to.1 {
            for x in 0..to.0 {
                for channel in 0..CHANNELS {
                    let value = |(i, weight): (usize, &f64)| {
                        let at = |start: usize, slope: f64, length: usize| {
                            (start as f64 + (i as f64 * slope - 0.5).ceil()).clamp(0.0, length as f64 - 1.0) as usize
                        };
                        let (x, y) = (at(x, cosine, from.0), at(y, sine, from.1));
                        weight * f64::from(source[(y * from.0 + x) * CHANNELS + channel])
                    };
                    out.push(weights.iter().enumerate().map(value).sum());
                }
            }
        }
        out
    }

    fn check<const CHANNELS: usize>(from: (usize, usize), to: (usize, usize)) {
        let source = levels(from.0 * from.1 * CHANNELS);
        for (count, sigma) in [(1, 1.0), (5, 0.6), (31, 5.0), (121, 30.0)] {
            let weights = one_sided_gaussian(count, sigma);
            for angle in [-171.0, -135.0, -93.7, -44.9, -0.3, 0.0, 12.0, 45.0, 77.7, 118.0] {
                let found = blur::<CHANNELS>(&Line::new(&weights, angle), &source, from, to);
                let expected = plainly::<CHANNELS>(&weights, angle, &source, from, to);
                assert_eq!(found.len(), expected.len());
                for (at, (&found, expected)) in found.iter().zip(expected).enumerate() {
                    let case = format!("{from:?} to {to:?}, {count} taps at {angle}°, sample {at}");
                    assert!((f64::from(found) - expected).abs() < 0.502, "{case}: {found} {expected}");
                }
            }
        }
    }

    #[test]
    fn equals_the_plain_sum_at_every_size() {
        for size in [(1, 1), (1, 9), (9, 1), (16, 16), (43, 29)] {
            check::<3>(size, size);
            check::<1>(size, size);
        }
        check::<1>((40, 27), (37, 25));
        check::<1>((220, 3), (20, 2));
        assert!(blur::<3>(&Line::new(&[1.0], 0.0), &[], (0, 4), (0, 4)).is_empty());
    }

    #[test]
    fn flat_stays_flat() {
        let weights = one_sided_gaussian(61, 12.0);
        for level in 0..=255 {
            let flat = blur::<1>(&Line::new(&weights, -20.0), &[level; 90], (10, 9), (10, 9));
            assert_eq!(flat, [level; 90]);
        }
    }

    #[test]
    fn weights_are_those_of_a_gaussian() {
        let weights = one_sided_gaussian(9, 2.0);
        assert!((weights.iter().sum::<f64>() - 1.0).abs() < 1e-15);
        for (i, weight) in weights.iter().enumerate() {
            assert!((weight / weights[0] - (-((i * i) as f64) / 8.0).exp()).abs() < 1e-14);
        }
        assert_eq!(one_sided_gaussian(3, 0.0), [1.0, 0.0, 0.0]);
        // Only what can't be seen is left off.
        assert!(Line::new(&one_sided_gaussian(41, 7.0), 0.0).taps.len() >= 32);
        assert_eq!(Line::new(&one_sided_gaussian(121, 30.0), 0.0).taps.len(), 121);
    }

    #[test]
    fn cuts_to_whole_levels() {
        for (value, level) in
            [(0.002, 0), (0.99, 0), (1.01, 1), (127.5, 127), (254.99, 254), (255.002, 255), (255.5, 255)]
        {
            assert_eq!(whole(value), level, "{value}");
        }
    }
}
