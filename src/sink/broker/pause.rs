//! How long to wait before connecting again. Pure.

use std::time::Duration;

/// The pause after the first failure; it doubles up to the longest.
const FIRST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(15);

/// The pause after so many failures in a row (from 1). `chance` is uniform in 0–1 and shortens it by up to a half, so that
/// not everybody comes back at once.
pub(super) fn after(failures: u32, chance: f64) -> Duration {
    let doubled = FIRST.saturating_mul(2_u32.saturating_pow(failures.saturating_sub(1))).min(LONGEST);
    doubled.mul_f64(1.0 - chance.clamp(0.0, 1.0) / 2.0)
}

/// Failures in a row, with one more; `held` is how long the connection held that broke, if there was one. One that held as
/// long as the pause before it was a success. A shorter one wasn't: two clients with one id would throw each other out
/// many times a second.
pub(super) fn count(failures: u32, held: Option<Duration>) -> u32 {
    if failures > 0 && held.is_none_or(|held| held < after(failures, 0.0)) { failures.saturating_add(1) } else { 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_connection_that_held_ends_a_row_of_failures() {
        let ms = Duration::from_millis;
        for (failures, held, expected) in [
            (0, None, 1),
            (0, Some(ms(1)), 1),
            (1, None, 2),
            (1, Some(ms(499)), 2),
            (1, Some(ms(500)), 1),
            (9, Some(ms(14_999)), 10),
            (9, Some(ms(15_000)), 1),
            (u32::MAX, None, u32::MAX),
        ] {
            assert_eq!(count(failures, held), expected, "{failures} {held:?}");
        }
    }

    #[test]
    fn pauses_double_up_to_a_limit() {
        let ms = [1, 2, 3, 6, 100].map(|failures| after(failures, 0.0).as_millis());
        assert_eq!(ms, [500, 1000, 2000, 15_000, 15_000]);
        assert_eq!(after(1, 1.0), Duration::from_millis(250));
    }
}
