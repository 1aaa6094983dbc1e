//! Region patterns: which level the region of interest has and which the background.

use toml::Value;

/// Which part of the picture is worse (section 4.1 of the paper).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Pattern {
    /// UD: one level all over.
    Uniform,
    /// ROI-DD: the region of interest is worse than the background.
    RoiDominated,
    /// BG-DD: the background is worse.
    BackgroundDominated,
}

impl Pattern {
    /// All three, in the order of the paper.
    pub const ALL: [Self; 3] = [Self::Uniform, Self::RoiDominated, Self::BackgroundDominated];

    /// The name in recipes and tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Uniform => "uniform",
            Self::RoiDominated => "roi_dominated",
            Self::BackgroundDominated => "background_dominated",
        }
    }

    /// Its pairs of levels 1 to `levels`, in the order of the paper.
    #[must_use]
    pub fn pairs(self, levels: u8) -> Vec<Pair> {
        let all = 1..=levels;
        match self {
            Self::Uniform => all.map(|level| Pair { roi: level, background: level }).collect(),
            Self::RoiDominated => {
                all.flat_map(|background| (background + 1..=levels).map(move |roi| Pair { roi, background })).collect()
            }
            Self::BackgroundDominated => {
                all.flat_map(|roi| (roi + 1..=levels).map(move |background| Pair { roi, background })).collect()
            }
        }
    }
}

/// Levels (1 is mild) of the region of interest and of the background of a variant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Pair {
    /// Level of the region of interest.
    pub roi: u8,
    /// Level of the background.
    pub background: u8,
}

impl Pair {
    /// Which pattern it belongs to.
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
}

/// The pairs that a list of pattern names and [roi, background] pairs stands for; no list stands for all.
///
/// # Errors
/// The key path of the entry and what is wrong with it.
pub(super) fn pairs(list: Option<&[Value]>, levels: u8) -> Result<Vec<Pair>, String> {
    let Some(list) = list else {
        return Ok(Pattern::ALL.iter().flat_map(|pattern| pattern.pairs(levels)).collect());
    };
    let mut pairs: Vec<Pair> = Vec::new();
    for (at, entry) in list.iter().enumerate() {
        let found = match entry {
            Value::String(name) => Pattern::ALL.iter().find(|p| p.name() == name).map(|p| p.pairs(levels)),
            Value::Array(pair) => pair_of(pair, levels).map(|pair| vec![pair]),
            _ => None,
        };
        let found = found.ok_or_else(|| {
            let names = Pattern::ALL.map(|p| format!("\"{}\"", p.name())).join(", ");
            format!("patterns[{at}] = {entry}: must be {names} or [roi level, background level] from 1 to {levels}")
        })?;
        for pair in found {
            if pairs.contains(&pair) {
                return Err(format!("patterns[{at}] = {entry}: [{}, {}] is there twice", pair.roi, pair.background));
            }
            pairs.push(pair);
        }
    }
    if pairs.is_empty() {
        return Err("patterns = []: name at least one pattern, or leave the key out for all".into());
    }
    Ok(pairs)
}

fn pair_of(values: &[Value], levels: u8) -> Option<Pair> {
    let level = |value: &Value| u8::try_from(value.as_integer()?).ok().filter(|level| (1..=levels).contains(level));
    match values {
        [roi, background] => Some(Pair { roi: level(roi)?, background: level(background)? }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_levels_make_the_pairs_of_the_paper() {
        let pairs = |pattern: Pattern| pattern.pairs(5).into_iter().map(|p| (p.roi, p.background)).collect::<Vec<_>>();
        assert_eq!(pairs(Pattern::Uniform), [(1, 1), (2, 2), (3, 3), (4, 4), (5, 5)]);
        let roi = [(2, 1), (3, 1), (4, 1), (5, 1), (3, 2), (4, 2), (5, 2), (4, 3), (5, 3), (5, 4)];
        assert_eq!(pairs(Pattern::RoiDominated), roi);
        let background = [(1, 2), (1, 3), (1, 4), (1, 5), (2, 3), (2, 4), (2, 5), (3, 4), (3, 5), (4, 5)];
        assert_eq!(pairs(Pattern::BackgroundDominated), background);
        for pattern in Pattern::ALL {
            assert!(pattern.pairs(5).iter().all(|pair| pair.pattern() == pattern));
        }
    }

    #[test]
    fn names_are_the_published_ones() {
        for (roi, background, name) in [
            (3, 3, "000000000139_fog_3"),
            (5, 2, "000000000139_fog_fg_stronger_fg5_bg2"),
            (1, 4, "000000000139_fog_bg_stronger_fg1_bg4"),
        ] {
            assert_eq!(Pair { roi, background }.stem("000000000139", "fog"), name);
        }
        // The labels table names uniform variants so, too.
        assert_eq!(Pair { roi: 4, background: 4 }.stem("a", "fog"), "a_fog_4");
    }
}
