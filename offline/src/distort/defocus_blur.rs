//! Defocus blur: correlation with a slightly softened disk, as of a lens out of focus.
//!
//! The kernel is the authors': softened by a Gaussian whose border reflects at the edge of the kernel's grid, and not
//! normalised again, so it sums to 1.006 at radius 7, 1.036 at 9 and 1.022 at 12, and the picture brightens.

use image::RgbImage;

use super::gaussian::{LANES, chunk, symmetric};
use super::parameter::{ParameterSpec, checked};
use super::quantise::truncate_single;
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

/// The disk, the Gaussian that softens it, and where the Gaussian's border differs from a plain one.
///
/// The blur by the kernel is the blur by the disk, in integers, then that by the Gaussian, rows and columns apart. On its
/// grid the authors' Gaussian reflects at the border and ends there: with g the plain Gaussian and f what differs at the
/// border, the kernel is (g + f)·disk·(g + f)ᵀ, that is g·disk·gᵀ + f·disk·gᵀ + g·disk·fᵀ. The fourth product, of the
/// grid's corners, is nought where the disk leaves them free, as for all radii but 8.49 to 9.
struct Kernel {
    /// Half height of the disk's column at each distance from its centre.
    halves: Vec<usize>,
    /// Weights of the Gaussian at distances 0, 1, …
    gaussian: Vec<f32>,
    /// The same over the disk's area.
    mean: Vec<f32>,
    /// 1 over the disk's area.
    share: f32,
    /// f.
    border: Vec<Border>,
    /// The farthest place that is read, in pixels.
    margin: usize,
}

/// Runs across the border of the grid that count more, or less, than under the plain Gaussian, all by one weight.
struct Border {
    weight: f32,
    more: Vec<Run>,
    less: Vec<Run>,
}

/// Two runs of one length, at this distance on either side of the centre.
#[derive(Clone, Copy)]
struct Run {
    distance: usize,
    half: usize,
}

impl Border {
    /// Adds a pair of runs of this weight to one of `all`.
    fn add(all: &mut Vec<Self>, weight: f32, run: Run) {
        let most = |runs: &[Run]| runs.iter().map(|run| 2 * 255 * (2 * run.half + 1)).sum::<usize>();
        let fits = |border: &Self| {
            let runs = if weight > 0.0 { &border.more } else { &border.less };
            // Signed 16 bits hold the sum of all.
            border.weight == weight.abs() && most(runs) + most(&[run]) <= 32_767
        };
        let at = match all.iter().position(fits) {
            Some(at) => at,
            None => {
                all.push(Self { weight: weight.abs(), more: Vec::new(), less: Vec::new() });
                all.len() - 1
            }
        };
        if weight > 0.0 { &mut all[at].more } else { &mut all[at].less }.push(run);
    }

    fn runs(&self) -> impl Iterator<Item = &Run> {
        self.more.iter().chain(&self.less)
    }
}

/// `more` less `less`, sample by sample, where both are places in `rows`.
#[inline]
fn difference(rows: &[u16], more: &[usize], less: &[usize], at: usize) -> [i16; LANES] {
    let mut sums = [0_u16; LANES];
    for &place in more {
        sums.iter_mut().zip(chunk(rows, place + at)).for_each(|(sum, &run)| *sum = sum.wrapping_add(run));
    }
    for &place in less {
        sums.iter_mut().zip(chunk(rows, place + at)).for_each(|(sum, &run)| *sum = sum.wrapping_sub(run));
    }
    sums.map(|sum| sum as i16)
}

impl Kernel {
    /// The disk i² + j² ≤ r² on its grid, normalised, blurred (3×3 up to radius 8, else 5×5).
    fn softened_disk(radius: f64, sigma: f64) -> Self {
        let (reach, taps) = if radius <= 8.0 { (8, 1) } else { (radius as usize, 2) };
        let half = |i: usize| (0..=reach).take_while(|&j| ((i * i + j * j) as f64) <= radius * radius).last();
        let halves: Vec<usize> = (0..=reach).map_while(half).collect();
        let area = halves.iter().map(|half| 2 * half + 1).sum::<usize>() * 2 - (2 * halves[0] + 1);
        let mut gaussian: Vec<f64> = (0..=taps).map(|t| exp(-((t * t) as f64) / (2.0 * sigma * sigma))).collect();
        let total = gaussian[0] + 2.0 * gaussian[1..].iter().sum::<f64>();
        gaussian.iter_mut().for_each(|weight| *weight /= total);
        // Far below what truncation to 8 bits can show.
        gaussian.retain(|&weight| weight > 1e-12);
        let taps = gaussian.len() - 1;
        let mut border = Vec::new();
        for distance in reach + 1 - taps.min(reach)..=reach + taps {
            for (at, &half) in halves.iter().enumerate() {
                // What lies beyond the grid is the reflected disk inside, and outside nothing.
                let weight = match distance <= reach {
                    true => gaussian.get(2 * reach - at - distance).filter(|_| at < reach).copied().unwrap_or(0.0),
                    false => -gaussian.get(distance - at).copied().unwrap_or(0.0),
                };
                if weight != 0.0 {
                    Border::add(&mut border, weight as f32, Run { distance, half });
                }
            }
        }
        let farthest = border.iter().flat_map(Border::runs).map(|run| run.distance).max().unwrap_or(0);
        Self {
            margin: farthest.max(halves.len() - 1),
            halves,
            mean: gaussian.iter().map(|weight| (weight / area as f64) as f32).collect(),
            gaussian: gaussian.iter().map(|&weight| weight as f32).collect(),
            share: (1.0 / area as f64) as f32,
            border,
        }
    }

    /// Correlates each channel, borders by reflection without repeating the edge; truncates to 8 bits.
    fn correlate(&self, rgb: &RgbImage) -> RgbImage {
        let (line, height) = (3 * rgb.width() as usize, rgb.height() as usize);
        let taps = self.gaussian.len() - 1;
        let room = line.next_multiple_of(LANES);
        let mut sums = RowSums::new(self, rgb);
        let mut disks = Ring::new(2 * taps + 1, room);
        let mut sides = Ring::new(2 * taps + 1, if self.border.is_empty() { 0 } else { room });
        let mut column = vec![0.0_f32; room + 6 * taps];
        let mut blurred = RgbImage::new(rgb.width(), rgb.height());
        let mut fresh = 0;
        for (y, out) in blurred.chunks_exact_mut(line).enumerate() {
            while fresh <= (y + taps).min(height - 1) {
                sums.load(fresh + self.margin);
                sums.sum_columns(self, fresh);
                sums.disk(disks.row_mut(fresh));
                sums.sides(self, sides.row_mut(fresh));
                fresh += 1;
            }
            let place = |at: usize| disks.place(reflect(at, taps, height));
            let places: Vec<_> = (0..=taps).map(|k| (place(y + taps - k), place(y + taps + k))).collect();
            let weigh = |ring: &Ring<f32>, at: usize| {
                symmetric(&self.mean, |k| {
                    (chunk(&ring.rows, places[k].0 * room + at), chunk(&ring.rows, places[k].1 * room + at))
                })
            };
            let middle = &mut column[3 * taps..3 * taps + room];
            for (at, column) in middle.as_chunks_mut::<LANES>().0.iter_mut().enumerate() {
                *column = weigh(&disks, at * LANES);
            }
            sums.ends(self, y, middle);
            reflect_ends(&mut column, line, taps);
            for (at, out) in out.chunks_mut(LANES).enumerate() {
                let centre = at * LANES + 3 * taps;
                let mut values =
                    symmetric(&self.gaussian, |k| (chunk(&column, centre - 3 * k), chunk(&column, centre + 3 * k)));
                if !self.border.is_empty() {
                    values.iter_mut().zip(weigh(&sides, at * LANES)).for_each(|(value, side)| *value += side);
                }
                let bytes = values.map(truncate_single);
                out.copy_from_slice(&bytes[..out.len()]);
            }
        }
        blurred
    }
}

/// Reflects the row of `line` samples that lies `taps` pixels into `column` at its ends.
fn reflect_ends(column: &mut [f32], line: usize, taps: usize) {
    let width = line / 3;
    for at in (0..taps).chain(taps + width..2 * taps + width) {
        let from = 3 * (taps + reflect(at, taps, width));
        column.copy_within(from..from + 3, 3 * at);
    }
}

/// The newest rows of a picture, each over the oldest.
struct Ring<T> {
    rows: Vec<T>,
    depth: usize,
    length: usize,
}

impl<T: Copy + Default> Ring<T> {
    fn new(depth: usize, length: usize) -> Self {
        Self { rows: vec![T::default(); depth * length], depth, length }
    }

    fn place(&self, y: usize) -> usize {
        y % self.depth
    }

    fn row(&self, y: usize) -> &[T] {
        &self.rows[self.place(y) * self.length..][..self.length]
    }

    fn row_mut(&mut self, y: usize) -> &mut [T] {
        let place = self.place(y);
        &mut self.rows[place * self.length..][..self.length]
    }
}

/// Sums of samples in 16 bits, over the columns and along the rows; row y of the picture is row y + margin here.
struct RowSums<'a> {
    rgb: &'a RgbImage,
    margin: usize,
    room: usize,
    /// How many rows are loaded.
    loaded: usize,
    /// One row with its margins.
    samples: Vec<u16>,
    /// Row y: the sums of all samples above it, modulo 2¹⁶, which differences don't feel.
    above: Ring<u16>,
    /// The half lengths of the border's runs, ascending; each row's runs, one half length after the other.
    halves: Vec<usize>,
    runs: Ring<u16>,
    /// Sums of the columns around the row in work, one half height of the disk after the other.
    columns: Vec<u16>,
    /// Columns (distance plus margin, half height) of the disk, in parts of at most 257 samples: 16 bits hold their sum.
    parts: Vec<Vec<(usize, usize)>>,
}

impl<'a> RowSums<'a> {
    fn new(kernel: &Kernel, rgb: &'a RgbImage) -> Self {
        let margin = kernel.margin;
        let room = (3 * rgb.width() as usize).next_multiple_of(LANES);
        let depth = 2 * (margin + kernel.gaussian.len()) + 2;
        let mut halves: Vec<usize> = kernel.border.iter().flat_map(Border::runs).map(|run| run.half).collect();
        halves.sort_unstable();
        halves.dedup();
        let reach = kernel.halves.len() - 1;
        let mut parts = vec![Vec::new()];
        let mut count = 0;
        for dx in 0..=2 * reach {
            let half = kernel.halves[dx.abs_diff(reach)];
            count += 2 * half + 1;
            if count > 257 {
                parts.push(Vec::new());
                count = 2 * half + 1;
            }
            parts.last_mut().expect("there is one from the start").push((dx + margin - reach, half));
        }
        Self {
            rgb,
            margin,
            room,
            loaded: 0,
            samples: vec![0; room + 6 * margin],
            above: Ring::new(depth, room + 6 * margin),
            runs: Ring::new(depth, room * halves.len()),
            halves,
            columns: vec![0; (kernel.halves[0] + 1) * (room + 6 * margin)],
            parts,
        }
    }

    /// Loads the rows down to `y` of the picture.
    fn load(&mut self, y: usize) {
        let (width, height) = (self.rgb.width() as usize, self.rgb.height() as usize);
        let margin = self.margin;
        while self.loaded <= y + margin {
            let start = reflect(self.loaded, margin, height) * width * 3;
            let line = &self.rgb.as_raw()[start..start + 3 * width];
            let middle = &mut self.samples[3 * margin..3 * (margin + width)];
            middle.iter_mut().zip(line).for_each(|(to, &from)| *to = u16::from(from));
            for at in (0..margin).chain(margin + width..2 * margin + width) {
                let from = 3 * (margin + reflect(at, margin, width));
                self.samples.copy_within(from..from + 3, 3 * at);
            }
            let (from, to) = (self.above.place(self.loaded), self.above.place(self.loaded + 1));
            let length = self.above.length;
            let at = |place: usize| place * length..(place + 1) * length;
            self.above.rows.copy_within(at(from), to * length);
            let sums = &mut self.above.rows[at(to)];
            sums.iter_mut().zip(&self.samples).for_each(|(sum, &sample)| *sum = sum.wrapping_add(sample));
            self.add_runs();
            self.loaded += 1;
        }
    }

    /// The runs of the row that was just loaded: each is the one before and what lies around it.
    fn add_runs(&mut self) {
        let Some(&longest) = self.halves.last() else { return };
        let runs = self.runs.row_mut(self.loaded);
        for at in (0..self.room).step_by(LANES) {
            let sample = |dx: usize| chunk(&self.samples, at + 3 * dx);
            let mut sums = *sample(self.margin);
            let mut put = 0;
            for half in 0..=longest {
                if half > 0 {
                    let (left, right) = (sample(self.margin - half), sample(self.margin + half));
                    sums.iter_mut().zip(left).zip(right).for_each(|((sum, &a), &b)| *sum += a + b);
                }
                if self.halves[put] == half {
                    runs[put * self.room + at..][..LANES].copy_from_slice(&sums);
                    put += 1;
                }
            }
        }
    }

    /// Sums the columns around row `y`.
    fn sum_columns(&mut self, kernel: &Kernel, y: usize) {
        let y = y + self.margin;
        let length = self.above.length;
        for (half, sums) in self.columns.chunks_exact_mut(length).enumerate() {
            if !kernel.halves.contains(&half) {
                continue;
            }
            let (until, from) = (self.above.row(y + half + 1), self.above.row(y - half));
            for ((sum, &until), &from) in sums.iter_mut().zip(until).zip(from) {
                *sum = until.wrapping_sub(from);
            }
        }
    }

    /// Sums over the disk around each of the row whose columns are summed.
    fn disk(&self, disk: &mut [f32]) {
        let length = self.above.length;
        for (at, disk) in disk.as_chunks_mut::<LANES>().0.iter_mut().enumerate() {
            for (number, part) in self.parts.iter().enumerate() {
                let mut sums = [0_u16; LANES];
                for &(dx, half) in part {
                    let column = chunk(&self.columns, half * length + at * LANES + 3 * dx);
                    sums.iter_mut().zip(column).for_each(|(sum, &column)| *sum += column);
                }
                let sums = sums.map(f32::from);
                if number == 0 {
                    *disk = sums;
                } else {
                    disk.iter_mut().zip(&sums).for_each(|(disk, sum)| *disk += sum);
                }
            }
        }
    }

    /// What differs at the grid's left and right border: columns, not yet blurred along them.
    fn sides(&self, kernel: &Kernel, sides: &mut [f32]) {
        let pair = |run: &Run| {
            let start = run.half * self.above.length;
            [start + 3 * (self.margin - run.distance), start + 3 * (self.margin + run.distance)]
        };
        sides.fill(0.0);
        for border in &kernel.border {
            add_border(sides, border.weight, border, &self.columns, pair);
        }
    }

    /// Adds what differs at the grid's upper and lower border around row `y`: runs, not yet blurred along them.
    fn ends(&self, kernel: &Kernel, y: usize, column: &mut [f32]) {
        let pair = |run: &Run| {
            let among = self.halves.iter().position(|&half| half == run.half).unwrap_or(0);
            let y = y + self.margin;
            [y - run.distance, y + run.distance].map(|y| self.runs.place(y) * self.runs.length + among * self.room)
        };
        for border in &kernel.border {
            add_border(column, border.weight * kernel.share, border, &self.runs.rows, pair);
        }
    }
}

/// Adds `weight` times the runs of `border`; `pair` says where in `rows` those of one length and distance lie.
fn add_border(values: &mut [f32], weight: f32, border: &Border, rows: &[u16], pair: impl Fn(&Run) -> [usize; 2]) {
    let more: Vec<usize> = border.more.iter().flat_map(&pair).collect();
    let less: Vec<usize> = border.less.iter().flat_map(&pair).collect();
    for (at, values) in values.as_chunks_mut::<LANES>().0.iter_mut().enumerate() {
        let differences = difference(rows, &more, &less, at * LANES);
        values.iter_mut().zip(differences).for_each(|(value, run)| *value += weight * f32::from(run));
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
mod tests;
