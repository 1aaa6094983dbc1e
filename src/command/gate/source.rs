//! Where the subcommands get gates from: the daemon's mapped file or its socket.

use std::{
    io::{BufRead, BufReader, ErrorKind},
    os::unix::net::UnixStream,
    path::Path,
    time::{Duration, Instant},
};

use serde::Serialize;

use crate::{
    command::CommandError,
    event::{GateState, Seconds},
    gate::{
        Kind, Line, monotonic_ns,
        slot::{Doubt, Reader, Reading},
    },
};

/// How long the socket may take to tell where every gate stands.
const PATIENCE: Duration = Duration::from_secs(2);

/// A gate to be shown.
#[derive(Debug, Serialize)]
pub(super) struct Shown {
    #[serde(flatten)]
    pub(super) line: Line,
    /// Why it is unknown whatever its writer said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) doubt: Option<&'static str>,
    /// Nobody is there who could know.
    #[serde(skip)]
    pub(super) dead: bool,
    /// Of a mapped file: how long ago its daemon last wrote, and how long that counts at most.
    #[serde(skip)]
    pub(super) heard: Option<(Duration, Duration)>,
}

impl Shown {
    fn read(stream: &str, reading: &Reading, now: u64) -> Self {
        let record = &reading.record;
        let left = if reading.doubt.is_some() { 0 } else { record.valid_until.saturating_sub(now) };
        let line = Line {
            kind: Kind::State,
            stream: stream.into(),
            decided: record.decided,
            enforced: record.enforced,
            by_hand: None,
            when_unknown: record.when_unknown,
            reason: record.reason.unwrap_or_default(),
            score: record.score,
            smoothed: record.smoothed,
            causes: None,
            since: Seconds(Duration::from_nanos(record.since)),
            detail: None,
            baseline: None,
            valid_for: Seconds(Duration::from_nanos(left)),
            valid_until: record.valid_until,
            gone: false,
        };
        let dead = matches!(reading.doubt, Some(Doubt::Heartbeat | Doubt::Closed | Doubt::Torn));
        Self { line, doubt: reading.doubt.map(Doubt::name), dead, heard: None }
    }

    /// Its daemon is known to be gone, though its lease may not have run out.
    pub(super) fn bury(&mut self) {
        self.line.decided = GateState::Unknown;
        self.line.enforced = self.line.enforced.map(|_| self.line.when_unknown);
        (self.line.valid_for, self.doubt, self.dead) = (Seconds::default(), Some(Doubt::Closed.name()), true);
    }

    fn missing(stream: &str) -> Self {
        let line = Line {
            kind: Kind::State,
            stream: stream.into(),
            decided: GateState::Unknown,
            enforced: Some(GateState::Unknown),
            by_hand: None,
            when_unknown: GateState::Unknown,
            reason: Default::default(),
            score: None,
            smoothed: None,
            causes: None,
            since: Seconds::default(),
            detail: None,
            baseline: None,
            valid_for: Seconds::default(),
            valid_until: 0,
            gone: false,
        };
        Self { line, doubt: Some(Doubt::Missing.name()), dead: false, heard: None }
    }
}

/// Gates from the mapped file: the named streams', or all that have a slot.
pub(super) fn mapped(path: &Path, streams: Option<&[String]>) -> Result<Vec<Shown>, CommandError> {
    let reader = Reader::open(path)?;
    let found = reader.streams();
    let now = monotonic_ns();
    let names = streams.map_or_else(|| found.iter().map(|(name, _)| name.clone()).collect(), <[String]>::to_vec);
    let show = |name: String| match found.iter().find(|(found, _)| *found == name) {
        Some((_, slot)) => {
            Shown { heard: Some(reader.heard(now)), ..Shown::read(&name, &reader.read(*slot, now), now) }
        }
        None => Shown::missing(&name),
    };
    Ok(names.into_iter().map(show).collect())
}

/// The socket's lines, one after the other. The daemon's end is the end of the lines.
pub(super) fn connect(path: &Path, limit: Option<Duration>) -> Result<BufReader<UnixStream>, CommandError> {
    let socket = UnixStream::connect(path).and_then(|socket| {
        socket.set_read_timeout(limit)?;
        Ok(BufReader::new(socket))
    });
    socket.map_err(|e| {
        CommandError::Gate(format!("{}: {e}; is `miqa run` running with [socket] path on this file?", path.display()))
    })
}

/// Whether a program listens on the socket, be it one that we may not talk to.
pub(super) fn is_heard(path: &Path) -> bool {
    let error = UnixStream::connect(path).err();
    !error.is_some_and(|e| matches!(e.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused))
}

/// The named streams' gates from the socket.
pub(super) fn told(path: &Path, streams: &[String]) -> Result<Vec<Shown>, CommandError> {
    let deadline = Instant::now() + PATIENCE;
    let mut socket = connect(path, Some(PATIENCE))?;
    let mut shown: Vec<Shown> = streams.iter().map(|name| Shown::missing(name)).collect();
    let mut text = String::new();
    while shown.iter().any(|shown| shown.doubt.is_some()) && Instant::now() < deadline {
        text.clear();
        match socket.read_line(&mut text) {
            Ok(0) => break,
            Ok(_) => {
                let line = parse(&text)?;
                if let Some(place) = shown.iter_mut().find(|shown| shown.line.stream == line.stream) {
                    *place = Shown { line, doubt: None, dead: false, heard: None };
                }
            }
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => break,
            Err(e) => return Err(e.into()),
        }
    }
    if !shown.is_empty() && shown.iter().all(|shown| shown.doubt.is_some()) {
        return Err(CommandError::Gate(format!(
            "{}: the daemon says nothing, so every gate is unknown; look at its log and restart it",
            path.display()
        )));
    }
    Ok(shown)
}

/// A line of the socket.
pub(super) fn parse(text: &str) -> Result<Line, CommandError> {
    serde_json::from_str(text).map_err(|e| {
        CommandError::Gate(format!(
            "the socket says what this program does not understand ({e}); update the older of the two"
        ))
    })
}
