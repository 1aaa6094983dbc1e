//! `[facts]` and `[stream.facts]`: how long something must be seen in the picture before it counts.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::Period;
use crate::event::Sight;

/// A hold time, or `"off"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    /// Never looked for.
    Off,
    /// After this long.
    Period(Period),
}

impl std::fmt::Display for After {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Off => f.write_str("off"),
            Self::Period(period) => period.fmt(f),
        }
    }
}

impl Serialize for After {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for After {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Text;
        impl de::Visitor<'_> for Text {
            type Value = After;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a duration in quotes with its unit, such as \"1s\" or \"500ms\", or \"off\"")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<After, E> {
                if text == "off" { Ok(After::Off) } else { text.parse().map(After::Period).map_err(E::custom) }
            }
        }
        d.deserialize_str(Text)
    }
}

/// The keys of `[facts]`; those of a `[stream.facts]` win over it, key by key.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FactKeys {
    /// How long the picture must repeat while frames flow, at least `"2s"`, or `"off"`. Default `"10s"`.
    pub frozen_after: Option<After>,
    /// How long it must be black, or `"off"`. Default `"1s"`.
    pub black_after: Option<After>,
    /// How long it must be one colour, or `"off"`. Default `"3s"`.
    pub one_colour_after: Option<After>,
    /// How long it must be a placeholder, or `"off"`. Default `"3s"`.
    pub slate_after: Option<After>,
    /// How long the decoder must mark pictures as damaged, or `"off"`. Default `"1s"`.
    pub corrupt_after: Option<After>,
    /// How long pictures must look smeared, or `"off"`. Default `"1s"`.
    pub smear_after: Option<After>,
    /// How long a lit picture must have too little texture to judge, or `"off"`. Default `"10s"`.
    pub plain_after: Option<After>,
    /// How long any of these (but frozen, which ends with the first movement) must be gone before it ends.
    /// Default `"1s"`.
    pub clear_after: Option<Period>,
    /// How long another light mode must be seen before it counts. Default `"5s"`.
    pub light_after: Option<Period>,
}

/// A stream's hold times with defaults filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Until a repeating picture is frozen.
    pub frozen_after: After,
    /// Until a black picture is black.
    pub black_after: After,
    /// Until a picture of one colour is that.
    pub one_colour_after: After,
    /// Until a placeholder is a slate.
    pub slate_after: After,
    /// Until pictures marked as damaged are corrupt.
    pub corrupt_after: After,
    /// Until smeared pictures are smear.
    pub smear_after: After,
    /// Until a lit picture with too little texture is plain.
    pub plain_after: After,
    /// Until any of these but frozen ends.
    pub clear_after: Period,
    /// Until another light mode counts.
    pub light_after: Period,
}

impl Default for Facts {
    fn default() -> Self {
        FactKeys::default().with(&FactKeys::default())
    }
}

impl Facts {
    /// How long a fact must be seen; none if it is not looked for.
    pub fn after(&self, sight: Sight) -> Option<Duration> {
        let after = match sight {
            Sight::Slate => self.slate_after,
            Sight::Black => self.black_after,
            Sight::OneColour => self.one_colour_after,
            Sight::Frozen => self.frozen_after,
            Sight::Corrupt => self.corrupt_after,
            Sight::Smear => self.smear_after,
            Sight::Plain => self.plain_after,
        };
        match after {
            After::Off => None,
            After::Period(period) => Some(period.get()),
        }
    }
}

impl FactKeys {
    /// Below this a quiet scene, heavily compressed, would often count as frozen: it repeats from one keyframe to the
    /// next.
    const LEAST_FROZEN: Period = Period::from_millis(2000);

    /// These keys as the general ones, `stream`'s as the special ones.
    pub fn with(&self, stream: &Self) -> Facts {
        let after = |special: Option<After>, general: Option<After>, ms| {
            special.or(general).unwrap_or(After::Period(Period::from_millis(ms)))
        };
        let period = |special: Option<Period>, general: Option<Period>, ms| {
            special.or(general).unwrap_or(Period::from_millis(ms))
        };
        Facts {
            frozen_after: after(stream.frozen_after, self.frozen_after, 10_000),
            black_after: after(stream.black_after, self.black_after, 1000),
            one_colour_after: after(stream.one_colour_after, self.one_colour_after, 3000),
            slate_after: after(stream.slate_after, self.slate_after, 3000),
            corrupt_after: after(stream.corrupt_after, self.corrupt_after, 1000),
            smear_after: after(stream.smear_after, self.smear_after, 1000),
            plain_after: after(stream.plain_after, self.plain_after, 10_000),
            clear_after: period(stream.clear_after, self.clear_after, 1000),
            light_after: period(stream.light_after, self.light_after, 5000),
        }
    }

    /// Every key of a stream as it counts: its own, the general one or the default.
    pub(super) fn filled(&self, stream: &Self) -> Self {
        let facts = self.with(stream);
        Self {
            frozen_after: Some(facts.frozen_after),
            black_after: Some(facts.black_after),
            one_colour_after: Some(facts.one_colour_after),
            slate_after: Some(facts.slate_after),
            corrupt_after: Some(facts.corrupt_after),
            smear_after: Some(facts.smear_after),
            plain_after: Some(facts.plain_after),
            clear_after: Some(facts.clear_after),
            light_after: Some(facts.light_after),
        }
    }

    /// The first key whose own value makes no sense, with the reason.
    pub fn fault(&self) -> Option<(&'static str, String)> {
        match self.frozen_after {
            Some(After::Period(period)) if period < Self::LEAST_FROZEN => Some((
                "frozen_after",
                format!("{period} is too short, a quiet scene repeats that long; at least {}", Self::LEAST_FROZEN),
            )),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(text: &str) -> Result<FactKeys, String> {
        toml::from_str(text).map_err(|e| e.message().to_owned())
    }

    #[test]
    fn special_keys_win_and_off_is_off() {
        let general = keys("frozen_after = \"20s\"\nblack_after = \"off\"\nsmear_after = \"2s\"\n").expect("valid");
        let special = keys("black_after = \"500ms\"\nsmear_after = \"off\"\nlight_after = \"0s\"\n").expect("valid");
        let facts = general.with(&special);
        assert_eq!(facts.after(Sight::Frozen), Some(Duration::from_secs(20)));
        assert_eq!(facts.after(Sight::Black), Some(Duration::from_millis(500)));
        assert_eq!(facts.after(Sight::Smear), None);
        assert_eq!(facts.after(Sight::Slate), Some(Duration::from_secs(3)));
        assert_eq!((facts.light_after, facts.clear_after), (Period::from_millis(0), Period::from_millis(1000)));
    }

    #[test]
    fn errors_say_what_to_write() {
        assert_eq!(keys("frozen_after = \"2s\"").expect("valid").fault(), None);
        assert_eq!(keys("frozen_after = \"off\"").expect("valid").fault(), None);
        let (key, reason) = keys("frozen_after = \"1s\"").expect("parses").fault().expect("too short");
        assert!(key == "frozen_after" && reason.contains("at least 2s"), "{key}: {reason}");
        for (text, want) in [
            ("frozen_after = 10", "or \"off\""),
            ("frozen_after = \"never\"", "\"never\" is no duration"),
            ("freeze_after = \"10s\"", "unknown field `freeze_after`"),
            ("clear_after = \"off\"", "\"off\" is no duration"),
        ] {
            let error = keys(text).expect_err(text);
            assert!(error.contains(want), "{text}: {error}");
        }
    }

    #[test]
    fn the_documented_lines_hold_the_defaults() {
        let document = include_str!("../../docs/facts.md");
        let facts = Facts::default();
        for (key, value) in [
            ("frozen_after", facts.frozen_after.to_string()),
            ("black_after", facts.black_after.to_string()),
            ("one_colour_after", facts.one_colour_after.to_string()),
            ("slate_after", facts.slate_after.to_string()),
            ("corrupt_after", facts.corrupt_after.to_string()),
            ("smear_after", facts.smear_after.to_string()),
            ("plain_after", facts.plain_after.to_string()),
            ("clear_after", facts.clear_after.to_string()),
            ("light_after", facts.light_after.to_string()),
        ] {
            assert!(document.contains(&format!("# {key} = \"{value}\"")), "docs/facts.md lacks {key} = \"{value}\"");
        }
    }
}
