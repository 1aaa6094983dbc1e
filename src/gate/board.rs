//! The newest status of every gate, for any number of readers.

use std::{
    fmt,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak},
    time::{Duration, Instant},
};

use crate::event::GateStatus;

/// One stream's gate on the board.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Entry {
    /// Where it stands.
    pub status: GateStatus,
    /// The lease: `CLOCK_MONOTONIC` in nanoseconds until which the status may be believed. After it the gate is unknown,
    /// whatever the status says.
    pub valid_until: u64,
    /// Grows with every change of the board; tells readers what they have not seen.
    pub version: u64,
    /// The state, its reason or what is enforced differs from the status before; otherwise only lease and scores are new.
    pub moved: bool,
    /// The stream was removed from the configuration.
    pub gone: bool,
}

/// Called after every change of the board, with whether a gate moved; must return at once.
pub type Bell = dyn Fn(bool) + Send + Sync;

/// Statuses of all streams, in the order in which they first appeared.
#[derive(Debug, Default)]
pub struct Board {
    state: Mutex<State>,
    changed: Condvar,
    bells: Bells,
}

#[derive(Default)]
struct Bells(Mutex<Vec<Weak<Bell>>>);

impl Bells {
    fn ring(&self, moved: bool) {
        let bells = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        bells.iter().filter_map(Weak::upgrade).for_each(|bell| bell(moved));
    }
}

impl fmt::Debug for Bells {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bells")
    }
}

#[derive(Debug, Default)]
struct State {
    entries: Vec<Entry>,
    version: u64,
    closed: bool,
}

impl Board {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a stream's newest status up.
    pub fn put(&self, status: GateStatus, valid_until: u64) {
        let mut state = self.lock();
        state.version += 1;
        let version = state.version;
        let old = state.entries.iter().position(|entry| entry.status.stream == status.stream);
        let moved = old.is_none_or(|i| {
            let Entry { status: old, gone, .. } = &state.entries[i];
            *gone
                || (old.decided, old.enforced, old.by_hand, old.reason)
                    != (status.decided, status.enforced, status.by_hand, status.reason)
        });
        let entry = Entry { status, valid_until, version, moved, gone: false };
        match old {
            Some(i) => state.entries[i] = entry,
            None => state.entries.push(entry),
        }
        drop(state);
        self.changed.notify_all();
        self.bells.ring(moved);
    }

    /// Takes a stream off the board; readers learn that it is gone.
    pub fn remove(&self, stream: &str) {
        let mut state = self.lock();
        state.version += 1;
        let version = state.version;
        if let Some(entry) = state.entries.iter_mut().find(|entry| entry.status.stream == stream) {
            let status =
                GateStatus { stream: stream.into(), when_unknown: entry.status.when_unknown, ..GateStatus::default() };
            *entry = Entry { status, valid_until: 0, version, moved: true, gone: true };
        }
        drop(state);
        self.changed.notify_all();
        self.bells.ring(true);
    }

    /// Everything on the board, streams that are gone left out.
    pub fn all(&self) -> Vec<Entry> {
        self.lock().entries.iter().filter(|entry| !entry.gone).cloned().collect()
    }

    /// One stream's entry.
    pub fn get(&self, stream: &str) -> Option<Entry> {
        self.lock().entries.iter().find(|entry| entry.status.stream == stream && !entry.gone).cloned()
    }

    /// Waits for entries newer than version `after`, at most for `limit`; the board's version beside them. `None` once the
    /// board is closed and nothing new is left.
    ///
    /// A reader that was slow gets each stream's newest entry only, with `moved` true if in doubt.
    pub fn newer(&self, after: u64, limit: Duration) -> Option<(u64, Vec<Entry>)> {
        let deadline = Instant::now() + limit;
        let mut state = self.lock();
        while state.version <= after && !state.closed {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Some((state.version, Vec::new()));
            }
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        if state.version <= after {
            return None;
        }
        let newer = state.entries.iter().filter(|entry| entry.version > after).cloned().collect();
        Some((state.version, newer))
    }

    /// No more changes will come; readers that wait are let go.
    pub fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
        self.bells.ring(true);
    }

    /// Rings a bell at every change from now on, for those who wait for other things beside the board. It is forgotten once
    /// its owner lets it go.
    pub fn attach(&self, bell: &Arc<Bell>) {
        let mut bells = self.bells.0.lock().unwrap_or_else(PoisonError::into_inner);
        bells.retain(|bell| bell.strong_count() > 0);
        bells.push(Arc::downgrade(bell));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{GateReason, GateState};

    fn status(stream: &str, decided: GateState) -> GateStatus {
        GateStatus { stream: stream.into(), decided, reason: GateReason::ScoreGood, ..GateStatus::default() }
    }

    #[test]
    fn readers_get_what_is_new_and_whether_it_moved() {
        let board = Board::default();
        board.put(status("a", GateState::Open), 10);
        board.put(status("b", GateState::Closed), 20);
        let (seen, new) = board.newer(0, Duration::ZERO).expect("open");
        assert_eq!(
            new.iter().map(|e| (e.status.stream.as_str(), e.moved)).collect::<Vec<_>>(),
            [("a", true), ("b", true)]
        );
        board.put(status("b", GateState::Closed), 30);
        let (seen, new) = board.newer(seen, Duration::ZERO).expect("open");
        assert_eq!(new.iter().map(|e| (e.valid_until, e.moved)).collect::<Vec<_>>(), [(30, false)]);
        assert_eq!(board.newer(seen, Duration::from_millis(1)), Some((seen, vec![])));
        board.remove("a");
        let (seen, new) = board.newer(seen, Duration::ZERO).expect("open");
        assert!(new[0].gone && new[0].status.decided == GateState::Unknown);
        assert_eq!(board.all().len(), 1);
        assert!(board.get("a").is_none() && board.get("b").is_some());
        board.close();
        assert_eq!(board.newer(seen, Duration::from_secs(60)), None);
    }

    #[test]
    fn bells_ring_with_whether_a_gate_moved_until_they_are_let_go() {
        let (board, rings) = (Board::default(), Arc::new(Mutex::new(Vec::new())));
        let heard = Arc::clone(&rings);
        let bell: Arc<Bell> = Arc::new(move |moved| heard.lock().expect("no panic").push(moved));
        board.attach(&bell);
        board.put(status("a", GateState::Open), 1);
        board.put(status("a", GateState::Open), 2);
        board.remove("a");
        assert_eq!(*rings.lock().expect("no panic"), [true, false, true]);
        drop(bell);
        board.close();
        assert_eq!(rings.lock().expect("no panic").len(), 3);
    }

    #[test]
    fn a_waiting_reader_wakes_up() {
        let board = Board::default();
        std::thread::scope(|scope| {
            let reader = scope.spawn(|| board.newer(0, Duration::from_secs(60)));
            board.put(status("a", GateState::Open), 1);
            let (_, new) = reader.join().expect("no panic").expect("open");
            assert_eq!(new.len(), 1);
        });
    }
}
