//! A variant's picture straight from its original: what labelling, training and `generate` read.

use std::path::Path;
use std::sync::Arc;

use image::RgbImage;

use super::planned::{PlannedOriginal, PlannedVariant};
use crate::distort::{self, DistortError, UnknownDistortion};
use crate::mask::{Mask, MaskError};
use crate::recipe::{Pattern, Recipe};
use crate::render::{FusionWeight, RadiusError, SizeError, candidate, fuse};
use crate::source::{PixelHash, SourceError};

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
        source: Box<DistortError>,
    },
    /// A region pattern was planned without a mask.
    #[error(
        "original `{0}`: region patterns need a mask, and the plan names none; run `miqa-offline mask` and plan again"
    )]
    NoMask(String),
    /// The mask can't be used.
    #[error("original `{original}`: {source}")]
    Mask {
        /// Id of the original.
        original: String,
        /// Why, and what would help.
        source: Box<MaskError>,
    },
    /// The recipe softens masks in a way that there is none for.
    #[error(transparent)]
    Softening(#[from] RadiusError),
    /// The mask has another size than the original.
    #[error("original `{original}`: {source}")]
    Size {
        /// Id of the original.
        original: String,
        /// Both sizes.
        source: SizeError,
    },
}

impl PixelsError {
    /// Whether the file of the original or its mask can't be found, as when a file system is not mounted.
    #[must_use]
    pub fn is_absent(&self) -> bool {
        match self {
            Self::Source(SourceError::Image(error)) => is_absent(&error.path),
            Self::Mask { source, .. } => match source.as_ref() {
                MaskError::Picture { path, .. } => is_absent(path),
                _ => false,
            },
            _ => false,
        }
    }
}

/// Whether a file can't be found: removed, or on a file system that is not mounted.
fn is_absent(path: &Path) -> bool {
    !path.try_exists().unwrap_or(false)
}

/// One original in hand: its pixels, its mask, and the levels of one distortion at a time.
///
/// Asked for the variants in the plan's order, it makes each candidate once.
pub struct Rendering<'a> {
    recipe: &'a Recipe,
    original: String,
    pixels: PixelHash,
    rgb: Arc<RgbImage>,
    weight: Option<FusionWeight>,
    distortion: String,
    candidates: Vec<(i16, Arc<RgbImage>)>,
}

impl<'a> Rendering<'a> {
    /// Loads an original; its mask too if a variant needs it.
    ///
    /// # Errors
    /// The original or its mask is not there, broken, or not the plan's.
    pub fn open(recipe: &'a Recipe, planned: &PlannedOriginal) -> Result<Self, PixelsError> {
        Self::of(recipe, planned, Arc::new(planned.original.load()?))
    }

    /// The same with the original's pixels, which are there already; its mask is loaded if a variant needs it.
    ///
    /// # Errors
    /// The mask is not there, broken, or not the plan's.
    pub fn of(recipe: &'a Recipe, planned: &PlannedOriginal, rgb: Arc<RgbImage>) -> Result<Self, PixelsError> {
        let fused = planned.variants.iter().any(|variant| variant.pair.pattern() != Pattern::Uniform);
        let weight = if fused { Some(weight(recipe, planned)?) } else { None };
        Ok(Self {
            recipe,
            original: planned.original.id.clone(),
            pixels: planned.original.pixel_sha256,
            rgb,
            weight,
            distortion: String::new(),
            candidates: Vec::new(),
        })
    }

    /// The undistorted picture.
    #[must_use]
    pub fn original(&self) -> &Arc<RgbImage> {
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
        let weight = self.weight.as_ref().ok_or_else(|| PixelsError::NoMask(self.original.clone()))?;
        let size = |source| PixelsError::Size { original: self.original.clone(), source };
        fuse(weight, &roi, &background).map(Arc::new).map_err(size)
    }

    fn candidate(&mut self, row: i16) -> Result<Arc<RgbImage>, PixelsError> {
        if let Some((_, made)) = self.candidates.iter().find(|(known, _)| *known == row) {
            return Ok(made.clone());
        }
        let distortion = distort::find(&self.distortion)?;
        let made = usize::try_from(row)
            .map_err(|_| self.recipe.no_row(distortion, i64::from(row)))
            .and_then(|row| candidate(self.recipe, &self.rgb, &self.pixels, distortion, row))
            .map_err(|source| PixelsError::Distort { original: self.original.clone(), source: Box::new(source) })?;
        let made = Arc::new(made);
        self.candidates.push((row, made.clone()));
        Ok(made)
    }
}

/// The weight of the mask that the plan names.
fn weight(recipe: &Recipe, planned: &PlannedOriginal) -> Result<FusionWeight, PixelsError> {
    let original = &planned.original.id;
    let named = planned.mask.as_ref().ok_or_else(|| PixelsError::NoMask(original.clone()))?;
    let path = Path::new(&named.path);
    let mask = Mask::read(path)
        .and_then(|mask| {
            let same = mask.sha256().to_string() == named.sha256;
            if same { Ok(mask) } else { Err(MaskError::Changed { path: path.to_owned() }) }
        })
        .map_err(|source| PixelsError::Mask { original: original.clone(), source: Box::new(source) })?;
    Ok(FusionWeight::of(&mask, recipe.softening())?)
}
