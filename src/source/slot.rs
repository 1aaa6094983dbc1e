//! Where the newest due frame of a stream waits for the engine: one place, no queue.

use std::{
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crate::{config::Pace, frame::Frame};

/// Frames so far. Seen = skipped + offered; offered = taken + dropped + the one that waits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Decoded.
    pub seen: u64,
    /// Not due by the interval.
    pub skipped: u64,
    /// Due, but given up: overwritten by a newer one, or too late for the end.
    pub dropped: u64,
}

/// A live frame counts as due when so much of the interval is still missing: keyframes that come once an interval arrive
/// a little early as often as a little late, and an early one left out would double the interval.
const EARLY: u32 = 10;

/// The one place, with the interval that says which frames are due.
///
/// At [`Pace::Realtime`] a newer due frame takes the place of one that still waits; at [`Pace::Asap`] the source waits
/// until the place is free.
pub struct Slot {
    pace: Pace,
    state: Mutex<State>,
    changed: Condvar,
    bell: Box<dyn Fn() + Send + Sync>,
}

struct State {
    interval: Duration,
    frame: Option<Frame>,
    last: Option<Duration>,
    due: Duration,
    counts: Counts,
    closed: bool,
}

impl Slot {
    /// An empty place; `bell` is rung whenever a frame was put into it.
    pub fn new(pace: Pace, interval: Duration, bell: Box<dyn Fn() + Send + Sync>) -> Self {
        let state =
            State { interval, frame: None, last: None, due: Duration::ZERO, counts: Counts::default(), closed: false };
        Self { pace, state: Mutex::new(state), changed: Condvar::new(), bell }
    }

    /// The interval between due frames.
    pub fn interval(&self) -> Duration {
        self.lock().interval
    }

    /// Changes the interval; a shorter one holds from now on, not from the next due frame.
    pub fn set_interval(&self, interval: Duration) {
        let mut state = self.lock();
        if let Some(last) = state.last {
            state.due = state.due.min(last + interval);
        }
        state.interval = interval;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a decoded frame of this time and says whether it is due.
    pub fn is_due(&self, time: Duration) -> bool {
        let mut state = self.lock();
        state.counts.seen += 1;
        // Time that runs backwards is a new beginning, such as a camera that was connected again.
        let begins = state.last.is_none_or(|last| time < last);
        state.last = Some(time);
        let interval = state.interval;
        let slack = if self.pace == Pace::Realtime { interval / EARLY } else { Duration::ZERO };
        if !begins && time + slack < state.due {
            state.counts.skipped += 1;
            return false;
        }
        // On the grid where frames keep up with it, so that the mean interval is the one asked for.
        let late = time.saturating_sub(state.due);
        state.due = if begins || late >= interval { time + interval } else { state.due + interval };
        true
    }

    /// Puts a due frame; false once the place is closed.
    pub fn put(&self, frame: Frame) -> bool {
        let mut state = self.lock();
        while self.pace == Pace::Asap && state.frame.is_some() && !state.closed {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if state.closed {
            state.counts.dropped += 1;
            return false;
        }
        if state.frame.replace(frame).is_some() {
            state.counts.dropped += 1;
        }
        drop(state);
        (self.bell)();
        true
    }

    /// Takes the frame that waits.
    pub fn take(&self) -> Option<Frame> {
        let frame = self.lock().frame.take();
        if frame.is_some() {
            self.changed.notify_all();
        }
        frame
    }

    /// When the frame that waits arrived.
    pub fn waiting_since(&self) -> Option<Duration> {
        self.lock().frame.as_ref().map(|frame| frame.arrived)
    }

    /// Time of the newest frame seen, due or not.
    pub fn newest(&self) -> Option<Duration> {
        self.lock().last
    }

    /// Gives up the frame that waits, wakes a source that waits, and takes no more.
    pub fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        if state.frame.take().is_some() {
            state.counts.dropped += 1;
        }
        self.changed.notify_all();
    }

    /// Frames so far.
    pub fn counts(&self) -> Counts {
        self.lock().counts
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };

    use super::*;

    fn slot(pace: Pace, interval_ms: u64) -> (Slot, Arc<AtomicUsize>) {
        let rung = Arc::new(AtomicUsize::new(0));
        let bell = Arc::clone(&rung);
        (
            Slot::new(
                pace,
                Duration::from_millis(interval_ms),
                Box::new(move || {
                    bell.fetch_add(1, Ordering::Relaxed);
                }),
            ),
            rung,
        )
    }

    fn frame(ms: u64) -> Frame {
        Frame { arrived: Duration::from_millis(ms), ..Frame::from_rgb(image::RgbImage::new(1, 1)) }
    }

    #[test]
    fn due_frames_keep_the_mean_interval() {
        // 25 frames a second, due every 100 ms: the 3rd frame is late by 20 ms, the 5th is on the grid again.
        let times: Vec<u64> = (0..11).map(|i| i * 40).collect();
        for (interval, times, expected) in [
            (100, times.clone(), vec![0, 120, 200, 320, 400]),
            (0, times, (0..11).map(|i| i * 40).collect()),
            (100, vec![0, 50, 1000, 1050, 1100], vec![0, 1000, 1100]),
            (100, vec![5000, 5040, 0, 40, 100], vec![5000, 0, 100]),
            // Keyframes that jitter around the interval.
            (1000, vec![0, 995, 2010, 2990, 3980, 4890], vec![0, 995, 2010, 2990, 3980]),
        ] {
            let (slot, _) = slot(Pace::Realtime, interval);
            let due: Vec<u64> = times.iter().copied().filter(|ms| slot.is_due(Duration::from_millis(*ms))).collect();
            assert_eq!(due, expected, "every {interval} ms of {times:?}");
            let counts = slot.counts();
            assert_eq!((counts.seen, counts.skipped), (times.len() as u64, (times.len() - due.len()) as u64));
        }
    }

    #[test]
    fn a_shorter_interval_holds_at_once() {
        let (slot, _) = slot(Pace::Realtime, 5000);
        let due = |ms| slot.is_due(Duration::from_millis(ms));
        assert!(due(0) && !due(1000));
        slot.set_interval(Duration::from_millis(200));
        assert!(due(1200) && due(1400));
        slot.set_interval(Duration::from_secs(5));
        assert!(due(1600) && !due(2000) && !due(6000) && due(6600));
        assert_eq!(slot.interval(), Duration::from_secs(5));
    }

    #[test]
    fn the_newest_wins_in_real_time() {
        let (slot, rung) = slot(Pace::Realtime, 0);
        assert!(slot.put(frame(1)) && slot.put(frame(2)));
        assert_eq!(slot.waiting_since(), Some(Duration::from_millis(2)));
        assert_eq!(slot.take().map(|f| f.arrived), Some(Duration::from_millis(2)));
        assert!(slot.take().is_none());
        slot.put(frame(3));
        slot.close();
        assert!(slot.take().is_none() && !slot.put(frame(4)));
        assert_eq!((slot.counts().dropped, rung.load(Ordering::Relaxed)), (3, 3));
    }

    #[test]
    fn every_due_frame_is_kept_as_fast_as_possible() {
        let (slot, _) = slot(Pace::Asap, 0);
        let slot = &slot;
        std::thread::scope(|scope| {
            let putting = scope.spawn(move || (0..100).all(|ms| slot.put(frame(ms))));
            let mut taken = Vec::new();
            while taken.len() < 100 {
                taken.extend(slot.take().map(|f| f.arrived.as_millis()));
                std::thread::yield_now();
            }
            assert_eq!(taken, (0..100).collect::<Vec<_>>());
            assert!(putting.join().expect("no panic"));
            // A source that waits for room is let go when the place closes.
            slot.put(frame(100));
            let waiting = scope.spawn(move || slot.put(frame(101)));
            slot.close();
            assert!(!waiting.join().expect("no panic"));
        });
        assert_eq!(slot.counts().dropped, 2);
    }
}
