//! How long to wait before connecting again.

use std::time::Duration;

/// Pause before the first attempt to connect again; it doubles up to the longest.
const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(30);

/// Cameras lock an account after a few wrong passwords, so a refused login is tried again less often.
const AFTER_REFUSAL: Duration = Duration::from_secs(30);
const LONGEST_AFTER_REFUSAL: Duration = Duration::from_secs(300);

/// Pauses that double, each shortened by chance, so that the streams of one server don't come back all at once.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    /// The pause before, unshortened.
    last: Option<Duration>,
}

impl Backoff {
    /// The pause after an attempt that gave frames for `flowed`. `chance` is uniform in 0–1.
    ///
    /// An attempt that held less long than the pause before it doesn't count as a success: a server that dies with every
    /// connection must not be asked every second.
    pub(super) fn pause(&mut self, flowed: Duration, refused: bool, chance: f64) -> Duration {
        let (first, longest) = if refused { (AFTER_REFUSAL, LONGEST_AFTER_REFUSAL) } else { (FIRST, LONGEST) };
        let next = match self.last {
            Some(last) if flowed <= last => (last * 2).clamp(first, longest.max(last)),
            _ => first,
        };
        let next = next.min(longest);
        self.last = Some(next);
        next.mul_f64(1.0 - chance.clamp(0.0, 1.0) / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_and_begin_anew_after_a_success() {
        let s = Duration::from_secs;
        let mut backoff = Backoff::default();
        let steps = [
            // frames for, refused, pause
            (0, false, 1),
            (0, false, 2),
            (1, false, 4),
            (5, false, 1),
            (0, false, 2),
            (0, true, 30),
            (0, true, 60),
            (0, true, 120),
            (0, true, 240),
            (0, true, 300),
            (0, true, 300),
            (0, false, 30),
            (31, true, 30),
            (31, false, 1),
        ];
        for (i, (flowed, refused, pause)) in steps.into_iter().enumerate() {
            assert_eq!(backoff.pause(s(flowed), refused, 0.0), s(pause), "step {i}");
        }
        for _ in 0..20 {
            assert!(backoff.pause(s(0), false, 0.0) <= LONGEST);
        }
        assert_eq!(backoff.pause(s(0), false, 1.0), LONGEST / 2);
        assert_eq!(backoff.pause(s(0), false, 0.5), LONGEST * 3 / 4);
    }
}
