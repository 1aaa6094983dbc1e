//! How much of the region of interest's level each pixel of a variant shows: the weight W of the fusion.
//!
//! W depends on the mask alone, so it and everything that follows from it (which runs of a row are copied, which are
//! mixed, which are smoothed) are worked out once an original and serve all its fusions.

use std::ops::Range;

use super::elementary::exp;
use crate::mask::Mask;

/// Weight of a pixel that shows the region of interest alone.
pub const WHOLE: u8 = 255;

/// Weights strictly between 0.05 and 0.95, as 8-bit values: there the fused picture is smoothed.
const BAND: std::ops::RangeInclusive<u8> = 13..=242;

/// Runs that are this close, in pixels, are worked as one.
const GAP: usize = 8;

/// How the mask's edge is softened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Softening {
    /// Not at all: every pixel shows one level.
    Hard,
    /// By a Gaussian of (2·radius + 1)² taps, 1 ≤ radius ≤ 64; the authors take 32.
    Gaussian {
        /// Radius of the kernel in pixels.
        radius: u8,
    },
}

impl Default for Softening {
    fn default() -> Self {
        Self::Gaussian { radius: 32 }
    }
}

/// A radius that [`Softening::Gaussian`] does not take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("softening radius {0} is out of range: it takes 1 to 64 pixels, or `hard` for none")]
pub struct RadiusError(pub u8);

/// The weight W of every pixel, and the runs of each row that follow from it.
#[derive(Debug, Clone)]
pub struct FusionWeight {
    width: u32,
    height: u32,
    /// 255·W, three times a pixel, as the samples of a picture lie.
    samples: Vec<u8>,
    rows: Vec<RowRuns>,
}

/// What happens to the pixels of one row: every pixel is in one run of the first three lists.
#[derive(Debug, Clone, Default)]
pub(super) struct RowRuns {
    /// Copied from the region of interest's level (W = 1).
    pub(super) roi: Vec<Range<usize>>,
    /// Copied from the background's level (W = 0).
    pub(super) background: Vec<Range<usize>>,
    /// Mixed; with all neighbours of the pixels that are smoothed, in this row and the next.
    pub(super) mixed: Vec<Range<usize>>,
    /// Smoothed after that; each inside a mixed run.
    pub(super) band: Vec<Range<usize>>,
}

impl FusionWeight {
    /// The weight of a mask.
    ///
    /// Soft: the 0/255 mask, blurred and rounded to 8 bits as OpenCV's `GaussianBlur` does (see [`kernel`]), and 1
    /// wherever the mask eroded twice by a 3×3 square is set. Borders are reflect-101.
    ///
    /// # Errors
    /// The radius is 0 or over 64.
    pub fn of(mask: &Mask, softening: Softening) -> Result<Self, RadiusError> {
        let (width, height) = (mask.width() as usize, mask.height() as usize);
        let weights = match softening {
            Softening::Hard => mask.pixels().to_vec(),
            Softening::Gaussian { radius } if (1..=64).contains(&radius) => {
                let mut weights = blur(mask.pixels(), width, height, &kernel(usize::from(radius)));
                let inner = erode_twice(mask.pixels(), width, height);
                weights.iter_mut().zip(inner).for_each(|(weight, inner)| *weight |= inner);
                weights
            }
            Softening::Gaussian { radius } => return Err(RadiusError(radius)),
        };
        let rows = runs(&weights, width, height, softening != Softening::Hard);
        let samples = weights.iter().flat_map(|&weight| [weight; 3]).collect();
        Ok(Self { width: mask.width(), height: mask.height(), samples, rows })
    }

    /// Width and height in pixels.
    #[must_use]
    pub fn dimensions(&self) -> (u32, u32) {
        (self.width, self.height)
    }

    /// 255·W of pixel (x, y).
    #[must_use]
    pub fn at(&self, x: u32, y: u32) -> u8 {
        self.samples[3 * (y as usize * self.width as usize + x as usize)]
    }

    /// 255·W, three times a pixel.
    pub(super) fn samples(&self) -> &[u8] {
        &self.samples
    }

    pub(super) fn rows(&self) -> &[RowRuns] {
        &self.rows
    }
}

/// Position `at` of a line of `length` pixels, reflected at the first and last pixel (`… 2 1 | 0 1 2 …`).
pub(super) fn reflect(at: isize, length: usize) -> usize {
    let last = length as isize - 1;
    if last == 0 {
        return 0;
    }
    let mut at = at;
    while !(0..=last).contains(&at) {
        at = if at < 0 { -at } else { 2 * last - at };
    }
    at as usize
}

/// The first half and the centre of a Gaussian of 2·radius + 1 taps and σ = 0.3·(radius − 1) + 0.8, in 256ths.
///
/// OpenCV blurs 8-bit pictures with whole 256ths: each tap is rounded after the rounding error of the one before it was
/// added, and the centre takes what is missing to 256. With that the blur is exact in integers.
fn kernel(radius: usize) -> Vec<u16> {
    let sigma = 0.3 * (radius as f64 - 1.0) + 0.8;
    let value = |i: usize| {
        let distance = (radius - i) as f64;
        exp(-distance * distance / (2.0 * sigma * sigma))
    };
    let half: f64 = (0..radius).map(value).sum();
    let sum = 2.0 * half + 1.0;
    let mut error = 0.0;
    let mut taps: Vec<u16> = Vec::with_capacity(radius + 1);
    for i in 0..radius {
        let exact = 256.0 * value(i) / sum + error;
        let rounded = exact.round_ties_even();
        error = exact - rounded;
        taps.push(rounded as u16);
    }
    let sides: u16 = taps.iter().sum();
    taps.push(256 - 2 * sides);
    taps
}

/// The 0/255 mask under the separable kernel, rounded to 8 bits.
fn blur(mask: &[u8], width: usize, height: usize, taps: &[u16]) -> Vec<u8> {
    let radius = taps.len() - 1;
    let (centre, sides) = (taps[radius], &taps[..radius]);
    // Along the rows: values 0..=256, the share of the kernel that lies inside.
    let mut shares = vec![0_u16; width * height];
    let mut padded = vec![0_u16; width + 2 * radius];
    for (row, shares) in mask.chunks_exact(width.max(1)).zip(shares.chunks_exact_mut(width.max(1))) {
        let at = |x: usize| reflect(x as isize - radius as isize, width);
        padded.iter_mut().enumerate().for_each(|(x, value)| *value = u16::from(row[at(x)] != 0));
        shares.iter_mut().zip(&padded[radius..]).for_each(|(share, &value)| *share = centre * value);
        for (i, &tap) in sides.iter().enumerate().filter(|(_, tap)| **tap > 0) {
            let pairs = padded[i..].iter().zip(&padded[2 * radius - i..]);
            shares.iter_mut().zip(pairs).for_each(|(share, (a, b))| *share += tap * (a + b));
        }
    }
    // Down the columns: 65,536 is the whole kernel. The sides alone stay below, so they fit 16 bits.
    let mut weights = Vec::with_capacity(width * height);
    let mut sum = vec![0_u16; width];
    let row = |y: isize| &shares[reflect(y, height) * width..][..width];
    for y in 0..height as isize {
        sum.fill(0);
        for (i, &tap) in sides.iter().enumerate().filter(|(_, tap)| **tap > 0) {
            let distance = (radius - i) as isize;
            let pairs = row(y - distance).iter().zip(row(y + distance));
            sum.iter_mut().zip(pairs).for_each(|(sum, (a, b))| *sum += tap * (a + b));
        }
        let whole = sum.iter().zip(row(y)).map(|(&sum, &share)| u32::from(sum) + u32::from(centre) * u32::from(share));
        weights.extend(whole.map(|whole| ((255 * whole + (1 << 15)) >> 16) as u8));
    }
    weights
}

/// The mask eroded twice by a 3×3 square, that is once by 5×5; what lies outside the picture erodes nothing.
fn erode_twice(mask: &[u8], width: usize, height: usize) -> Vec<u8> {
    let least = |line: &dyn Fn(usize) -> u8, at: usize, length: usize| {
        (at.saturating_sub(2)..(at + 3).min(length)).map(line).min().unwrap_or(0)
    };
    let mut across = vec![0; width * height];
    for y in 0..height {
        let row = &mask[y * width..][..width];
        (0..width).for_each(|x| across[y * width + x] = least(&|x| row[x], x, width));
    }
    let mut eroded = across.clone();
    for y in 0..height {
        let (from, to) = (y.saturating_sub(2), (y + 3).min(height));
        let out = &mut eroded[y * width..][..width];
        for other in from..to {
            out.iter_mut()
                .zip(&across[other * width..][..width])
                .for_each(|(least, &value)| *least = value.min(*least));
        }
    }
    eroded
}

/// Sorts each row's pixels into runs; `smooth` is off for hard masks.
fn runs(weights: &[u8], width: usize, height: usize, smooth: bool) -> Vec<RowRuns> {
    let in_band = |x: usize, y: usize| smooth && BAND.contains(&weights[y * width + x]);
    // Pixels of the row that a smoothed pixel of this or a neighbouring row reads.
    let mut near = vec![false; width];
    let mut rows = Vec::with_capacity(height);
    for y in 0..height {
        near.fill(false);
        for other in y.saturating_sub(1)..(y + 2).min(height) {
            for x in (0..width).filter(|&x| in_band(x, other)) {
                near[x.saturating_sub(1)..(x + 2).min(width)].fill(true);
            }
        }
        let weight = &weights[y * width..][..width];
        let mixed = close(&spans(width, |x| near[x] || (1..WHOLE).contains(&weight[x])));
        let band = spans(width, |x| in_band(x, y));
        let mut free = vec![true; width];
        mixed.iter().for_each(|run| free[run.clone()].fill(false));
        let roi = spans(width, |x| free[x] && weight[x] == WHOLE);
        let background = spans(width, |x| free[x] && weight[x] == 0);
        rows.push(RowRuns { roi, background, mixed, band });
    }
    rows
}

/// Maximal runs of positions where `set` holds.
fn spans(length: usize, set: impl Fn(usize) -> bool) -> Vec<Range<usize>> {
    let mut spans: Vec<Range<usize>> = Vec::new();
    for x in (0..length).filter(|&x| set(x)) {
        match spans.last_mut() {
            Some(last) if last.end == x => last.end += 1,
            _ => spans.push(x..x + 1),
        }
    }
    spans
}

/// Runs with the small gaps between them closed.
fn close(spans: &[Range<usize>]) -> Vec<Range<usize>> {
    let mut closed: Vec<Range<usize>> = Vec::new();
    for span in spans {
        match closed.last_mut() {
            Some(last) if span.start - last.end <= GAP => last.end = span.end,
            _ => closed.push(span.clone()),
        }
    }
    closed
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_is_opencvs() {
        // make_fusion.py, function taps.
        let radius_32 =
            [0, 0, 0, 0, 1, 0, 0, 1, 0, 1, 1, 1, 2, 1, 2, 3, 3, 3, 4, 4, 5, 6, 6, 7, 7, 8, 9, 9, 9, 10, 10, 10, 10];
        assert_eq!(kernel(32), radius_32);
        for radius in 1..=64 {
            let taps = kernel(radius);
            assert_eq!(2 * taps[..radius].iter().sum::<u16>() + taps[radius], 256, "{radius}");
            assert!(taps[radius] > 0, "{radius}");
        }
    }

    #[test]
    fn reflection_leaves_out_the_edge_pixel() {
        let line = |length: usize| (-3..5).map(|at| reflect(at, length)).collect::<Vec<_>>();
        assert_eq!(line(4), [3, 2, 1, 0, 1, 2, 3, 2]);
        assert_eq!(line(2), [1, 0, 1, 0, 1, 0, 1, 0]);
        assert_eq!(line(1), [0; 8]);
    }

    #[test]
    fn every_pixel_is_in_one_run_and_neighbours_of_the_band_are_mixed() {
        let mask = Mask::from_fn(90, 70, |x, y| (x / 11 + y / 9).is_multiple_of(3) || (x > 70 && y > 20));
        for softening in [Softening::Hard, Softening::Gaussian { radius: 3 }, Softening::default()] {
            let weight = FusionWeight::of(&mask, softening).unwrap();
            for (y, row) in weight.rows().iter().enumerate() {
                let mut seen = vec![0; 90];
                for run in row.roi.iter().chain(&row.background).chain(&row.mixed) {
                    run.clone().for_each(|x| seen[x] += 1);
                }
                assert_eq!(seen, [1; 90]);
                let mixed = |x: usize, y: usize| weight.rows()[y].mixed.iter().any(|run| run.contains(&x));
                for x in row.band.iter().cloned().flatten() {
                    for (dx, dy) in (0..9).map(|i| (i % 3 - 1, i / 3 - 1)) {
                        assert!(mixed(reflect(x as isize + dx, 90), reflect(y as isize + dy, 70)));
                    }
                }
            }
        }
        let refused = FusionWeight::of(&mask, Softening::Gaussian { radius: 65 }).unwrap_err();
        assert!(refused.to_string().contains("65"));
    }

    #[test]
    fn whole_and_empty_masks_stay_so() {
        for radius in [1, 32, 64] {
            for (inside, expected) in [(true, WHOLE), (false, 0)] {
                let mask = Mask::from_fn(40, 3, |_, _| inside);
                let weight = FusionWeight::of(&mask, Softening::Gaussian { radius }).unwrap();
                assert!(weight.samples().iter().all(|&sample| sample == expected), "{radius} {inside}");
            }
        }
    }
}
