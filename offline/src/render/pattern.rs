//! The 25 level pairs of a distortion: which level the region of interest gets, which the background.

use std::fmt;

/// Where a variant is degraded most (section 4.1 of the paper).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Pattern {
    /// UD: the whole picture at one level.
    Uniform,
    /// ROI-DD: the region of interest is worse than the background.
    RoiDominated,
    /// BG-DD: the background is worse than the region of interest.
    BackgroundDominated,
}

impl Pattern {
    /// All three, in the order of the paper's table.
    pub const ALL: [Self; 3] = [Self::Uniform, Self::RoiDominated, Self::BackgroundDominated];

    /// The paper's name: `UD`, `ROI-DD` or `BG-DD`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Uniform => "UD",
            Self::RoiDominated => "ROI-DD",
            Self::BackgroundDominated => "BG-DD",
        }
    }

    /// The level pairs of this pattern: 5, 10 and 10.
    pub fn pairs(self) -> impl Iterator<Item = LevelPair> {
        LevelPair::ALL.into_iter().filter(move |pair| pair.pattern() == self)
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Levels 1 (mild) to 5 (extreme) of the two regions of one variant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LevelPair {
    /// Level of the region of interest.
    pub roi: u8,
    /// Level of the background.
    pub background: u8,
}

const fn pair(roi: u8, background: u8) -> LevelPair {
    LevelPair { roi, background }
}

impl LevelPair {
    /// The 25 pairs of a distortion, in the order of the published tables: UD, ROI-DD, BG-DD.
    pub const ALL: [Self; 25] = [
        pair(1, 1),
        pair(2, 2),
        pair(3, 3),
        pair(4, 4),
        pair(5, 5),
        pair(2, 1),
        pair(3, 1),
        pair(4, 1),
        pair(5, 1),
        pair(3, 2),
        pair(4, 2),
        pair(5, 2),
        pair(4, 3),
        pair(5, 3),
        pair(5, 4),
        pair(1, 2),
        pair(1, 3),
        pair(1, 4),
        pair(1, 5),
        pair(2, 3),
        pair(2, 4),
        pair(2, 5),
        pair(3, 4),
        pair(3, 5),
        pair(4, 5),
    ];

    /// Which region is degraded most.
    #[must_use]
    pub fn pattern(self) -> Pattern {
        match self.roi.cmp(&self.background) {
            std::cmp::Ordering::Equal => Pattern::Uniform,
            std::cmp::Ordering::Greater => Pattern::RoiDominated,
            std::cmp::Ordering::Less => Pattern::BackgroundDominated,
        }
    }

    /// The published name without its extension: `<id>_<distortion>_<level>` for uniform variants, else
    /// `<id>_<distortion>_fg_stronger_fg<r>_bg<b>` or `…_bg_stronger_fg<r>_bg<b>`.
    #[must_use]
    pub fn stem(self, original: &str, distortion: &str) -> String {
        let Self { roi, background } = self;
        match self.pattern() {
            Pattern::Uniform => format!("{original}_{distortion}_{roi}"),
            Pattern::RoiDominated => format!("{original}_{distortion}_fg_stronger_fg{roi}_bg{background}"),
            Pattern::BackgroundDominated => format!("{original}_{distortion}_bg_stronger_fg{roi}_bg{background}"),
        }
    }

    /// The published file name.
    #[must_use]
    pub fn file_name(self, original: &str, distortion: &str) -> String {
        self.stem(original, distortion) + ".png"
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::render::sample_id;

    #[test]
    fn every_pair_of_levels_is_there_once() {
        let all: HashSet<_> = LevelPair::ALL.iter().map(|pair| (pair.roi, pair.background)).collect();
        assert_eq!(all, (1..=5).flat_map(|roi| (1..=5).map(move |background| (roi, background))).collect());
        assert_eq!(Pattern::ALL.map(|pattern| pattern.pairs().count()), [5, 10, 10]);
        // The table is in the order of the patterns.
        assert!(LevelPair::ALL.is_sorted_by_key(|pair| pair.pattern()));
    }

    #[test]
    fn names_are_the_published_ones() {
        for (pair, name) in [
            (pair(3, 3), "000000000139_fog_3.png"),
            (pair(5, 2), "000000000139_fog_fg_stronger_fg5_bg2.png"),
            (pair(1, 4), "000000000139_fog_bg_stronger_fg1_bg4.png"),
        ] {
            assert_eq!(pair.file_name("000000000139", "fog"), name);
        }
        // The labels table already names uniform variants so.
        assert_eq!(pair(4, 4).stem("a", "fog"), sample_id("a", "fog", 4));
        let names: HashSet<_> = LevelPair::ALL.iter().map(|pair| pair.file_name("a", "fog")).collect();
        assert_eq!(names.len(), 25);
    }
}
