//! Multi-scale structural similarity (Wang, Simoncelli and Bovik 2003) on RGB.

use image::RgbImage;

use super::full_reference::FullReferenceError;
use super::window::{self, Place, Plane, TAPS};

/// Exponents of the scales, finest first (section 3.2).
const WEIGHTS: [f64; 5] = [0.0448, 0.2856, 0.3001, 0.2363, 0.1333];
/// The least side of a picture: halved four times, the whole window still fits.
pub const LEAST_SIDE: u32 = (TAPS as u32 - 1) * (1 << (WEIGHTS.len() - 1)) + 1;

/// A picture at five scales, each channel on its own.
#[derive(Debug, Clone, PartialEq)]
pub struct Pyramid {
    size: (u32, u32),
    /// Five planes, finest first, of red, green and blue.
    channels: [Vec<Plane>; 3],
}

impl Pyramid {
    /// Halves a picture four times by means of 2×2 pixels.
    ///
    /// # Errors
    /// [`FullReferenceError::TooSmall`]: a side under [`LEAST_SIDE`].
    pub fn of(picture: &RgbImage) -> Result<Self, FullReferenceError> {
        let (width, height) = picture.dimensions();
        FullReferenceError::check_least("MS-SSIM", (width, height), LEAST_SIDE)?;
        let channels = [0, 1, 2].map(|channel| {
            let mut planes = vec![Plane::of(width, height, picture.pixels().map(|pixel| pixel.0[channel]))];
            for scale in 1..WEIGHTS.len() {
                planes.push(halved(&planes[scale - 1]));
            }
            planes
        });
        Ok(Self { size: (width, height), channels })
    }
}

/// Means of 2×2 values. Where a side is odd, the first row and the first column count twice, and what is left over at
/// the other end is dropped, as in piq.
fn halved(plane: &Plane) -> Plane {
    let shift = (plane.width % 2).max(plane.height % 2);
    let (width, height) = ((plane.width + shift) / 2, (plane.height + shift) / 2);
    let mut values = Vec::with_capacity(width * height);
    let before = |at: usize| (2 * at).saturating_sub(shift);
    for y in 0..height {
        let above = &plane.values[before(y) * plane.width..][..plane.width];
        let below = &plane.values[(2 * y + 1 - shift) * plane.width..][..plane.width];
        values.extend((0..width).map(|x| {
            let (left, right) = (before(x), 2 * x + 1 - shift);
            (above[left] + above[right] + below[left] + below[right]) / 4.0
        }));
    }
    Plane { width, height, values }
}

/// MS-SSIM, 0 to 1: the product of the scales' figures to the power of their weights, mean of red, green and blue.
///
/// Equal to `piq.multi_scale_ssim(x, y, data_range=255)` with its defaults: window of 11 taps and σ 1.5 where it fits
/// as a whole, K1 0.01, K2 0.03, contrast and structure at the four finer scales, SSIM itself at the coarsest; a
/// negative mean counts as 0.
///
/// # Errors
/// [`FullReferenceError::Sizes`]: sizes that differ.
pub fn ms_ssim(x: &Pyramid, y: &Pyramid) -> Result<f64, FullReferenceError> {
    FullReferenceError::check_sizes(x.size, y.size)?;
    let coarsest = WEIGHTS.len() - 1;
    let channel = |x: &[Plane], y: &[Plane]| -> f64 {
        let scales = x.iter().zip(y).zip(WEIGHTS).enumerate();
        let powers = scales.map(|(scale, ((x, y), weight))| {
            let mean = if scale == coarsest {
                window::mean(x, y, Place::similarity)
            } else {
                window::mean(x, y, Place::contrast_structure)
            };
            mean.max(0.0).powf(weight)
        });
        powers.product()
    };
    let sum: f64 = x.channels.iter().zip(&y.channels).map(|(x, y)| channel(x, y)).sum();
    Ok(sum / 3.0)
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
            let ours = ms_ssim(&Pyramid::of(&x).unwrap(), &Pyramid::of(&y).unwrap()).unwrap();
            assert!((ours - case.ms_ssim).abs() < 1e-5, "{}: {ours} and {}", case.name(), case.ms_ssim);
        }
    }

    #[test]
    fn a_picture_is_like_itself_and_unlike_its_negative() {
        let picture = golden::picture(200, 170, 3);
        let pyramid = Pyramid::of(&picture).unwrap();
        assert!((ms_ssim(&pyramid, &pyramid).unwrap() - 1.0).abs() < 1e-6);
        let negative = RgbImage::from_fn(200, 170, |x, y| image::Rgb(picture.get_pixel(x, y).0.map(|v| 255 - v)));
        assert!(ms_ssim(&pyramid, &Pyramid::of(&negative).unwrap()).unwrap() < 0.01);
    }

    #[test]
    fn halving_repeats_the_first_and_drops_the_last_of_an_odd_side() {
        let plane = |width: u32, values: &[u8]| Plane::of(width, values.len() as u32 / width, values.iter().copied());
        assert_eq!(halved(&plane(4, &[1, 3, 5, 7, 1, 3, 5, 7])), plane(2, &[2, 6]));
        // 3×2: both sides get one in front; of the height of three the last row is left over.
        assert_eq!(halved(&plane(3, &[0, 10, 20, 100, 100, 100])), plane(2, &[0, 15]));
        assert_eq!(halved(&plane(3, &[0, 10, 20, 0, 10, 20, 0, 10, 20])), plane(2, &[0, 15, 0, 15]));
    }

    #[test]
    fn refuses_what_it_cannot_compare() {
        let of = |width, height| Pyramid::of(&RgbImage::new(width, height));
        assert_eq!(
            of(160, 300).unwrap_err(),
            FullReferenceError::TooSmall { figure: "MS-SSIM", width: 160, height: 300, least: 161 }
        );
        let (x, y) = (of(161, 161).unwrap(), of(161, 162).unwrap());
        assert_eq!(ms_ssim(&x, &y), Err(FullReferenceError::Sizes(161, 161, 161, 162)));
    }
}
