//! The Gaussian window of SSIM, moved over two planes.

/// Taps of the window; σ 1.5 (Wang, Bovik, Sheikh and Simoncelli 2004, section III.B).
pub(super) const TAPS: usize = 11;
const SIGMA: f64 = 1.5;
/// (K·L)² with K1 0.01, K2 0.03 and L 255.
pub(super) const C1: f32 = 0.01 * 0.01 * 255.0 * 255.0;
pub(super) const C2: f32 = 0.03 * 0.03 * 255.0 * 255.0;
/// Planes are filtered about mid-grey: variances are differences of squares, and `f32` holds small squares more finely.
pub(super) const MIDDLE: f32 = 128.0;

/// One channel of a picture, row by row: values of 0..=255, less [`MIDDLE`].
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Plane {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) values: Vec<f32>,
}

/// What the window finds at one place of the planes x and y.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    mean_x: f32,
    mean_y: f32,
    variances: f32,
    covariance: f32,
}

impl Place {
    /// Likeness of the means (equation 6, and equation 12 with exponents of 1).
    fn luminance(self) -> (f32, f32) {
        let (mx, my) = (self.mean_x + MIDDLE, self.mean_y + MIDDLE);
        (2.0 * mx * my + C1, mx * mx + my * my + C1)
    }

    /// Likeness of contrast and structure, one term where C3 = C2 / 2.
    pub(super) fn contrast_structure(self) -> f32 {
        (2.0 * self.covariance + C2) / (self.variances + C2)
    }

    /// Equation 13.
    pub(super) fn similarity(self) -> f32 {
        let (above, below) = self.luminance();
        (above * (2.0 * self.covariance + C2)) / (below * (self.variances + C2))
    }
}

impl Plane {
    /// Takes 8-bit values, `width` a row.
    pub(super) fn of(width: u32, height: u32, values: impl Iterator<Item = u8>) -> Self {
        let values = values.map(|value| f32::from(value) - MIDDLE).collect();
        Self { width: width as usize, height: height as usize, values }
    }

    fn row(&self, row: usize) -> &[f32] {
        &self.values[row * self.width..(row + 1) * self.width]
    }
}

/// Mean of `figure` over the places where the whole window fits in both planes, which have one size of at least
/// 11×11.
pub(super) fn mean(x: &Plane, y: &Plane, figure: impl Fn(Place) -> f32) -> f64 {
    let (width, height) = (x.width, x.height);
    let out = width + 1 - TAPS;
    let weights = weights();
    let (mut squares, mut products) = (vec![0_f32; width], vec![0_f32; width]);
    // The last rows, filtered along the row: x, y, x² + y² and x·y.
    let mut ring = vec![[(); 4].map(|()| vec![0_f32; out]); TAPS];
    let mut filtered = [(); 4].map(|()| vec![0_f32; out]);
    let mut figures = vec![0_f32; out];
    let mut total = 0.0;
    for row in 0..height {
        let (values_x, values_y) = (x.row(row), y.row(row));
        for (((square, product), &x), &y) in squares.iter_mut().zip(&mut products).zip(values_x).zip(values_y) {
            *square = x * x + y * y;
            *product = x * y;
        }
        for (sums, values) in ring[row % TAPS].iter_mut().zip([values_x, values_y, &squares, &products]) {
            weigh(sums, std::array::from_fn(|tap| &values[tap..tap + out]), &weights);
        }
        if row + 1 < TAPS {
            continue;
        }
        for (sums, quantity) in filtered.iter_mut().zip(0..) {
            weigh(sums, std::array::from_fn(|tap| &ring[(row + 1 + tap) % TAPS][quantity][..]), &weights);
        }
        let [mean_x, mean_y, squares, products] = &filtered;
        let places = mean_x.iter().zip(mean_y).zip(squares).zip(products);
        for (figure_there, (((&mean_x, &mean_y), &squares), &products)) in figures.iter_mut().zip(places) {
            *figure_there = figure(Place {
                mean_x,
                mean_y,
                variances: squares - mean_x * mean_x - mean_y * mean_y,
                covariance: products - mean_x * mean_y,
            });
        }
        total += sum(&figures);
    }
    total / ((height + 1 - TAPS) * out) as f64
}

/// Weighted sum of eleven slices; the window is symmetric, so each pair of taps shares a weight.
fn weigh(out: &mut [f32], taps: [&[f32]; TAPS], weights: &[f32; TAPS / 2 + 1]) {
    let n = out.len();
    let [a, b, c, d, e, f, g, h, i, j, k] = taps.map(|tap| &tap[..n]);
    let [outer, fourth, third, second, first, centre] = *weights;
    for (at, sum) in out.iter_mut().enumerate() {
        *sum = outer * (a[at] + k[at])
            + fourth * (b[at] + j[at])
            + third * (c[at] + i[at])
            + second * (d[at] + h[at])
            + first * (e[at] + g[at])
            + centre * f[at];
    }
}

/// Sum of one row, in eight strands that the processor adds side by side; their number is part of the result.
pub(super) fn sum(values: &[f32]) -> f64 {
    let mut strands = [0_f32; 8];
    let (eights, rest) = values.as_chunks::<8>();
    for eight in eights {
        for (strand, value) in strands.iter_mut().zip(eight) {
            *strand += value;
        }
    }
    strands.iter().chain(rest).map(|&value| f64::from(value)).sum()
}

/// The first half of the window and its centre; the whole sums to 1.
fn weights() -> [f32; TAPS / 2 + 1] {
    let weight = |tap: usize| {
        let offset = tap as f64 - (TAPS / 2) as f64;
        (-offset * offset / (2.0 * SIGMA * SIGMA)).exp()
    };
    let sum: f64 = (0..TAPS).map(weight).sum();
    std::array::from_fn(|tap| (weight(tap) / sum) as f32)
}
