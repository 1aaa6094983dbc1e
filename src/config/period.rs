//! A length of time as people write it: `200ms`, `1.5s`, `2m`, `1h`.

use std::{fmt, str::FromStr, time::Duration};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A length of time from 0 to 366 days, written as a number and a unit (`ms`, `s`, `m`, `h`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Period(Duration);

const UNITS: [(&str, f64); 4] = [("ms", 0.001), ("s", 1.0), ("m", 60.0), ("h", 3600.0)];
const LONGEST: f64 = 366.0 * 86_400.0;

impl Period {
    /// So many milliseconds.
    pub const fn from_millis(ms: u64) -> Self {
        Self(Duration::from_millis(ms))
    }

    /// So many times this.
    pub(super) const fn times(self, n: u32) -> Self {
        Self(self.0.saturating_mul(n))
    }

    /// The same as the standard library's type.
    pub const fn get(self) -> Duration {
        self.0
    }
}

impl FromStr for Period {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let end = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
        let (number, unit) = text.split_at(end);
        let Some(&(_, seconds)) = UNITS.iter().find(|(name, _)| *name == unit.trim()) else {
            return Err(format!(
                "\"{text}\" is no duration; write a number and a unit, such as \"200ms\", \"2s\", \"1m\" or \"1h\""
            ));
        };
        match number.parse::<f64>() {
            // Rounded to the millisecond, so that what is printed is what was written.
            Ok(n) if (0.0..=LONGEST).contains(&(n * seconds)) => {
                Ok(Self::from_millis((n * seconds * 1000.0).round() as u64))
            }
            Ok(_) => Err(format!("\"{text}\" is longer than 366 days")),
            Err(_) => Err(format!("\"{text}\" has no number before its unit")),
        }
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = self.0.as_millis();
        match ms {
            0 => f.write_str("0s"),
            _ if ms.is_multiple_of(3_600_000) => write!(f, "{}h", ms / 3_600_000),
            _ if ms.is_multiple_of(60_000) => write!(f, "{}m", ms / 60_000),
            _ if ms.is_multiple_of(1000) => write!(f, "{}s", ms / 1000),
            _ => write!(f, "{ms}ms"),
        }
    }
}

impl Serialize for Period {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Period {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Text;
        impl de::Visitor<'_> for Text {
            type Value = Period;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a duration in quotes with its unit, such as \"200ms\" or \"2s\"")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Period, E> {
                text.parse().map_err(E::custom)
            }
        }
        d.deserialize_str(Text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_prints_units() {
        for (text, ms, printed) in [
            ("0s", 0, "0s"),
            ("200ms", 200, "200ms"),
            ("1500ms", 1500, "1500ms"),
            ("1.5s", 1500, "1500ms"),
            ("2 s", 2000, "2s"),
            ("1m", 60_000, "1m"),
            ("90m", 5_400_000, "90m"),
            ("2h", 7_200_000, "2h"),
        ] {
            let period: Period = text.parse().expect(text);
            assert_eq!(period.get(), Duration::from_millis(ms), "{text}");
            assert_eq!(period.to_string(), printed, "{text}");
        }
    }

    #[test]
    fn refuses_the_rest() {
        for text in ["", "5", "ms", "-1s", "1d", "1.2.3s", "1e9h", "99999h", "1s2"] {
            assert!(text.parse::<Period>().is_err(), "{text}");
        }
    }
}
