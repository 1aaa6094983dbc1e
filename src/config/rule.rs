//! `[[rule]]`: when to raise an alert. Rules never drive the gate.

use serde::{Deserialize, Serialize};

use super::Period;

/// How much an alert matters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth a line.
    Info,
    /// Worth a look.
    #[default]
    Warning,
    /// Worth waking somebody.
    Critical,
}

impl Severity {
    /// The word used in configuration and events.
    pub fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

/// The keys of one `[[rule]]`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleKeys {
    /// Unique name. Required.
    pub name: String,
    /// Model output (score, higher is better) that the rule watches; this or `distortion`.
    pub head: Option<String>,
    /// Distortion (probability 0–1) that the rule watches; this or `head`.
    pub distortion: Option<String>,
    /// Smoothed value below which the rule fires; this or `fire_above`.
    pub fire_below: Option<f32>,
    /// Smoothed value from which it resolves, at least `fire_below`. Default: `fire_below`.
    pub resolve_above: Option<f32>,
    /// Smoothed value above which the rule fires; this or `fire_below`.
    pub fire_above: Option<f32>,
    /// Smoothed value up to which it resolves, at most `fire_above`. Default: `fire_above`.
    pub resolve_below: Option<f32>,
    /// How long the value must be bad before the alert fires. Default `"0s"`.
    #[serde(default, rename = "for")]
    pub hold: Period,
    /// How long the value must be good before the alert resolves. Default `"0s"`.
    #[serde(default)]
    pub keep_firing_for: Period,
    /// `"info"`, `"warning"` or `"critical"`. Default `"warning"`.
    #[serde(default)]
    pub severity: Severity,
    /// Names of the streams it watches. Default: all.
    pub streams: Option<Vec<String>>,
}

/// What a rule watches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A model output.
    Head(String),
    /// A distortion's probability.
    Distortion(String),
}

impl Subject {
    /// Its name in the model's card.
    pub fn name(&self) -> &str {
        match self {
            Self::Head(name) | Self::Distortion(name) => name,
        }
    }
}

/// Which side of the threshold is bad.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bound {
    /// Fires below the first value, resolves at or above the second.
    Below {
        /// Fires below.
        fire: f32,
        /// Resolves from.
        resolve: f32,
    },
    /// Fires above the first value, resolves at or below the second.
    Above {
        /// Fires above.
        fire: f32,
        /// Resolves up to.
        resolve: f32,
    },
}

/// One checked rule.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// Unique name.
    pub name: String,
    /// What it watches.
    pub subject: Subject,
    /// When it fires and resolves.
    pub bound: Bound,
    /// How long the value must be bad.
    pub hold: Period,
    /// How long it must be good.
    pub keep_firing_for: Period,
    /// How much it matters.
    pub severity: Severity,
    /// The streams it watches; `None` for all.
    pub streams: Option<Vec<String>>,
}

impl Rule {
    /// Whether the rule watches this stream.
    pub fn watches(&self, stream: &str) -> bool {
        self.streams.as_ref().is_none_or(|names| names.iter().any(|name| name == stream))
    }
}

impl RuleKeys {
    /// The rule these keys mean, or the key that is wrong and why.
    pub(super) fn check(self) -> Result<Rule, (&'static str, String)> {
        let subject = match (self.head, self.distortion) {
            (Some(head), None) => Subject::Head(head),
            (None, Some(distortion)) => Subject::Distortion(distortion),
            (Some(_), Some(_)) => return Err(("distortion", "stands beside head; a rule watches one of them".into())),
            (None, None) => return Err(("head", "is missing; name a head or a distortion to watch".into())),
        };
        let values = [
            ("fire_below", self.fire_below),
            ("resolve_above", self.resolve_above),
            ("fire_above", self.fire_above),
            ("resolve_below", self.resolve_below),
        ];
        for (key, value) in values {
            if let Some(reason) = value.and_then(super::off_scale) {
                return Err((key, reason));
            }
        }
        let bound = match (self.fire_below, self.fire_above) {
            (Some(fire), None) => {
                if self.resolve_below.is_some() {
                    return Err(("resolve_below", "goes with fire_above; use resolve_above".into()));
                }
                let resolve = self.resolve_above.unwrap_or(fire);
                if resolve < fire {
                    return Err(("resolve_above", format!("{resolve} is below fire_below ({fire})")));
                }
                Bound::Below { fire, resolve }
            }
            (None, Some(fire)) => {
                if self.resolve_above.is_some() {
                    return Err(("resolve_above", "goes with fire_below; use resolve_below".into()));
                }
                let resolve = self.resolve_below.unwrap_or(fire);
                if resolve > fire {
                    return Err(("resolve_below", format!("{resolve} is above fire_above ({fire})")));
                }
                Bound::Above { fire, resolve }
            }
            (Some(_), Some(_)) => {
                return Err(("fire_above", "stands beside fire_below; a rule has one of them".into()));
            }
            (None, None) => return Err(("fire_below", "is missing; give fire_below or fire_above".into())),
        };
        Ok(Rule {
            name: self.name,
            subject,
            bound,
            hold: self.hold,
            keep_firing_for: self.keep_firing_for,
            severity: self.severity,
            streams: self.streams,
        })
    }
}
