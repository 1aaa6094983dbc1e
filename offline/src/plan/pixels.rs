//! A variant's picture straight from its original: what labelling, training and `generate` read.

use std::sync::Arc;

use image::RgbImage;

use super::planned::{PlannedOriginal, PlannedVariant};
use crate::distort::{self, DistortError, UnknownDistortion};
use crate::recipe::{Pattern, Recipe};
use crate::render::candidate;
use crate::source::SourceError;

/// Two levels of one original made into one picture through its mask.
pub trait Fusion {
    /// `roi` where the mask is set, `background` elsewhere, the edge as the recipe says. Both have the mask's size.
    ///
    /// # Errors
    /// The sizes differ; one line.
    fn fuse(&self, roi: &RgbImage, background: &RgbImage) -> Result<RgbImage, String>;
}

/// Where masks come from.
pub trait Masks: Sync {
    /// The fusion through an original's mask, which is the one that the plan names.
    ///
    /// # Errors
    /// There is none, it is not the plan's, or it can't be read; one line.
    fn fusion(&self, planned: &PlannedOriginal, recipe: &Recipe) -> Result<Box<dyn Fusion>, String>;
}

/// No masks: uniform variants only.
#[derive(Debug, Clone, Copy, Default)]
pub struct UniformOnly;

impl Masks for UniformOnly {
    fn fusion(&self, _planned: &PlannedOriginal, _recipe: &Recipe) -> Result<Box<dyn Fusion>, String> {
        Err("region patterns need masks, and none are at hand".to_owned())
    }
}

/// Why a planned picture could not be made.
#[derive(Debug, thiserror::Error)]
pub enum PixelsError {
    /// The original can't be loaded, or has changed.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The plan names a distortion that this version does not have.
    #[error(transparent)]
    Unknown(#[from] UnknownDistortion),
    /// The distortion refused.
    #[error("original `{original}`: {source}")]
    Distort {
        /// Id of the original.
        original: String,
        /// The distortion's reason.
        source: DistortError,
    },
    /// The region pattern could not be made.
    #[error("original `{original}`: {reason}")]
    Mask {
        /// Id of the original.
        original: String,
        /// Why, and what would help.
        reason: String,
    },
}

/// One original in hand: its pixels, its mask, and the levels of one distortion at a time.
///
/// Asked for the variants in the plan's order, it makes each candidate once.
pub struct Rendering<'a> {
    recipe: &'a Recipe,
    planned: &'a PlannedOriginal,
    rgb: RgbImage,
    fusion: Option<Box<dyn Fusion>>,
    distortion: String,
    candidates: Vec<(i16, Arc<RgbImage>)>,
}

impl<'a> Rendering<'a> {
    /// Loads an original; its mask too if a variant needs it.
    ///
    /// # Errors
    /// The original or its mask is not there, broken, or not the plan's.
    pub fn open(recipe: &'a Recipe, planned: &'a PlannedOriginal, masks: &dyn Masks) -> Result<Self, PixelsError> {
        let rgb = planned.original.load()?;
        let fused = planned.variants.iter().any(|variant| variant.pair.pattern() != Pattern::Uniform);
        let fusion = if fused {
            let mask = |reason| PixelsError::Mask { original: planned.original.id.clone(), reason };
            Some(masks.fusion(planned, recipe).map_err(mask)?)
        } else {
            None
        };
        Ok(Self { recipe, planned, rgb, fusion, distortion: String::new(), candidates: Vec::new() })
    }

    /// The undistorted pixels.
    #[must_use]
    pub fn original(&self) -> &RgbImage {
        &self.rgb
    }

    /// The picture of a variant. A uniform one is the level itself, without a copy.
    ///
    /// # Errors
    /// The distortion refuses, or the mask does not fit.
    pub fn variant(&mut self, variant: &PlannedVariant) -> Result<Arc<RgbImage>, PixelsError> {
        if self.distortion != variant.distortion {
            self.candidates.clear();
            self.distortion.clone_from(&variant.distortion);
        }
        let roi = self.candidate(variant.roi.row)?;
        if variant.pair.pattern() == Pattern::Uniform {
            return Ok(roi);
        }
        let background = self.candidate(variant.background.row)?;
        let mask = |reason| PixelsError::Mask { original: self.planned.original.id.clone(), reason };
        let fusion = self.fusion.as_ref().ok_or_else(|| mask("the variant is not one of the original's".to_owned()))?;
        fusion.fuse(&roi, &background).map(Arc::new).map_err(mask)
    }

    fn candidate(&mut self, row: i16) -> Result<Arc<RgbImage>, PixelsError> {
        if let Some((_, made)) = self.candidates.iter().find(|(known, _)| *known == row) {
            return Ok(made.clone());
        }
        let distortion = distort::find(&self.distortion)?;
        let made = usize::try_from(row)
            .map_err(|_| self.recipe.no_row(distortion, i64::from(row)))
            .and_then(|row| candidate(self.recipe, &self.rgb, &self.planned.original.pixel_sha256, distortion, row))
            .map_err(|source| PixelsError::Distort { original: self.planned.original.id.clone(), source })?;
        let made = Arc::new(made);
        self.candidates.push((row, made.clone()));
        Ok(made)
    }
}
