//! `[gate]` and `[stream.gate]`: when a stream counts as good enough.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{GateBound, Period, Schedule, ScheduleKeys};
use crate::event::GateState;

/// Whether readers are told to obey.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum GateMode {
    /// What is decided is enforced.
    #[default]
    Enforce,
    /// Everything is decided and recorded, nothing is commanded.
    Shadow,
}

/// The keys of `[gate]`; those of a `[stream.gate]` win over it, key by key.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GateKeys {
    /// Model output that decides. Default `"cls_consistency"`.
    pub head: Option<String>,
    /// Score (0–1) below which the gate closes, or `"auto:-10%"`: where the models behind the picture have lost a tenth of
    /// what they reach on clean pictures; or `"normal:-0.2"`: so many points under this camera's normal, the card's until
    /// that is learnt. Default: the model's card.
    pub close_below: Option<GateBound>,
    /// Score (0–1) from which it opens again, at least `close_below`, or likewise. Default: the model's card; with an
    /// automatic `close_below` 0.7 times its share, with a relative one half its points.
    pub open_above: Option<GateBound>,
    /// Score (0–1) below which an open gate is degraded, between the two. Default: halfway between them.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub degrade_below: Option<f32>,
    /// How long the score must stay below before the gate closes. Default `"800ms"`.
    pub close_for: Option<Period>,
    /// How long the score must stay above before the gate opens. Default `"800ms"`.
    pub open_for: Option<Period>,
    /// Time constant of the exponential smoothing of scores, `"0s"` for none. Default `"400ms"`.
    pub smooth: Option<Period>,
    /// Age of the newest score at which the gate becomes unknown. Default `"3s"`, or five intervals where that is longer:
    /// so much room is left for intervals stretched by overload.
    pub stale_after: Option<Period>,
    /// `"enforce"` or `"shadow"`: in shadow everything is decided and recorded, and nothing is commanded. Default
    /// `"enforce"`.
    pub mode: Option<GateMode>,
    /// What readers are told to take an unknown gate for: `"unknown"`, `"open"` or `"closed"`. Default `"unknown"`.
    #[schemars(extend("not" = { "const": "degraded" }))]
    pub when_unknown: Option<GateState>,
    /// Other thresholds at other times or in other light; the first that applies counts. Those of a `[stream.gate]`
    /// replace the general ones.
    pub schedule: Option<Vec<ScheduleKeys>>,
}

/// A stream's gate with defaults filled in; the thresholds may still have to come from the model's card.
#[derive(Clone, Debug, PartialEq)]
pub struct Gate {
    /// Model output that decides.
    pub head: String,
    /// Score below which the gate closes.
    pub close_below: Option<GateBound>,
    /// Score from which it opens again.
    pub open_above: Option<GateBound>,
    /// Score below which it is degraded.
    pub degrade_below: Option<f32>,
    /// How long the score must stay below.
    pub close_for: Period,
    /// How long the score must stay above.
    pub open_for: Period,
    /// Time constant of smoothing.
    pub smooth: Period,
    /// Age at which a score stops counting.
    pub stale_after: Period,
    /// Whether readers are told to obey.
    pub mode: GateMode,
    /// What readers are told to take an unknown gate for.
    pub when_unknown: GateState,
    /// Other thresholds at other times or in other light.
    pub schedules: Vec<Schedule>,
}

/// Without a word on it, scores count at least this long.
const STALE_AFTER: Period = Period::from_millis(3000);

impl GateKeys {
    /// The head that decides where no key names one: what the degradation changed, not how hard the scene is.
    pub const HEAD: &'static str = "cls_consistency";

    /// These keys as the general ones, `stream`'s as the special ones; or the path of a schedule's key that is wrong and
    /// why. `interval` is the time between two of the stream's scored frames.
    ///
    /// # Errors
    /// As above.
    pub fn with(&self, stream: &Self, interval: Period) -> Result<Gate, (String, String)> {
        let schedules = if stream.schedule.is_some() { stream.schedules()? } else { self.schedules()? };
        let period = |special: Option<Period>, general: Option<Period>, ms| {
            special.or(general).unwrap_or(Period::from_millis(ms))
        };
        Ok(Gate {
            head: stream.head.as_ref().or(self.head.as_ref()).map_or_else(|| Self::HEAD.into(), Clone::clone),
            close_below: stream.close_below.or(self.close_below),
            open_above: stream.open_above.or(self.open_above),
            degrade_below: stream.degrade_below.or(self.degrade_below),
            close_for: period(stream.close_for, self.close_for, 800),
            open_for: period(stream.open_for, self.open_for, 800),
            smooth: period(stream.smooth, self.smooth, 400),
            stale_after: stream.stale_after.or(self.stale_after).unwrap_or(STALE_AFTER.max(interval.times(5))),
            mode: stream.mode.or(self.mode).unwrap_or_default(),
            when_unknown: stream.when_unknown.or(self.when_unknown).unwrap_or_default(),
            schedules,
        })
    }

    /// Every key of a stream as it counts: its own, the general one or the default.
    pub(super) fn filled(&self, stream: &Self, gate: &Gate) -> Self {
        Self {
            head: Some(gate.head.clone()),
            close_below: gate.close_below,
            open_above: gate.open_above,
            degrade_below: gate.degrade_below,
            close_for: Some(gate.close_for),
            open_for: Some(gate.open_for),
            smooth: Some(gate.smooth),
            stale_after: Some(gate.stale_after),
            mode: Some(gate.mode),
            when_unknown: Some(gate.when_unknown),
            schedule: stream.schedule.clone().or_else(|| self.schedule.clone()),
        }
    }

    /// The first key whose own value makes no sense, with the reason.
    pub(super) fn fault(&self) -> Option<(String, String)> {
        self.own_fault().map(|(key, reason)| (key.to_owned(), reason)).or_else(|| self.schedules().err())
    }

    /// The schedules these keys mean, or the path of the first wrong key and why.
    fn schedules(&self) -> Result<Vec<Schedule>, (String, String)> {
        let check = |(i, keys): (usize, &ScheduleKeys)| {
            keys.clone().check().map_err(|(key, reason)| (format!("schedule[{i}].{key}"), reason))
        };
        self.schedule.iter().flatten().enumerate().map(check).collect()
    }

    fn own_fault(&self) -> Option<(&'static str, String)> {
        let [close, open] = [self.close_below, self.open_above].map(|bound| bound.and_then(GateBound::score));
        let scores = [("close_below", close), ("open_above", open), ("degrade_below", self.degrade_below)];
        for (key, value) in scores {
            if let Some(reason) = value.and_then(super::off_scale) {
                return Some((key, reason));
            }
        }
        if self.when_unknown == Some(GateState::Degraded) {
            return Some(("when_unknown", "\"degraded\" must be \"unknown\", \"open\" or \"closed\"".into()));
        }
        if let (Some(GateBound::UnderNormal(close)), Some(GateBound::UnderNormal(open))) =
            (self.close_below, self.open_above)
            && open > close
        {
            return Some(("open_above", format!("\"normal:-{open}\" is below close_below (\"normal:-{close}\")")));
        }
        match (close, open) {
            (Some(close), Some(open)) if open < close => {
                Some(("open_above", format!("{open} is below close_below ({close})")))
            }
            _ => None,
        }
    }
}
