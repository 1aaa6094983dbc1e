//! The variants of an original, one after another, wherever they come from.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;

use image::RgbImage;

use crate::import::layout::StoredVariant;
use crate::rank::RankRow;
use crate::recipe::{Pair, Recipe};
use crate::render::{RenderError, sample};
use crate::source::{Original, SourceError, decode};

/// One degraded picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Variant {
    /// Name of the distortion.
    pub distortion: String,
    /// Levels of region and background; equal ones mean the whole picture.
    pub pair: Pair,
    /// The picture, of the original's size.
    pub picture: RgbImage,
}

/// Why an original's variants can't be had.
#[derive(Debug, thiserror::Error)]
pub enum VariantError {
    /// The original, or a variant's file.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// A variant can't be rendered.
    #[error(transparent)]
    Render(#[from] RenderError),
    /// A stored variant has another size than its original.
    #[error("{path} is {found:?} pixels, its original {expected:?}: generate it again")]
    Size {
        /// The variant's file.
        path: PathBuf,
        /// Width and height of the original.
        expected: (u32, u32),
        /// Width and height found.
        found: (u32, u32),
    },
}

/// Where variants come from.
#[derive(Debug)]
pub enum Variants {
    /// Uniform variants, rendered at the levels of `rank.parquet`.
    Ranked {
        /// The recipe of the ranks.
        recipe: Box<Recipe>,
        /// Rows by original.
        ranks: HashMap<String, Vec<RankRow>>,
    },
    /// Files in the authors' layout.
    Stored(BTreeMap<String, Vec<StoredVariant>>),
}

impl Variants {
    /// Distortions and pairs of an original, without making any picture; empty if it has none.
    #[must_use]
    pub fn list(&self, original: &str) -> Vec<(String, Pair)> {
        match self {
            Self::Ranked { ranks, .. } => {
                levels(ranks, original).map(|(level, row)| (row.distortion.clone(), uniform(level))).collect()
            }
            Self::Stored(files) => {
                let files = files.get(original).map_or(&[][..], Vec::as_slice);
                files.iter().map(|file| (file.distortion.clone(), file.pair)).collect()
            }
        }
    }

    /// Bytes on disk of an original's variants; 0 where they are rendered.
    #[must_use]
    pub fn bytes(&self, original: &str) -> u64 {
        match self {
            Self::Ranked { .. } => 0,
            Self::Stored(files) => files.get(original).map_or(0, |files| files.iter().map(|file| file.bytes).sum()),
        }
    }

    /// The pictures of an original, whose pixels are `rgb`, one at a time.
    pub fn of<'a>(
        &'a self,
        original: &'a Original,
        rgb: &'a RgbImage,
    ) -> Box<dyn Iterator<Item = Result<Variant, VariantError>> + 'a> {
        match self {
            Self::Ranked { recipe, ranks } => Box::new(levels(ranks, &original.id).map(move |(level, row)| {
                let picture = sample(recipe, original, rgb, &row.distortion, row.row)?;
                Ok(Variant { distortion: row.distortion.clone(), pair: uniform(level), picture })
            })),
            Self::Stored(files) => {
                let files = files.get(&original.id).map_or(&[][..], Vec::as_slice);
                Box::new(files.iter().map(move |file| {
                    let picture = decode(&file.path)?;
                    if picture.dimensions() != rgb.dimensions() {
                        let (expected, found) = (rgb.dimensions(), picture.dimensions());
                        return Err(VariantError::Size { path: file.path.clone(), expected, found });
                    }
                    Ok(Variant { distortion: file.distortion.clone(), pair: file.pair, picture })
                }))
            }
        }
    }
}

fn levels<'a>(
    ranks: &'a HashMap<String, Vec<RankRow>>,
    original: &str,
) -> impl Iterator<Item = (u8, &'a RankRow)> + use<'a> {
    let rows = ranks.get(original).map_or(&[][..], Vec::as_slice);
    rows.iter().filter_map(|row| Some((row.level?, row)))
}

fn uniform(level: u8) -> Pair {
    Pair { roi: level, background: level }
}
