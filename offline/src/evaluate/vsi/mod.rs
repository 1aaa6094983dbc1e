//! Visual saliency-induced index (Zhang, Shen and Li 2014).

mod fourier;
mod power;
mod saliency;

use image::RgbImage;

use super::full_reference::FullReferenceError;
use super::window::sum;
use power::{exp2, log2};

/// Constants of the three likenesses: saliency, gradient, colour; on values of 0 to 255 (section III.D).
const C1: f32 = 1.27;
const C2: f32 = 386.0;
const C3: f32 = 130.0;
/// Exponents of gradient and colour beside saliency.
const ALPHA: f32 = 0.4;
const BETA: f32 = 0.02;
/// RGB → L, M and N (equation 5).
const LMN: [[f32; 3]; 3] = [[0.06, 0.63, 0.27], [0.30, 0.04, -0.35], [0.34, -0.6, 0.17]];
/// Pictures are shrunk by the whole number that brings their shorter side nearest to this.
const SHORT_SIDE: f64 = 256.0;

/// What VSI looks at in one picture: its saliency, gradients and colour.
#[derive(Debug, Clone, PartialEq)]
pub struct VisualMaps {
    size: (u32, u32),
    /// 0 to 1.
    saliency: Vec<f32>,
    /// Gradient magnitude of L.
    gradient: Vec<f32>,
    m: Vec<f32>,
    n: Vec<f32>,
}

impl VisualMaps {
    /// Computes them from a picture of at least one pixel.
    #[must_use]
    pub fn of(picture: &RgbImage) -> Self {
        let size = picture.dimensions();
        let full = (size.0 as usize, size.1 as usize);
        let factor = ((f64::from(size.0.min(size.1)) / SHORT_SIDE).round_ties_even() as usize).max(1);
        let [(l, shrunk), (m, _), (n, _)] = LMN.map(|[r, g, b]| {
            let value = |pixel: &image::Rgb<u8>| {
                let [red, green, blue] = pixel.0.map(f32::from);
                r * red + g * green + b * blue
            };
            pooled(picture.pixels().map(value).collect(), full, factor)
        });
        let (saliency, _) = pooled(saliency::saliency(picture), full, factor);
        Self { size, saliency, gradient: gradient(&l, shrunk), m, n }
    }
}

/// VSI, at most 1.
///
/// Equal to `piq.vsi(x, y, data_range=255)` with its defaults: constants 1.27, 386 and 130, exponents 0.4 and 0.02,
/// saliency by SDSP at 256×256; pictures whose shorter side is nearer to two, three … times 256 than to 256 are compared
/// at a half, a third … of their size, whose first row and column are padded by repetition. Pictures may be of any
/// size.
///
/// # Errors
/// Sizes that differ.
pub fn vsi(x: &VisualMaps, y: &VisualMaps) -> Result<f64, FullReferenceError> {
    FullReferenceError::check_sizes(x.size, y.size)?;
    let turned = (f64::from(BETA) * std::f64::consts::PI).cos() as f32;
    let alike = |x: f32, y: f32, c: f32| (2.0 * x * y + c) / (x * x + y * y + c);
    let count = x.saliency.len();
    let (mut weights, mut weighted) = (vec![0_f32; count], vec![0_f32; count]);
    let results = weights.iter_mut().zip(&mut weighted);
    let saliency = x.saliency.iter().zip(&y.saliency);
    let gradient = x.gradient.iter().zip(&y.gradient);
    let colour = x.m.iter().zip(&y.m).zip(x.n.iter().zip(&y.n));
    for ((((weight, weighted), (&vx, &vy)), (&gx, &gy)), ((&mx, &my), (&nx, &ny))) in
        results.zip(saliency).zip(gradient).zip(colour)
    {
        let colour = alike(mx, my, C3) * alike(nx, ny, C3);
        // One power of 2 for both exponents. A negative base: the real part of the complex power.
        let sign = if colour < 0.0 { turned } else { 1.0 };
        let powers = exp2(ALPHA * log2(alike(gx, gy, C2)) + BETA * log2(colour.abs().max(f32::MIN_POSITIVE)));
        let most = if vx > vy { vx } else { vy };
        *weight = most;
        *weighted = alike(vx, vy, C1) * powers * sign * most;
    }
    let epsilon = f64::from(f32::EPSILON);
    Ok((sum(&weighted) + epsilon) / (sum(&weights) + epsilon))
}

/// Means of `factor`×`factor` values, half a factor of repeated rows and columns in front; a rest at the other end is
/// dropped. Gives the new size too.
fn pooled(values: Vec<f32>, (width, height): (usize, usize), factor: usize) -> (Vec<f32>, (usize, usize)) {
    if factor == 1 {
        return (values, (width, height));
    }
    let (before, after) = (factor / 2, (factor - 1) / 2);
    let (wide, high) = ((width + before + after) / factor, (height + before + after) / factor);
    let inside = |at: usize, length: usize| at.saturating_sub(before).min(length - 1);
    let mut out = Vec::with_capacity(wide * high);
    for y in 0..high {
        for x in 0..wide {
            let mut sum = 0.0;
            for row in (y * factor..(y + 1) * factor).map(|row| inside(row, height)) {
                for column in (x * factor..(x + 1) * factor).map(|column| inside(column, width)) {
                    sum += values[row * width + column];
                }
            }
            out.push(sum / (factor * factor) as f32);
        }
    }
    (out, (wide, high))
}

/// Gradient magnitude by Scharr's 3×3 operator, zeros around the plane.
fn gradient(plane: &[f32], (width, height): (usize, usize)) -> Vec<f32> {
    let zeros = vec![0_f32; width];
    // The column sums 3·above + 10·here + 3·below and the differences above − below, a zero at each end.
    let (mut sums, mut differences) = (vec![0_f32; width + 2], vec![0_f32; width + 2]);
    let mut out = vec![0_f32; width * height];
    for (y, out) in out.chunks_exact_mut(width).enumerate() {
        let row = |y: usize| if y < height { &plane[y * width..(y + 1) * width] } else { zeros.as_slice() };
        let (above, here, below) = (row(y.wrapping_sub(1)), row(y), row(y + 1));
        let results = sums[1..=width].iter_mut().zip(&mut differences[1..=width]);
        for (((sum, difference), (above, below)), here) in results.zip(above.iter().zip(below)).zip(here) {
            *sum = 3.0 * (above + below) + 10.0 * here;
            *difference = above - below;
        }
        let across = sums.iter().zip(&sums[2..]);
        let along = differences.iter().zip(&differences[1..]).zip(&differences[2..]);
        for ((magnitude, (left, right)), ((before, at), after)) in out.iter_mut().zip(across).zip(along) {
            let (dx, dy) = ((right - left) / 16.0, (3.0 * (before + after) + 10.0 * at) / 16.0);
            *magnitude = (dx * dx + dy * dy).sqrt();
        }
    }
    out
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]
    use super::*;
    use crate::evaluate::full_reference_golden as golden;

    #[test]
    fn agrees_with_piq() {
        for case in golden::cases() {
            let (x, y) = case.pictures();
            let ours = vsi(&VisualMaps::of(&x), &VisualMaps::of(&y)).unwrap();
            assert!((ours - case.vsi).abs() < 2e-5, "{}: {ours} and {}", case.name(), case.vsi);
        }
    }

    #[test]
    fn a_picture_is_like_itself_and_a_worse_one_less() {
        let picture = golden::picture(90, 70, 5);
        let darkened = |by: u8| {
            let darker = picture.pixels().flat_map(|pixel| pixel.0.map(|value| value - value / by)).collect();
            RgbImage::from_raw(90, 70, darker).unwrap()
        };
        let maps = VisualMaps::of(&picture);
        let score = |other: &RgbImage| vsi(&maps, &VisualMaps::of(other)).unwrap();
        assert_eq!(score(&picture), 1.0);
        let (little, much) = (score(&darkened(8)), score(&darkened(2)));
        assert!(much < little && little < 1.0, "{little} {much}");
    }

    #[test]
    fn any_size_has_a_score_and_two_sizes_have_none() {
        for (width, height) in [(1, 1), (1, 9), (300, 2)] {
            let (x, y) = (golden::picture(width, height, 1), golden::picture(width, height, 2));
            let score = vsi(&VisualMaps::of(&x), &VisualMaps::of(&y)).unwrap();
            assert!(score.is_finite() && score <= 1.0, "{width}×{height}: {score}");
        }
        let (x, y) = (VisualMaps::of(&RgbImage::new(8, 9)), VisualMaps::of(&RgbImage::new(9, 8)));
        assert_eq!(vsi(&x, &y), Err(FullReferenceError::Sizes(8, 9, 9, 8)));
    }
}
