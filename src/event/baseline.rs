//! What is said of a camera's baseline: what is normal for it, by which light, and what has become of that.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Seconds, day};
use crate::facts::LightMode;

/// What is usual for a score by one kind of light: medians over days of the day's quantiles.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Band {
    /// A tenth of a usual day lies below.
    pub low: f32,
    /// Half of it: the camera's *normal*.
    pub normal: f32,
    /// Nine tenths of it.
    pub high: f32,
}

/// By when a lens should be cleaned, if what is seen goes on.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CleanBy {
    /// The light in which it shows first.
    pub light: LightMode,
    /// When half of a day's pictures lie under the gate's floor, in seconds since 1970.
    pub by: u64,
    /// The earliest that goes with what was seen.
    pub earliest: u64,
    /// The latest.
    pub latest: u64,
    /// How likely the date lies between these two if the fall goes on as it does (0–1).
    pub confidence: f32,
    /// How much the score falls a day.
    pub fall: f32,
}

impl fmt::Display for CleanBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (by, earliest, latest) = (date(self.by), date(self.earliest), date(self.latest));
        let Self { light, confidence, fall, .. } = self;
        write!(f, "clean by {by} ({:.0} %: {earliest} to {latest}), ", 100.0 * confidence)?;
        write!(f, "falls by {fall:.3} a day by {} light", light.name())
    }
}

/// The day of a time, without the hour: these dates aren't known to the hour.
fn date(seconds: u64) -> String {
    day(seconds).chars().take("2026-01-01".len()).collect()
}

/// How a stream's baseline stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BaselineStatus {
    /// The light that the camera sees by now.
    pub light: LightMode,
    /// What is usual by this light; absent while it is being learnt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub band: Option<Band>,
    /// Days learnt by this light.
    pub days: u32,
    /// Days it takes.
    pub needed: u32,
    /// By when the lens should be cleaned, if that can be said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clean_by: Option<CleanBy>,
    /// The view is covered since then, in seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub covered: Option<u64>,
    /// The camera was last found to look elsewhere then, in seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub re_aimed: Option<u64>,
}

impl BaselineStatus {
    /// Why there is no normal, if there is none.
    pub fn missing(&self) -> Option<String> {
        let Self { light, days, needed, .. } = self;
        let learning =
            || format!("this camera's normal by {} light is being learnt ({days} of {needed} days)", light.name());
        self.band.is_none().then(learning)
    }
}

impl fmt::Display for BaselineStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.band, self.missing()) {
            (Some(Band { low, normal, high }), _) => {
                write!(
                    f,
                    "normal {normal:.3} ({low:.3} to {high:.3}) by {} light, {} days",
                    self.light.name(),
                    self.days
                )?;
            }
            (None, missing) => f.write_str(&missing.unwrap_or_default())?,
        }
        if let Some(since) = self.covered {
            write!(f, "; view covered since {}", day(since))?;
        }
        if let Some(then) = self.re_aimed {
            write!(f, "; looks elsewhere since {}", date(then))?;
        }
        match self.clean_by {
            Some(clean) => write!(f, "; {clean}"),
            None => Ok(()),
        }
    }
}

/// What has become of a baseline. New kinds may be added; none is renamed or reused.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "news", rename_all = "snake_case")]
pub enum BaselineNews {
    /// Enough was learnt by this light: relative rules count from now on.
    Ready {
        /// The light.
        light: LightMode,
        /// What is usual.
        band: Band,
        /// Days learnt.
        days: u32,
    },
    /// The camera looks elsewhere. Everything is learnt anew; relative rules rest until then.
    ReAimed {
        /// How much the view is like the nearest that was known (−1 to 1).
        likeness: f32,
        /// Since when, in seconds since 1970.
        since: u64,
    },
    /// What was learnt can't be used; everything is learnt anew.
    Anew {
        /// Why.
        reason: String,
    },
    /// The score falls slowly, by when it reaches the floor; said again once the date moves.
    CleanBy(CleanBy),
    /// It no longer falls: the lens was cleaned, or it was something else.
    Clean {
        /// The light in which that shows.
        light: LightMode,
        /// The score has stepped up: somebody cleaned it.
        cleaned: bool,
    },
    /// There is little texture where this camera has much: something lies over the lens, or fog as thick.
    Covered {
        /// Since when, in seconds since 1970.
        since: u64,
    },
    /// The view is free again.
    Uncovered,
}

/// News of a stream's baseline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BaselineEvent {
    /// The stream.
    pub stream: String,
    /// What.
    #[serde(flatten)]
    pub news: BaselineNews,
    /// Stream time.
    pub at: Seconds,
}

impl fmt::Display for BaselineEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>9}  {}  baseline: ", self.at, self.stream)?;
        match &self.news {
            BaselineNews::Ready { light, band: Band { low, normal, high }, days } => {
                write!(
                    f,
                    "normal by {} light is {normal:.3} ({low:.3} to {high:.3}), learnt in {days} days",
                    light.name()
                )
            }
            BaselineNews::ReAimed { likeness, since } => write!(
                f,
                "the camera looks elsewhere since {} (likeness {likeness:.2}); learning anew, relative rules rest",
                day(*since)
            ),
            BaselineNews::Anew { reason } => write!(f, "learning anew: {reason}"),
            BaselineNews::CleanBy(clean) => clean.fmt(f),
            BaselineNews::Clean { light, cleaned: true } => {
                write!(f, "cleaned: the score is up by {} light", light.name())
            }
            BaselineNews::Clean { light, cleaned: false } => write!(f, "no longer falls by {} light", light.name()),
            BaselineNews::Covered { since } => {
                write!(f, "view covered since {}: little texture where there is much; look at the lens", day(*since))
            }
            BaselineNews::Uncovered => f.write_str("view free again"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::event::Event;

    #[test]
    fn the_json_form_is_stable_and_reads_back() {
        let clean = CleanBy {
            light: LightMode::Infrared,
            by: 1_763_900_000,
            earliest: 1_763_800_000,
            latest: 1_764_000_000,
            confidence: 0.9,
            fall: 0.25,
        };
        let band = Band { low: 0.5, normal: 0.625, high: 0.75 };
        for (news, json, line) in [
            (
                BaselineNews::Ready { light: LightMode::Colour, band, days: 3 },
                r#"{"type":"baseline","stream":"yard","news":"ready","light":"colour","band":{"low":0.5,"normal":0.625,"high":0.75},"days":3,"at":1.5}"#,
                "normal by colour light is 0.625 (0.500 to 0.750), learnt in 3 days",
            ),
            (
                BaselineNews::ReAimed { likeness: 0.125, since: 1_763_900_000 },
                r#"{"type":"baseline","stream":"yard","news":"re_aimed","likeness":0.125,"since":1763900000,"at":1.5}"#,
                "the camera looks elsewhere since",
            ),
            (
                BaselineNews::Anew { reason: "no".into() },
                r#"{"type":"baseline","stream":"yard","news":"anew","reason":"no","at":1.5}"#,
                "learning anew: no",
            ),
            (
                BaselineNews::CleanBy(clean),
                r#"{"type":"baseline","stream":"yard","news":"clean_by","light":"infrared","by":1763900000,"earliest":1763800000,"latest":1764000000,"confidence":0.9,"fall":0.25,"at":1.5}"#,
                "falls by 0.250 a day by infrared light",
            ),
            (
                BaselineNews::Clean { light: LightMode::LowLight, cleaned: true },
                r#"{"type":"baseline","stream":"yard","news":"clean","light":"low_light","cleaned":true,"at":1.5}"#,
                "cleaned: the score is up by low_light light",
            ),
            (
                BaselineNews::Covered { since: 1_763_900_000 },
                r#"{"type":"baseline","stream":"yard","news":"covered","since":1763900000,"at":1.5}"#,
                "view covered since",
            ),
            (
                BaselineNews::Uncovered,
                r#"{"type":"baseline","stream":"yard","news":"uncovered","at":1.5}"#,
                "view free again",
            ),
        ] {
            let at = Seconds(Duration::from_millis(1500));
            let event = Event::Baseline(BaselineEvent { stream: "yard".into(), news, at });
            assert_eq!(serde_json::to_string(&event).expect("serialises"), json);
            assert_eq!(serde_json::from_str::<Event>(json).expect("reads back"), event);
            let said = event.to_string();
            assert!(said.starts_with("    1.500  yard  baseline: ") && said.contains(line), "{said}");
        }
    }
}
