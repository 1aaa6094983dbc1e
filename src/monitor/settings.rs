//! What a monitor needs to know of its stream: configuration and the model's card brought together.

use std::time::Duration;

use super::{alert::AlertSettings, gate::GateSettings};
use crate::{
    config::{Gate, GateBound, GateMode, Rule, Severity, SightKey, Subject},
    engine::Card,
    event::GateState,
};

/// With an automatic `close_below` alone a gate opens where models have lost this part of its share.
const OPENS_AT: f32 = 0.7;

/// What a rule watches, as places in the card.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Watched {
    Head(usize),
    Distortion(usize),
    Sight(SightKey),
    Lost,
    Drop { head: usize, over: Duration, accept_after: Duration },
    UnderNormal,
}

/// Thresholds in points under the camera's normal; the other ones stay what they are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Relative {
    close: Option<f32>,
    open: Option<f32>,
}

impl Relative {
    /// With a relative `close_below` alone a gate opens at this part of its points.
    const OPENS_AT: f32 = 0.5;

    /// These thresholds of a gate, for a camera with that normal.
    pub(super) fn apply(self, base: GateSettings, normal: f32) -> GateSettings {
        let under = |points: f32| (normal - points).clamp(0.0, 1.0);
        let close_below = self.close.map_or(base.close_below, under);
        let open_above = self.open.map_or(base.open_above, under).max(close_below);
        GateSettings { close_below, degrade_below: (close_below + open_above) / 2.0, open_above, ..base }
    }
}

/// One rule as the monitor applies it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Watch {
    pub(super) rule: String,
    pub(super) severity: Severity,
    pub(super) subject: String,
    pub(super) watched: Watched,
    pub(super) settings: AlertSettings,
}

/// Everything that a monitor goes by; checked against the model's card.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    pub(super) stream: String,
    pub(super) heads: Vec<String>,
    pub(super) distortions: Vec<String>,
    /// Which head drives the gate.
    pub(super) head: usize,
    pub(super) gate: GateSettings,
    /// What of the gate goes by the camera's normal, once there is one.
    pub(super) relative: Option<Relative>,
    pub(super) smooth: Duration,
    pub(super) mode: GateMode,
    pub(super) when_unknown: GateState,
    pub(super) watches: Vec<Watch>,
    /// Begins the ids of this run's alerts; empty where runs repeat, as with recorded files.
    pub(super) run: String,
}

/// Why configuration and model don't go together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// A head or distortion that the model doesn't have.
    #[error("{place}: model {model} has no {kind} \"{name}\"; it has {known}")]
    Unknown {
        /// Where it is asked for.
        place: String,
        /// The model's name.
        model: String,
        /// `head` or `distortion`.
        kind: &'static str,
        /// What was asked for.
        name: String,
        /// What there is.
        known: String,
    },
    /// The card doesn't know where the models behind have lost that share.
    #[error(
        "stream \"{stream}\": the card of model {model} doesn't say at which score of {head} {bound} is; set a score in [gate]"
    )]
    NoFall {
        /// The stream.
        stream: String,
        /// The model's name.
        model: String,
        /// The head.
        head: String,
        /// What was asked for.
        bound: String,
    },
    /// No thresholds in the configuration and none in the card.
    #[error(
        "stream \"{stream}\": the card of model {model} has no thresholds for {head}; set close_below and open_above in [gate]"
    )]
    NoThresholds {
        /// The stream.
        stream: String,
        /// The model's name.
        model: String,
        /// The head.
        head: String,
    },
    /// One threshold from the configuration contradicts the other from the card.
    #[error(
        "stream \"{stream}\": close_below {close} is above open_above {open} (one of them is the model card's); set both in [gate]"
    )]
    Crossed {
        /// The stream.
        stream: String,
        /// Closing threshold.
        close: String,
        /// Opening threshold.
        open: String,
    },
    /// `degrade_below` lies outside the other two.
    #[error(
        "stream \"{stream}\": degrade_below {degrade} is not between close_below {close} and open_above {open}; set it between them"
    )]
    Degrade {
        /// The stream.
        stream: String,
        /// The threshold.
        degrade: String,
        /// Closing threshold.
        close: String,
        /// Opening threshold.
        open: String,
    },
}

impl Settings {
    /// Brings a stream's gate, the rules that watch it and the model's card together.
    ///
    /// # Errors
    /// [`SettingsError`] for names that the model doesn't have and for thresholds that nobody gives.
    pub fn new(stream: &str, gate: &Gate, rules: &[Rule], card: &Card) -> Result<Self, SettingsError> {
        let place = format!("stream \"{stream}\" gate");
        let head = find(card, &place, &Subject::Head(gate.head.clone()))?;
        let default = card.thresholds.get(&gate.head);
        let points = |bound| if let Some(GateBound::UnderNormal(points)) = bound { Some(points) } else { None };
        let (close, open) = (points(gate.close_below), points(gate.open_above));
        let halfway = close.filter(|_| gate.open_above.is_none()).map(|points| points * Relative::OPENS_AT);
        let relative = (close.is_some() || open.is_some()).then_some(Relative { close, open: open.or(halfway) });
        // Until there is a normal, the card's thresholds hold.
        let fixed = |bound: Option<GateBound>| bound.filter(|bound| !matches!(bound, GateBound::UnderNormal(_)));
        let (fixed_close, fixed_open) = (fixed(gate.close_below), fixed(gate.open_above));
        let score = |bound| match bound {
            GateBound::Score(score) | GateBound::UnderNormal(score) => Ok(score),
            GateBound::Fall(share) => card.fall(&gate.head, share).ok_or_else(|| SettingsError::NoFall {
                stream: stream.into(),
                model: card.name.clone(),
                head: gate.head.clone(),
                bound: bound.to_string(),
            }),
        };
        let close = fixed_close.map(score).transpose()?;
        let open = match (fixed_open, fixed_close) {
            (Some(open), _) => Some(score(open)?),
            (None, Some(GateBound::Fall(share))) => Some(score(GateBound::Fall(share * OPENS_AT))?),
            (None, _) => None,
        };
        let (close_below, open_above) = match (close, open, default) {
            (Some(close), Some(open), _) => (close, open),
            // One key alone moves the other of the card along only where it has to.
            (Some(close), None, Some(card)) => (close, card.open_above.max(close)),
            (None, Some(open), Some(card)) => (card.close_below, open),
            (Some(close), None, None) => (close, close),
            (None, None, Some(card)) => (card.close_below, card.open_above),
            (None, _, None) => {
                return Err(SettingsError::NoThresholds {
                    stream: stream.into(),
                    model: card.name.clone(),
                    head: gate.head.clone(),
                });
            }
        };
        if close_below > open_above {
            let (close, open) = (close_below.to_string(), open_above.to_string());
            return Err(SettingsError::Crossed { stream: stream.into(), close, open });
        }
        let degrade_below = gate.degrade_below.unwrap_or((close_below + open_above) / 2.0);
        if !(close_below..=open_above).contains(&degrade_below) {
            let [degrade, close, open] = [degrade_below, close_below, open_above].map(|score| score.to_string());
            return Err(SettingsError::Degrade { stream: stream.into(), degrade, close, open });
        }
        let watch = |rule: &Rule| {
            let place = format!("rule \"{}\"", rule.name);
            let watched = match &rule.subject {
                Subject::Head(_) => Watched::Head(find(card, &place, &rule.subject)?),
                Subject::Distortion(_) => Watched::Distortion(find(card, &place, &rule.subject)?),
                Subject::Sight(key) => Watched::Sight(*key),
                Subject::Lost => Watched::Lost,
                Subject::UnderNormal => Watched::UnderNormal,
                Subject::Drop { head: name, over, accept_after } => {
                    let named = name.as_ref().map(|name| find(card, &place, &Subject::Head(name.clone())));
                    Watched::Drop {
                        head: named.unwrap_or(Ok(head))?,
                        over: over.get(),
                        accept_after: accept_after.get(),
                    }
                }
            };
            let settings =
                AlertSettings { bound: rule.bound, hold: rule.hold.get(), keep_firing_for: rule.keep_firing_for.get() };
            let (subject, severity) = (rule.subject.name().to_owned(), rule.severity);
            Ok(Watch { rule: rule.name.clone(), severity, subject, watched, settings })
        };
        let watches = rules.iter().filter(|rule| rule.watches(stream)).map(watch).collect::<Result<_, _>>()?;
        Ok(Self {
            stream: stream.into(),
            heads: card.output.heads.clone(),
            distortions: card.output.distortions.clone(),
            head,
            gate: GateSettings {
                close_below,
                degrade_below,
                open_above,
                close_for: gate.close_for.get(),
                open_for: gate.open_for.get(),
                stale_after: gate.stale_after.get(),
            },
            relative,
            smooth: gate.smooth.get(),
            mode: gate.mode,
            when_unknown: gate.when_unknown,
            watches,
            run: String::new(),
        })
    }

    /// The same with alert ids that begin with the run's name, so that they differ from those of other runs.
    #[must_use]
    pub fn of_run(self, run: &str) -> Self {
        Self { run: run.into(), ..self }
    }

    /// The gate's thresholds and times.
    pub fn gate(&self) -> GateSettings {
        self.gate
    }
}

fn find(card: &Card, place: &str, subject: &Subject) -> Result<usize, SettingsError> {
    let (kind, names) = match subject {
        Subject::Head(_) => ("head", &card.output.heads),
        _ => ("distortion", &card.output.distortions),
    };
    names.iter().position(|name| name == subject.name()).ok_or_else(|| SettingsError::Unknown {
        place: place.into(),
        model: card.name.clone(),
        kind,
        name: subject.name().into(),
        known: if names.is_empty() { "none".into() } else { names.join(", ") },
    })
}
