//! Gates as metrics: read from the board at the moment of the scrape, so that an expired lease shows as unknown.

use std::{
    collections::BTreeSet,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use prometheus_client::{collector::Collector, encoding::DescriptorEncoder, metrics::MetricType};

use crate::{
    event::{GateReason, GateState, GateStatus},
    gate::{Board, Entry, Standing, monotonic_ns},
};

/// The streams there are and where their gates stand.
#[derive(Debug)]
pub(super) struct Gates {
    board: Arc<Board>,
    names: Mutex<BTreeSet<String>>,
    causes: Vec<String>,
}

impl Gates {
    pub(super) fn new(board: Arc<Board>, causes: Vec<String>) -> Self {
        Self { board, names: Mutex::default(), causes }
    }

    fn names(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn add(&self, stream: &str) {
        self.names().insert(stream.into());
    }

    pub(super) fn remove(&self, stream: &str) {
        self.names().remove(stream);
    }

    /// Where every gate stands; a stream of which nothing was heard yet is unknown.
    pub(super) fn standings(&self, now: u64) -> Vec<Standing> {
        let mut entries = self.board.all();
        for name in self.names().iter() {
            if !entries.iter().any(|entry| entry.status.stream == *name) {
                let status = GateStatus { stream: name.clone(), ..GateStatus::default() };
                entries.push(Entry { status, ..Entry::default() });
            }
        }
        entries.iter().map(|entry| entry.standing(now)).collect()
    }
}

/// The value of a score that is not there.
fn number(score: Option<f32>) -> f64 {
    score.map_or(f64::NAN, f64::from)
}

/// Encodes one gauge with a series for every stream, or for every stream and word.
fn gauge<'a>(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    series: impl Iterator<Item = (Vec<(&'a str, &'a str)>, f64)>,
) -> fmt::Result {
    let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
    for (labels, value) in series {
        metric.encode_family(&labels)?.encode_gauge(&value)?;
    }
    Ok(())
}

#[derive(Debug)]
pub(super) struct GateCollector(pub(super) Arc<Gates>);

impl Collector for GateCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let now = monotonic_ns();
        let standings = self.0.standings(now);
        let e = &mut encoder;
        let one_hot = |is| if is { 1.0 } else { 0.0 };
        let states = |of: fn(&GateStatus) -> Option<GateState>| {
            standings.iter().flat_map(move |s| {
                GateState::ALL.iter().map(move |state| {
                    let labels = vec![("stream", s.status.stream.as_str()), ("state", state.name())];
                    (labels, one_hot(of(&s.status) == Some(*state)))
                })
            })
        };
        gauge(e, "gate_state", "1 for the state decided, 0 for the others", states(|s| Some(s.decided)))?;
        let help = "1 for the state that readers are told to obey, 0 for the others; all 0 in shadow mode";
        gauge(e, "gate_enforced_state", help, states(|s| s.enforced))?;
        let reasons = standings.iter().flat_map(|s| {
            GateReason::ALL.iter().map(move |reason| {
                let labels = vec![("stream", s.status.stream.as_str()), ("reason", reason.name())];
                (labels, one_hot(s.status.reason == *reason))
            })
        });
        gauge(e, "gate_reason", "1 for the reason of the state decided, 0 for the others", reasons)?;
        let of = |value: fn(&Standing, u64) -> f64| {
            standings.iter().map(move |s| (vec![("stream", s.status.stream.as_str())], value(s, now)))
        };
        gauge(e, "score", "Newest score, 0 to 1, NaN without one", of(|s, _| number(s.status.score)))?;
        gauge(e, "score_smoothed", "The same, smoothed", of(|s, _| number(s.status.smoothed)))?;
        let lease = of(|s, now| s.valid_until.saturating_sub(now) as f64 / 1e9);
        gauge(e, "gate_valid_for_seconds", "For how long the state may be believed", lease)?;
        let help = "Moves between open and closed within the last hour";
        gauge(e, "gate_flaps", help, of(|s, _| f64::from(s.status.flaps)))?;
        let causes = standings.iter().flat_map(|s| {
            self.0.causes.iter().map(move |name| {
                let known = s.status.causes.iter().find(|cause| cause.distortion == *name);
                let labels = vec![("stream", s.status.stream.as_str()), ("cause", name.as_str())];
                (labels, known.map_or(0.0, |cause| f64::from(cause.probability)))
            })
        });
        gauge(e, "cause_probability", "Probability of a likely cause of a bad picture; 0 if it isn't one", causes)
    }
}
