//! `[[rule]]`: when to raise an alert. Rules never drive the gate.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, de};

use super::Period;
use crate::event::Sight;

/// How much an alert matters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
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
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RuleKeys {
    /// Unique name. Required.
    pub name: String,
    /// Model output (score, higher is better) that the rule watches; with `drop`, the one whose drop it watches.
    pub head: Option<String>,
    /// Distortion (probability 0–1) that the rule watches.
    pub distortion: Option<String>,
    /// What the rule watches for in the pictures themselves: `"frozen"`, `"black"`, `"one_colour"`, `"slate"`, `"corrupt"`,
    /// `"smear"`, `"plain"`, or `"any"` of them.
    pub sight: Option<SightKey>,
    /// `true`: the rule watches for a stream without frames.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub lost: bool,
    /// Fall of the score (0–1) under this camera's mean over `over`, as when it is covered or moved.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub drop: Option<f32>,
    /// Time constant of the mean that `drop` compares with. Default `"5m"`.
    pub over: Option<Period>,
    /// After so long a drop is the new normal, and the alert resolves. Default `"30m"`.
    pub accept_after: Option<Period>,
    /// So many points (0–1) under what is normal for this camera by the light it sees by; for the gate's own head. Rests
    /// while that is being learnt.
    pub under_normal: Option<f32>,
    /// Smoothed value below which the rule fires; this or `fire_above`.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub fire_below: Option<f32>,
    /// Smoothed value from which it resolves, at least `fire_below`. Default: `fire_below`.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub resolve_above: Option<f32>,
    /// Smoothed value above which the rule fires; this or `fire_below`.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub fire_above: Option<f32>,
    /// Smoothed value up to which it resolves, at most `fire_above`. Default: `fire_above`.
    #[schemars(range(min = 0.0, max = 1.0))]
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

/// One sight or any.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SightKey {
    /// Whichever it is.
    Any,
    /// This one.
    #[serde(untagged)]
    One(Sight),
}

impl SightKey {
    /// Every word there is.
    pub(super) const WORDS: [&str; 8] = [
        "any",
        Sight::Slate.name(),
        Sight::Black.name(),
        Sight::OneColour.name(),
        Sight::Frozen.name(),
        Sight::Corrupt.name(),
        Sight::Smear.name(),
        Sight::Plain.name(),
    ];
}

impl<'de> Deserialize<'de> for SightKey {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = String::deserialize(d)?;
        if text == "any" {
            return Ok(Self::Any);
        }
        let one = Sight::ALL.into_iter().find(|sight| sight.name() == text);
        one.map(Self::One).ok_or_else(|| de::Error::unknown_variant(&text, &Self::WORDS))
    }
}

/// What a rule watches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A model output.
    Head(String),
    /// A distortion's probability.
    Distortion(String),
    /// Something seen in the pictures themselves.
    Sight(SightKey),
    /// No frames.
    Lost,
    /// A model output's fall under its own mean.
    Drop {
        /// The output; `None` for the one that drives the gate.
        head: Option<String>,
        /// Time constant of the mean.
        over: Period,
        /// After so long a drop is the new normal.
        accept_after: Period,
    },
    /// How far the score lies under this camera's normal.
    UnderNormal,
}

impl Subject {
    /// Its name in events: the one in the model's card, or a word of our own.
    pub fn name(&self) -> &str {
        match self {
            Self::Head(name) | Self::Distortion(name) => name,
            Self::Sight(SightKey::Any) => "sight",
            Self::Sight(SightKey::One(sight)) => sight.name(),
            Self::Lost => "lost",
            Self::Drop { .. } => "drop",
            Self::UnderNormal => "under_normal",
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
        let subject = self.subject()?;
        let values = [
            ("fire_below", self.fire_below),
            ("resolve_above", self.resolve_above),
            ("fire_above", self.fire_above),
            ("resolve_below", self.resolve_below),
            ("drop", self.drop),
            ("under_normal", self.under_normal),
        ];
        for (key, value) in values {
            if let Some(reason) = value.and_then(super::off_scale) {
                return Err((key, reason));
            }
        }
        let bound = match &subject {
            Subject::Head(_) | Subject::Distortion(_) => self.bound()?,
            other => {
                let own = |key: &str| key == "drop" || key == "under_normal";
                if let Some((key, _)) = values.iter().find(|(key, value)| !own(key) && value.is_some()) {
                    return Err((key, format!("goes with head or distortion, not with {}", other.name())));
                }
                // What is seen or lost has the value 1 while it holds and 0 otherwise.
                self.drop.or(self.under_normal).map_or(Bound::Above { fire: 0.5, resolve: 0.5 }, |points| {
                    Bound::Above { fire: points, resolve: points / 2.0 }
                })
            }
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

    fn subject(&self) -> Result<Subject, (&'static str, String)> {
        let chosen = [
            ("head", self.head.is_some() && self.drop.is_none()),
            ("distortion", self.distortion.is_some()),
            ("sight", self.sight.is_some()),
            ("lost", self.lost),
            ("drop", self.drop.is_some()),
            ("under_normal", self.under_normal.is_some()),
        ];
        let mut named = chosen.iter().filter(|(_, chosen)| *chosen).map(|(key, _)| *key);
        let Some(first) = named.next() else {
            return Err((
                "head",
                "is missing; name a head, a distortion, a sight, lost, drop or under_normal to watch".into(),
            ));
        };
        if let Some(second) = named.next() {
            return Err((second, format!("stands beside {first}; a rule watches one of them")));
        }
        for (key, given) in [("over", self.over.is_some()), ("accept_after", self.accept_after.is_some())] {
            if given && self.drop.is_none() {
                return Err((key, "goes with drop".into()));
            }
        }
        Ok(match (&self.head, &self.distortion, self.sight) {
            (_, Some(distortion), _) => Subject::Distortion(distortion.clone()),
            (_, _, Some(sight)) => Subject::Sight(sight),
            _ if self.lost => Subject::Lost,
            _ if self.under_normal.is_some() => Subject::UnderNormal,
            (head, ..) if self.drop.is_some() => Subject::Drop {
                head: head.clone(),
                over: self.over.unwrap_or(Period::from_millis(300_000)),
                accept_after: self.accept_after.unwrap_or(Period::from_millis(1_800_000)),
            },
            (head, ..) => Subject::Head(head.clone().unwrap_or_default()),
        })
    }

    fn bound(&self) -> Result<Bound, (&'static str, String)> {
        Ok(match (self.fire_below, self.fire_above) {
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
        })
    }
}
