//! Fog: a diamond-square plasma added to the picture, which is then scaled back to its former maximum.

use image::RgbImage;

use super::parameter::{ParameterSpec, checked};
use super::quantise::truncate_single;
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
        let seen = (rgb.width() as usize, rgb.height() as usize);
        let plasma = Plasma::new(side, seen, decay, |start, numbers: &mut [f32]| uniforms(random, start, numbers));
        // (v + a·p)·m/(m + a), v and m in 0..=1, here in 8-bit units.
        let brightest = f64::from(rgb.iter().copied().max().unwrap_or(0)) / 255.0;
        let scale = brightest / (brightest + amplitude);
        let thickness = (amplitude * 255.0 * scale / f64::from(plasma.range)) as f32;
        let scale = scale as f32;
        let mut foggy = rgb.clone();
        let line = 3 * seen.0;
        let mut fog = vec![0.0_f32; line];
        for (row, points) in foggy.chunks_exact_mut(line).zip(plasma.rows.chunks_exact(side)) {
            for (fog, point) in fog.as_chunks_mut::<3>().0.iter_mut().zip(points) {
                *fog = [(point - plasma.low) * thickness; 3];
            }
            for (sample, fog) in row.iter_mut().zip(&fog) {
                *sample = truncate_single(f32::from(*sample) * scale + fog);
            }
        }
        Ok(foggy)
    }
}

/// A wrapped diamond-square plasma; point p stands for (p − `low`) / `range`, which is 0..=1.
///
/// Every point is the mean of its four neighbours plus amplitude × U(−amplitude, amplitude); the amplitude starts at
/// 100 and is divided by `decay` each octave (ImageNet-C's generator). In 32 bits: their rounding is a millionth of the
/// range at most, far below a level.
struct Plasma {
    /// The first rows; what lies right of the points asked for may be missing.
    rows: Vec<f32>,
    low: f32,
    range: f32,
}

impl Plasma {
    /// The first (columns, rows) `seen` of a plasma of `side`² points (a power of two).
    ///
    /// `draw` gives uniform numbers in 0..1 from a place in their sequence on: an octave's squares row by row, then its
    /// edge midpoints row by row.
    fn new(side: usize, seen: (usize, usize), decay: f64, draw: impl Fn(u64, &mut [f32])) -> Self {
        let mut octave = Octave { corners: vec![0.0], count: 1, strength: 1e4, start: 0 };
        let mut extremes = (0.0, 0.0);
        let mut rows = octave.corners.clone();
        while octave.count < side {
            let count = 2 * octave.count;
            // Of the last octave only what is seen, and what can widen the range.
            let asked = if count == side { (seen.0.min(side), seen.1.min(side)) } else { (count, count) };
            rows = vec![0.0; asked.1 * count];
            extremes = octave.refine(asked, &draw, |y, even, odd| {
                if let Some(row) = rows.get_mut(y * count..(y + 1) * count) {
                    for ((pair, &even), &odd) in row.as_chunks_mut::<2>().0.iter_mut().zip(even).zip(odd) {
                        *pair = [even, odd];
                    }
                }
            });
            if count == side {
                break;
            }
            octave = Octave {
                corners: std::mem::take(&mut rows),
                count,
                strength: octave.strength / (decay * decay),
                start: octave.start + 3 * (octave.count * octave.count) as u64,
            };
        }
        let (low, high) = extremes;
        // A single point has no range: it stays at the bottom.
        if high > low { Self { rows, low, range: high - low } } else { Self { rows, low: 0.0, range: 1.0 } }
    }
}

/// The points known before an octave, and how the next are drawn.
struct Octave {
    /// `count`² points, row by row.
    corners: Vec<f32>,
    count: usize,
    /// How far a point may lie from the mean of its neighbours.
    strength: f64,
    /// Place of the octave's first number in the sequence.
    start: u64,
}

impl Octave {
    /// Calls `put` with rows of the next octave's points: their number, their even points, their odd points. The first
    /// (columns, rows) `asked` are all put. Gives the least and the greatest of *all* points of the next octave.
    ///
    /// A point lies within two strengths of the corners around it, so where these are far inside the range known so far,
    /// nothing needs to be drawn.
    fn refine(
        &self,
        asked: (usize, usize),
        draw: &impl Fn(u64, &mut [f32]),
        mut put: impl FnMut(usize, &[f32], &[f32]),
    ) -> (f32, f32) {
        let n = self.count;
        let mut lines = Lines::new(n);
        let mut extremes = bounds(&self.corners, (f32::INFINITY, f32::NEG_INFINITY));
        let (columns, rows) = (asked.0.div_ceil(2), asked.1.div_ceil(2));
        // Extremes of the corners that the first `columns` of a row do not depend on, and of whole rows.
        let none = (f32::INFINITY, f32::NEG_INFINITY);
        let right: Vec<_> =
            (0..n).map(|y| bounds(&self.row(y)[(columns - 1).min(n - 1)..], bounds(&self.row(y)[..1], none))).collect();
        let whole: Vec<_> = (0..n).map(|y| bounds(self.row(y), right[y])).collect();
        for y in 0..n {
            let may_widen = |of: &[(f32, f32)]| {
                [y + n - 1, y, y + 1].into_iter().any(|y| {
                    let (low, high) = of[y % n];
                    let slack = 2.0 * self.strength as f32 + 1e-6 * low.abs().max(high.abs());
                    low - slack < extremes.0 || high + slack > extremes.1
                })
            };
            let wanted = match y < rows {
                true if columns == n || may_widen(&right) => n,
                true => columns,
                false if may_widen(&whole) => n,
                false => continue,
            };
            self.points(y, wanted, draw, &mut lines);
            let Lines { centre, across, down, .. } = &lines;
            put(2 * y, &self.row(y)[..wanted], &across[..wanted]);
            put(2 * y + 1, &down[..wanted], &centre[1..=wanted]);
            for new in [&across[..wanted], &down[..wanted], &centre[1..=wanted]] {
                extremes = bounds(new, extremes);
            }
        }
        extremes
    }

    /// The first `wanted` new points of the rows 2·`y` and 2·`y` + 1.
    fn points(&self, y: usize, wanted: usize, draw: &impl Fn(u64, &mut [f32]), lines: &mut Lines) {
        let n = self.count;
        let before = (y + n - 1) % n;
        if lines.known == Some(before) && lines.centre_count >= wanted {
            std::mem::swap(&mut lines.above, &mut lines.centre);
        } else {
            self.squares(before, wanted, draw, &mut lines.numbers, &mut lines.above);
        }
        self.squares(y, wanted, draw, &mut lines.numbers, &mut lines.centre);
        (lines.known, lines.centre_count) = (Some(y), wanted);
        let Lines { above, centre, across, down, numbers, .. } = lines;
        let (row, next) = (self.row(y), self.row((y + 1) % n));
        let numbers = &mut numbers[..wanted];
        let edges = self.start + (n * n + 2 * y * n) as u64;
        draw(edges, numbers);
        let (above, here) = (&above[1..=wanted], &centre[1..=wanted]);
        let inner = wanted.min(n - 1);
        self.wibble(&mut across[..inner], numbers, [row, &row[1..], above, here]);
        if wanted == n {
            self.wibble(
                &mut across[inner..n],
                &numbers[inner..],
                [&row[inner..], row, &above[inner..], &here[inner..]],
            );
        }
        draw(edges + n as u64, numbers);
        self.wibble(&mut down[..wanted], numbers, [centre, here, row, next]);
    }

    /// The centres of the first `wanted` squares below row `y` of corners, behind that of the last square.
    fn squares(
        &self,
        y: usize,
        wanted: usize,
        draw: &impl Fn(u64, &mut [f32]),
        numbers: &mut [f32],
        centres: &mut [f32],
    ) {
        let n = self.count;
        let (row, next) = (self.row(y), self.row((y + 1) % n));
        let start = self.start + (y * n) as u64;
        let numbers = &mut numbers[..wanted];
        let last = n - 1;
        draw(start + last as u64, &mut numbers[..1]);
        self.wibble(&mut centres[..1], numbers, [&row[last..], &next[last..], row, next]);
        draw(start, numbers);
        let inner = wanted.min(last);
        self.wibble(&mut centres[1..=inner], numbers, [row, next, &row[1..], &next[1..]]);
        if wanted == n {
            centres[n] = centres[0];
        }
    }

    /// Points from their four neighbours and a number each.
    #[inline]
    fn wibble(&self, points: &mut [f32], numbers: &[f32], [a, b, c, d]: [&[f32]; 4]) {
        let strength = self.strength as f32;
        let neighbours = a.iter().zip(b).zip(c).zip(d);
        for ((point, &number), (((&a, &b), &c), &d)) in points.iter_mut().zip(numbers).zip(neighbours) {
            *point = (a + b + c + d) * 0.25 + strength * (2.0 * number - 1.0);
        }
    }

    fn row(&self, y: usize) -> &[f32] {
        &self.corners[y * self.count..(y + 1) * self.count]
    }
}

/// New points of the two rows that come of one row of corners.
struct Lines {
    /// Centres of the squares above and below the corners; the first is the last square's, its neighbour by wrapping.
    above: Vec<f32>,
    centre: Vec<f32>,
    /// Midpoints of the edges that lead to the right, and of those that lead down.
    across: Vec<f32>,
    down: Vec<f32>,
    numbers: Vec<f32>,
    /// The row of corners that `centre` lies below, and how many squares it holds.
    known: Option<usize>,
    centre_count: usize,
}

impl Lines {
    fn new(n: usize) -> Self {
        let line = |length: usize| vec![0.0; length];
        Self {
            above: line(n + 1),
            centre: line(n + 1),
            across: line(n),
            down: line(n),
            numbers: line(n),
            known: None,
            centre_count: 0,
        }
    }
}

/// The smallest and the largest of `points` and of what was known before.
///
/// One after the other: compilers make of both at once a muddle six times as slow.
fn bounds(points: &[f32], (low, high): (f32, f32)) -> (f32, f32) {
    (extreme(points, low, |a, b| if a < b { a } else { b }), extreme(points, high, |a, b| if a > b { a } else { b }))
}

/// What `better` leaves of `points` and of `known`.
fn extreme(points: &[f32], known: f32, better: impl Fn(f32, f32) -> f32) -> f32 {
    let (chunks, rest) = points.as_chunks::<8>();
    let mut best = [known; 8];
    for chunk in chunks {
        best = std::array::from_fn(|lane| better(chunk[lane], best[lane]));
    }
    best.iter().chain(rest).fold(known, |best, &point| better(point, best))
}

/// Numbers `start` and on of the field, in steps of 2⁻¹⁶.
fn uniforms(field: &RandomField, start: u64, numbers: &mut [f32]) {
    let mut halves = [0_u16; 256];
    for (part, numbers) in numbers.chunks_mut(halves.len()).enumerate() {
        let halves = &mut halves[..numbers.len()];
        field.fill_halves(start + 256 * part as u64, halves);
        numbers.iter_mut().zip(halves).for_each(|(number, half)| *number = (f32::from(*half) + 0.5) / 65_536.0);
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]
mod tests {
    use super::*;
    use crate::recipe::Recipe;
    use crate::source::PixelHash;

    /// The whole plasma, normalised.
    fn plasma(side: usize, decay: f64, draw: impl Fn(u64, &mut [f32])) -> Vec<f64> {
        let plasma = Plasma::new(side, (side, side), decay, draw);
        plasma.rows.iter().map(|point| f64::from((point - plasma.low) / plasma.range)).collect()
    }

    fn drawn(seed: u8) -> impl Fn(u64, &mut [f32]) {
        move |start, numbers| uniforms(&field(seed), start, numbers)
    }

    fn field(seed: u8) -> RandomField {
        RandomField::of(&PixelHash([seed; 32]), "fog", 0, 0)
    }

    #[test]
    fn equals_imagenet_c_for_the_same_numbers() {
        for golden in super::super::golden::golden().plasma {
            let weyl = |start: u64, numbers: &mut [f32]| {
                let places = (start + 1..).map(|i| (i as f64 * 0.618_033_988_749_894_9) % 1.0);
                numbers.iter_mut().zip(places).for_each(|(number, value)| *number = value as f32);
            };
            let points = plasma(golden.side, golden.decay, weyl);
            assert_eq!(points.len(), golden.points.len());
            for (at, (ours, theirs)) in points.iter().zip(&golden.points).enumerate() {
                // 32 bits here, 64 there.
                assert!((ours - theirs).abs() < 2e-6, "side {} point {at}: {ours} {theirs}", golden.side);
            }
        }
    }

    #[test]
    fn what_is_not_seen_changes_nothing() {
        for (side, seen) in [(2, (1, 1)), (8, (5, 3)), (8, (8, 1)), (128, (80, 60)), (128, (1, 128)), (256, (200, 256))]
        {
            for (seed, decay) in [(1, 1.0), (2, 1.3), (3, 1.6), (4, 3.0), (5, 90.0)] {
                let all = Plasma::new(side, (side, side), decay, drawn(seed));
                let part = Plasma::new(side, seen, decay, drawn(seed));
                assert_eq!((all.low, all.range), (part.low, part.range), "{side} {seen:?} {decay}");
                for (all, part) in all.rows.chunks(side).zip(part.rows.chunks(side)) {
                    assert_eq!(all[..seen.0], part[..seen.0], "{side} {seen:?} {decay}");
                }
                assert_eq!(part.rows.len(), side * seen.1);
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
