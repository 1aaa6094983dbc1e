//! Exponential smoothing by time constant, for samples at any distance in time.

use std::time::Duration;

/// A value smoothed over the past.
#[derive(Clone, Copy, Debug)]
pub(super) struct Smooth {
    constant: Duration,
    last: Option<(Duration, f32)>,
}

impl Smooth {
    /// Past samples lose weight by 1/e every `constant`; zero means no smoothing.
    pub(super) fn new(constant: Duration) -> Self {
        Self { constant, last: None }
    }

    /// Takes the sample of time `now` and returns the smoothed value. The first sample stands as it is.
    pub(super) fn add(&mut self, now: Duration, sample: f32) -> f32 {
        let value = match self.last {
            Some((then, value)) if !self.constant.is_zero() => {
                let age = now.saturating_sub(then).as_secs_f32() / self.constant.as_secs_f32();
                value + (sample - value) * (1.0 - (-age).exp())
            }
            _ => sample,
        };
        self.last = Some((now, value));
        value
    }

    /// The smoothed value, if there is one.
    pub(super) fn value(&self) -> Option<f32> {
        self.last.map(|(_, value)| value)
    }

    /// Forgets the past.
    pub(super) fn clear(&mut self) {
        self.last = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn follows_a_step_by_its_time_constant_whatever_the_sampling() {
        for step_ms in [10, 40, 200] {
            let mut smooth = Smooth::new(Duration::from_millis(400));
            smooth.add(Duration::ZERO, 0.0);
            let mut value = 0.0;
            for ms in (step_ms..=400).step_by(step_ms as usize) {
                value = smooth.add(Duration::from_millis(ms), 1.0);
            }
            assert!((value - 0.632_12).abs() < 1e-4, "{step_ms} ms: {value}");
        }
    }

    #[test]
    fn zero_constant_and_first_sample_stand_as_they_are() {
        let mut smooth = Smooth::new(Duration::ZERO);
        assert_eq!(smooth.value(), None);
        for (ms, sample) in [(0, 0.2), (0, 0.9), (5, 0.1)] {
            assert_eq!(smooth.add(Duration::from_millis(ms), sample), sample);
        }
        smooth.clear();
        assert_eq!(smooth.value(), None);
    }
}
