//! A variant beside its original: what depends on the original alone is computed once.

use image::RgbImage;

use super::{Luma, Pyramid, VisualMaps, ms_ssim, ssim, vsi};

/// Why two pictures can't be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FullReferenceError {
    /// The two sizes differ.
    #[error("pictures of {0}×{1} and {2}×{3} can't be compared; give two of one size")]
    Sizes(u32, u32, u32, u32),
    /// No place where the whole window fits.
    #[error("a picture of {width}×{height} is too small for {figure}'s window; give at least {least}×{least}")]
    TooSmall {
        /// Name of the figure.
        figure: &'static str,
        /// Of the picture.
        width: u32,
        /// Of the picture.
        height: u32,
        /// The least side.
        least: u32,
    },
}

impl FullReferenceError {
    pub(super) fn check_sizes(x: (u32, u32), y: (u32, u32)) -> Result<(), Self> {
        if x == y { Ok(()) } else { Err(Self::Sizes(x.0, x.1, y.0, y.1)) }
    }

    pub(super) fn check_least(figure: &'static str, (width, height): (u32, u32), least: u32) -> Result<(), Self> {
        if width.min(height) < least { Err(Self::TooSmall { figure, width, height, least }) } else { Ok(()) }
    }
}

/// How like its original a variant is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Likeness {
    /// SSIM on luma.
    pub ssim: f64,
    /// MS-SSIM on RGB; `None` for pictures with a side under [`super::LEAST_SIDE`].
    pub ms_ssim: Option<f64>,
    /// VSI.
    pub vsi: f64,
}

/// An original, prepared to be compared with its variants.
#[derive(Debug)]
pub struct Reference {
    luma: Luma,
    pyramid: Option<Pyramid>,
    maps: VisualMaps,
}

impl Reference {
    /// Prepares a picture.
    #[must_use]
    pub fn of(picture: &RgbImage) -> Self {
        Self { luma: Luma::of(picture), pyramid: Pyramid::of(picture).ok(), maps: VisualMaps::of(picture) }
    }

    /// Compares a variant with it.
    ///
    /// # Errors
    /// Sizes that differ or are under 11×11.
    pub fn likeness(&self, variant: &RgbImage) -> Result<Likeness, FullReferenceError> {
        let ssim = ssim(&self.luma, &Luma::of(variant))?;
        let ms_ssim = match &self.pyramid {
            Some(pyramid) => Some(ms_ssim(pyramid, &Pyramid::of(variant)?)?),
            None => None,
        };
        Ok(Likeness { ssim, ms_ssim, vsi: vsi(&self.maps, &VisualMaps::of(variant))? })
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]
    use super::*;
    use crate::evaluate::full_reference_golden::picture;

    #[test]
    fn figures_are_those_of_each_function() {
        let (x, y) = (picture(170, 161, 1), picture(170, 161, 2));
        let found = Reference::of(&x).likeness(&y).unwrap();
        assert_eq!(found.ssim, ssim(&Luma::of(&x), &Luma::of(&y)).unwrap());
        assert_eq!(found.ms_ssim, ms_ssim(&Pyramid::of(&x).unwrap(), &Pyramid::of(&y).unwrap()).ok());
        assert_eq!(found.vsi, vsi(&VisualMaps::of(&x), &VisualMaps::of(&y)).unwrap());
    }

    #[test]
    fn a_small_picture_lacks_ms_ssim_only_and_a_smaller_one_is_refused() {
        let likeness = |width, height| {
            let picture = picture(width, height, 4);
            Reference::of(&picture).likeness(&picture)
        };
        let small = likeness(160, 161).unwrap();
        assert_eq!((small.ms_ssim, small.vsi), (None, 1.0));
        assert!((small.ssim - 1.0).abs() < 1e-6);
        let error = likeness(10, 161).unwrap_err().to_string();
        assert!(error.contains("10×161") && error.contains("11×11"), "{error}");
    }
}
