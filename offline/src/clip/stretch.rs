//! What happens to a clip and when.

use std::str::FromStr;
use std::time::Duration;

use super::ClipError;
use crate::distort;
use crate::recipe::Recipe;

/// A distortion at one of its parameter rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Effect {
    /// Name of the distortion.
    pub distortion: &'static str,
    /// Parameter row of recipe `miqd`, 0 to 11, mild to extreme.
    pub row: usize,
}

/// A part of a clip that is all clean or all under one effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stretch {
    /// What spoils the pictures; `None` leaves them untouched.
    pub effect: Option<Effect>,
    /// How long it lasts.
    pub duration: Duration,
}

impl FromStr for Stretch {
    type Err = ClipError;

    /// Reads `clean:4.3s` or `fog:8:4.3s`.
    fn from_str(text: &str) -> Result<Self, ClipError> {
        let refuse = |reason: String| ClipError::Stretch { text: text.to_owned(), reason };
        let parts: Vec<&str> = text.split(':').collect();
        let (effect, length) = match parts[..] {
            ["clean", length] => (None, length),
            [name, row, length] => {
                let distortion = distort::find(name).map_err(|e| refuse(e.to_string()))?;
                let rows = Recipe::miqd().rows(distortion).len();
                let row = row.parse().ok().filter(|&row: &usize| row < rows);
                let row = row.ok_or_else(|| refuse(format!("rows are 0 to {}", rows - 1)))?;
                (Some(Effect { distortion: distortion.name(), row }), length)
            }
            _ => return Err(refuse("it has not two or three parts".into())),
        };
        let seconds: Option<f64> = length.strip_suffix('s').and_then(|number| number.parse().ok());
        let duration = seconds.and_then(|s| Duration::try_from_secs_f64(s).ok()).filter(|d| !d.is_zero());
        let duration = duration.ok_or_else(|| refuse(format!("`{length}` is no length of time in seconds")))?;
        Ok(Self { effect, duration })
    }
}

/// The index of the stretch that `time` (from the clip's start) falls into; `None` after the last.
pub(super) fn stretch_at(stretches: &[Stretch], time: Duration) -> Option<usize> {
    let mut end = Duration::ZERO;
    stretches.iter().position(|stretch| {
        end += stretch.duration;
        time < end
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]
mod tests {
    use super::*;

    #[test]
    fn reads_clean_and_degraded_stretches() {
        let stretch: Stretch = "clean:4.3s".parse().unwrap();
        assert_eq!(stretch, Stretch { effect: None, duration: Duration::from_millis(4300) });
        let stretch: Stretch = "fog:8:0.5s".parse().unwrap();
        assert_eq!(stretch.effect, Some(Effect { distortion: "fog", row: 8 }));
    }

    #[test]
    fn says_what_is_wrong_with_a_stretch() {
        for (text, part) in [
            ("", "two or three parts"),
            ("clean", "two or three parts"),
            ("clean:4", "no length"),
            ("clean:0s", "no length"),
            ("clean:-1s", "no length"),
            ("fog:12:4s", "rows are 0 to 11"),
            ("fog:x:4s", "rows are 0 to 11"),
            ("haze:3:4s", "haze"),
        ] {
            let error = text.parse::<Stretch>().unwrap_err().to_string();
            assert!(error.contains(part) && !error.contains('\n'), "{text}: {error}");
        }
    }

    #[test]
    fn time_falls_into_one_stretch() {
        let stretches: Vec<Stretch> = ["clean:1s", "fog:8:2s"].map(|s| s.parse().unwrap()).into();
        for (milliseconds, index) in [(0, Some(0)), (999, Some(0)), (1000, Some(1)), (2999, Some(1)), (3000, None)] {
            assert_eq!(stretch_at(&stretches, Duration::from_millis(milliseconds)), index, "{milliseconds} ms");
        }
    }
}
