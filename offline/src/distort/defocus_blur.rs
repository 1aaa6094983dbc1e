//! Defocus blur: correlation with a slightly softened disk, as of a lens out of focus.
//!
//! The kernel is the authors': softened by a Gaussian whose border reflects at the edge of the kernel's grid, and not
//! normalised again, so it sums to 1.006 at radius 7, 1.036 at 9 and 1.022 at 12, and the picture brightens.

mod kernel;
mod ring;
mod row_sums;

use image::RgbImage;
use pulp::Arch;

use self::kernel::{Kernel, TAPS};
use self::ring::Ring;
use self::row_sums::{RowSums, SUMS, Sums};
use super::parameter::{ParameterSpec, checked};
use super::quantise::truncate_single;
use super::{DistortError, Distortion};
use crate::render::RandomField;

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
        Ok(correlate(rgb, &Kernel::softened_disk(radius, sigma), Arch::new()))
    }
}

/// Correlates each channel, borders by reflection without repeating the edge; truncates to 8 bits.
///
/// The loops over rows are compiled for several instruction sets, chosen at run time. Each sample sees the same
/// operations in the same order in all of them, so the bytes are the same.
fn correlate(rgb: &RgbImage, kernel: &Kernel, arch: Arch) -> RgbImage {
    let (line, height) = (3 * rgb.width() as usize, rgb.height() as usize);
    let taps = kernel.taps;
    let room = line.next_multiple_of(SUMS);
    // A disk of one pixel is the picture.
    let mut sums = (kernel.halves != [0] || !kernel.border.is_empty()).then(|| RowSums::new(kernel, rgb, arch));
    let mut disks = Ring::new(2 * taps + 1, room);
    let mut sides = Ring::new(2 * taps + 1, if kernel.border.is_empty() { 0 } else { room });
    let mut column = vec![0.0_f32; room + 6 * taps];
    let mut blurred = RgbImage::new(rgb.width(), rgb.height());
    let mut fresh = 0;
    for (y, out) in blurred.chunks_exact_mut(line).enumerate() {
        while fresh <= (y + taps).min(height - 1) {
            let disk: &mut [f32] = disks.row_mut(fresh);
            match &mut sums {
                Some(sums) => {
                    sums.sum_columns(fresh);
                    sums.disk(disk);
                    sums.sides(sides.row_mut(fresh));
                }
                None => {
                    let row = &rgb.as_raw()[fresh * line..(fresh + 1) * line];
                    disk.iter_mut().zip(row).for_each(|(to, &from)| *to = f32::from(from));
                }
            }
            fresh += 1;
        }
        if taps == 0 && kernel.border.is_empty() {
            // Nothing to blur: the Gaussian's only weight is 1.
            let disk = disks.row(y);
            out.iter_mut().zip(disk).for_each(|(out, disk)| *out = truncate_single(disk * kernel.mean[0]));
            continue;
        }
        let above: [usize; TAPS + 1] = std::array::from_fn(|k| reflect(y + taps, k + taps, height));
        let below: [usize; TAPS + 1] = std::array::from_fn(|k| reflect(y + taps + k, taps, height));
        let around = |ring| Around::rows(ring, &above, &below);
        let middle = &mut column[3 * taps..3 * taps + room];
        let ends = sums.as_mut().map_or(&[][..], |sums| sums.ends(y));
        match taps {
            0 => arch.dispatch(|| weigh_rows::<0>(&kernel.mean, around(&disks), ends, middle)),
            1 => arch.dispatch(|| weigh_rows::<1>(&kernel.mean, around(&disks), ends, middle)),
            _ => arch.dispatch(|| weigh_rows::<TAPS>(&kernel.mean, around(&disks), ends, middle)),
        }
        reflect_ends(&mut column, line, taps);
        let sides = (!kernel.border.is_empty()).then(|| around(&sides));
        match taps {
            0 => arch.dispatch(|| finish_row::<0>(kernel, &column, sides, out)),
            1 => arch.dispatch(|| finish_row::<1>(kernel, &column, sides, out)),
            _ => arch.dispatch(|| finish_row::<TAPS>(kernel, &column, sides, out)),
        }
    }
    blurred
}

/// Samples at distances 0, 1, … before and after those asked for.
#[derive(Clone, Copy)]
struct Around<'a> {
    before: [&'a [f32]; TAPS + 1],
    after: [&'a [f32]; TAPS + 1],
}

impl<'a> Around<'a> {
    /// Rows above and below.
    fn rows(ring: &'a Ring<f32>, above: &[usize; TAPS + 1], below: &[usize; TAPS + 1]) -> Self {
        Self { before: above.map(|y| ring.row(y)), after: below.map(|y| ring.row(y)) }
    }

    /// Pixels to the left and to the right of those that start `reach` pixels into a row.
    #[inline(always)]
    fn pixels(row: &'a [f32], reach: usize) -> Self {
        let from = |at: usize| &row[3 * at..];
        Self {
            before: std::array::from_fn(|k| from(reach - k.min(reach))),
            after: std::array::from_fn(|k| from(reach + k.min(reach))),
        }
    }

    /// The first `length` only.
    #[inline(always)]
    fn cut(self, length: usize) -> Self {
        let [a, b, c] = self.before;
        let [d, e, f] = self.after;
        Self { before: [&a[..length], &b[..length], &c[..length]], after: [&d[..length], &e[..length], &f[..length]] }
    }

    /// The weighted sum around sample `at`, from the middle outwards.
    #[inline(always)]
    fn weigh<const REACH: usize>(&self, weights: &[f32; TAPS + 1], at: usize) -> f32 {
        let mut sum = self.before[0][at] * weights[0];
        if REACH > 0 {
            sum += (self.before[1][at] + self.after[1][at]) * weights[1];
        }
        if REACH > 1 {
            sum += (self.before[2][at] + self.after[2][at]) * weights[2];
        }
        sum
    }
}

/// Blurs the columns of a row, and adds what differs at the grid's upper and lower border: as many at once as can be.
#[inline(always)]
fn weigh_rows<const REACH: usize>(weights: &[f32; TAPS + 1], rows: Around<'_>, ends: &[Sums], out: &mut [f32]) {
    let rows = rows.cut(out.len());
    let blurred = |at| rows.weigh::<REACH>(weights, at);
    let rest = match ends {
        [a, b, rest @ ..] => {
            let (x, y) = (&a.totals[..out.len()], &b.totals[..out.len()]);
            for (at, out) in out.iter_mut().enumerate() {
                *out = blurred(at) + a.weight * f32::from(x[at] as i16) + b.weight * f32::from(y[at] as i16);
            }
            rest
        }
        [a] => {
            let x = &a.totals[..out.len()];
            for (at, out) in out.iter_mut().enumerate() {
                *out = blurred(at) + a.weight * f32::from(x[at] as i16);
            }
            &[]
        }
        [] => {
            out.iter_mut().enumerate().for_each(|(at, out)| *out = blurred(at));
            &[]
        }
    };
    rest.iter().for_each(|sums| sums.add(out));
}

/// Blurs a row along itself, adds what differs at the grid's left and right border, truncates.
#[inline(always)]
fn finish_row<const REACH: usize>(kernel: &Kernel, column: &[f32], sides: Option<Around<'_>>, out: &mut [u8]) {
    let row = Around::pixels(column, REACH).cut(out.len());
    match sides.map(|sides| sides.cut(out.len())) {
        Some(sides) => {
            for (at, out) in out.iter_mut().enumerate() {
                let side = sides.weigh::<REACH>(&kernel.mean, at);
                *out = truncate_single(row.weigh::<REACH>(&kernel.gaussian, at) + side);
            }
        }
        None => {
            for (at, out) in out.iter_mut().enumerate() {
                *out = truncate_single(row.weigh::<REACH>(&kernel.gaussian, at));
            }
        }
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
