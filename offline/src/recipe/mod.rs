//! Generation recipes: which parameters a distortion's candidates have, which of them become levels, which levels are
//! combined through a mask. Data only (TOML); two recipes are built in, others are files.

mod file;
mod pattern;

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use sha2::{Digest, Sha256};

pub use miqa::picture::Orientation;
pub use pattern::{Pair, Pattern};

use crate::distort::{DISTORTIONS, DistortError, Distortion};
use crate::render::Softening;

/// The authors' recipe, the default.
const MIQD: &str = include_str!("../../recipes/generation/miqd.toml");

/// The five severities of ImageNet-C.
const IMAGENET_C: &str = include_str!("../../recipes/generation/imagenet-c.toml");

/// A recipe that was checked: every row fits its distortion, every level exists.
#[derive(Debug, Clone, PartialEq)]
pub struct Recipe {
    name: String,
    version: u32,
    seed: u64,
    orientation: Orientation,
    softening: Softening,
    levels: Levels,
    pairs: Vec<Pair>,
    /// Parameter rows in the order of [`DISTORTIONS`]; empty for distortions that the recipe leaves out.
    rows: Vec<Vec<Vec<f64>>>,
    text: String,
}

/// How levels come out of parameter rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Levels {
    /// Rows are candidates, ordered by PSNR against the original, best first (a stable sort, identical pictures first);
    /// level k is the candidate of the k-th of these ranks (1 is the best).
    Ranks(Vec<u8>),
    /// Row k − 1 is level k.
    AsListed,
}

/// Why there is no recipe.
#[derive(Debug, thiserror::Error)]
pub enum RecipeError {
    /// The file can't be read.
    #[error("recipe {path}: {source}; `miqd` and `imagenet-c` are built in, others are TOML files", path = path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The content makes no sense.
    #[error("recipe {origin}: {reason}")]
    Content {
        /// The file, or the name of a built-in recipe.
        origin: String,
        /// Key path, value and what would do.
        reason: String,
    },
}

impl Recipe {
    /// The authors' recipe.
    #[must_use]
    pub fn miqd() -> &'static Self {
        static RECIPE: LazyLock<Recipe> =
            LazyLock::new(|| Recipe::parse(MIQD, "miqd").expect("the built-in recipe is tested"));
        &RECIPE
    }

    /// The recipe of ImageNet-C.
    #[must_use]
    pub fn imagenet_c() -> &'static Self {
        static RECIPE: LazyLock<Recipe> =
            LazyLock::new(|| Recipe::parse(IMAGENET_C, "imagenet-c").expect("the built-in recipe is tested"));
        &RECIPE
    }

    /// The recipe that a command line names: `miqd`, `imagenet-c` or a file.
    ///
    /// # Errors
    /// [`RecipeError`] with the key path of what is wrong.
    pub fn named(choice: &str) -> Result<Self, RecipeError> {
        match choice {
            "miqd" => Ok(Self::miqd().clone()),
            "imagenet-c" => Ok(Self::imagenet_c().clone()),
            path => Self::read(Path::new(path)),
        }
    }

    /// The recipe in a file.
    ///
    /// # Errors
    /// [`RecipeError`] with the key path of what is wrong.
    pub fn read(path: &Path) -> Result<Self, RecipeError> {
        let text =
            std::fs::read_to_string(path).map_err(|source| RecipeError::File { path: path.to_owned(), source })?;
        Self::parse(&text, &path.display().to_string())
    }

    /// Where a work folder keeps the recipe of its tables.
    #[must_use]
    pub fn path_in(work: &Path) -> PathBuf {
        work.join("recipe.toml")
    }

    /// The recipe of a work folder's tables: what its first steps were given, else `miqd`.
    ///
    /// # Errors
    /// [`RecipeError`] for a file that can't be read or makes no sense.
    pub fn of_work(work: &Path) -> Result<Self, RecipeError> {
        let path = Self::path_in(work);
        if path.is_file() { Self::read(&path) } else { Ok(Self::miqd().clone()) }
    }

    /// The recipe that `text` (TOML) is; `origin` stands in errors.
    ///
    /// # Errors
    /// [`RecipeError::Content`] with the key path of what is wrong.
    pub fn parse(text: &str, origin: &str) -> Result<Self, RecipeError> {
        file::parse(text).map_err(|reason| RecipeError::Content { origin: origin.to_owned(), reason })
    }

    /// Name and version, `miqd-1`. The version changes whenever any candidate's bytes do.
    #[must_use]
    pub fn id(&self) -> String {
        format!("{}-{}", self.name, self.version)
    }

    /// Seed of all random fields: another seed gives other noise and fog everywhere.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// What becomes of the EXIF orientation of originals.
    #[must_use]
    pub fn orientation(&self) -> Orientation {
        self.orientation
    }

    /// How levels are fused through a mask.
    #[must_use]
    pub fn softening(&self) -> Softening {
        self.softening
    }

    /// How levels come out of rows.
    #[must_use]
    pub fn levels(&self) -> &Levels {
        &self.levels
    }

    /// Number of levels of every distortion.
    #[must_use]
    pub fn level_count(&self) -> u8 {
        match &self.levels {
            Levels::Ranks(ranks) => ranks.len() as u8,
            Levels::AsListed => self.rows.iter().map(Vec::len).max().unwrap_or(0) as u8,
        }
    }

    /// Pairs of levels of region and background that become variants, uniform ones first.
    #[must_use]
    pub fn pairs(&self) -> &[Pair] {
        &self.pairs
    }

    /// The distortions that the recipe has rows for, in the order of [`DISTORTIONS`].
    pub fn distortions(&self) -> impl Iterator<Item = &'static dyn Distortion> + '_ {
        DISTORTIONS.iter().zip(&self.rows).filter(|(_, rows)| !rows.is_empty()).map(|(distortion, _)| *distortion)
    }

    /// The parameter rows of a distortion; none if the recipe leaves it out.
    #[must_use]
    pub fn rows(&self, distortion: &dyn Distortion) -> &[Vec<f64>] {
        let at = DISTORTIONS.iter().position(|known| known.name() == distortion.name());
        at.map_or(&[], |at| &self.rows[at])
    }

    /// The parameters of one row.
    ///
    /// # Errors
    /// [`DistortError::NoRow`].
    pub fn parameters(&self, distortion: &dyn Distortion, row: usize) -> Result<&[f64], DistortError> {
        let rows = self.rows(distortion);
        rows.get(row).map(Vec::as_slice).ok_or_else(|| self.no_row(distortion, row as i64))
    }

    /// The error for a row that is not there.
    pub(crate) fn no_row(&self, distortion: &dyn Distortion, row: i64) -> DistortError {
        let known = match self.rows(distortion).len() {
            0 => format!("it has rows for {} only", self.names().join(", ")),
            count => format!("rows are 0 to {}", count - 1),
        };
        DistortError::NoRow { distortion: distortion.name(), row, recipe: self.id(), known }
    }

    /// The names of the recipe's distortions.
    #[must_use]
    pub fn names(&self) -> Vec<&'static str> {
        self.distortions().map(Distortion::name).collect()
    }

    /// The TOML text that the recipe was read from.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// SHA-256, in hexadecimal digits, of all that variants' bytes depend on: version, seed, orientation, mask, levels,
    /// rows. Name, comments, layout and the choice of pairs are no part of it.
    #[must_use]
    pub fn content_hash(&self) -> String {
        let mut hash = Sha256::new();
        let mut word = |value: u64| hash.update(value.to_le_bytes());
        word(u64::from(self.version));
        word(self.seed);
        word(u64::from(self.orientation == Orientation::Apply));
        word(match self.softening {
            Softening::Hard => 0,
            Softening::Gaussian { radius } => u64::from(radius),
        });
        match &self.levels {
            Levels::AsListed => word(0),
            Levels::Ranks(ranks) => {
                word(ranks.len() as u64);
                ranks.iter().for_each(|&rank| word(u64::from(rank)));
            }
        }
        // By name: the hash of a recipe outlives additions to the list of distortions.
        let mut named: Vec<_> = DISTORTIONS.iter().zip(&self.rows).filter(|(_, rows)| !rows.is_empty()).collect();
        named.sort_by_key(|(distortion, _)| distortion.name());
        for (distortion, rows) in named {
            let name = distortion.name().as_bytes();
            hash.update((name.len() as u64).to_le_bytes());
            hash.update(name);
            hash.update((rows.len() as u64).to_le_bytes());
            for row in rows {
                hash.update((row.len() as u64).to_le_bytes());
                // One zero: -0.0 and 0.0 are the same parameter.
                row.iter().for_each(|&value| hash.update((value + 0.0).to_bits().to_le_bytes()));
            }
        }
        hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// What names a folder of results that depend on the recipe: name, version and the start of the hash.
    #[must_use]
    pub fn key(&self) -> String {
        format!("{}-{}", self.id(), &self.content_hash()[..12])
    }
}
