//! A sink's bounded queue and thread.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant, SystemTime},
};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TrySendError, bounded};

use super::{Sink, Tally};
use crate::{
    event::{Event, Said},
    secret::scrub,
};

/// Events that may wait for a slow sink before the oldest is given up.
const DEPTH: usize = 1024;

/// A running sink. Sending never blocks: when the queue is full, its oldest event is given up and counted.
pub struct Queue {
    label: String,
    wants: Box<dyn Fn(&Event) -> bool + Send + Sync>,
    to: Sender<Arc<Said>>,
    oldest: Receiver<Arc<Said>>,
    hurry: Arc<AtomicBool>,
    tally: Arc<Tally>,
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

    fn with_depth(sink: Box<dyn Sink>, gone: Arc<AtomicBool>, depth: usize) -> io::Result<Self> {
        let (to, from) = bounded::<Arc<Said>>(depth);
        let (label, wants, hurry, oldest) = (sink.label(), sink.wants(), sink.hurry(), from.clone());
        let tally = Arc::new(Tally::default());
        let thread = {
            let (name, label, tally) = (format!("sink-{label}"), label.clone(), Arc::clone(&tally));
            std::thread::Builder::new().name(name).spawn(move || work(sink, &label, &from, &tally, &gone))?
        };
        Ok(Self { label, wants, to, oldest, hurry, tally, thread })
    }

    /// What metrics and messages call it.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// What became of its events so far.
    pub fn tally(&self) -> Arc<Tally> {
        Arc::clone(&self.tally)
    }

    /// Hands an event over, if the sink wants it.
    pub fn send(&self, said: &Arc<Said>) {
        if !(self.wants)(&said.event) {
            return;
        }
        let mut said = Arc::clone(said);
        self.tally.comes();
        while let Err(TrySendError::Full(back)) = self.to.try_send(said) {
            said = back;
            if self.oldest.try_recv().is_ok() {
                self.tally.leaves();
                self.tally.is_lost();
            }
        }
    }

    /// Waits until everything is written, at most until `deadline`; returns how many events were given up.
    pub fn drain(self, deadline: Instant) -> u64 {
        let Self { label, to, oldest, hurry, tally, thread, .. } = self;
        drop(to);
        hurry.store(true, Ordering::Release);
        while !thread.is_finished() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(2));
        }
        let left = if thread.is_finished() { 0 } else { oldest.len() as u64 + 1 };
        let lost = tally.lost() + left;
        if lost > 0 {
            tracing::warn!(sink = label, "{lost} events were given up because their reader is too slow");
        }
        lost
    }
}

/// Writes what comes until nothing more will, or nobody reads it. Trouble is said once, until it is over.
fn work(mut sink: Box<dyn Sink>, label: &str, from: &Receiver<Arc<Said>>, tally: &Tally, gone: &AtomicBool) {
    let mut failing = 0_u64;
    let every = sink.every();
    loop {
        let next = match every {
            Some(every) => from.recv_timeout(every),
            None => from.recv().map_err(RecvTimeoutError::from),
        };
        let result = match next {
            Ok(said) => {
                tally.leaves();
                sink.write(&said).inspect(|()| tally.is_written())
            }
            Err(RecvTimeoutError::Timeout) => sink.tick(SystemTime::now()),
            Err(RecvTimeoutError::Disconnected) => return,
        };
        match result {
            Ok(()) if failing > 0 => {
                tracing::warn!(sink = label, "events are written again; {failing} were not");
                failing = 0;
            }
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return gone.store(true, Ordering::Release),
            Err(error) => {
                tally.has_failed();
                if failing == 0 {
                    tracing::warn!(sink = label, error = %scrub(&error.to_string()), "an event could not be written");
                }
                failing += 1;
            }
        }
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
        let tally = queue.tally();
        assert_eq!((tally.waiting(), tally.lost()), (4, 6));
        drop(go);
        assert_eq!(queue.drain(Instant::now() + Duration::from_secs(10)), 6);
        assert_eq!((tally.waiting(), tally.written(), tally.failed()), (0, 5, 0));
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
