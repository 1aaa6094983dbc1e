//! Structural similarity (Wang, Bovik, Sheikh and Simoncelli 2004) on luma.

use image::RgbImage;

use super::full_reference::FullReferenceError;
use super::window::{self, Place, Plane, TAPS};

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

    fn plane(&self) -> Plane {
        Plane::of(self.width, self.height, self.values.iter().copied())
    }
}

/// Mean SSIM over the places where the whole window fits, at most 1.
///
/// At full resolution: the reference's optional shrinking of large pictures is not done.
///
/// # Errors
/// Sizes that differ or are under 11×11.
pub fn ssim(x: &Luma, y: &Luma) -> Result<f64, FullReferenceError> {
    FullReferenceError::check_sizes((x.width, x.height), (y.width, y.height))?;
    FullReferenceError::check_least("SSIM", (x.width, x.height), TAPS as u32)?;
    Ok(window::mean(&x.plane(), &y.plane(), Place::similarity))
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
        assert_eq!(ssim(&plane(20, 20), &plane(20, 21)), Err(FullReferenceError::Sizes(20, 20, 20, 21)));
        assert_eq!(
            ssim(&plane(10, 20), &plane(10, 20)),
            Err(FullReferenceError::TooSmall { figure: "SSIM", width: 10, height: 20, least: 11 })
        );
        assert_eq!(Luma::from_values(3, 3, vec![0; 8]), None);
    }
}
