//! A sink's bounded queue and thread.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};

use super::Sink;
use crate::event::Said;

/// Events that may wait for a slow sink before the oldest is given up.
const DEPTH: usize = 1024;

/// A running sink. Sending never blocks: when the queue is full, its oldest event is given up and counted.
pub struct Queue {
    name: &'static str,
    to: Sender<Arc<Said>>,
    oldest: Receiver<Arc<Said>>,
    lost: AtomicU64,
    thread: JoinHandle<()>,
}

impl Queue {
    /// Starts the sink's thread; it sets `gone` when nobody reads what the sink writes.
    ///
    /// # Errors
    /// The system's, if it gives no thread.
    pub fn start(sink: Box<dyn Sink>, gone: Arc<AtomicBool>) -> io::Result<Self> {
        Self::with_depth(sink, gone, DEPTH)
    }

    fn with_depth(mut sink: Box<dyn Sink>, gone: Arc<AtomicBool>, depth: usize) -> io::Result<Self> {
        let (to, from) = bounded::<Arc<Said>>(depth);
        let (name, oldest) = (sink.name(), from.clone());
        let thread = std::thread::Builder::new().name(format!("sink-{name}")).spawn(move || {
            for said in from {
                match sink.write(&said) {
                    Ok(()) => {}
                    Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                        return gone.store(true, Ordering::Release);
                    }
                    Err(error) => tracing::warn!(sink = name, %error, "an event could not be written"),
                }
            }
        })?;
        Ok(Self { name, to, oldest, lost: AtomicU64::new(0), thread })
    }

    /// Hands an event over.
    pub fn send(&self, said: &Arc<Said>) {
        let mut said = Arc::clone(said);
        while let Err(TrySendError::Full(back)) = self.to.try_send(said) {
            said = back;
            if self.oldest.try_recv().is_ok() {
                self.lost.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// Waits until everything is written, at most until `deadline`; returns how many events were given up.
    pub fn drain(self, deadline: Instant) -> u64 {
        let Self { name, to, oldest, lost, thread } = self;
        drop(to);
        while !thread.is_finished() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(2));
        }
        let left = if thread.is_finished() { 0 } else { oldest.len() as u64 + 1 };
        let lost = lost.into_inner() + left;
        if lost > 0 {
            tracing::warn!(sink = name, "{lost} events were given up because their reader is too slow");
        }
        lost
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::event::Event;

    fn event(number: u64) -> Arc<Said> {
        let event = Event::Error { stream: None, error: number.to_string(), at: None };
        Arc::new(Said { time: std::time::SystemTime::now(), id: number.to_string(), event })
    }

    /// Writes down what it gets, once it may.
    struct Slow(Arc<Mutex<Vec<String>>>, Receiver<()>);

    impl Sink for Slow {
        fn name(&self) -> &'static str {
            "slow"
        }

        fn write(&mut self, said: &Said) -> io::Result<()> {
            let _ = self.1.recv();
            if let (Event::Error { error, .. }, Ok(mut seen)) = (&said.event, self.0.lock()) {
                seen.push(error.clone());
            }
            Ok(())
        }
    }

    #[test]
    fn a_slow_sink_keeps_the_newest_events() {
        let (seen, (go, may)) = (Arc::new(Mutex::new(Vec::new())), bounded::<()>(0));
        let queue = Queue::with_depth(Box::new(Slow(Arc::clone(&seen), may)), Arc::default(), 4).expect("thread");
        queue.send(&event(0));
        while !queue.oldest.is_empty() {
            std::thread::yield_now();
        }
        (1..=10).for_each(|i| queue.send(&event(i)));
        drop(go);
        assert_eq!(queue.drain(Instant::now() + Duration::from_secs(10)), 6);
        assert_eq!(*seen.lock().expect("no panic"), ["0", "7", "8", "9", "10"]);
    }

    #[test]
    fn a_stuck_sink_does_not_hold_up_the_end() {
        let (_go, may) = bounded::<()>(0);
        let queue = Queue::with_depth(Box::new(Slow(Arc::default(), may)), Arc::default(), 4).expect("thread");
        (0..3).for_each(|i| queue.send(&event(i)));
        assert_eq!(queue.drain(Instant::now() + Duration::from_millis(100)), 3);
    }

    #[test]
    fn a_reader_that_went_away_is_noticed() {
        struct Gone;
        impl Sink for Gone {
            fn name(&self) -> &'static str {
                "gone"
            }
            fn write(&mut self, _: &Said) -> io::Result<()> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
        }
        let gone = Arc::new(AtomicBool::new(false));
        let queue = Queue::start(Box::new(Gone), Arc::clone(&gone)).expect("thread");
        queue.send(&event(0));
        queue.drain(Instant::now() + Duration::from_secs(10));
        assert!(gone.load(Ordering::Acquire));
    }
}
