//! The record of gate moves: what `miqa gate report` reads. JSON lines in the state folder, two files of bounded size.

use std::{
    fs::{File, OpenOptions},
    io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use rustix::fs::{FlockOperation, flock};
use serde_json::json;

use super::Sink;
use crate::event::{Event, Said};

/// The file that is written.
pub const FILE: &str = "gates.jsonl";

/// The file before it.
pub const OLDER: &str = "gates.1.jsonl";

/// Bytes of a file at which the next one begins: some ten thousand moves.
const MOST: u64 = 4 << 20;

/// Attempts to lock the file, and the time between them: `miqa gate report` holds it for an instant.
const ATTEMPTS: (u32, Duration) = (20, Duration::from_millis(10));

/// Writes every gate's moves, and the end of the run. Its lock tells that the run lasts.
#[derive(Debug)]
pub struct Record {
    folder: PathBuf,
    file: File,
    bytes: u64,
    most: u64,
    /// The last line may lack its end: the disk was full, or the program was killed.
    torn: bool,
}

impl Record {
    /// Goes on with the record in a folder, which must be there.
    ///
    /// # Errors
    /// The system's.
    pub fn open(folder: &Path) -> io::Result<Self> {
        Self::with_most(folder, MOST)
    }

    fn with_most(folder: &Path, most: u64) -> io::Result<Self> {
        let mut file = begin(folder)?;
        let bytes = file.metadata()?.len();
        let mut last = [b'\n'];
        if bytes > 0 {
            file.seek(SeekFrom::End(-1))?;
            file.read_exact(&mut last)?;
        }
        Ok(Self { folder: folder.into(), file, bytes, most, torn: last != [b'\n'] })
    }

    fn line(&mut self, mut line: Vec<u8>) -> io::Result<()> {
        line.push(b'\n');
        if self.bytes + line.len() as u64 > self.most && self.bytes > 0 {
            std::fs::rename(self.folder.join(FILE), self.folder.join(OLDER))?;
            (self.file, self.bytes, self.torn) = (begin(&self.folder)?, 0, false);
        }
        if self.torn {
            line.insert(0, b'\n');
        }
        self.torn = true;
        self.file.write_all(&line)?;
        self.torn = false;
        self.bytes += line.len() as u64;
        Ok(())
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        // Closing the file would not do while a process that was just forked has it open, too.
        let _ = flock(&self.file, FlockOperation::Unlock);
    }
}

impl Sink for Record {
    fn name(&self) -> &'static str {
        "record"
    }

    fn write(&mut self, said: &Said) -> io::Result<()> {
        let file = self.folder.join(FILE);
        let named = |error: io::Error| {
            io::Error::other(format!("{}: {error}; check free space and permissions", file.display()))
        };
        self.note(said).map_err(named)
    }
}

impl Record {
    fn note(&mut self, said: &Said) -> io::Result<()> {
        match &said.event {
            Event::Gate(_) => self.line(serde_json::to_vec(said)?),
            Event::Summary(_) => {
                let time = said.time.duration_since(std::time::SystemTime::UNIX_EPOCH).unwrap_or_default();
                let end = json!({ "time": time.as_millis() as f64 / 1000.0, "event_id": said.id, "type": "end" });
                self.line(serde_json::to_vec(&end)?)
            }
            _ => Ok(()),
        }
    }
}

/// Opens the file to be written and locks it. Without the lock the record is as good, only nobody sees that it goes on.
fn begin(folder: &Path) -> io::Result<File> {
    let file = OpenOptions::new().create(true).append(true).read(true).open(folder.join(FILE))?;
    let (attempts, pause) = ATTEMPTS;
    for _ in 0..attempts {
        if flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok() {
            return Ok(file);
        }
        std::thread::sleep(pause);
    }
    tracing::warn!(file = FILE, "the record of gate moves is locked by another program");
    Ok(file)
}

/// Whether a program writes the record in this folder.
pub fn is_written(folder: &Path) -> bool {
    let file = File::open(folder.join(FILE));
    file.is_ok_and(|file| flock(&file, FlockOperation::NonBlockingLockShared) == Err(rustix::io::Errno::WOULDBLOCK))
}

/// The record's lines, the oldest first. A record that is not there is empty.
///
/// # Errors
/// The system's.
pub fn lines(folder: &Path) -> io::Result<Vec<String>> {
    let mut lines = Vec::new();
    for name in [OLDER, FILE] {
        let file = match File::open(folder.join(name)) {
            Ok(file) => file,
            Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
            Err(e) => return Err(e),
        };
        for line in BufReader::new(file).split(b'\n') {
            lines.push(String::from_utf8_lossy(&line?).into_owned());
        }
    }
    lines.retain(|line| !line.is_empty());
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;
    use crate::event::{GateEvent, GateReason, GateState, Seconds, Summary};

    fn said(number: u32, event: Event) -> Said {
        Said { time: SystemTime::UNIX_EPOCH + Duration::from_secs(7), id: format!("run-{number}"), event }
    }

    fn gate(number: u32) -> Said {
        let event = GateEvent {
            stream: "yard".into(),
            state: GateState::Closed,
            previous: GateState::Open,
            enforced: None,
            by_hand: None,
            reason: GateReason::Black,
            head: "h".into(),
            score: None,
            smoothed: None,
            causes: vec![],
            flaps: 0,
            at: Seconds::default(),
            since: Seconds::default(),
        };
        said(number, Event::Gate(event))
    }

    #[test]
    fn moves_and_the_end_are_kept_within_two_files() {
        let folder = tempfile::tempdir().expect("folder");
        assert!(lines(folder.path()).expect("none").is_empty() && !is_written(folder.path()));
        let mut record = Record::with_most(folder.path(), 1000).expect("opens");
        assert!(is_written(folder.path()));
        for number in 0..50 {
            record.write(&gate(number)).expect("written");
            record
                .write(&said(number, Event::Error { stream: None, error: "x".into(), at: None }))
                .expect("passed over");
        }
        record
            .write(&said(50, Event::Summary(Summary { streams: vec![], took: Seconds::default() })))
            .expect("written");
        // Also after the file was changed for a new one.
        assert!(is_written(folder.path()));
        drop(record);
        assert!(!is_written(folder.path()));
        for name in [FILE, OLDER] {
            let bytes = folder.path().join(name).metadata().expect("there").len();
            assert!((1..=1000).contains(&bytes), "{name}: {bytes}");
        }
        let lines = lines(folder.path()).expect("readable");
        assert!(lines.len() > 5 && lines[lines.len() - 2].contains("run-49"), "{lines:?}");
        assert_eq!(lines[lines.len() - 1], r#"{"event_id":"run-50","time":7.0,"type":"end"}"#);
    }

    #[test]
    fn a_torn_line_costs_only_itself() {
        let folder = tempfile::tempdir().expect("folder");
        std::fs::write(folder.path().join(FILE), "{\"time\":1.0,\"event_id\":\"a").expect("written");
        let mut record = Record::open(folder.path()).expect("opens");
        record.write(&gate(1)).expect("written");
        record.write(&gate(2)).expect("written");
        let lines = lines(folder.path()).expect("readable");
        assert_eq!(lines.len(), 3);
        assert!(lines[1..].iter().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()), "{lines:?}");
    }
}
