//! Which picture a sample is.

use std::sync::Arc;

use image::RgbImage;

use crate::plan::{PixelsError, PlannedOriginal, PlannedVariant, Rendering};
use crate::recipe::Pattern;

/// Name in tables of the undistorted picture.
pub const CLEAN: &str = "none";

/// Parameter row in tables of the undistorted picture.
pub const CLEAN_ROW: i16 = -1;

/// One picture of an original.
#[derive(Debug, Clone, PartialEq)]
pub enum Sample {
    /// The original itself.
    Clean,
    /// A variant of it.
    Variant(PlannedVariant),
}

impl Sample {
    /// The samples of an original: the clean picture, then its variants in the order that they have there.
    #[must_use]
    pub fn of(planned: PlannedOriginal) -> Vec<Self> {
        std::iter::once(Self::Clean).chain(planned.variants.into_iter().map(Self::Variant)).collect()
    }

    /// Its id: the original's for the clean picture, else the variant's published name without its extension.
    #[must_use]
    pub fn id(&self, original: &str) -> String {
        match self {
            Self::Clean => original.to_owned(),
            Self::Variant(variant) => variant.pair.stem(original, &variant.distortion),
        }
    }

    /// Name of its distortion, [`CLEAN`] for the clean picture.
    #[must_use]
    pub fn distortion(&self) -> &str {
        match self {
            Self::Clean => CLEAN,
            Self::Variant(variant) => &variant.distortion,
        }
    }

    /// Its level, 0 for the clean picture; with two levels that of the region of interest.
    #[must_use]
    pub fn level(&self) -> u8 {
        match self {
            Self::Clean => 0,
            Self::Variant(variant) => variant.pair.roi,
        }
    }

    /// Level of the background where it has another.
    #[must_use]
    pub fn background_level(&self) -> Option<u8> {
        match self {
            Self::Variant(variant) if variant.pair.pattern() != Pattern::Uniform => Some(variant.pair.background),
            _ => None,
        }
    }

    /// PSNR against the original in dB where it is known without the picture: infinite for the clean one, the
    /// candidate's for uniform variants, none for those of two levels.
    #[must_use]
    pub fn psnr(&self) -> Option<f64> {
        match self {
            Self::Clean => Some(f64::INFINITY),
            Self::Variant(variant) if variant.pair.pattern() == Pattern::Uniform => Some(variant.roi.psnr),
            Self::Variant(_) => None,
        }
    }

    /// Its picture, made from the original in hand.
    ///
    /// # Errors
    /// The distortion refuses, or the mask does not fit.
    pub fn picture(&self, rendering: &mut Rendering) -> Result<Arc<RgbImage>, PixelsError> {
        match self {
            Self::Clean => Ok(rendering.original().clone()),
            Self::Variant(variant) => rendering.variant(variant),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Choice;
    use crate::recipe::Pair;

    #[test]
    fn names_and_what_is_known_of_each_kind() {
        let variant = |roi, background| {
            let choice = |level: u8| Choice { row: i16::from(level), psnr: 40.0 - f64::from(level) };
            let pair = Pair { roi, background };
            Sample::Variant(PlannedVariant::new("a", "fog", pair, choice(roi), choice(background)))
        };
        for (sample, id, psnr) in [
            (Sample::Clean, "a", Some(f64::INFINITY)),
            (variant(3, 3), "a_fog_3", Some(37.0)),
            (variant(3, 1), "a_fog_fg_stronger_fg3_bg1", None),
            (variant(2, 5), "a_fog_bg_stronger_fg2_bg5", None),
        ] {
            assert_eq!((sample.id("a").as_str(), sample.psnr()), (id, psnr));
        }
    }
}
