//! How a stream's score went within the last hour, in bounded memory. Pure: time is an argument.

use std::collections::VecDeque;

use serde::Serialize;

use crate::event::GateState;

/// Seconds that one bucket covers.
const STEP: u64 = 5;

/// Buckets kept: an hour.
pub(in crate::http) const MOST: usize = 720;

#[derive(Clone, Copy, Debug, Default)]
struct Bucket {
    low: f32,
    high: f32,
    sum: f32,
    scores: u32,
    state: Option<GateState>,
}

/// The smoothed score by time of day, five seconds a bucket.
#[derive(Debug, Default)]
pub(super) struct History {
    /// The newest bucket's number: seconds since 1970 divided by [`STEP`].
    newest: u64,
    buckets: VecDeque<Bucket>,
}

/// A history as it is shown: one value a bucket, oldest first; `null` where nothing was scored.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(in crate::http) struct HistoryView {
    /// End of the newest bucket, in seconds since 1970.
    pub end: u64,
    /// Seconds a bucket.
    pub step: u64,
    /// Mean of the smoothed scores.
    pub mean: Vec<Option<f32>>,
    /// Lowest of them.
    pub low: Vec<Option<f32>>,
    /// The gate at the end of each bucket, a letter each: o(pen), d(egraded), c(losed), u(nknown), - for nothing known.
    pub gate: String,
}

impl History {
    /// Takes a score (0–1), if there is one, and the gate's state at `now`, in seconds since 1970.
    pub(super) fn put(&mut self, now: u64, score: Option<f32>, state: GateState) {
        self.turn(now / STEP);
        let Some(bucket) = self.buckets.back_mut() else { return };
        bucket.state = Some(state);
        if let Some(score) = score.filter(|score| score.is_finite()) {
            let first = bucket.scores == 0;
            bucket.low = if first { score } else { bucket.low.min(score) };
            bucket.high = if first { score } else { bucket.high.max(score) };
            bucket.sum += score;
            bucket.scores += 1;
        }
    }

    /// Makes a bucket of this number the newest. A clock that was set back adds to the newest until it is there again.
    fn turn(&mut self, number: u64) {
        let ahead = number.saturating_sub(self.newest);
        if self.buckets.is_empty() || ahead >= MOST as u64 {
            self.buckets.clear();
            self.buckets.push_back(Bucket::default());
        } else {
            (0..ahead).for_each(|_| self.buckets.push_back(Bucket::default()));
        }
        self.newest = self.newest.max(number);
        let over = self.buckets.len().saturating_sub(MOST);
        self.buckets.drain(..over);
    }

    /// The last `points` buckets up to `now`, in seconds since 1970.
    pub(super) fn view(&self, now: u64, points: usize) -> HistoryView {
        let number = (now / STEP).max(self.newest);
        let points = points.clamp(1, MOST);
        let first = (number + 1).saturating_sub(points as u64);
        let oldest = (self.newest + 1).saturating_sub(self.buckets.len() as u64);
        let at = |number: u64| {
            let place = usize::try_from(number.checked_sub(oldest)?).ok()?;
            self.buckets.get(place)
        };
        let scored = |number| at(number).filter(|bucket| bucket.scores > 0);
        let thousandths = |value: f32| (value * 1000.0).round() / 1000.0;
        let numbers = || first..=number;
        HistoryView {
            end: (number + 1) * STEP,
            step: STEP,
            mean: numbers().map(|n| scored(n).map(|b| thousandths(b.sum / b.scores as f32))).collect(),
            low: numbers().map(|n| scored(n).map(|b| thousandths(b.low))).collect(),
            gate: numbers().map(|n| letter(at(n).and_then(|bucket| bucket.state))).collect(),
        }
    }
}

fn letter(state: Option<GateState>) -> char {
    match state {
        Some(GateState::Open) => 'o',
        Some(GateState::Degraded) => 'd',
        Some(GateState::Closed) => 'c',
        Some(GateState::Unknown) => 'u',
        None => '-',
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_is_kept_in_buckets_of_five_seconds_with_its_gaps() {
        let mut history = History::default();
        assert_eq!(history.view(100, 3).gate, "---");
        for (now, score, state) in [
            (100, Some(0.5), GateState::Unknown),
            (102, Some(0.25), GateState::Open),
            (104, Some(f32::NAN), GateState::Open),
            (111, None, GateState::Closed),
        ] {
            history.put(now, score, state);
        }
        let view = history.view(116, 4);
        assert_eq!((view.end, view.step, view.gate.as_str()), (120, 5, "o-c-"));
        assert_eq!((view.mean, view.low), (vec![Some(0.375), None, None, None], vec![Some(0.25), None, None, None]));
        // The clock is set back: nothing is lost, nothing grows.
        history.put(50, Some(0.0), GateState::Closed);
        assert_eq!(history.view(111, 1).mean, [Some(0.0)]);
        for now in 0..10_000 {
            history.put(1000 + now, Some(1.0), GateState::Open);
        }
        assert_eq!(history.buckets.len(), MOST);
        let view = history.view(10_999, 9999);
        assert!(view.mean.len() == MOST && view.mean.iter().all(|mean| *mean == Some(1.0)));
        // After a long rest the old hour is gone.
        history.put(1_000_000, None, GateState::Unknown);
        assert_eq!(history.view(1_000_000, 3).gate, "--u");
    }
}
