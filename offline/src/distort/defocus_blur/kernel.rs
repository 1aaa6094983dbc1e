//! The softened disk as sums that are cheap.

use crate::render::elementary::exp;

/// The most weights that a Gaussian has on one side of its middle.
pub(super) const TAPS: usize = 2;

/// The disk, the Gaussian that softens it, and where the Gaussian's border differs from a plain one.
///
/// The blur by the kernel is the blur by the disk, in integers, then that by the Gaussian, rows and columns apart. On its
/// grid the authors' Gaussian reflects at the border and ends there: with g the plain Gaussian and f what differs at the
/// border, the kernel is (g + f)·disk·(g + f)ᵀ, that is g·disk·gᵀ + f·disk·gᵀ + g·disk·fᵀ. The fourth product, of the
/// grid's corners, is nought where the disk leaves them free, as for all radii but 8.49 to 9.
pub(super) struct Kernel {
    /// Half height of the disk's column at each distance from its centre.
    pub(super) halves: Vec<usize>,
    /// How far the Gaussian reaches.
    pub(super) taps: usize,
    /// Its weights at distances 0, 1, …, then zeros.
    pub(super) gaussian: [f32; TAPS + 1],
    /// The same over the disk's area.
    pub(super) mean: [f32; TAPS + 1],
    /// 1 over the disk's area.
    pub(super) share: f32,
    /// f.
    pub(super) border: Vec<Border>,
    /// The farthest place that is read, in pixels.
    pub(super) margin: usize,
}

/// Runs across the border of the grid that count more, or less, than under the plain Gaussian, all by one weight.
pub(super) struct Border {
    pub(super) weight: f32,
    pub(super) more: Vec<Run>,
    pub(super) less: Vec<Run>,
}

/// Two runs of one length, at this distance on either side of the centre.
#[derive(Clone, Copy)]
pub(super) struct Run {
    pub(super) distance: usize,
    pub(super) half: usize,
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

    pub(super) fn runs(&self) -> impl Iterator<Item = &Run> {
        self.more.iter().chain(&self.less)
    }
}

impl Kernel {
    /// The disk i² + j² ≤ r² on its grid, normalised, blurred (3×3 up to radius 8, else 5×5).
    pub(super) fn softened_disk(radius: f64, sigma: f64) -> Self {
        let (reach, taps) = if radius <= 8.0 { (8, 1) } else { (radius as usize, TAPS) };
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
            taps,
            gaussian: padded(&gaussian, 1.0),
            mean: padded(&gaussian, area as f64),
            share: (1.0 / area as f64) as f32,
            border,
        }
    }
}

/// The weights over `area`, then zeros.
fn padded(weights: &[f64], area: f64) -> [f32; TAPS + 1] {
    std::array::from_fn(|at| weights.get(at).map_or(0.0, |weight| (weight / area) as f32))
}
