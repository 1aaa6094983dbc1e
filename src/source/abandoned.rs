//! Calls into GStreamer that may hang, each on a thread of its own, within a limit; those that don't come back are left
//! to themselves and counted.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
        mpsc,
    },
    time::{Duration, Instant},
};

/// So many of one stream may hang at a time; each holds memory and perhaps a camera's connection.
pub(super) const MOST: usize = 3;

/// How often a waiting caller looks whether it should go on waiting.
const LOOK: Duration = Duration::from_millis(50);

/// How many calls of a stream were left to themselves.
#[derive(Debug, Default)]
pub(super) struct Abandoned {
    now: AtomicUsize,
    ever: AtomicU64,
}

/// Where a call stands. Who changes it from [`Call::Runs`] decides what becomes of its result.
#[derive(PartialEq, Eq)]
enum Call {
    Runs,
    Done,
    Left,
}

fn lock(call: &Mutex<Call>) -> MutexGuard<'_, Call> {
    call.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Abandoned {
    /// Those that still hang.
    pub(super) fn now(&self) -> usize {
        self.now.load(Ordering::Acquire)
    }

    /// All there have been.
    pub(super) fn ever(&self) -> u64 {
        self.ever.load(Ordering::Relaxed)
    }

    /// Runs `work` on a thread of its own; its result, or `None` if it took longer than `limit` or `given_up` came true
    /// before. What it returns after that is dropped where it was made.
    pub(super) fn within<T: Send + 'static>(
        self: &Arc<Self>,
        thread: &str,
        limit: Duration,
        given_up: impl Fn() -> bool,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let (give, result) = mpsc::sync_channel(1);
        let call = Arc::new(Mutex::new(Call::Runs));
        let (at_work, count) = (Arc::clone(&call), Arc::clone(self));
        let run = move || {
            let value = work();
            let mut call = lock(&at_work);
            if *call == Call::Left {
                drop(call);
                drop(value);
                count.now.fetch_sub(1, Ordering::AcqRel);
            } else {
                *call = Call::Done;
                // There is room for one, and only one is sent.
                let _ = give.send(value);
            }
        };
        std::thread::Builder::new().name(thread.into()).spawn(run).ok()?;
        let deadline = Instant::now() + limit;
        loop {
            let wait = LOOK.min(deadline.saturating_duration_since(Instant::now()));
            match result.recv_timeout(wait) {
                Ok(value) => return Some(value),
                // It panicked.
                Err(mpsc::RecvTimeoutError::Disconnected) => return None,
                Err(mpsc::RecvTimeoutError::Timeout) => {}
            }
            if Instant::now() >= deadline || given_up() {
                let mut call = lock(&call);
                if *call == Call::Done {
                    drop(call);
                    return result.recv().ok();
                }
                *call = Call::Left;
                self.now.fetch_add(1, Ordering::AcqRel);
                self.ever.fetch_add(1, Ordering::Relaxed);
                return None;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_hangs_is_left_counted_and_counted_out() {
        let abandoned = Arc::new(Abandoned::default());
        let limit = Duration::from_millis(60);
        assert_eq!(abandoned.within("quick", limit, || false, || 7), Some(7));
        assert_eq!((abandoned.now(), abandoned.ever()), (0, 0));
        let (free, freed) = mpsc::channel::<()>();
        let begun = Instant::now();
        let hangs = abandoned.within("slow", limit, || false, move || freed.recv().is_err());
        assert_eq!(hangs, None);
        assert!(begun.elapsed() < limit * 5, "{:?}", begun.elapsed());
        assert_eq!((abandoned.now(), abandoned.ever()), (1, 1));
        // Who gives up doesn't wait for the limit.
        let (also, hangs) = mpsc::channel::<()>();
        let begun = Instant::now();
        abandoned.within("slow", Duration::from_secs(60), || true, move || hangs.recv().is_err());
        assert!(begun.elapsed() < Duration::from_secs(5));
        drop((free, also));
        let until = Instant::now() + Duration::from_secs(5);
        while abandoned.now() > 0 && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(5));
        }
        assert_eq!((abandoned.now(), abandoned.ever()), (0, 2));
    }
}
