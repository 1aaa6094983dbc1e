//! The variants of an original, one after another, wherever they come from.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::Arc;

use image::RgbImage;

use crate::import::layout::StoredVariant;
use crate::plan::{PixelsError, PlannedOriginal, Rendering};
use crate::recipe::Pair;
use crate::sample::{SampleError, SampleSource};
use crate::source::{Original, SourceError, decode};

/// One degraded picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Variant {
    /// Name of the distortion.
    pub distortion: String,
    /// Levels of region and background; equal ones mean the whole picture.
    pub pair: Pair,
    /// The picture, of the original's size.
    pub picture: Arc<RgbImage>,
}

/// Why an original's variants can't be had.
#[derive(Debug, thiserror::Error)]
pub enum VariantError {
    /// The original, or a variant's file.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The variants are not known.
    #[error(transparent)]
    Sample(#[from] SampleError),
    /// A variant can't be rendered.
    #[error(transparent)]
    Pixels(#[from] PixelsError),
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

/// Distortions and pairs of an original's variants.
type Kinds = Arc<[(String, Pair)]>;

/// Where variants come from.
#[derive(Debug)]
pub enum Variants {
    /// Rendered on demand.
    Rendered(Rendered),
    /// Files in the authors' layout.
    Stored(BTreeMap<String, Vec<StoredVariant>>),
}

/// Variants that ranks or a plan speak of.
#[derive(Debug)]
pub struct Rendered {
    source: SampleSource,
    /// By original. Nearly all have the same ones, so there is one list for those in a row that do.
    kinds: HashMap<String, Kinds>,
}

/// How many originals have a parameter row, by distortion, level and row.
pub type LevelRows = BTreeMap<String, BTreeMap<u8, BTreeMap<i16, usize>>>;

impl Variants {
    /// All variants of ranked originals or of a plan, and the parameters behind their levels.
    ///
    /// # Errors
    /// The plan can't be read.
    pub fn rendered(source: SampleSource) -> Result<(Self, LevelRows), SampleError> {
        let mut kinds: HashMap<String, Kinds> = HashMap::new();
        let mut last: Kinds = Arc::from([]);
        let levels = level_rows(&source, |planned| {
            let same = last.len() == planned.variants.len()
                && last
                    .iter()
                    .zip(&planned.variants)
                    .all(|(kind, variant)| *kind == (variant.distortion.clone(), variant.pair));
            if !same {
                last = planned.variants.iter().map(|variant| (variant.distortion.clone(), variant.pair)).collect();
            }
            kinds.insert(planned.original.id.clone(), last.clone());
        })?;
        Ok((Self::Rendered(Rendered { source, kinds }), levels))
    }

    /// Distortions and pairs of an original, without making any picture; empty if it has none.
    #[must_use]
    pub fn list(&self, original: &str) -> Vec<(String, Pair)> {
        match self {
            Self::Rendered(rendered) => rendered.kinds.get(original).map_or(Vec::new(), |kinds| kinds.to_vec()),
            Self::Stored(files) => {
                let files = files.get(original).map_or(&[][..], Vec::as_slice);
                files.iter().map(|file| (file.distortion.clone(), file.pair)).collect()
            }
        }
    }

    /// The file of the mask that a plan fuses an original's variants through.
    ///
    /// # Errors
    /// The plan can't be read.
    pub fn mask(&self, original: &Original) -> Result<Option<PathBuf>, SampleError> {
        match self {
            Self::Rendered(Rendered { source, .. }) => {
                Ok(source.planned(original)?.mask.map(|mask| PathBuf::from(mask.path)))
            }
            Self::Stored(_) => Ok(None),
        }
    }

    /// Bytes on disk of an original's variants; 0 where they are rendered.
    #[must_use]
    pub fn bytes(&self, original: &str) -> u64 {
        match self {
            Self::Rendered(_) => 0,
            Self::Stored(files) => files.get(original).map_or(0, |files| files.iter().map(|file| file.bytes).sum()),
        }
    }

    /// The pictures of an original, whose pixels are `rgb`, one at a time.
    pub fn of<'a>(
        &'a self,
        original: &'a Original,
        rgb: &'a Arc<RgbImage>,
    ) -> Box<dyn Iterator<Item = Result<Variant, VariantError>> + 'a> {
        match self {
            Self::Rendered(Rendered { source, .. }) => {
                let opened = source.planned(original).map_err(VariantError::from).and_then(|planned| {
                    let rendering = Rendering::of(source.recipe(), &planned, rgb.clone())?;
                    Ok((planned, rendering))
                });
                match opened {
                    Err(error) => Box::new(std::iter::once(Err(error))),
                    Ok((planned, mut rendering)) => Box::new(planned.variants.into_iter().map(move |variant| {
                        let picture = rendering.variant(&variant)?;
                        Ok(Variant { distortion: variant.distortion, pair: variant.pair, picture })
                    })),
                }
            }
            Self::Stored(files) => {
                let files = files.get(&original.id).map_or(&[][..], Vec::as_slice);
                Box::new(files.iter().map(move |file| {
                    let picture = decode(&file.path)?;
                    if picture.dimensions() != rgb.dimensions() {
                        let (expected, found) = (rgb.dimensions(), picture.dimensions());
                        return Err(VariantError::Size { path: file.path.clone(), expected, found });
                    }
                    let picture = Arc::new(picture);
                    Ok(Variant { distortion: file.distortion.clone(), pair: file.pair, picture })
                }))
            }
        }
    }
}

/// The parameter rows behind the levels of all originals; `each` sees every original.
///
/// # Errors
/// The plan can't be read.
pub fn level_rows(source: &SampleSource, mut each: impl FnMut(&PlannedOriginal)) -> Result<LevelRows, SampleError> {
    let mut counts = LevelRows::new();
    for planned in source.all() {
        let planned = planned?;
        each(&planned);
        let levels = planned.variants.iter().flat_map(|variant| {
            let distortion = variant.distortion.as_str();
            let pair = variant.pair;
            [(distortion, pair.roi, variant.roi.row), (distortion, pair.background, variant.background.row)]
        });
        for (distortion, level, row) in levels.collect::<BTreeSet<_>>() {
            *counts.entry(distortion.to_owned()).or_default().entry(level).or_default().entry(row).or_default() += 1;
        }
    }
    Ok(counts)
}
