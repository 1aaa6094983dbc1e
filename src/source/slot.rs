//! Where the newest due frame of a stream waits for the engine: one place, no queue.

use std::{
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crate::{config::Pace, frame::Frame};

/// Frames so far. Seen = skipped + settled + offered; offered = taken + dropped + the one that waits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Decoded.
    pub seen: u64,
    /// Not due by the interval.
    pub skipped: u64,
    /// Due, and settled by a look at the picture: nothing was left to score.
    pub settled: u64,
    /// Due, but given up: overwritten by a newer one, or too late for the end.
    pub dropped: u64,
}

/// A live frame counts as due when so much of the interval is still missing: keyframes that come once an interval arrive
/// a little early as often as a little late, and an early one left out would double the interval.
const EARLY: u32 = 10;

/// The one place, with the interval that says which frames are due.
///
/// At [`Pace::Realtime`] a newer due frame takes the place of one that still waits; at [`Pace::Asap`] the source waits
/// until the one before is done, so that what follows from it counts for the next, whatever the machine's speed.
pub struct Slot {
    pace: Pace,
    state: Mutex<State>,
    changed: Condvar,
    bell: Box<dyn Fn() + Send + Sync>,
    look: Option<Look>,
}

/// Looks at every frame, due (true) or not, on the source's own thread; false settles a due frame: it isn't put.
pub type Look = Box<dyn Fn(&Frame, bool) -> bool + Send + Sync>;

#[derive(Default)]
struct State {
    interval: Duration,
    frame: Option<Frame>,
    /// A frame was taken and isn't done yet.
    taken: bool,
    /// The source waits for the one who scores.
    waiting: bool,
    last: Option<Duration>,
    due: Duration,
    counts: Counts,
    closed: bool,
}

impl Slot {
    /// An empty place; `bell` is rung whenever a frame was put into it.
    pub fn new(pace: Pace, interval: Duration, bell: Box<dyn Fn() + Send + Sync>) -> Self {
        let state = Mutex::new(State { interval, ..State::default() });
        Self { pace, state, changed: Condvar::new(), bell, look: None }
    }

    /// The same with somebody who looks at every frame.
    #[must_use]
    pub fn with_look(self, look: Look) -> Self {
        Self { look: Some(look), ..self }
    }

    /// Time from one due frame to the next.
    pub fn interval(&self) -> Duration {
        self.lock().interval
    }

    /// Another interval from now on; a shorter one counts from the newest due frame.
    pub fn set_interval(&self, interval: Duration) {
        let mut state = self.lock();
        if interval < state.interval {
            state.due = state.due.saturating_sub(state.interval - interval);
        }
        state.interval = interval;
    }

    /// Whether the source waits for the one who scores, so that no frames is no fault of its own.
    pub fn is_waiting(&self) -> bool {
        self.lock().waiting
    }

    /// Takes note of a decoded frame of this time, which `make` makes if anybody wants it; false once the place is closed.
    ///
    /// # Errors
    /// Those of `make`.
    pub fn offer<E>(&self, time: Duration, make: impl FnOnce() -> Result<Frame, E>) -> Result<bool, E> {
        if !self.wait() {
            return Ok(false);
        }
        let due = self.is_due(time);
        if !due && self.look.is_none() {
            return Ok(true);
        }
        let frame = make()?;
        if self.look.as_ref().is_some_and(|look| !look(&frame, due)) && due {
            self.lock().counts.settled += 1;
            return Ok(true);
        }
        Ok(!due || self.put(frame))
    }

    /// Waits at [`Pace::Asap`] until the frame before is done; false once the place is closed.
    fn wait(&self) -> bool {
        let mut state = self.lock();
        while self.pace == Pace::Asap && (state.frame.is_some() || state.taken) && !state.closed {
            state.waiting = true;
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.waiting = false;
        !state.closed
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a decoded frame of this time and says whether it is due.
    fn is_due(&self, time: Duration) -> bool {
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
    fn put(&self, frame: Frame) -> bool {
        let mut state = self.lock();
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

    /// Takes the frame that waits. [`Slot::done`] has to follow once all that follows from it is decided.
    pub fn take(&self) -> Option<Frame> {
        let mut state = self.lock();
        let frame = state.frame.take();
        state.taken |= frame.is_some();
        frame
    }

    /// The frame taken is done with.
    pub fn done(&self) {
        self.lock().taken = false;
        self.changed.notify_all();
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

    fn offer(slot: &Slot, ms: u64) -> bool {
        slot.offer(Duration::from_millis(ms), || Ok::<_, ()>(frame(ms))).expect("a frame")
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
    fn another_interval_counts_from_the_newest_due_frame() {
        let (slot, _) = slot(Pace::Realtime, 1000);
        let mut due = Vec::new();
        for ms in (0..4000).step_by(100) {
            match ms {
                500 => slot.set_interval(Duration::from_millis(200)),
                1500 => slot.set_interval(Duration::from_millis(1000)),
                _ => {}
            }
            if slot.is_due(Duration::from_millis(ms)) {
                due.push(ms);
            }
        }
        assert_eq!(due, [0, 500, 700, 900, 1100, 1300, 1500, 2400, 3400]);
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
        assert!(offer(&slot, 1) && offer(&slot, 2));
        assert_eq!(slot.waiting_since(), Some(Duration::from_millis(2)));
        assert_eq!(slot.take().map(|f| f.arrived), Some(Duration::from_millis(2)));
        assert!(slot.take().is_none());
        offer(&slot, 3);
        slot.close();
        assert!(slot.take().is_none() && !offer(&slot, 4));
        assert_eq!((slot.counts().dropped, rung.load(Ordering::Relaxed)), (2, 3));
    }

    #[test]
    fn a_look_sees_every_frame_and_may_settle_it() {
        let (slot, rung) = slot(Pace::Realtime, 100);
        let seen = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&seen);
        let slot = slot.with_look(Box::new(move |frame, due| {
            log.lock().expect("no panic").push((frame.arrived.as_millis(), due));
            frame.arrived < Duration::from_millis(100)
        }));
        (0..3).for_each(|i| assert!(offer(&slot, i * 50)));
        assert_eq!(*seen.lock().expect("no panic"), [(0, true), (50, false), (100, true)]);
        assert_eq!(slot.counts(), Counts { seen: 3, skipped: 1, settled: 1, dropped: 0 });
        assert_eq!(rung.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn as_fast_as_possible_each_frame_waits_for_the_one_before() {
        let (slot, _) = slot(Pace::Asap, 0);
        let slot = &slot;
        std::thread::scope(|scope| {
            let putting = scope.spawn(move || (0..100).all(|ms| offer(slot, ms)));
            let mut taken = Vec::new();
            while taken.len() < 100 {
                if let Some(frame) = slot.take() {
                    taken.push(frame.arrived.as_millis());
                    std::thread::yield_now();
                    assert_eq!(slot.waiting_since(), None, "a frame came before the one before was done");
                    slot.done();
                }
            }
            assert_eq!(taken, (0..100).collect::<Vec<_>>());
            assert!(putting.join().expect("no panic"));
            // A source that waits is let go when the place closes.
            offer(slot, 100);
            let waiting = scope.spawn(move || offer(slot, 101));
            while !slot.is_waiting() {
                std::thread::yield_now();
            }
            slot.close();
            assert!(!waiting.join().expect("no panic"));
        });
        assert_eq!(slot.counts().dropped, 1);
    }
}
