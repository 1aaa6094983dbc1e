//! A score's fall under this camera's own mean, as when the camera is covered or moved.

use std::time::Duration;

use super::smooth::Smooth;

/// The slow mean of one head and how far the present lies under it.
#[derive(Clone, Debug)]
pub(super) struct Drop {
    mean: Smooth,
    over: Duration,
    accept_after: Duration,
    /// The first value the mean is made of.
    begun: Option<Duration>,
}

impl Drop {
    pub(super) fn new(over: Duration, accept_after: Duration) -> Self {
        Self { mean: Smooth::new(over), over, accept_after, begun: None }
    }

    /// Takes the smoothed score of time `now`; how far it lies under the mean, once there is one worth the name. While the
    /// alert's condition holds (`bad_since`) the mean stands still, until the drop counts as the new normal.
    pub(super) fn add(&mut self, now: Duration, value: f32, bad_since: Option<Duration>) -> Option<f32> {
        if bad_since.is_some_and(|since| now.saturating_sub(since) >= self.accept_after) {
            self.mean.clear();
            self.mean.add(now, value);
            self.begun = Some(now);
            return Some(0.0);
        }
        let begun = *self.begun.get_or_insert(now);
        let mean = self.mean.value();
        if bad_since.is_none() || mean.is_none() {
            self.mean.add(now, value);
        }
        let mean = mean?;
        // A mean over less than a tenth of its time constant is hardly more than the first value.
        (now.saturating_sub(begun) >= self.over / 10 || bad_since.is_some()).then_some((mean - value).max(0.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drop_is_measured_against_the_past_and_accepted_in_the_end() {
        let mut drop = Drop::new(Duration::from_secs(100), Duration::from_secs(50));
        let at = Duration::from_secs;
        assert_eq!(drop.add(at(0), 0.8, None), None);
        assert_eq!(drop.add(at(5), 0.8, None), None, "too early");
        assert!(drop.add(at(20), 0.8, None).is_some_and(|d| d < 0.001));
        let fall = drop.add(at(21), 0.3, None).expect("there is a mean");
        assert!((fall - 0.5).abs() < 0.01, "{fall}");
        // While it is bad the mean stands still.
        let fall = drop.add(at(60), 0.3, Some(at(21))).expect("there is a mean");
        assert!((fall - 0.5).abs() < 0.01, "{fall}");
        assert_eq!(drop.add(at(71), 0.3, Some(at(21))), Some(0.0));
        assert!(drop.add(at(90), 0.3, None).is_some_and(|d| d < 0.01), "the new normal");
    }
}
