//! Which stream is served next, and whether scoring keeps up. Pure: times and counts are arguments.

use std::{collections::HashMap, time::Duration};

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

/// Overload is said again when its stretch has changed by so much.
const ANOTHER: f32 = 1.5;

/// What was done for a stream so far.
#[derive(Clone, Copy, Debug)]
pub(super) struct Work<'a> {
    /// Its name.
    pub(super) stream: &'a str,
    /// Frames that a worker was done with.
    pub(super) done: u64,
    /// Due frames that gave way to newer ones.
    pub(super) given_up: u64,
    /// Its configured interval.
    pub(super) interval: Duration,
}

/// Measures by how much intervals are stretched.
#[derive(Clone, Debug, Default)]
pub(super) struct Load {
    since: Duration,
    /// Frames done and given up of each stream when the window began.
    before: HashMap<String, (u64, u64)>,
    /// The stretch that was last said; 0 while there is no overload.
    said: f32,
}

impl Load {
    /// Takes what was done so far. Once a window is full its stretch (real interval / configured interval, 1 without
    /// overload), and whether that is news.
    pub(super) fn measure<'a>(
        &mut self,
        now: Duration,
        streams: impl Iterator<Item = Work<'a>>,
    ) -> Option<(f32, bool)> {
        let window = now.saturating_sub(self.since);
        if window < WINDOW {
            return None;
        }
        // At the run's beginning nothing was done.
        let first = self.since.is_zero().then_some((0, 0));
        let mut counts = HashMap::new();
        let (mut asked, mut kept) = (0.0, 0.0);
        for Work { stream, done, given_up, interval } in streams {
            counts.insert(stream.to_owned(), (done, given_up));
            // A stream that is new, or restarted by a reload, begins with the next window.
            let since = |(done_before, given_up_before): (u64, u64)| {
                Some((done.checked_sub(done_before)?, given_up.checked_sub(given_up_before)?))
            };
            let Some((done, given_up)) = self.before.get(stream).copied().or(first).and_then(since) else { continue };
            // Frames beyond the configured interval, while a change is pending, are a bonus: nobody was promised those.
            let most = if interval.is_zero() { f64::INFINITY } else { window.as_secs_f64() / interval.as_secs_f64() };
            let wanted = ((done + given_up) as f64).min(most);
            asked += wanted;
            kept += (done as f64).min(wanted);
        }
        let stretch = if asked == 0.0 { 1.0 } else { (asked / kept.max(1.0)).max(1.0) as f32 };
        (self.since, self.before) = (now, counts);
        let overloaded = if self.said > 0.0 { stretch > ENDS } else { stretch >= BEGINS };
        let news = match (self.said > 0.0, overloaded) {
            (true, true) => stretch >= self.said * ANOTHER || stretch <= self.said / ANOTHER,
            (was, is) => was != is,
        };
        if news {
            self.said = if overloaded { stretch } else { 0.0 };
        }
        Some((if overloaded { stretch } else { 1.0 }, news))
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

    /// Windows of 10 s: what two streams, at an interval of 1 s and of 200 ms, have had done and given up by then.
    fn measured(windows: &[[(u64, u64); 2]]) -> Vec<(f32, bool)> {
        let mut load = Load::default();
        let intervals = [Duration::from_secs(1), Duration::from_millis(200)];
        let mut at = |i: usize, counts: &[(u64, u64); 2]| {
            let of = |((stream, interval), (done, given_up)): ((&'static str, Duration), &(u64, u64))| Work {
                stream,
                done: *done,
                given_up: *given_up,
                interval,
            };
            let works: Vec<_> = ["a", "b"].into_iter().zip(intervals).zip(counts).map(of).collect();
            assert_eq!(load.measure(WINDOW * i as u32 + WINDOW / 2, works.iter().copied()), None, "not yet full");
            load.measure(WINDOW * (i as u32 + 1), works.into_iter()).expect("full")
        };
        windows.iter().enumerate().map(|(i, counts)| at(i, counts)).collect()
    }

    #[test]
    fn overload_is_said_at_its_beginning_when_it_changes_much_and_at_its_end() {
        let told = measured(&[
            [(10, 0), (50, 0)],
            [(15, 5), (75, 25)],
            [(20, 10), (100, 50)],
            [(23, 17), (115, 85)],
            [(32, 18), (160, 90)],
            [(42, 18), (210, 90)],
        ]);
        let expected = [(1.0, false), (2.0, true), (2.0, false), (10.0 / 3.0, true), (60.0 / 54.0, true), (1.0, true)];
        assert_eq!(told, expected);
    }

    #[test]
    fn looks_that_nobody_was_promised_are_no_overload() {
        let told = measured(&[
            [(0, 0), (0, 0)],
            // Looked at four times as often as asked for, of which half was given up.
            [(20, 20), (100, 100)],
            // One gets more than its share, the other too little.
            [(60, 20), (125, 175)],
            // A camera that gives less than is asked for.
            [(65, 20), (130, 175)],
            // Restarted by a reload.
            [(1, 3), (180, 175)],
        ]);
        assert_eq!(told, [(1.0, false), (1.0, false), (60.0 / 35.0, true), (1.0, true), (1.0, false)]);
    }
}
