//! The most recent latencies of a stream, in bounded memory.

use std::time::Duration;

use ringbuf::HeapRb;

use crate::event::Latency;

/// How many latencies are remembered.
const MEMORY: usize = 4096;

pub(super) struct Latencies(HeapRb<f32>);

impl Default for Latencies {
    fn default() -> Self {
        Self(HeapRb::new(MEMORY))
    }
}

impl Latencies {
    pub(super) fn add(&mut self, latency: Duration) {
        self.0.push_overwrite(latency.as_secs_f32() * 1000.0);
    }

    /// Nearest-rank quantiles.
    pub(super) fn quantiles(&mut self) -> Option<Latency> {
        let mut sorted: Vec<f32> = self.0.iter().copied().collect();
        sorted.sort_by(f32::total_cmp);
        let rank = |q: f64| {
            let rank = (q * sorted.len() as f64).ceil() as usize;
            sorted.get(rank.saturating_sub(1)).map(|ms| (f64::from(*ms) * 1000.0).round() / 1000.0)
        };
        Some(Latency { p50_ms: rank(0.5)?, p99_ms: rank(0.99)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_of_the_most_recent() {
        let mut latencies = Latencies::default();
        assert_eq!(latencies.quantiles(), None);
        (1..=100).rev().for_each(|ms| latencies.add(Duration::from_millis(ms)));
        assert_eq!(latencies.quantiles(), Some(Latency { p50_ms: 50.0, p99_ms: 99.0 }));
        (0..MEMORY).for_each(|_| latencies.add(Duration::from_millis(7)));
        assert_eq!(latencies.quantiles(), Some(Latency { p50_ms: 7.0, p99_ms: 7.0 }));
    }
}
