//! Tables 1 and 2 of the paper for a data set at hand.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::variants::{LevelRows, Variants};
use crate::recipe::{Pair, Pattern, Recipe};
use crate::source::Original;

/// A row of Table 1: originals of one kind and what was made of them.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CollectionRow {
    /// Which originals.
    pub name: &'static str,
    /// How many.
    pub originals: usize,
    /// Kinds of distortion.
    pub distortions: usize,
    /// Levels of a distortion.
    pub levels: usize,
    /// Region patterns: 1 to 3.
    pub patterns: usize,
    /// Object classes, where they are known.
    pub classes: usize,
    /// Degraded pictures.
    pub variants: usize,
    /// Bytes of their files; 0 where they are rendered on demand.
    pub bytes: u64,
    /// Width and height of the original with the fewest pixels.
    pub smallest: (u32, u32),
    /// Width and height of the original with the most pixels.
    pub largest: (u32, u32),
}

/// Table 1: originals of known class, of unknown class, and all, where there are both.
#[must_use]
pub fn collection(originals: &[Original], variants: &Variants) -> Vec<CollectionRow> {
    let (known, unknown): (Vec<&Original>, Vec<&Original>) = originals.iter().partition(|original| original.class >= 0);
    let kinds = [("class known", known), ("class unknown", unknown), ("all", originals.iter().collect())];
    let both = !kinds[0].1.is_empty() && !kinds[1].1.is_empty();
    let wanted = kinds.into_iter().filter(|(name, of)| !of.is_empty() && (both || *name != "all"));
    wanted.map(|(name, of)| collection_row(name, &of, variants)).collect()
}

fn collection_row(name: &'static str, originals: &[&Original], variants: &Variants) -> CollectionRow {
    let (mut distortions, mut levels, mut patterns) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    let (mut count, mut bytes) = (0, 0);
    for original in originals {
        for (distortion, pair) in variants.list(&original.id) {
            count += 1;
            distortions.insert(distortion);
            levels.extend([pair.roi, pair.background]);
            patterns.insert(pair.pattern().name());
        }
        bytes += variants.bytes(&original.id);
    }
    let mut sizes: Vec<(u32, u32)> = originals.iter().map(|original| (original.width, original.height)).collect();
    sizes.sort_by_key(|&(width, height)| (u64::from(width) * u64::from(height), width));
    CollectionRow {
        name,
        originals: originals.len(),
        distortions: distortions.len(),
        levels: levels.len(),
        patterns: patterns.len(),
        classes: originals.iter().filter(|o| o.class >= 0).map(|o| o.class).collect::<BTreeSet<_>>().len(),
        variants: count,
        bytes,
        smallest: sizes.first().copied().unwrap_or_default(),
        largest: sizes.last().copied().unwrap_or_default(),
    }
}

/// The region half of Table 2: pairs of a pattern with the number of variants.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PatternRow {
    /// Name of the pattern.
    pub pattern: &'static str,
    /// Level of the region, level of the background, variants.
    pub pairs: Vec<(u8, u8, usize)>,
}

/// The region half of Table 2.
#[must_use]
pub fn patterns(originals: &[Original], variants: &Variants) -> Vec<PatternRow> {
    let mut counts: BTreeMap<Pair, usize> = BTreeMap::new();
    for original in originals {
        for (_, pair) in variants.list(&original.id) {
            *counts.entry(pair).or_default() += 1;
        }
    }
    let row = |pattern: Pattern| {
        let of = counts.iter().filter(|(pair, _)| pair.pattern() == pattern);
        PatternRow {
            pattern: pattern.name(),
            pairs: of.map(|(pair, &count)| (pair.roi, pair.background, count)).collect(),
        }
    };
    Pattern::ALL.map(row).into_iter().filter(|row| !row.pairs.is_empty()).collect()
}

/// The distortion half of Table 2.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DistortionRow {
    /// Category in the paper.
    pub category: &'static str,
    /// Name of the distortion.
    pub distortion: String,
    /// Variants of it.
    pub variants: usize,
    /// What each level is, mildest first; empty without ranks or a plan.
    pub levels: Vec<LevelRow>,
}

/// The parameters of a level. With levels by rank they can differ between originals.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LevelRow {
    /// 1 (mild) or more.
    pub level: u8,
    /// The most frequent parameters in words.
    pub parameters: String,
    /// Share of the originals that have these parameters, 0..=1.
    pub share: f64,
}

/// The distortion half of Table 2; parameters where the recipe and the rows behind its levels are given.
#[must_use]
pub fn distortions(
    originals: &[Original],
    variants: &Variants,
    chosen: Option<(&Recipe, &LevelRows)>,
) -> Vec<DistortionRow> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for original in originals {
        for (distortion, _) in variants.list(&original.id) {
            *counts.entry(distortion).or_default() += 1;
        }
    }
    let mut rows: Vec<DistortionRow> = counts
        .into_iter()
        .map(|(distortion, variants)| DistortionRow {
            category: category(&distortion),
            levels: chosen.map(|(recipe, chosen)| levels(recipe, chosen, &distortion)).unwrap_or_default(),
            distortion,
            variants,
        })
        .collect();
    rows.sort_by_key(|row| in_paper_order(&row.distortion));
    rows
}

fn levels(recipe: &Recipe, chosen: &LevelRows, distortion: &str) -> Vec<LevelRow> {
    let (Ok(kind), Some(chosen)) = (crate::distort::find(distortion), chosen.get(distortion)) else {
        return Vec::new();
    };
    let level = |(&level, rows): (&u8, &BTreeMap<i16, usize>)| {
        let all: usize = rows.values().sum();
        // The milder row where two are equally frequent.
        let (&row, &count) = rows.iter().max_by_key(|&(row, count)| (count, std::cmp::Reverse(row)))?;
        let parameters = recipe.parameters(kind, usize::try_from(row).ok()?).ok()?;
        Some(LevelRow { level, parameters: kind.describe(parameters), share: count as f64 / all as f64 })
    };
    chosen.iter().filter_map(level).collect()
}

/// Categories of Table 2 with their distortions.
const CATEGORIES: [(&str, &[&str]); 4] = [
    ("digital", &["contrast", "pixelate", "jpeg_compression"]),
    ("blur", &["motion_blur", "defocus_blur", "glass_blur"]),
    ("environmental conditions", &["fog", "snow", "darkness"]),
    ("noise", &["gaussian_noise"]),
];

/// The paper's category of a distortion; `other` for one that it doesn't have.
#[must_use]
pub fn category(distortion: &str) -> &'static str {
    CATEGORIES.iter().find(|(_, names)| names.contains(&distortion)).map_or("other", |(category, _)| category)
}

/// A distortion's place in Table 2; those that the paper doesn't have come last.
#[must_use]
pub fn in_paper_order(distortion: &str) -> usize {
    let mut all = CATEGORIES.iter().flat_map(|(_, names)| names.iter());
    all.position(|name| *name == distortion).unwrap_or(usize::MAX)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]
mod tests {
    use super::*;
    use crate::rank::RankRow;
    use crate::sample::SampleSource;
    use crate::source::PixelHash;

    fn original(id: &str, class: i32, width: u32, height: u32) -> Original {
        let pixel_sha256 = PixelHash([0; 32]);
        Original { id: id.into(), path: String::new(), class, pixel_sha256, width, height, licence: String::new() }
    }

    fn ranked(original: &str, distortion: &str, rows: [i16; 5]) -> Vec<RankRow> {
        let row = |(level, row): (u8, i16)| RankRow {
            original: original.into(),
            distortion: distortion.into(),
            row,
            psnr: 30.0,
            rank: level,
            level: Some(level),
        };
        (1..).zip(rows).map(row).collect()
    }

    #[test]
    fn tables_of_two_kinds_of_originals() {
        let originals = [original("a", 3, 40, 30), original("b", 9, 50, 20), original("c", -1, 10, 10)];
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rank.parquet");
        let ranks = [
            ranked("a", "fog", [0, 4, 7, 9, 11]),
            ranked("a", "darkness", [0, 4, 7, 9, 11]),
            ranked("b", "fog", [1, 4, 7, 9, 11]),
            ranked("c", "fog", [1, 4, 7, 9, 11]),
        ];
        crate::table::write(&path, &ranks.concat()).unwrap();
        let recipe = Recipe::miqd();
        let source = SampleSource::of_ranks(recipe.clone(), originals.to_vec(), &path).unwrap();
        let (variants, chosen) = Variants::rendered(source).unwrap();
        let table = collection(&originals, &variants);
        assert_eq!(
            table.iter().map(|row| (row.name, row.variants)).collect::<Vec<_>>(),
            [("class known", 15), ("class unknown", 5), ("all", 20)]
        );
        assert_eq!((table[0].classes, table[0].distortions, table[0].levels, table[0].patterns), (2, 2, 5, 1));
        assert_eq!((table[2].smallest, table[2].largest), ((10, 10), (40, 30)));
        assert_eq!(collection(&originals[..2], &variants).len(), 1);

        let pairs = patterns(&originals, &variants);
        assert_eq!((pairs.len(), pairs[0].pattern, pairs[0].pairs[4]), (1, "uniform", (5, 5, 4)));

        let rows = distortions(&originals, &variants, Some((recipe, &chosen)));
        let names: Vec<_> = rows.iter().map(|row| (row.category, row.distortion.as_str(), row.variants)).collect();
        assert_eq!(names, [("environmental conditions", "fog", 15), ("environmental conditions", "darkness", 5)]);
        let first = &rows[0].levels[0];
        assert_eq!(first.parameters, "amplitude 0.13, decay 2.85");
        assert!((first.share - 2.0 / 3.0).abs() < 1e-12);
        assert!(distortions(&originals, &variants, None)[0].levels.is_empty());
        assert_eq!(category("haze"), "other");
    }
}
