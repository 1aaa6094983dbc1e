//! A score at which something happens: a number, or how far the models behind a picture may fall.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A threshold in a configuration.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum GateBound {
    /// A score, 0 to 1.
    Score(f32),
    /// The score at which the models behind the picture have lost this share of what they reach on clean pictures, 0.01 to
    /// 0.9; the model's card knows it. Written `"auto:-10%"`.
    Fall(f32),
    /// So many points under what is normal for this camera by the light it sees by, 0.01 to 0.9. Written `"normal:-0.2"`.
    UnderNormal(f32),
}

impl GateBound {
    /// The score, if it is one.
    #[must_use]
    pub fn score(self) -> Option<f32> {
        match self {
            Self::Score(score) => Some(score),
            Self::Fall(_) | Self::UnderNormal(_) => None,
        }
    }

    fn wrong(text: &str) -> String {
        format!("\"{text}\" must be a score from 0 to 1, \"auto:-10%\" (1 to 90) or \"normal:-0.2\" (0.01 to 0.9)")
    }
}

impl From<f32> for GateBound {
    fn from(score: f32) -> Self {
        Self::Score(score)
    }
}

impl FromStr for GateBound {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(score) = text.parse::<f32>() {
            return Ok(Self::Score(score));
        }
        if let Some(points) = text.strip_prefix("normal:-") {
            let points = points.trim().parse().ok().filter(|points| (0.01..=0.9).contains(points));
            return points.map(Self::UnderNormal).ok_or_else(|| Self::wrong(text));
        }
        let percent = text.strip_prefix("auto:-").and_then(|rest| rest.strip_suffix('%')?.trim().parse::<f32>().ok());
        match percent {
            Some(percent) if (1.0..=90.0).contains(&percent) => Ok(Self::Fall(percent / 100.0)),
            _ => Err(Self::wrong(text)),
        }
    }
}

impl fmt::Display for GateBound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Score(score) => score.fmt(f),
            // A percent of a share in 32 bits is seldom a whole number.
            Self::Fall(share) => write!(f, "auto:-{}%", (share * 1e4).round() / 100.0),
            Self::UnderNormal(points) => write!(f, "normal:-{points}"),
        }
    }
}

impl Serialize for GateBound {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Score(score) => serializer.serialize_f32(*score),
            Self::Fall(_) | Self::UnderNormal(_) => serializer.collect_str(self),
        }
    }
}

impl<'de> Deserialize<'de> for GateBound {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl serde::de::Visitor<'_> for Visitor {
            type Value = GateBound;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a score from 0 to 1, \"auto:-10%\" or \"normal:-0.2\"")
            }

            fn visit_f64<E>(self, score: f64) -> Result<GateBound, E> {
                Ok(GateBound::Score(score as f32))
            }

            fn visit_i64<E>(self, score: i64) -> Result<GateBound, E> {
                Ok(GateBound::Score(score as f32))
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<GateBound, E> {
                // A number in quotes is a slip that other keys don't take either.
                match text.parse() {
                    Ok(GateBound::Score(_)) => {
                        Err(E::custom(format!("\"{text}\" is a text; a score goes without quotes")))
                    }
                    Ok(bound) => Ok(bound),
                    Err(why) => Err(E::custom(why)),
                }
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]
    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Keys {
        close_below: GateBound,
    }

    #[test]
    fn a_bound_is_a_number_or_a_share_and_is_written_as_it_was_read() {
        for (text, bound) in [
            ("0.4", GateBound::Score(0.4)),
            ("1", GateBound::Score(1.0)),
            ("\"auto:-10%\"", GateBound::Fall(0.1)),
            ("\"auto:-7.5%\"", GateBound::Fall(0.075)),
            ("\"normal:-0.2\"", GateBound::UnderNormal(0.2)),
        ] {
            let keys: Keys = toml::from_str(&format!("close_below = {text}")).unwrap();
            assert_eq!(keys.close_below, bound, "{text}");
            let again: Keys = toml::from_str(&toml::to_string(&keys).unwrap()).unwrap();
            assert_eq!(again, keys);
        }
        assert_eq!(GateBound::Fall(0.1).to_string(), "auto:-10%");
        assert_eq!("auto:-30%".parse(), Ok(GateBound::Fall(0.3)));
        assert_eq!("0.25".parse(), Ok(GateBound::Score(0.25)));
        for wrong in [
            "\"auto\"",
            "\"auto:10%\"",
            "\"auto:-95%\"",
            "\"auto:-0%\"",
            "\"auto:-x%\"",
            "\"normal:-0\"",
            "\"normal:0.2\"",
            "\"0.4\"",
            "true",
        ] {
            toml::from_str::<Keys>(&format!("close_below = {wrong}")).unwrap_err();
        }
    }
}
