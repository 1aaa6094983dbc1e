//! Structural similarity (Wang, Bovik, Sheikh and Simoncelli 2004) on luma.

use image::RgbImage;

/// Gaussian window of 11 taps, σ 1.5 (section III.B).
const TAPS: usize = 11;
const SIGMA: f64 = 1.5;
/// (K·L)² with K1 0.01, K2 0.03 and L 255.
const C1: f32 = 0.01 * 0.01 * 255.0 * 255.0;
const C2: f32 = 0.03 * 0.03 * 255.0 * 255.0;
/// Luma is filtered about mid-grey: variances are differences of squares, and `f32` holds small
/// squares more finely.
const MIDDLE: f32 = 128.0;

/// Why two pictures have no SSIM.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SsimError {
    /// The two sizes differ.
    #[error("pictures of {0}×{1} and {2}×{3} can't be compared; give two of one size")]
    Sizes(u32, u32, u32, u32),
    /// No place where the whole window fits.
    #[error("a picture of {0}×{1} is smaller than SSIM's window; give at least {TAPS}×{TAPS}")]
    TooSmall(u32, u32),
}

/// 8-bit luma of a picture, row by row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Luma {
    width: u32,
    height: u32,
    values: Vec<u8>,
}

impl Luma {
    /// BT.601 luma rounded to 8 bits, as the authors' reference takes it from RGB.
    pub fn of(picture: &RgbImage) -> Self {
        let values = picture
            .pixels()
            .map(|p| {
                let [r, g, b] = p.0.map(u32::from);
                ((299 * r + 587 * g + 114 * b + 500) / 1000) as u8
            })
            .collect();
        Self { width: picture.width(), height: picture.height(), values }
    }

    /// Takes `width · height` values; `None` for another count.
    pub fn from_values(width: u32, height: u32, values: Vec<u8>) -> Option<Self> {
        (values.len() as u64 == u64::from(width) * u64::from(height)).then_some(Self { width, height, values })
    }
}

/// Mean SSIM over the places where the whole window fits, at most 1.
///
/// At full resolution: the reference's optional shrinking of large pictures is not done.
///
/// # Errors
/// Sizes that differ or are under 11×11.
pub fn ssim(x: &Luma, y: &Luma) -> Result<f64, SsimError> {
    if (x.width, x.height) != (y.width, y.height) {
        return Err(SsimError::Sizes(x.width, x.height, y.width, y.height));
    }
    let (width, height) = (x.width as usize, x.height as usize);
    if width < TAPS || height < TAPS {
        return Err(SsimError::TooSmall(x.width, x.height));
    }
    let window = window();
    let out = width - TAPS + 1;
    let mut down = [(); 4].map(|()| vec![0_f32; width]);
    let mut across = [(); 4].map(|()| vec![0_f32; out]);
    let mut total = 0.0;
    for top in 0..=height - TAPS {
        down.iter_mut().for_each(|sums| sums.fill(0.0));
        for (tap, &weight) in window.iter().enumerate() {
            let row = (top + tap) * width..(top + tap + 1) * width;
            accumulate(&mut down, weight, &x.values[row.clone()], &y.values[row]);
        }
        for (sums, filtered) in down.iter().zip(&mut across) {
            filtered.fill(0.0);
            for (tap, &weight) in window.iter().enumerate() {
                for (value, sum) in filtered.iter_mut().zip(&sums[tap..]) {
                    *value += weight * sum;
                }
            }
        }
        let [mean_x, mean_y, squares, products] = &across;
        let mut row_total = 0.0_f32;
        for i in 0..out {
            row_total += similarity(mean_x[i], mean_y[i], squares[i], products[i]);
        }
        total += f64::from(row_total);
    }
    Ok(total / ((height - TAPS + 1) * out) as f64)
}

/// Adds one weighted row to the vertical sums of x, y, x² + y² and x·y.
fn accumulate(sums: &mut [Vec<f32>; 4], weight: f32, x: &[u8], y: &[u8]) {
    let [sum_x, sum_y, squares, products] = sums;
    let places = sum_x.iter_mut().zip(sum_y).zip(squares).zip(products);
    for ((((sx, sy), s2), sp), (&x, &y)) in places.zip(x.iter().zip(y)) {
        let (x, y) = (f32::from(x) - MIDDLE, f32::from(y) - MIDDLE);
        *sx += weight * x;
        *sy += weight * y;
        *s2 += weight * (x * x + y * y);
        *sp += weight * (x * y);
    }
}

/// Equation 13; only the sum of the two variances is needed.
fn similarity(mean_x: f32, mean_y: f32, squares: f32, products: f32) -> f32 {
    let variances = squares - mean_x * mean_x - mean_y * mean_y;
    let covariance = products - mean_x * mean_y;
    let (mx, my) = (mean_x + MIDDLE, mean_y + MIDDLE);
    ((2.0 * mx * my + C1) * (2.0 * covariance + C2)) / ((mx * mx + my * my + C1) * (variances + C2))
}

fn window() -> [f32; TAPS] {
    let weight = |tap: usize| {
        let offset = tap as f64 - (TAPS / 2) as f64;
        (-offset * offset / (2.0 * SIGMA * SIGMA)).exp()
    };
    let sum: f64 = (0..TAPS).map(weight).sum();
    std::array::from_fn(|tap| (weight(tap) / sum) as f32)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used)]
    use super::*;
    use crate::evaluate::golden;

    #[test]
    fn agrees_with_scikit_image() {
        for case in golden::statistics().ssim {
            let plane = |hex: &str| {
                let bytes = (0..hex.len()).step_by(2);
                let values = bytes.map(|i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap());
                Luma::from_values(case.width, case.height, values.collect()).unwrap()
            };
            let ours = ssim(&plane(&case.x), &plane(&case.y)).unwrap();
            assert!((ours - case.ssim).abs() < 1e-5, "{}: {ours} and {}", case.name, case.ssim);
        }
    }

    #[test]
    fn a_picture_is_like_itself() {
        let picture = RgbImage::from_fn(40, 30, |x, y| image::Rgb([x as u8 * 6, y as u8 * 8, 90]));
        let luma = Luma::of(&picture);
        assert!((ssim(&luma, &luma).unwrap() - 1.0).abs() < 1e-6);
    }

    #[test]
    fn luma_is_bt601() {
        let picture = RgbImage::from_fn(2, 1, |x, _| image::Rgb([[255, 0, 0], [10, 200, 30]][x as usize]));
        assert_eq!(Luma::of(&picture).values, [76, 124]);
    }

    #[test]
    fn refuses_what_it_cannot_compare() {
        let plane = |w, h| Luma::from_values(w, h, vec![0; (w * h) as usize]).unwrap();
        assert_eq!(ssim(&plane(20, 20), &plane(20, 21)), Err(SsimError::Sizes(20, 20, 20, 21)));
        assert_eq!(ssim(&plane(10, 20), &plane(10, 20)), Err(SsimError::TooSmall(10, 20)));
        assert_eq!(Luma::from_values(3, 3, vec![0; 8]), None);
    }
}
