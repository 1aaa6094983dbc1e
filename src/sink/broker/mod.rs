//! One connection to an MQTT broker: a named thread that keeps it up and holds a [`Talk`] over it.
//!
//! Every message is sent with QoS 1 and counts as sent once the broker has acknowledged it. What was under way when a
//! connection broke is the talk's to send again.

mod options;
mod pause;
mod task;

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use tokio::sync::Notify;

pub(super) use options::{Options, Will};

/// A message that a talk wants to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) topic: String,
    pub(super) payload: Vec<u8>,
    pub(super) retain: bool,
}

/// What is said over a connection, without the connection: all calls come from its one thread.
pub(super) trait Talk: Send {
    /// A connection was made; names what to subscribe to.
    fn connected(&mut self) -> Vec<String>;

    /// A message came.
    fn received(&mut self, topic: &str, payload: &[u8], retained: bool);

    /// Time passes, many times a second, connected or not.
    fn tick(&mut self);

    /// The next message to send, if there is one now.
    fn next(&mut self) -> Option<Message>;

    /// The broker has a message: that at `place` (from 0, the oldest) among those that [`next`](Talk::next) gave and that
    /// were neither acknowledged nor lost.
    fn acknowledged(&mut self, place: usize);

    /// The connection broke; what was not acknowledged may be lost.
    fn lost(&mut self);

    /// The connection shall end: says what is still to be said.
    fn stop(&mut self);

    /// Whether, after [`stop`](Talk::stop), nothing is left to say or to wait for.
    fn is_done(&self, connected: bool) -> bool;
}

/// A running connection.
pub(super) struct Link {
    stop: Arc<AtomicBool>,
    wake: Arc<Notify>,
    thread: Option<JoinHandle<()>>,
}

impl Link {
    /// Starts the thread. It connects again for as long as it lives.
    pub(super) fn start(name: &str, options: Options, talk: impl Talk + 'static) -> io::Result<Self> {
        let (stop, wake) = (Arc::new(AtomicBool::new(false)), Arc::new(Notify::new()));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let thread = {
            let (stop, wake) = (Arc::clone(&stop), Arc::clone(&wake));
            let work = move || runtime.block_on(task::converse(options, talk, &stop, &wake));
            std::thread::Builder::new().name(name.into()).spawn(work)?
        };
        Ok(Self { stop, wake, thread: Some(thread) })
    }

    /// Says that there is something new to say.
    pub(super) fn waker(&self) -> Arc<Notify> {
        Arc::clone(&self.wake)
    }

    /// Lets the talk finish, at most for `limit`. Whether the thread has ended.
    pub(super) fn stop(&mut self, limit: Duration) -> bool {
        self.stop.store(true, Ordering::Release);
        self.wake.notify_one();
        let Some(thread) = self.thread.take() else { return true };
        let until = Instant::now() + limit;
        while !thread.is_finished() && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(2));
        }
        thread.is_finished()
    }
}
