//! One connected reader.

use std::{
    io::{self, Read, Write},
    os::unix::net::UnixStream,
};

use rustix::net::sockopt::set_socket_send_buffer_size;

use super::feed::{Due, Feed};
use crate::gate::Kind;

/// Bytes that the system may hold for a reader that does not read: some tens of lines, so that a slow reader's lines are
/// not old ones.
const HELD: usize = 16 * 1024;

/// Bytes that a reader may send us; they are thrown away.
const CHATTER: usize = 4096;

/// A reader. What it has not taken yet is at most a part of one line; of everything else only the newest is kept, in the
/// feed.
#[derive(Debug)]
pub(super) struct Reader {
    pub(super) socket: UnixStream,
    /// The rest of a line whose beginning was taken.
    rest: Vec<u8>,
    /// Numbers of the lines it was given, by the stream's place.
    seen: Vec<u64>,
    /// It was told nothing yet.
    new: bool,
    /// Something waits for it.
    behind: bool,
    /// When it last took something, or last had nothing to take.
    took_at: u64,
    chatter: usize,
    /// It will send nothing more.
    pub(super) silent: bool,
}

/// Whether a reader stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(super) enum Fate {
    Stays,
    Goes,
}

/// A line that is due, with its text.
pub(super) type Text = (Due, Vec<u8>);

impl Reader {
    pub(super) fn new(socket: UnixStream, now: u64) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        set_socket_send_buffer_size(&socket, HELD)?;
        Ok(Self {
            socket,
            rest: Vec::new(),
            seen: Vec::new(),
            new: true,
            behind: true,
            took_at: now,
            chatter: 0,
            silent: false,
        })
    }

    /// Whether something waits for it.
    pub(super) fn is_behind(&self) -> bool {
        self.behind
    }

    /// Since when something has waited without any of it being taken.
    pub(super) fn stuck_since(&self) -> Option<u64> {
        self.behind.then_some(self.took_at)
    }

    /// Gives it lines that are due for everybody. One that is behind gets nothing now: it will be given what is newest.
    pub(super) fn give(&mut self, lines: &[Text], now: u64) -> Fate {
        if self.behind || lines.is_empty() {
            return Fate::Stays;
        }
        self.took_at = now;
        self.write(lines, now)
    }

    /// Gives it what it has not seen yet, each stream's newest line only.
    pub(super) fn catch_up(&mut self, feed: &Feed, now: u64) -> Fate {
        match self.push(now) {
            Ok(true) => {}
            Ok(false) => return Fate::Stays,
            Err(_) => return Fate::Goes,
        }
        self.behind = false;
        let kind = if self.new { Kind::State } else { Kind::Change };
        let missed = feed.missed(&self.seen, kind).into_iter();
        let lines: Vec<Text> = missed.map(|due| (due, feed.line(due, now))).collect();
        self.new = false;
        self.write(&lines, now)
    }

    /// Throws away what it sent.
    pub(super) fn listen(&mut self) -> Fate {
        let mut buffer = [0; CHATTER];
        match self.socket.read(&mut buffer) {
            Ok(0) => self.silent = true,
            Ok(n) => self.chatter += n,
            Err(e) if matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
            Err(_) => return Fate::Goes,
        }
        if self.chatter > CHATTER { Fate::Goes } else { Fate::Stays }
    }

    /// Writes lines in one go; keeps the rest of the line in which the system had enough, and forgets those behind it.
    fn write(&mut self, lines: &[Text], now: u64) -> Fate {
        let all: Vec<u8>;
        let bytes: &[u8] = match lines {
            [] => return Fate::Stays,
            [(_, text)] => text,
            _ => {
                all = lines.iter().flat_map(|(_, text)| text).copied().collect();
                &all
            }
        };
        let taken = match self.put(bytes) {
            Ok(taken) => taken,
            Err(_) => return Fate::Goes,
        };
        if taken > 0 {
            self.took_at = now;
        }
        let mut begin = 0;
        for (due, text) in lines {
            let end = begin + text.len();
            if begin < taken {
                self.mark(*due);
                self.rest.extend_from_slice(&bytes[taken.min(end)..end]);
            } else {
                self.behind = true;
            }
            begin = end;
        }
        self.behind |= !self.rest.is_empty();
        Fate::Stays
    }

    fn mark(&mut self, due: Due) {
        if self.seen.len() <= due.stream {
            self.seen.resize(due.stream + 1, 0);
        }
        self.seen[due.stream] = due.number;
    }

    /// Writes the rest of the line that was begun; whether all of it went out.
    fn push(&mut self, now: u64) -> io::Result<bool> {
        if self.rest.is_empty() {
            return Ok(true);
        }
        let rest = std::mem::take(&mut self.rest);
        let taken = self.put(&rest)?;
        if taken > 0 {
            self.took_at = now;
        }
        self.rest = rest[taken..].to_vec();
        Ok(self.rest.is_empty())
    }

    /// Writes what the system takes without waiting.
    fn put(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.socket.write(bytes) {
            Ok(taken) => Ok(taken),
            Err(e) if matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => Ok(0),
            Err(e) => Err(e),
        }
    }
}
