//! Starts the readers that the configuration asks for.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use super::{
    Board, monotonic_ns,
    slot::{SlotError, Writer},
    socket::{Server, SocketError},
};
use crate::config::GateReaders;

/// How often the mapped file's heartbeat is written, at most.
const BEAT: Duration = Duration::from_millis(250);

/// Why readers can't be started.
#[derive(Debug, thiserror::Error)]
pub enum ReadersError {
    /// The unix socket.
    #[error(transparent)]
    Socket(#[from] SocketError),
    /// The mapped file.
    #[error(transparent)]
    Slot(#[from] SlotError),
    /// The system gives no thread.
    #[error("cannot start a thread for the readers of gates: {0}; raise the limit on processes")]
    Thread(std::io::Error),
}

/// Running readers. They end, within about a quarter of a second, when this is dropped or the board closes; whoever reads
/// then sees the connection closed and the mapped file marked.
#[derive(Debug)]
pub struct Readers {
    _socket: Option<Server>,
    _slots: Option<Slots>,
}

impl Readers {
    /// Opens socket and mapped file, as far as they are asked for, and keeps them up to date with the board.
    ///
    /// # Errors
    /// [`ReadersError`]; nothing is left open then.
    pub fn start(keys: &GateReaders, board: &Arc<Board>) -> Result<Self, ReadersError> {
        let socket = keys.socket.as_ref().map(|keys| Server::start(keys, Arc::clone(board))).transpose()?;
        let slots = match &keys.slot {
            Some(keys) => {
                let writer = Writer::create(&keys.path, keys.capacity, keys.mode.bits(), monotonic_ns())?;
                Some(Slots::start(writer, Arc::clone(board)).map_err(ReadersError::Thread)?)
            }
            None => None,
        };
        Ok(Self { _socket: socket, _slots: slots })
    }
}

/// The thread that keeps the mapped file up to date.
#[derive(Debug)]
struct Slots {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Slots {
    fn start(mut writer: Writer, board: Arc<Board>) -> std::io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::Builder::new().name("gate-slot".into()).spawn(move || {
            let mut seen = 0;
            while !stopped.load(Ordering::Acquire)
                && let Some((version, entries)) = board.newer(seen, BEAT)
            {
                seen = version;
                writer.take(entries, monotonic_ns());
            }
        })?;
        Ok(Self { stop, thread: Some(thread) })
    }
}

impl Drop for Slots {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread of the mapped file panicked; please report this");
        }
    }
}
