//! The authors' file names: `<id>_<distortion>_<level>`, `<id>_<distortion>_fg_stronger_fg<r>_bg<b>` and
//! `<id>_<distortion>_bg_stronger_fg<r>_bg<b>`.

use std::fmt;

use crate::recipe::{Pair, Pattern};

/// The ten distortions of the published set, by the names in its files (Table 2 of the paper, in its order).
pub const PUBLISHED_DISTORTIONS: [&str; 10] = [
    "contrast",
    "pixelate",
    "jpeg_compression",
    "motion_blur",
    "defocus_blur",
    "glass_blur",
    "fog",
    "snow",
    "darkness",
    "gaussian_noise",
];

/// Levels of the published set.
pub const PUBLISHED_LEVELS: u8 = 5;

/// What a variant's file name says.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct VariantName {
    /// Id of the original; may hold underscores.
    pub original: String,
    /// Name of the distortion.
    pub distortion: String,
    /// Levels of region and background, each 1 to 5.
    pub pair: Pair,
}

/// Why a name is none of a variant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// It doesn't end as any of the three forms.
    #[error("`{0}` ends neither in `_<level>` nor in `_fg_stronger_fg<r>_bg<b>` or `_bg_stronger_fg<r>_bg<b>`")]
    Form(String),
    /// No known distortion before the level.
    #[error("`{0}` names none of the ten distortions before its level")]
    Distortion(String),
    /// A level beyond 1 to 5, or levels that contradict the word before them.
    #[error("`{name}`: levels {roi} (region) and {background} (background) don't fit the form of the name")]
    Levels {
        /// The name.
        name: String,
        /// Level of the region.
        roi: u8,
        /// Level of the background.
        background: u8,
    },
}

impl VariantName {
    /// Reads a file's stem. The end decides, so an id may hold underscores and even the name of a distortion.
    ///
    /// # Errors
    /// [`NameError`] with the stem.
    pub fn parse(stem: &str) -> Result<Self, NameError> {
        let (rest, pair, form) = levels(stem).ok_or_else(|| NameError::Form(stem.to_owned()))?;
        let fits = (1..=PUBLISHED_LEVELS).contains(&pair.roi) && (1..=PUBLISHED_LEVELS).contains(&pair.background);
        if !fits || pair.pattern() != form {
            return Err(NameError::Levels { name: stem.to_owned(), roi: pair.roi, background: pair.background });
        }
        let found = PUBLISHED_DISTORTIONS.iter().find_map(|name| {
            let original = rest.strip_suffix(name)?.strip_suffix('_')?;
            (!original.is_empty()).then(|| Self { original: original.to_owned(), distortion: (*name).to_owned(), pair })
        });
        found.ok_or_else(|| NameError::Distortion(stem.to_owned()))
    }
}

/// `rest`, levels and the pattern that the form of the name stands for.
fn levels(stem: &str) -> Option<(&str, Pair, Pattern)> {
    for (word, pattern) in
        [("_fg_stronger_fg", Pattern::RoiDominated), ("_bg_stronger_fg", Pattern::BackgroundDominated)]
    {
        // An id may hold the same words: what doesn't read as levels is none of the name's end.
        let end = stem.rsplit_once(word).and_then(|(rest, end)| {
            let (roi, background) = end.split_once("_bg")?;
            Some((rest, Pair { roi: level(roi)?, background: level(background)? }, pattern))
        });
        if end.is_some() {
            return end;
        }
    }
    let (rest, end) = stem.rsplit_once('_')?;
    let level = level(end)?;
    Some((rest, Pair { roi: level, background: level }, Pattern::Uniform))
}

/// Digits only: `+3` and an empty text are no levels.
fn level(text: &str) -> Option<u8> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

impl fmt::Display for VariantName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.pair.stem(&self.original, &self.distortion))
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]
mod tests {
    use super::*;

    #[test]
    fn all_250_names_of_awkward_ids_survive_the_round_trip() {
        for original in
            ["ILSVRC2012_val_00000293", "000000000139", "a_fog", "x_motion_blur_3", "_", "b_fg_stronger_fg2_bg1"]
        {
            let mut count = 0;
            for distortion in PUBLISHED_DISTORTIONS {
                for pair in Pattern::ALL.iter().flat_map(|pattern| pattern.pairs(PUBLISHED_LEVELS)) {
                    let name = VariantName { original: original.into(), distortion: distortion.into(), pair };
                    assert_eq!(VariantName::parse(&name.to_string()).unwrap(), name);
                    count += 1;
                }
            }
            assert_eq!(count, 250);
        }
    }

    #[test]
    fn other_names_are_refused_with_the_reason() {
        use NameError::{Distortion, Form, Levels};
        type Kind = fn(&NameError) -> bool;
        let cases: [(&str, Kind); 11] = [
            ("photo", |e| matches!(e, Form(_))),
            ("photo_fog_", |e| matches!(e, Form(_) | Levels { .. })),
            ("photo_fog_+3", |e| matches!(e, Form(_))),
            ("photo_fog_fg_stronger_fg3", |e| matches!(e, Form(_))),
            ("photo_fog_0", |e| matches!(e, Levels { roi: 0, .. })),
            ("photo_fog_6", |e| matches!(e, Levels { .. })),
            ("photo_fog_fg_stronger_fg1_bg3", |e| matches!(e, Levels { roi: 1, background: 3, .. })),
            ("photo_fog_bg_stronger_fg2_bg2", |e| matches!(e, Levels { .. })),
            ("photo_haze_3", |e| matches!(e, Distortion(_))),
            ("photofog_3", |e| matches!(e, Distortion(_))),
            ("_fog_3", |e| matches!(e, Distortion(_))),
        ];
        for (stem, kind) in cases {
            let error = VariantName::parse(stem).unwrap_err();
            assert!(kind(&error) && error.to_string().contains(stem), "{error}");
        }
    }
}
