//! A unix socket that tells gates as JSON lines: where each stands on connecting, then every change, and renewals.
//!
//! One thread serves all readers and waits for none: what a reader does not take is not kept for it, it gets each
//! stream's newest line once it reads again, and is cut off if it takes nothing for too long.

mod feed;
mod listen;
mod reader;

use std::{
    io,
    os::fd::OwnedFd,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use rustix::{
    event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll},
    io::{Errno, read, write},
};

use super::{Bell, Board, monotonic_ns};
use crate::config::SocketKeys;
use feed::Feed;
use listen::Listener;
pub use listen::SocketError;
use reader::{Fate, Reader, Text};

/// Pause after the system refused to give us a connection, in nanoseconds: it would refuse again at once.
const PAUSE: u64 = 1_000_000_000;

/// A running socket. Dropping it ends its thread at once, closes all connections and removes the file.
#[derive(Debug)]
pub(super) struct Server {
    stop: Arc<AtomicBool>,
    wake: Arc<OwnedFd>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    pub(super) fn start(keys: &SocketKeys, board: Arc<Board>) -> Result<Self, SocketError> {
        let io = |source| SocketError::Io { path: keys.path.clone(), source };
        let listener = Listener::open(&keys.path, keys.mode.bits())?;
        let wake = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).map_err(|e| io(e.into()))?;
        let (wake, stop) = (Arc::new(wake), Arc::new(AtomicBool::new(false)));
        let desk = Desk {
            listener,
            wake: Arc::clone(&wake),
            feed: Feed::default(),
            readers: Vec::new(),
            most: keys.readers,
            stuck_after: u64::try_from(keys.stuck_after.get().as_nanos()).unwrap_or(u64::MAX),
            accept_from: 0,
            full: false,
        };
        let (stopped, rung) = (Arc::clone(&stop), Arc::clone(&wake));
        let serve = move || {
            // A renewal of a lease alone is fetched once the next line is due.
            let bell: Arc<Bell> = Arc::new(move |moved| {
                if moved {
                    ring(&rung);
                }
            });
            board.attach(&bell);
            desk.serve(&board, &stopped);
        };
        let thread = std::thread::Builder::new().name("gate-socket".into()).spawn(serve).map_err(io)?;
        Ok(Self { stop, wake, thread: Some(thread) })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        ring(&self.wake);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread of the gates' socket panicked; please report this");
        }
    }
}

fn ring(wake: &OwnedFd) {
    // It can fail only when it is about to overflow: then it rings already.
    let _ = write(wake, &1u64.to_ne_bytes());
}

/// What the thread has before it.
struct Desk {
    listener: Listener,
    wake: Arc<OwnedFd>,
    feed: Feed,
    readers: Vec<Reader>,
    most: usize,
    stuck_after: u64,
    /// Before this time nobody is let in.
    accept_from: u64,
    /// Somebody was turned away, which was said.
    full: bool,
}

impl Desk {
    fn serve(mut self, board: &Board, stop: &AtomicBool) {
        let mut seen = 0;
        while !stop.load(Ordering::Acquire)
            && let Some((version, entries)) = board.newer(seen, Duration::ZERO)
        {
            seen = version;
            let now = monotonic_ns();
            self.feed.take(entries);
            let due = self.feed.due(now).into_iter();
            let lines: Vec<Text> = due.map(|due| (due, self.feed.line(due, now))).collect();
            self.readers
                .retain_mut(|reader| reader.give(&lines, now) == Fate::Stays && !stuck(reader, now, self.stuck_after));
            if let Err(error) = self.wait(now) {
                tracing::error!(%error, "the gates' socket is closed: cannot wait for its readers");
                return;
            }
        }
    }

    /// Waits until something is to be done, then lets readers in, out, and catch up.
    fn wait(&mut self, now: u64) -> io::Result<()> {
        let stuck = self.readers.iter().filter_map(Reader::stuck_since).map(|since| since + self.stuck_after);
        let accepting = now >= self.accept_from;
        let again = (!accepting).then_some(self.accept_from);
        let next = stuck.chain(self.feed.next()).chain(again).min();
        let limit = next.map(|next| {
            let left = next.saturating_sub(now);
            // Both below a machine's age, which 63 bits hold.
            Timespec { tv_sec: (left / 1_000_000_000) as i64, tv_nsec: (left % 1_000_000_000) as i64 }
        });
        let ready: Vec<PollFlags> = {
            let door = if accepting { PollFlags::IN } else { PollFlags::empty() };
            let fixed = [PollFd::new(&*self.wake, PollFlags::IN), PollFd::new(&self.listener.socket, door)];
            let readers = self.readers.iter().map(|reader| {
                let mut events = PollFlags::empty();
                events.set(PollFlags::IN, !reader.silent);
                events.set(PollFlags::OUT, reader.is_behind());
                PollFd::new(&reader.socket, events)
            });
            let mut fds: Vec<PollFd<'_>> = fixed.into_iter().chain(readers).collect();
            match poll(&mut fds, limit.as_ref()) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(e) => return Err(e.into()),
            }
            fds.iter().map(PollFd::revents).collect()
        };
        if ready[0].contains(PollFlags::IN) {
            // Emptied before the board is read, so that no ring is lost.
            let _ = read(&*self.wake, &mut [0u8; 8]);
        }
        let now = monotonic_ns();
        let mut events = ready[2..].iter();
        let feed = &self.feed;
        self.readers.retain_mut(|reader| {
            let events = events.next().copied().unwrap_or(PollFlags::empty());
            if events.intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL) {
                return false;
            }
            (!events.contains(PollFlags::IN) || reader.listen() == Fate::Stays)
                && (!events.contains(PollFlags::OUT) || reader.catch_up(feed, now) == Fate::Stays)
        });
        if ready[1].contains(PollFlags::IN) {
            self.accept(now);
        }
        Ok(())
    }

    fn accept(&mut self, now: u64) {
        loop {
            let socket = match self.listener.socket.accept() {
                Ok((socket, _)) => socket,
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return,
                Err(e) if matches!(e.kind(), io::ErrorKind::Interrupted | io::ErrorKind::ConnectionAborted) => continue,
                Err(error) => {
                    tracing::warn!(%error, "a reader of gates could not be let in");
                    self.accept_from = now.saturating_add(PAUSE);
                    return;
                }
            };
            if self.readers.len() >= self.most {
                if !std::mem::replace(&mut self.full, true) {
                    tracing::warn!(
                        readers = self.most,
                        "readers of gates are turned away; raise [socket] readers if they are yours"
                    );
                }
                continue;
            }
            self.full = false;
            let Ok(mut reader) = Reader::new(socket, now) else { continue };
            if reader.catch_up(&self.feed, now) == Fate::Stays {
                self.readers.push(reader);
            }
        }
    }
}

fn stuck(reader: &Reader, now: u64, after: u64) -> bool {
    let stuck = reader.stuck_since().is_some_and(|since| now.saturating_sub(since) >= after);
    if stuck {
        tracing::warn!("a reader of gates takes nothing and was cut off");
    }
    stuck
}
