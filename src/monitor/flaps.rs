//! How often something happened within the last hour.

use std::{collections::VecDeque, time::Duration};

const HOUR: Duration = Duration::from_secs(3600);

/// More than this an hour is counted as this many.
const MOST: usize = 9999;

#[derive(Clone, Debug, Default)]
pub(super) struct Flaps(VecDeque<Duration>);

impl Flaps {
    /// It happens at `now`.
    pub(super) fn add(&mut self, now: Duration) {
        if self.0.len() == MOST {
            self.0.pop_front();
        }
        self.0.push_back(now);
    }

    /// How often within the hour before `now`.
    pub(super) fn count(&mut self, now: Duration) -> u32 {
        while self.0.front().is_some_and(|then| now.saturating_sub(*then) > HOUR) {
            self.0.pop_front();
        }
        self.0.len() as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_hour_counts() {
        let mut flaps = Flaps::default();
        let at = Duration::from_secs;
        flaps.add(at(0));
        flaps.add(at(1800));
        assert_eq!((flaps.count(at(3600)), flaps.count(at(3601)), flaps.count(at(9000))), (2, 1, 0));
        (0..20_000).for_each(|s| flaps.add(at(9000 + s / 100)));
        assert_eq!(flaps.count(at(9200)), 9999);
    }
}
