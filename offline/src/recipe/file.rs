//! The TOML form of a recipe, and its checks: every error names the key.

use std::collections::BTreeMap;

use miqa::picture::Orientation;
use serde::Deserialize;

use super::pattern::pairs;
use super::{Levels, Recipe};
use crate::distort::parameter::check;
use crate::distort::{self, DISTORTIONS};
use crate::render::Softening;

/// The edge between region and background, as the file names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Edge {
    Miqd,
    Hard,
}

/// How two levels are fused, as the file says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct MaskSpec {
    softening: Edge,
    /// Radius in pixels of the Gaussian's kernel.
    #[serde(default = "authors_radius")]
    radius: u8,
}

fn authors_radius() -> u8 {
    32
}

fn authors_mask() -> MaskSpec {
    MaskSpec { softening: Edge::Miqd, radius: authors_radius() }
}

#[derive(Deserialize)]
enum Listed {
    #[serde(rename = "as listed")]
    AsListed,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    name: String,
    version: u32,
    #[serde(default)]
    seed: u64,
    #[serde(default)]
    exif_orientation: Orientation,
    ranks: Option<Vec<u8>>,
    levels: Option<Listed>,
    patterns: Option<Vec<toml::Value>>,
    #[serde(default = "authors_mask")]
    mask: MaskSpec,
    distortions: BTreeMap<String, Vec<Vec<f64>>>,
}

/// Reads and checks a recipe.
///
/// # Errors
/// One line: key path, value, what would do.
pub(super) fn parse(text: &str) -> Result<Recipe, String> {
    let file: File =
        toml::from_str(text).map_err(|e| e.to_string().split_whitespace().collect::<Vec<_>>().join(" "))?;
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
    if file.name.is_empty() || !file.name.chars().all(plain) {
        return Err(format!("name = {:?}: it names folders, so use a-z, 0-9, - and _", file.name));
    }
    if !(1..=64).contains(&file.mask.radius) {
        return Err(format!("mask.radius = {}: must be from 1 to 64", file.mask.radius));
    }
    let mut rows = vec![Vec::new(); DISTORTIONS.len()];
    for (name, list) in file.distortions {
        let key = format!("distortions.{name}");
        let at = DISTORTIONS.iter().position(|distortion| distortion.name() == name);
        let at =
            at.ok_or_else(|| format!("{key}: there is no such distortion; known: {}", distort::names().join(", ")))?;
        if !(1..=100).contains(&list.len()) {
            return Err(format!("{key}: has {} rows; needs 1 to 100", list.len()));
        }
        for (row, parameters) in list.iter().enumerate() {
            check(DISTORTIONS[at], parameters).map_err(|e| format!("{key}[{row}] = {parameters:?}: {e}"))?;
        }
        rows[at] = list;
    }
    let levels = match (file.ranks, file.levels) {
        (Some(ranks), None) => Levels::Ranks(ranks),
        (None, Some(Listed::AsListed)) => Levels::AsListed,
        _ => return Err("ranks, levels: give either `ranks = [1, 5, 8, 10, 12]` or `levels = \"as listed\"`".into()),
    };
    check_levels(&levels, &rows)?;
    let mut recipe = Recipe {
        name: file.name,
        version: file.version,
        seed: file.seed,
        orientation: file.exif_orientation,
        softening: match file.mask.softening {
            Edge::Miqd => Softening::Gaussian { radius: file.mask.radius },
            Edge::Hard => Softening::Hard,
        },
        levels,
        pairs: Vec::new(),
        rows,
        text: text.to_owned(),
    };
    recipe.pairs = pairs(file.patterns.as_deref(), recipe.level_count())?;
    Ok(recipe)
}

/// Every distortion has every level.
fn check_levels(levels: &Levels, rows: &[Vec<Vec<f64>>]) -> Result<(), String> {
    let present = || DISTORTIONS.iter().zip(rows).filter(|(_, rows)| !rows.is_empty());
    let Some((first, most)) = present().next().map(|(first, rows)| (first.name(), rows.len())) else {
        return Err("distortions: name at least one distortion".into());
    };
    match levels {
        Levels::Ranks(ranks) => {
            if ranks.is_empty() || ranks[0] == 0 || !ranks.is_sorted_by(|a, b| a < b) {
                return Err(format!("ranks = {ranks:?}: must rise from 1 (the best candidate) or more"));
            }
            let worst = ranks[ranks.len() - 1];
            match present().find(|(_, rows)| rows.len() < usize::from(worst)) {
                Some((distortion, rows)) => Err(format!(
                    "ranks: there is no rank {worst} of distortions.{}, which has {} rows",
                    distortion.name(),
                    rows.len()
                )),
                None => Ok(()),
            }
        }
        Levels::AsListed => match present().find(|(_, rows)| rows.len() != most) {
            Some((distortion, rows)) => Err(format!(
                "distortions.{} has {} rows and distortions.{first} has {most}: rows as levels must be as many everywhere",
                distortion.name(),
                rows.len(),
            )),
            None => Ok(()),
        },
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]
mod tests {
    use super::super::{IMAGENET_C, MIQD};
    use super::*;
    use crate::recipe::{Pair, Pattern};

    #[test]
    fn the_built_in_recipes() {
        let (miqd, imagenet_c) = (Recipe::miqd(), Recipe::imagenet_c());
        assert_eq!(miqd.id(), format!("miqd-{}", miqd.version));
        assert!(miqd.key().starts_with(&miqd.id()));
        for (recipe, rows) in [(miqd, 12), (imagenet_c, 5)] {
            assert_eq!(recipe.names(), distort::names());
            assert!(DISTORTIONS.iter().all(|distortion| recipe.rows(*distortion).len() == rows));
            assert_eq!((recipe.level_count(), recipe.pairs().len()), (5, 25));
            assert_eq!((recipe.seed(), recipe.orientation()), (0, Orientation::Ignore));
            assert_eq!(recipe.softening(), Softening::default());
        }
        assert_eq!(*miqd.levels(), Levels::Ranks(vec![1, 5, 8, 10, 12]));
        assert_eq!(*imagenet_c.levels(), Levels::AsListed);
        // The five of the shipped model are rows of miqd, so they are the same pictures.
        let edge = Recipe::parse(include_str!("../../recipes/generation/edge.toml"), "edge").unwrap();
        assert_eq!(edge.names(), ["gaussian_noise", "jpeg_compression", "darkness", "defocus_blur", "fog"]);
        for distortion in edge.distortions() {
            assert_eq!(edge.rows(distortion), miqd.rows(distortion));
        }
    }

    #[test]
    fn what_is_wrong_is_named_by_its_key() {
        for (text, from, to, part) in [
            (MIQD, "name = \"miqd\"", "name = \"a/b\"", "name = \"a/b\""),
            (MIQD, "seed = 0", "sed = 0", "sed"),
            (MIQD, "\"ignore\"", "\"turn\"", "turn"),
            (MIQD, "ranks = [1, 5, 8, 10, 12]", "", "either"),
            (MIQD, "ranks = [1, 5, 8, 10, 12]", "ranks = [1, 5, 5]", "ranks = [1, 5, 5]"),
            (MIQD, "ranks = [1, 5, 8, 10, 12]", "ranks = [0, 5]", "ranks = [0, 5]"),
            (MIQD, "ranks = [1, 5, 8, 10, 12]", "ranks = [13]", "no rank 13"),
            (MIQD, "seed = 0", "patterns = []", "patterns = []"),
            (MIQD, "seed = 0", "patterns = [\"uniform\", \"both\"]", "patterns[1] = \"both\""),
            (MIQD, "seed = 0", "patterns = [[1, 6]]", "patterns[0] = [1, 6]"),
            (MIQD, "seed = 0", "patterns = [\"uniform\", [2, 2]]", "[2, 2] is there twice"),
            (MIQD, "radius = 32", "radius = 0", "mask.radius = 0"),
            (MIQD, "[0.13, 2.85]", "[0.13, 0.85]", "distortions.fog[1]"),
            (MIQD, "[0.13, 2.85]", "[0.13]", "`decay`"),
            (MIQD, "fog = [", "frog = [", "distortions.frog"),
            (IMAGENET_C, "[[25], [18], [15], [10], [7]]", "[[25]]", "distortions.jpeg_compression has 1 rows"),
        ] {
            assert!(text.contains(from), "{from}");
            let error = Recipe::parse(&text.replacen(from, to, 1), "x.toml").unwrap_err().to_string();
            assert!(error.contains("x.toml") && error.contains(part) && !error.contains('\n'), "{to}: {error}");
        }
    }

    #[test]
    fn the_hash_is_that_of_what_bytes_depend_on() {
        let changed = |from: &str, to: &str| {
            assert!(MIQD.contains(from), "{from}");
            Recipe::parse(&MIQD.replacen(from, to, 1), "x").unwrap().content_hash()
        };
        let hash = Recipe::miqd().content_hash();
        assert!(hash.len() == 64 && hash.chars().all(|c| c.is_ascii_hexdigit()));
        for (from, to) in [
            ("name = \"miqd\"", "name = \"mine\""),
            ("# sigma", "# deviation"),
            ("seed = 0", "patterns = [\"uniform\"]"),
        ] {
            assert_eq!(hash, changed(from, to), "{to}");
        }
        for (from, to) in [
            ("seed = 0", "seed = 1"),
            ("version = ", "version = 9"),
            ("\"ignore\"", "\"apply\""),
            ("softening = \"miqd\"", "softening = \"hard\""),
            ("radius = 32", "radius = 31"),
            ("8, 10, 12]", "9, 10, 12]"),
            ("[0.13, 2.85]", "[0.13, 2.86]"),
        ] {
            assert_ne!(hash, changed(from, to), "{to}");
        }
    }

    #[test]
    fn patterns_by_name_and_by_pair() {
        let text = MIQD.replacen("seed = 0", "patterns = [\"uniform\", [5, 1]]", 1);
        let pairs = Recipe::parse(&text, "x").unwrap().pairs().to_vec();
        assert_eq!(pairs.len(), 6);
        assert_eq!(pairs[5], Pair { roi: 5, background: 1 });
        assert_eq!(pairs[5].pattern(), Pattern::RoiDominated);
    }
}
