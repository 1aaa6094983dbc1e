//! A stream's figures out of the sums. Pure.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Key, Rows, Stretch, Sum};
use crate::{config::Detector, event::GateState};

/// What a detector need not do, or need not have done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Saving {
    /// Frames.
    pub frames: f64,
    /// The detector's own time for them, in seconds.
    pub seconds: f64,
}

impl Saving {
    /// What a detector does in so many seconds.
    pub fn of(seconds: f64, detector: Detector) -> Self {
        let frames = seconds * detector.fps;
        Self { frames, seconds: frames * detector.frame_ms / 1000.0 }
    }
}

/// A stream's figures for a time.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// Seconds in each state decided, by its name.
    pub seconds: BTreeMap<&'static str, f64>,
    /// Stays in each state that began, by its name: one whose reason changes goes on.
    pub times: BTreeMap<&'static str, u32>,
    /// Seconds in which a detector was told to do something else than look.
    pub gated: f64,
    /// The same for shadow mode: what it would have been told.
    pub would_have_gated: f64,
    /// Both, by reason.
    pub gated_by_reason: BTreeMap<&'static str, f64>,
    /// Seconds decided closed or degraded in which readers were told to let pass all the same: set by hand.
    pub let_pass: f64,
    /// Moves between letting pass and closed.
    pub flaps: u32,
    /// The detector that the savings are of.
    pub detector: Detector,
    /// While readers were told that the gate is closed.
    pub saved: Saving,
    /// While shadow mode decided closed and told nobody.
    pub would_have_saved: Saving,
    /// The stretches that a detector was, or would have been, told of, as far as they are still kept one by one.
    pub stretches: Vec<Stretch>,
}

impl Report {
    fn of(detector: Detector) -> Self {
        Self {
            seconds: BTreeMap::new(),
            times: BTreeMap::new(),
            gated: 0.0,
            would_have_gated: 0.0,
            gated_by_reason: BTreeMap::new(),
            let_pass: 0.0,
            flaps: 0,
            detector,
            saved: Saving::default(),
            would_have_saved: Saving::default(),
            stretches: Vec::new(),
        }
    }

    fn add(&mut self, key: &Key, sum: &Sum) {
        let (open, closed) = (GateState::Open.name(), GateState::Closed.name());
        *self.seconds.entry(key.decided).or_default() += sum.seconds();
        *self.times.entry(key.decided).or_default() += sum.stays;
        self.flaps += sum.flaps;
        let told = key.enforced.unwrap_or(key.decided);
        if told != open {
            *self.gated_by_reason.entry(key.reason).or_default() += sum.seconds();
            *(if key.enforced.is_some() { &mut self.gated } else { &mut self.would_have_gated }) += sum.seconds();
        }
        if key.enforced == Some(open) && [closed, GateState::Degraded.name()].contains(&key.decided) {
            self.let_pass += sum.seconds();
        }
        if told == closed {
            let saving = Saving::of(sum.seconds(), self.detector);
            let saved = if key.enforced.is_some() { &mut self.saved } else { &mut self.would_have_saved };
            saved.frames += saving.frames;
            saved.seconds += saving.seconds;
        }
    }

    /// Every stream's figures; `detector` tells what stands behind a stream.
    pub fn all(
        rows: &Rows,
        stretches: &[(String, Stretch)],
        detector: impl Fn(&str) -> Detector,
    ) -> BTreeMap<String, Self> {
        let mut reports: BTreeMap<String, Self> = BTreeMap::new();
        for (key, sum) in rows {
            let report = reports.entry(key.stream.clone()).or_insert_with(|| Self::of(detector(&key.stream)));
            report.add(key, sum);
        }
        for (stream, stretch) in stretches.iter().filter(|(_, stretch)| stretch.gated()) {
            if let Some(report) = reports.get_mut(stream) {
                report.stretches.push(stretch.clone());
            }
        }
        reports
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        event::GateReason,
        ledger::{row::add, stretch::tests::event},
    };

    #[test]
    fn shadow_enforced_and_set_by_hand_count_apart() {
        use GateState::{Closed, Degraded, Open, Unknown};
        let mut rows = Rows::new();
        let mut stretches = Vec::new();
        for (from, until, state, enforced, reason) in [
            (0.0, 100.0, Open, Some(Open), GateReason::ScoreGood),
            (100.0, 110.0, Closed, Some(Closed), GateReason::Black),
            (110.0, 112.0, Closed, Some(Closed), GateReason::ScoreLow),
            (112.0, 142.0, Closed, Some(Open), GateReason::ScoreLow),
            (142.0, 143.0, Unknown, Some(Open), GateReason::Stalled),
            (143.0, 147.0, Degraded, None, GateReason::ScorePoor),
            (147.0, 155.0, Closed, None, GateReason::ScoreLow),
        ] {
            let begun = Stretch::begun(&event(state, state, reason), from);
            let stretch = Stretch { until, enforced, ..begun };
            add(&mut rows, "yard", &stretch);
            stretches.push(("yard".to_owned(), stretch));
        }
        let detector = Detector { fps: 5.0, frame_ms: 20.0 };
        let yard = &Report::all(&rows, &stretches, |_| detector)["yard"];
        assert_eq!((yard.gated, yard.would_have_gated, yard.let_pass), (12.0, 12.0, 30.0));
        assert_eq!(yard.seconds["closed"], 10.0 + 2.0 + 30.0 + 8.0);
        assert_eq!(yard.gated_by_reason, [("black", 10.0), ("score_low", 10.0), ("score_poor", 4.0)].into());
        assert_eq!(yard.saved, Saving { frames: 60.0, seconds: 1.2 });
        assert_eq!(yard.would_have_saved, Saving { frames: 40.0, seconds: 0.8 });
        assert_eq!(yard.stretches.len(), 4);
    }
}
