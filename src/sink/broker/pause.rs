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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_limit() {
        let ms = [1, 2, 3, 6, 100].map(|failures| after(failures, 0.0).as_millis());
        assert_eq!(ms, [500, 1000, 2000, 15_000, 15_000]);
        assert_eq!(after(1, 1.0), Duration::from_millis(250));
    }
}
