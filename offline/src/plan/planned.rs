//! One original of a plan with its variants, in canonical order.

use std::cmp::Ordering;

use crate::recipe::{Pair, Pattern};
use crate::source::Original;

/// An original and all that is to be made of it.
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedOriginal {
    /// The picture.
    pub original: Original,
    /// Its region of interest; `None` allows uniform variants only.
    pub mask: Option<PlannedMask>,
    /// In canonical order, see [`PlannedVariant::canonical_order`].
    pub variants: Vec<PlannedVariant>,
}

/// The mask of an original.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedMask {
    /// Where it comes from, with a fingerprint of its settings.
    pub source: String,
    /// Its file.
    pub path: String,
    /// SHA-256 of its size and pixels, 64 hexadecimal digits.
    pub sha256: String,
}

/// A picture to be made: one distortion at a level for the region of interest and one for the background.
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedVariant {
    /// Name of the distortion.
    pub distortion: String,
    /// Levels from 1 (mild).
    pub pair: Pair,
    /// Candidate that is the region's level.
    pub roi: Choice,
    /// Candidate that is the background's level; the same one in uniform variants.
    pub background: Choice,
    /// Name of the file in the published layout, [`Pair::stem`] with `.png`.
    pub name: String,
}

/// A candidate that became a level.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Choice {
    /// Parameter row of the recipe, from 0.
    pub row: i16,
    /// PSNR against the original in dB, infinite when identical.
    pub psnr: f64,
}

impl PlannedVariant {
    /// A variant of the original of this id, with its published name.
    #[must_use]
    pub fn new(original: &str, distortion: &str, pair: Pair, roi: Choice, background: Choice) -> Self {
        let name = pair.stem(original, distortion) + ".png";
        Self { distortion: distortion.to_owned(), pair, roi, background, name }
    }

    /// The order of variants in a plan: by name of the distortion, then pattern, then milder and stronger level. So the
    /// variants of one distortion are together, in the order of the paper's tables.
    #[must_use]
    pub fn canonical_order(&self, other: &Self) -> Ordering {
        let key = |variant: &Self| {
            let Pair { roi, background } = variant.pair;
            (pattern_number(variant.pair.pattern()), roi.min(background), roi.max(background))
        };
        self.distortion.cmp(&other.distortion).then_with(|| key(self).cmp(&key(other)))
    }
}

fn pattern_number(pattern: Pattern) -> usize {
    Pattern::ALL.iter().position(|&known| known == pattern).unwrap_or(Pattern::ALL.len())
}
