//! A per-frame finding → a lasting state: it begins and ends only after times of its own.

use std::time::Duration;

/// The times of one fact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Times {
    /// How long it must be found before it holds.
    pub(super) after: Duration,
    /// Longest gap between two findings of one run before it holds.
    pub(super) bridge: Duration,
    /// How long it must not be found before it ends.
    pub(super) clear: Duration,
}

/// One fact's life.
#[derive(Clone, Debug)]
pub(super) struct Hold {
    times: Times,
    /// First and newest finding of the present run.
    run: Option<(Duration, Duration)>,
    holds: bool,
}

/// What a step changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// It holds from now on, and was first found at this time.
    Begins(Duration),
    /// It held since this time and no longer does.
    Ends(Duration),
}

impl Hold {
    pub(super) fn new(times: Times) -> Self {
        Self { times, run: None, holds: false }
    }

    /// Since when it holds, if it does.
    pub(super) fn since(&self) -> Option<Duration> {
        self.run.filter(|_| self.holds).map(|(first, _)| first)
    }

    /// Pictures were missing: a run that doesn't hold yet begins anew.
    pub(super) fn interrupt(&mut self) {
        self.run = self.run.filter(|_| self.holds);
    }

    /// Takes the finding of the frame of time `now`. Times must not fall.
    pub(super) fn step(&mut self, now: Duration, found: bool) -> Option<Turn> {
        if found {
            let first = self.run.map_or(now, |(first, _)| first);
            self.run = Some((first, now));
            let due = !self.holds && now.saturating_sub(first) >= self.times.after;
            self.holds |= due;
            return due.then_some(Turn::Begins(first));
        }
        let (first, newest) = self.run?;
        let patience = if self.holds { self.times.clear } else { self.times.bridge };
        if now.saturating_sub(newest) < patience {
            return None;
        }
        self.run = None;
        std::mem::replace(&mut self.holds, false).then_some(Turn::Ends(first))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMES: Times = Times {
        after: Duration::from_millis(1000),
        bridge: Duration::from_millis(300),
        clear: Duration::from_millis(500),
    };

    /// The turns of findings given as (milliseconds, found), in milliseconds.
    fn turns(times: Times, steps: &[(u64, bool)]) -> Vec<(u64, Turn)> {
        let mut hold = Hold::new(times);
        let step = |&(ms, found): &(u64, bool)| Some((ms, hold.step(Duration::from_millis(ms), found)?));
        steps.iter().filter_map(step).collect()
    }

    #[test]
    fn it_begins_and_ends_after_its_times() {
        let steps: Vec<_> = (0..40).map(|i| (i * 100, (5..20).contains(&i))).collect();
        let first = Duration::from_millis(500);
        assert_eq!(turns(TIMES, &steps), [(1500, Turn::Begins(first)), (2400, Turn::Ends(first))]);
    }

    #[test]
    fn short_gaps_are_bridged_and_long_ones_start_anew() {
        let gap = |length: u64| -> Vec<_> {
            (0..30).map(|i| (i * 100, !(5..5 + length).contains(&i))).collect::<Vec<(u64, bool)>>()
        };
        assert_eq!(turns(TIMES, &gap(2))[0], (1000, Turn::Begins(Duration::ZERO)));
        assert_eq!(turns(TIMES, &gap(4))[0], (1900, Turn::Begins(Duration::from_millis(900))));
    }

    #[test]
    fn once_it_holds_gaps_below_the_clearing_time_do_not_end_it() {
        let steps: Vec<_> = (0..60).map(|i| (i * 100, i < 20 || (24..30).contains(&i))).collect();
        let turned = turns(TIMES, &steps);
        assert_eq!(turned.len(), 2, "{turned:?}");
        assert_eq!(turned[1], (3400, Turn::Ends(Duration::ZERO)));
    }

    #[test]
    fn an_interruption_ends_what_does_not_hold_yet() {
        let mut hold = Hold::new(TIMES);
        let mut step = |ms, interrupt: bool| {
            if interrupt {
                hold.interrupt();
            }
            hold.step(Duration::from_millis(ms), true)
        };
        assert_eq!((step(0, false), step(900, false), step(9000, true)), (None, None, None));
        assert_eq!(step(10_000, false), Some(Turn::Begins(Duration::from_millis(9000))));
        assert_eq!(step(20_000, true), None, "it holds");
        assert_eq!(hold.since(), Some(Duration::from_millis(9000)));
    }

    #[test]
    fn frames_far_apart_count_as_one_run() {
        // Keyframes every four seconds: no frame in between says otherwise.
        assert_eq!(turns(TIMES, &[(0, true), (4000, true)]), [(4000, Turn::Begins(Duration::ZERO))]);
    }
}
