//! What is said of a gate: its state, why, and for how long that may be believed.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{BaselineStatus, Seconds};

/// Whether a picture is good enough for the models behind it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum GateState {
    /// Good enough, by a score younger than the stream's limit.
    Open,
    /// Usable, but poor, by such a score: worth looking at less often.
    Degraded,
    /// Not good enough, by such a score or by a fact such as a black picture.
    Closed,
    /// Nobody can say.
    #[default]
    Unknown,
}

impl GateState {
    /// All states.
    pub const ALL: [Self; 4] = [Self::Open, Self::Degraded, Self::Closed, Self::Unknown];

    /// The word used in configuration and events.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Degraded => "degraded",
            Self::Closed => "closed",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for GateState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Something seen in the pictures themselves that no model has to guess; docs/facts.md says how each is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Sight {
    /// A drawn placeholder: writing, bars or a sign on flat ground, and it repeats.
    Slate,
    /// Nothing but black.
    Black,
    /// Nothing but one colour.
    OneColour,
    /// The picture repeats while frames flow.
    Frozen,
    /// The decoder marks its pictures as damaged.
    Corrupt,
    /// The decoder has covered up lost data and says nothing.
    Smear,
    /// Lit, but with too little texture for a score to say anything: a blank wall, a cloth, thick fog.
    Plain,
}

impl Sight {
    /// All of them, the most telling first: a slate is also frozen, black often as well. The first that is seen decides.
    pub const ALL: [Self; 7] =
        [Self::Slate, Self::Black, Self::OneColour, Self::Frozen, Self::Corrupt, Self::Smear, Self::Plain];

    /// The word used in configuration and events.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Frozen => "frozen",
            Self::Black => "black",
            Self::OneColour => "one_colour",
            Self::Slate => "slate",
            Self::Corrupt => "corrupt",
            Self::Smear => "smear",
            Self::Plain => "plain",
        }
    }

    /// What it makes of a gate: a damaged picture says nothing of the camera, in a plain one there is nothing to judge by,
    /// the others say that there is nothing to look at.
    pub const fn state(self) -> GateState {
        match self {
            Self::Corrupt | Self::Plain => GateState::Unknown,
            Self::Frozen | Self::Black | Self::OneColour | Self::Slate | Self::Smear => GateState::Closed,
        }
    }
}

/// Why a gate stands where it stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GateReason {
    /// The score stayed below the closing threshold.
    ScoreLow,
    /// The score stayed below the threshold of good pictures, but not below the closing one.
    ScorePoor,
    /// The score stayed at or above the opening threshold.
    ScoreGood,
    /// The newest score is too old.
    Stale,
    /// Nothing was scored yet.
    #[default]
    Starting,
    /// No frames arrive.
    Stalled,
    /// The stream ended.
    Ended,
    /// The source failed.
    Failed,
    /// The picture repeats.
    Frozen,
    /// The picture is black.
    Black,
    /// The picture has one colour.
    OneColour,
    /// A placeholder is shown.
    Slate,
    /// The decoder marks pictures as damaged.
    Corrupt,
    /// The picture is smeared by loss.
    Smear,
    /// The picture is lit, but has too little texture to judge.
    Plain,
}

impl GateReason {
    /// All reasons, in the order of their codes in binary forms.
    pub const ALL: [Self; 15] = [
        Self::Starting,
        Self::ScoreGood,
        Self::ScorePoor,
        Self::ScoreLow,
        Self::Stale,
        Self::Stalled,
        Self::Ended,
        Self::Failed,
        Self::Frozen,
        Self::Black,
        Self::OneColour,
        Self::Slate,
        Self::Corrupt,
        Self::Smear,
        Self::Plain,
    ];

    /// The word used in events.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ScoreLow => "score_low",
            Self::ScorePoor => "score_poor",
            Self::ScoreGood => "score_good",
            Self::Stale => "stale",
            Self::Starting => "starting",
            Self::Stalled => "stalled",
            Self::Ended => "ended",
            Self::Failed => "failed",
            Self::Frozen => "frozen",
            Self::Black => "black",
            Self::OneColour => "one_colour",
            Self::Slate => "slate",
            Self::Corrupt => "corrupt",
            Self::Smear => "smear",
            Self::Plain => "plain",
        }
    }
}

impl From<Sight> for GateReason {
    fn from(sight: Sight) -> Self {
        match sight {
            Sight::Frozen => Self::Frozen,
            Sight::Black => Self::Black,
            Sight::OneColour => Self::OneColour,
            Sight::Slate => Self::Slate,
            Sight::Corrupt => Self::Corrupt,
            Sight::Smear => Self::Smear,
            Sight::Plain => Self::Plain,
        }
    }
}

impl fmt::Display for GateReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ScoreLow => "score low",
            Self::ScorePoor => "score poor",
            Self::ScoreGood => "score good",
            Self::Stale => "score stale",
            Self::Starting => "nothing scored yet",
            Self::Stalled => "stream stalled",
            Self::Ended => "stream ended",
            Self::Failed => "stream failed",
            Self::Frozen => "picture frozen",
            Self::Black => "picture black",
            Self::OneColour => "picture of one colour",
            Self::Slate => "placeholder instead of a picture",
            Self::Corrupt => "picture damaged",
            Self::Smear => "picture smeared",
            Self::Plain => "too little texture to judge",
        })
    }
}

/// One likely cause of a bad picture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cause {
    /// The distortion's name in the model's card, or a [`Sight`]'s.
    pub distortion: String,
    /// Its smoothed probability (0–1); 1 for what was seen in the picture itself.
    pub probability: f32,
    /// ONVIF's word for it (topic `tns1:VideoSource/…`), where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub onvif: Option<String>,
}

impl Cause {
    /// A cause with ONVIF's word for it.
    pub fn new(distortion: impl Into<String>, probability: f32) -> Self {
        let distortion = distortion.into();
        let onvif = super::onvif::word(&distortion).map(str::to_owned);
        Self { distortion, probability, onvif }
    }
}

/// A gate's move.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GateEvent {
    /// The stream.
    pub stream: String,
    /// The state decided from now on.
    pub state: GateState,
    /// The state decided until now.
    pub previous: GateState,
    /// What readers are told to obey; `None` in shadow mode, where nothing is commanded.
    pub enforced: Option<GateState>,
    /// What somebody set by hand, as long as it holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by_hand: Option<ByHand>,
    /// Why it moved.
    pub reason: GateReason,
    /// The model output that decides.
    pub head: String,
    /// Its newest value (0–1), if there is one young enough.
    pub score: Option<f32>,
    /// The same, smoothed.
    pub smoothed: Option<f32>,
    /// Likely causes, the likeliest first; empty unless closed or degraded.
    pub causes: Vec<Cause>,
    /// How often the gate moved between open and closed within the last hour of stream time.
    pub flaps: u32,
    /// Stream time: presentation time for files, time since the program's start for live streams.
    pub at: Seconds,
    /// Stream time since which the reason holds.
    pub since: Seconds,
}

/// A gate that somebody set by hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ByHand {
    /// What is enforced instead of what is decided.
    pub state: GateState,
    /// Until when, in seconds since 1970; `None` until it is taken back.
    pub until: Option<u64>,
}

impl fmt::Display for ByHand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.until {
            Some(until) => write!(f, "{} by hand until {}", self.state, super::day(until)),
            None => write!(f, "{} by hand until it is taken back", self.state),
        }
    }
}

/// Where a gate stands now: what readers of gates get, again and again.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct GateStatus {
    /// The stream.
    pub stream: String,
    /// The state decided.
    pub decided: GateState,
    /// What readers are told to obey; `None` in shadow mode, where nothing is commanded.
    pub enforced: Option<GateState>,
    /// What somebody set by hand, as long as it holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by_hand: Option<ByHand>,
    /// What the operator wants an unknown gate (a lease that ran out, too) to be taken for.
    pub when_unknown: GateState,
    /// Why.
    pub reason: GateReason,
    /// The model output that decides.
    pub head: String,
    /// Its newest value (0–1).
    pub score: Option<f32>,
    /// The same, smoothed.
    pub smoothed: Option<f32>,
    /// Likely causes, the likeliest first.
    pub causes: Vec<Cause>,
    /// Moves between open and closed within the last hour.
    pub flaps: u32,
    /// Stream time of the newest evidence: a score or a look at a picture.
    pub at: Seconds,
    /// Stream time since which the reason holds, as in the event of the move.
    pub since: Seconds,
    /// More on why, for people: what was last said of missing frames or scores, or that scoring is overloaded. Without
    /// secrets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// How the camera's baseline stands; absent where none is learnt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<BaselineStatus>,
}
