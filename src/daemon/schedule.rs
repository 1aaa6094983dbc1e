//! Which stream is served next, and whether scoring keeps up. Pure: times and counts are arguments.

use std::time::Duration;

/// How urgent a stream with a waiting frame is: the time since it was served last, in units of its interval. Serving the
/// most urgent first stretches every stream's interval by the same factor when there is more to score than can be.
pub(super) fn urgency(now: Duration, served: Option<Duration>, interval: Duration) -> f64 {
    let interval = interval.as_secs_f64().max(0.001);
    served.map_or(f64::INFINITY, |served| now.saturating_sub(served).as_secs_f64() / interval)
}

/// Stretch from which overload is said, and from which it is over.
const BEGINS: f32 = 1.25;
const ENDS: f32 = 1.1;

/// Over how long the stretch is measured.
const WINDOW: Duration = Duration::from_secs(10);

/// Measures by how much intervals are stretched.
#[derive(Clone, Debug, Default)]
pub(super) struct Load {
    since: Duration,
    scored: u64,
    given_up: u64,
    overloaded: bool,
}

impl Load {
    /// Takes the totals so far: frames scored, and due frames that gave way to newer ones. Once a window is full its
    /// stretch (1 = every due frame was scored), and whether that is news.
    pub(super) fn measure(&mut self, now: Duration, scored: u64, given_up: u64) -> Option<(f32, bool)> {
        if now.saturating_sub(self.since) < WINDOW {
            return None;
        }
        // Streams that were removed take their counts with them.
        let (done, lost) = (scored.saturating_sub(self.scored), given_up.saturating_sub(self.given_up));
        let stretch = if done == 0 && lost == 0 { 1.0 } else { (done + lost) as f32 / done.max(1) as f32 };
        let was = self.overloaded;
        self.overloaded = if was { stretch > ENDS } else { stretch >= BEGINS };
        (self.since, self.scored, self.given_up) = (now, scored, given_up);
        Some((if self.overloaded { stretch } else { 1.0 }, self.overloaded != was))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Streams with these intervals in milliseconds always have a frame; one at a time is scored for `cost` ms.
    fn serve(intervals: &[u64], cost: u64, span: u64) -> Vec<f64> {
        let mut served: Vec<Option<Duration>> = vec![None; intervals.len()];
        let mut counts = vec![0u64; intervals.len()];
        let mut at = 0;
        while at < span {
            let now = Duration::from_millis(at);
            let most = (0..intervals.len())
                .map(|i| (i, urgency(now, served[i], Duration::from_millis(intervals[i]))))
                .filter(|(_, urgency)| *urgency >= 1.0)
                .max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0)));
            if let Some((i, _)) = most {
                served[i] = Some(now);
                counts[i] += 1;
                at += cost;
            } else {
                at += 1;
            }
        }
        (0..intervals.len()).map(|i| span as f64 / (counts[i] * intervals[i]) as f64).collect()
    }

    #[test]
    fn overload_stretches_every_interval_alike() {
        for (intervals, cost) in [(vec![200, 1000, 1000, 500], 100), (vec![100; 12], 25), (vec![40, 4000], 60)] {
            let asked: f64 = intervals.iter().map(|i| cost as f64 / *i as f64).sum();
            let stretches = serve(&intervals, cost, 400_000);
            for stretch in &stretches {
                assert!((stretch / asked.max(1.0) - 1.0).abs() < 0.15, "{intervals:?}: {stretches:?}, asked {asked}");
            }
        }
        assert!(serve(&[200, 1000], 10, 60_000).iter().all(|stretch| *stretch < 1.05), "no overload, no stretch");
    }

    #[test]
    fn overload_is_said_once_and_its_end_too() {
        let mut load = Load::default();
        let at = Duration::from_secs;
        assert_eq!(load.measure(at(5), 50, 0), None);
        assert_eq!(load.measure(at(10), 100, 5), Some((1.0, false)));
        assert_eq!(load.measure(at(20), 200, 105), Some((2.0, true)));
        assert_eq!(load.measure(at(30), 300, 125), Some((1.2, false)), "not yet over");
        assert_eq!(load.measure(at(40), 400, 125), Some((1.0, true)));
        assert_eq!(load.measure(at(50), 10, 0), Some((1.0, false)), "a reload took streams away");
    }
}
