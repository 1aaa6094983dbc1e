//! The clock that leases and heartbeats are written in.

use rustix::time::{ClockId, clock_gettime};

/// `CLOCK_MONOTONIC` in nanoseconds: the same for all processes of a machine, and never set back.
pub fn monotonic_ns() -> u64 {
    nanoseconds(ClockId::Monotonic)
}

/// The same clock as of the kernel's last tick, so up to 10 ms behind: precise enough for a lease of seconds and several
/// times cheaper, for those who ask before every frame.
pub fn monotonic_coarse_ns() -> u64 {
    nanoseconds(ClockId::MonotonicCoarse)
}

fn nanoseconds(clock: ClockId) -> u64 {
    let now = clock_gettime(clock);
    // The clock counts from the machine's start: never negative, and 64 bits last for 584 years.
    now.tv_sec.unsigned_abs() * 1_000_000_000 + now.tv_nsec.unsigned_abs()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_coarse_clock_is_a_little_behind() {
        let (before, coarse) = (monotonic_ns(), monotonic_coarse_ns());
        let after = monotonic_ns();
        assert!(coarse <= after && before.saturating_sub(coarse) < 50_000_000, "{before} {coarse} {after}");
    }
}
