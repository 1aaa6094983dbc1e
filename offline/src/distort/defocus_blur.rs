//! Defocus blur: correlation with a slightly softened disk, as of a lens out of focus.
//!
//! The kernel is the authors': softened by a Gaussian whose border reflects at the edge of the kernel's grid, and not
//! normalised again, so it sums to 1.006 at radius 7, 1.036 at 9 and 1.022 at 12, and the picture brightens.

use image::RgbImage;

use super::parameter::{ParameterSpec, checked};
use super::quantise::truncate;
use super::{DistortError, Distortion};
use crate::render::RandomField;
use crate::render::elementary::exp;

/// Radius of the disk and σ of the Gaussian that softens its edge, in pixels.
const PARAMETERS: [ParameterSpec; 2] =
    [ParameterSpec::real("radius", 0.0, 64.0), ParameterSpec::real("alias_sigma", 0.01, 10.0)];

/// Blur by a disk.
pub(super) struct DefocusBlur;

impl Distortion for DefocusBlur {
    fn name(&self) -> &'static str {
        "defocus_blur"
    }

    fn parameters(&self) -> &'static [ParameterSpec] {
        &PARAMETERS
    }

    fn apply(&self, rgb: &RgbImage, parameters: &[f64], _random: &RandomField) -> Result<RgbImage, DistortError> {
        let [radius, sigma] = checked(self, parameters)?;
        Ok(Kernel::softened_disk(radius, sigma).correlate(rgb))
    }
}

/// A kernel with the eightfold symmetry of a disk.
struct Kernel {
    /// Weights and where they apply; taps of one weight are summed as integers before the one multiplication.
    groups: Vec<Group>,
    reach: usize,
}

/// All places of one weight.
struct Group {
    weight: f64,
    /// Single places (dx, dy).
    taps: Vec<(isize, isize)>,
    /// Runs (dy, half width): all places from -half to half in that row.
    runs: Vec<(isize, isize)>,
}

impl Kernel {
    /// The disk i² + j² ≤ r² on its grid, normalised, blurred (3×3 up to radius 8, else 5×5).
    fn softened_disk(radius: f64, sigma: f64) -> Self {
        let (reach, taps) = if radius <= 8.0 { (8_isize, 1_isize) } else { (radius as isize, 2) };
        let inside = |i: isize, j: isize| ((i * i + j * j) as f64) <= radius * radius;
        let area = (-reach..=reach).map(|i| (-reach..=reach).filter(|&j| inside(i, j)).count()).sum::<usize>() as f64;
        let gaussian: Vec<f64> = (-taps..=taps).map(|t| exp(-((t * t) as f64) / (2.0 * sigma * sigma))).collect();
        let total: f64 = gaussian.iter().sum();
        let mirror = |i: isize| if i.abs() > reach { 2 * reach - i.abs() } else { i.abs() };
        let weight = |i: isize, j: isize| {
            let mut sum = 0.0;
            for (a, row) in gaussian.iter().enumerate() {
                for (b, column) in gaussian.iter().enumerate() {
                    if inside(mirror(i + a as isize - taps), mirror(j + b as isize - taps)) {
                        sum += row * column;
                    }
                }
            }
            sum / (total * total * area)
        };
        let mut groups: Vec<Group> = Vec::new();
        for outer in 0..=reach {
            for inner in 0..=outer {
                let weight = weight(outer, inner);
                // Far below what truncation to 8 bits can show.
                if weight < 1e-12 {
                    continue;
                }
                // Mirrored places differ in the order of their sums, that is in the last bits.
                let same = |group: &&mut Group| (group.weight - weight).abs() <= 1e-12 * weight;
                let group = match groups.iter_mut().find(same) {
                    Some(group) => group,
                    None => {
                        groups.push(Group { weight, taps: Vec::new(), runs: Vec::new() });
                        groups.last_mut().expect("one was just pushed")
                    }
                };
                group.taps.extend(places(outer, inner));
            }
        }
        for group in &mut groups {
            group.gather_runs();
        }
        let reach = groups.iter().flat_map(Group::distances).max().unwrap_or(0);
        Self { groups, reach: reach.unsigned_abs() }
    }

    /// Correlates each channel, borders by reflection without repeating the edge; truncates to 8 bits.
    fn correlate(&self, rgb: &RgbImage) -> RgbImage {
        let padded = Padded::new(rgb, self.reach);
        let length = rgb.width() as usize * 3;
        let mut blurred = RgbImage::new(rgb.width(), rgb.height());
        let mut singles = vec![0_u16; length];
        let mut sums = vec![0_u32; length];
        let mut row = vec![0.0_f64; length];
        for (y, out) in blurred.chunks_exact_mut(length).enumerate() {
            row.fill(0.0);
            for group in &self.groups {
                group.sum_taps(&padded, y, &mut singles);
                if group.runs.is_empty() {
                    row.iter_mut().zip(&singles).for_each(|(value, &sum)| *value += group.weight * f64::from(sum));
                    continue;
                }
                sums.iter_mut().zip(&singles).for_each(|(sum, &single)| *sum = u32::from(single));
                for &(dy, half) in &group.runs {
                    let (until, from) = padded.run(y, dy, half, length);
                    for ((sum, &until), &from) in sums.iter_mut().zip(until).zip(from) {
                        *sum = sum.wrapping_add(until.wrapping_sub(from));
                    }
                }
                row.iter_mut().zip(&sums).for_each(|(value, &sum)| *value += group.weight * f64::from(sum));
            }
            for (sample, &value) in out.iter_mut().zip(&row) {
                *sample = truncate(value);
            }
        }
        blurred
    }
}

/// The up to eight places that reflections and the diagonal make of (outer, inner).
fn places(outer: isize, inner: isize) -> Vec<(isize, isize)> {
    let mut all = Vec::with_capacity(8);
    for (a, b) in [(outer, inner), (inner, outer)] {
        for place in [(a, b), (-a, b), (a, -b), (-a, -b)] {
            if !all.contains(&place) {
                all.push(place);
            }
        }
    }
    all
}

impl Group {
    /// Moves taps that fill a centred run of a row into `runs`, which cost two loads whatever their width.
    fn gather_runs(&mut self) {
        let rows: std::collections::BTreeSet<isize> = self.taps.iter().map(|&(_, dy)| dy).collect();
        for dy in rows {
            let mut half = -1;
            while self.taps.contains(&(half + 1, dy)) {
                half += 1;
            }
            if half > 0 {
                self.taps.retain(|&(dx, y)| y != dy || dx.abs() > half);
                self.runs.push((dy, half));
            }
        }
    }

    /// Sums of the taps' samples around each of row `y`.
    fn sum_taps(&self, padded: &Padded, y: usize, sums: &mut [u16]) {
        debug_assert!(self.taps.len() <= 257, "257 times 255 is the most that 16 bits hold");
        let length = sums.len();
        let tap = |&(dx, dy): &(isize, isize)| padded.row(y, dx, dy, length);
        sums.fill(0);
        // Four at a time: the sums are loaded and stored once for four taps.
        let mut fours = self.taps.chunks_exact(4);
        for four in &mut fours {
            let (a, b, c, d) = (tap(&four[0]), tap(&four[1]), tap(&four[2]), tap(&four[3]));
            for ((((sum, &a), &b), &c), &d) in sums.iter_mut().zip(a).zip(b).zip(c).zip(d) {
                *sum += u16::from(a) + u16::from(b) + u16::from(c) + u16::from(d);
            }
        }
        for one in fours.remainder() {
            for (sum, &sample) in sums.iter_mut().zip(tap(one)) {
                *sum += u16::from(sample);
            }
        }
    }

    fn distances(&self) -> impl Iterator<Item = isize> + '_ {
        let taps = self.taps.iter().map(|&(dx, dy)| dx.abs().max(dy.abs()));
        taps.chain(self.runs.iter().map(|&(dy, half)| half.max(dy.abs())))
    }
}

/// A picture with reflected borders and the running sums of its rows.
struct Padded {
    samples: Vec<u8>,
    /// Before each sample the sum of all earlier ones of its row and channel; one pixel more a row.
    running: Vec<u32>,
    reach: usize,
    stride: usize,
}

impl Padded {
    fn new(rgb: &RgbImage, reach: usize) -> Self {
        let (width, height) = (rgb.width() as usize, rgb.height() as usize);
        let stride = (width + 2 * reach) * 3;
        let mut samples = Vec::with_capacity(stride * (height + 2 * reach));
        let columns: Vec<usize> = (0..width + 2 * reach).map(|x| reflect(x, reach, width)).collect();
        for y in 0..height + 2 * reach {
            let start = reflect(y, reach, height) * width * 3;
            let line = &rgb.as_raw()[start..start + width * 3];
            samples.extend(columns.iter().flat_map(|&x| &line[3 * x..3 * x + 3]));
        }
        let mut running = Vec::with_capacity((stride + 3) * (height + 2 * reach));
        for line in samples.chunks_exact(stride) {
            let mut sums = [0_u32; 3];
            running.extend(sums);
            for pixel in line.chunks_exact(3) {
                for (sum, &sample) in sums.iter_mut().zip(pixel) {
                    *sum += u32::from(sample);
                }
                running.extend(sums);
            }
        }
        Self { samples, running, reach, stride }
    }

    /// `length` samples of output row `y` shifted by (dx, dy) pixels.
    fn row(&self, y: usize, dx: isize, dy: isize, length: usize) -> &[u8] {
        let start = self.line(y, dy) * self.stride + self.column(dx) * 3;
        &self.samples[start..start + length]
    }

    /// Running sums whose difference is the sum of the pixels -half..=half around each of row `y` + dy.
    fn run(&self, y: usize, dy: isize, half: isize, length: usize) -> (&[u32], &[u32]) {
        let line = self.line(y, dy) * (self.stride + 3);
        let (until, from) = (line + self.column(half + 1) * 3, line + self.column(-half) * 3);
        (&self.running[until..until + length], &self.running[from..from + length])
    }

    fn line(&self, y: usize, dy: isize) -> usize {
        (y + self.reach).strict_add_signed(dy)
    }

    fn column(&self, dx: isize) -> usize {
        self.reach.strict_add_signed(dx)
    }
}

/// The index in 0..`length` of padded index `at`, reflected at the first and last element (`dcb|abcd|cba`).
fn reflect(at: usize, reach: usize, length: usize) -> usize {
    if length == 1 {
        return 0;
    }
    let period = 2 * (length as isize - 1);
    let at = (at as isize - reach as isize).rem_euclid(period);
    at.min(period - at).unsigned_abs()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]
mod tests {
    use super::super::golden::{compare, picture};
    use super::*;
    use crate::recipe::Recipe;
    use crate::source::PixelHash;

    fn rows() -> &'static [Vec<f64>] {
        Recipe::miqd().rows(&DefocusBlur)
    }

    fn blur(rgb: &RgbImage, row: usize) -> RgbImage {
        DefocusBlur.apply(rgb, &rows()[row], &RandomField::of(&PixelHash([0; 32]), "defocus_blur", row, 0)).unwrap()
    }

    fn sum(kernel: &Kernel) -> f64 {
        let places = |group: &Group| {
            group.taps.len() as f64 + group.runs.iter().map(|&(_, half)| (2 * half + 1) as f64).sum::<f64>()
        };
        kernel.groups.iter().map(|group| group.weight * places(group)).sum()
    }

    #[test]
    fn equals_opencv() {
        compare(&DefocusBlur, &picture(include_bytes!("../../tests/golden/defocus_blur.png")));
    }

    #[test]
    fn kernels_sum_as_the_authors_do() {
        for row in rows() {
            let (radius, sigma) = (row[0], row[1]);
            let expected = match radius as u32 {
                7 => 1.006,
                9 => 1.036,
                12 => 1.022,
                _ => 1.0,
            };
            let found = sum(&Kernel::softened_disk(radius, sigma));
            assert!((found - expected).abs() < 6e-4, "radius {radius}: {found}");
        }
    }

    #[test]
    fn flat_areas_stay_flat() {
        for value in [1, 100, 128, 246] {
            let grey = RgbImage::from_pixel(40, 30, image::Rgb([value, 0, 255]));
            for row in 0..9 {
                assert_eq!(blur(&grey, row), grey, "row {row}");
            }
        }
    }

    #[test]
    fn equals_the_plain_double_sum() {
        let rgb = RgbImage::from_fn(31, 27, |x, y| {
            image::Rgb([(x * y % 256) as u8, (x * 8) as u8, ((x ^ y) * 37 % 256) as u8])
        });
        for (row, parameters) in rows().iter().enumerate() {
            let kernel = Kernel::softened_disk(parameters[0], parameters[1]);
            let mut weights: Vec<(isize, isize, f64)> = Vec::new();
            for group in &kernel.groups {
                weights.extend(group.taps.iter().map(|&(dx, dy)| (dx, dy, group.weight)));
                weights.extend(
                    group.runs.iter().flat_map(|&(dy, half)| (-half..=half).map(move |dx| (dx, dy, group.weight))),
                );
            }
            let expected = RgbImage::from_fn(31, 27, |x, y| {
                let mut value = [0.0; 3];
                for &(dx, dy, weight) in &weights {
                    let x = reflect((x as isize + dx + 64) as usize, 64, 31);
                    let y = reflect((y as isize + dy + 64) as usize, 64, 27);
                    for (value, sample) in value.iter_mut().zip(rgb.get_pixel(x as u32, y as u32).0) {
                        *value += weight * f64::from(sample);
                    }
                }
                image::Rgb(value.map(truncate))
            });
            assert_eq!(blur(&rgb, row), expected, "row {row}");
        }
    }

    #[test]
    fn reflection_repeats_no_edge() {
        let indices: Vec<usize> = (0..10).map(|at| reflect(at, 3, 4)).collect();
        assert_eq!(indices, [3, 2, 1, 0, 1, 2, 3, 2, 1, 0]);
        assert_eq!(reflect(40, 17, 1), 0);
    }
}
