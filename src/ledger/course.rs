//! Moves of gates in, stretches out. Pure: times come in.

use std::collections::BTreeMap;

use super::{End, Stretch};
use crate::event::{GateEvent, GateReason};

/// Without a sign of life for so long nobody knows where the gates stood: the machine slept, or its clock was set.
const GAP: f64 = 300.0;

/// Where every gate stands and since when.
#[derive(Debug, Default)]
pub struct Course {
    lasting: BTreeMap<String, Stretch>,
}

impl Course {
    /// A gate moved at `time` (seconds since 1970); the stretch that ended with it.
    pub fn moved(&mut self, event: &GateEvent, time: f64) -> Option<Stretch> {
        let stands = self.lasting.get(&event.stream);
        // Set by hand to what it was anyway.
        let same = |s: &Stretch| (s.state, s.enforced, s.reason) == (event.state, event.enforced, event.reason);
        if stands.is_some_and(same) {
            return None;
        }
        // After a stream's end in good order nobody is there to obey.
        let ended = if event.reason == GateReason::Ended {
            self.lasting.remove(&event.stream)
        } else {
            self.lasting.insert(event.stream.clone(), Stretch::begun(event, time))
        };
        ended.map(|stretch| finished(stretch, time, End::Moved))
    }

    /// Time passed until `now`: what stands lasts until then. The stretches that were cut instead, since nobody looked for
    /// long; they begin anew at `now`.
    pub fn pass(&mut self, now: f64) -> Vec<(String, Stretch)> {
        let mut cut = Vec::new();
        for (stream, stretch) in &mut self.lasting {
            if now - stretch.until > GAP {
                let anew = Stretch { previous: stretch.state, from: now, until: now, ..stretch.clone() };
                let old = std::mem::replace(stretch, anew);
                cut.push((stream.clone(), Stretch { end: End::Cut, ..old }));
            } else {
                stretch.until = now.max(stretch.from);
            }
        }
        cut
    }

    /// What stands, each with its stream.
    pub fn lasting(&self) -> impl Iterator<Item = (&String, &Stretch)> {
        self.lasting.iter()
    }

    /// The program ends in good order.
    pub fn close(&mut self, now: f64) -> Vec<(String, Stretch)> {
        let all = std::mem::take(&mut self.lasting);
        all.into_iter().map(|(stream, stretch)| (stream, finished(stretch, now, End::Moved))).collect()
    }
}

/// The clock of the day may have been set back, or have made a leap.
fn finished(stretch: Stretch, time: f64, end: End) -> Stretch {
    if time - stretch.until > GAP {
        return Stretch { end: End::Cut, ..stretch };
    }
    Stretch { until: time.max(stretch.from), end, ..stretch }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{event::GateState, ledger::stretch::tests::event};

    const OPEN: (GateState, GateReason) = (GateState::Open, GateReason::ScoreGood);
    const LOW: (GateState, GateReason) = (GateState::Closed, GateReason::ScoreLow);

    fn moved(course: &mut Course, time: f64, (state, reason): (GateState, GateReason)) -> Option<(f64, f64, End)> {
        let event = event(state, GateState::Unknown, reason);
        course.moved(&event, time).map(|s| (s.from, s.until, s.end))
    }

    #[test]
    fn a_stretch_lasts_until_the_next_move() {
        let mut course = Course::default();
        assert_eq!(moved(&mut course, 10.0, OPEN), None);
        assert_eq!(moved(&mut course, 20.0, LOW), Some((10.0, 20.0, End::Moved)));
        assert_eq!(moved(&mut course, 22.0, LOW), None);
        let black = (GateState::Closed, GateReason::Black);
        assert_eq!(moved(&mut course, 25.0, black), Some((20.0, 25.0, End::Moved)));
        // The clock of the day is set back.
        assert_eq!(moved(&mut course, 5.0, OPEN), Some((25.0, 25.0, End::Moved)));
        assert_eq!(moved(&mut course, 9.0, (GateState::Unknown, GateReason::Ended)), Some((5.0, 9.0, End::Moved)));
        assert_eq!((course.lasting().count(), course.close(20.0).len()), (0, 0));
    }

    #[test]
    fn what_nobody_watched_is_not_counted() {
        let mut course = Course::default();
        moved(&mut course, 10.0, LOW);
        assert!(course.pass(20.0).is_empty());
        // The machine slept.
        let cut = course.pass(5000.0);
        assert_eq!(cut.iter().map(|(_, s)| (s.from, s.until, s.end)).collect::<Vec<_>>(), [(10.0, 20.0, End::Cut)]);
        assert!(course.lasting().all(|(_, s)| (s.from, s.begins_stay()) == (5000.0, false)));
        assert_eq!(moved(&mut course, 9000.0, OPEN), Some((5000.0, 5000.0, End::Cut)));
        let closed = course.close(9010.0);
        assert_eq!((closed[0].1.length(), closed[0].1.end), (10.0, End::Moved));
    }
}
