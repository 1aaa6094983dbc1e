//! How far each variant is from its original.

use image::RgbImage;

use super::variants::{Variant, VariantError};
use crate::columns;
use crate::evaluate::{Luma, ssim};
use crate::rank::psnr;
use crate::recipe::{Pair, Pattern};

/// One row of `stats.parquet`: a variant against its original.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    /// Id of the original.
    pub original: String,
    /// Name of the distortion.
    pub distortion: String,
    /// Level of the region, 1 (mild) or more.
    pub roi_level: u8,
    /// Level of the background.
    pub background_level: u8,
    /// PSNR in dB (8 bits, RGB together); infinite when identical.
    pub psnr: f64,
    /// Mean SSIM on luma, at most 1; none for pictures under 11×11.
    pub ssim: Option<f64>,
}

columns!(Measured { original, distortion, roi_level, background_level, psnr, ssim });

impl Measured {
    /// Levels of region and background.
    #[must_use]
    pub fn pair(&self) -> Pair {
        Pair { roi: self.roi_level, background: self.background_level }
    }

    /// UD, ROI-DD or BG-DD.
    #[must_use]
    pub fn pattern(&self) -> Pattern {
        self.pair().pattern()
    }
}

/// Compares variants with their original, one at a time; no more than one variant is in memory.
///
/// # Errors
/// The first variant that can't be had, or has another size.
pub fn measure<E: From<VariantError>>(
    original: &str,
    rgb: &RgbImage,
    variants: impl Iterator<Item = Result<Variant, E>>,
) -> Result<Vec<Measured>, E> {
    let luma = Luma::of(rgb);
    let row = |variant: Result<Variant, E>| {
        let variant = variant?;
        let psnr = psnr(rgb, &variant.picture).ok_or_else(|| VariantError::Size {
            path: format!("{original}_{}", variant.distortion).into(),
            expected: rgb.dimensions(),
            found: variant.picture.dimensions(),
        })?;
        Ok(Measured {
            original: original.to_owned(),
            distortion: variant.distortion,
            roi_level: variant.pair.roi,
            background_level: variant.pair.background,
            psnr,
            ssim: ssim(&luma, &Luma::of(&variant.picture)).ok(),
        })
    };
    variants.map(row).collect()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]
mod tests {
    use super::*;

    fn variant(picture: RgbImage) -> Result<Variant, VariantError> {
        let picture = std::sync::Arc::new(picture);
        Ok(Variant { distortion: "fog".into(), pair: Pair { roi: 2, background: 1 }, picture })
    }

    #[test]
    fn known_distances_and_other_sizes() {
        let grey = |value: u8, w: u32, h: u32| RgbImage::from_pixel(w, h, image::Rgb([value; 3]));
        let original = grey(100, 16, 12);
        let rows =
            measure("a", &original, [variant(grey(100, 16, 12)), variant(grey(101, 16, 12))].into_iter()).unwrap();
        assert_eq!((rows[0].psnr, rows[0].ssim), (f64::INFINITY, Some(1.0)));
        assert!((rows[1].psnr - 48.130_803_608_679_1).abs() < 1e-9);
        // Flat pictures: only the term of the means is left, (2xy + C1) / (x² + y² + C1).
        let (x, y, c1) = (100.0, 101.0, 0.01_f64.powi(2) * 255.0_f64.powi(2));
        assert!((rows[1].ssim.unwrap() - (2.0 * x * y + c1) / (x * x + y * y + c1)).abs() < 1e-5);
        assert_eq!((rows[1].pattern(), rows[1].pair()), (Pattern::RoiDominated, Pair { roi: 2, background: 1 }));

        let tiny = measure("a", &grey(1, 5, 5), [variant(grey(3, 5, 5))].into_iter()).unwrap();
        assert_eq!(tiny[0].ssim, None);
        let refused = measure("a", &original, [variant(grey(1, 12, 16))].into_iter()).unwrap_err().to_string();
        assert!(refused.contains("(12, 16)") && refused.contains("(16, 12)"), "{refused}");
    }
}
