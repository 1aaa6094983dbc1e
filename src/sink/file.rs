//! JSON lines in a file that is rotated by size and age, with a bounded number of older ones beside it.

use std::{
    fs::{File, OpenOptions},
    io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use serde::Deserialize;

use super::Sink;
use crate::{
    config::Jsonl,
    event::{Event, Said},
};

/// The first line of a file is looked at up to here, for its time.
const HEAD: u64 = 64 << 10;

/// Writes [`Said`]'s JSON form, each line at once, so that a line survives the program's death.
///
/// A line that can't be written whole is taken back and given up: the file holds whole lines only. It is tried anew with
/// the next event, so that a full disk costs the events of that time and no more.
pub struct JsonFile {
    settings: Arc<Jsonl>,
    open: Option<Open>,
}

/// The file that is written now.
struct Open {
    file: File,
    length: u64,
    /// When its first line was said.
    begun: SystemTime,
    /// Device and inode: somebody else may move the file away.
    place: (u64, u64),
}

impl JsonFile {
    /// A sink that writes to `settings.path`; the file is opened with the first event.
    pub fn new(settings: Jsonl) -> Self {
        Self { settings: Arc::new(settings), open: None }
    }

    fn append(&mut self, said: &Said) -> io::Result<()> {
        let settings = Arc::clone(&self.settings);
        let mut line = serde_json::to_vec(said)?;
        line.push(b'\n');
        // Whatever fails below, the next event finds the file closed and opens it anew.
        let mut open = match self.open.take() {
            Some(open) if open.is_at(&settings.path) => open,
            _ => Open::at(&settings.path, said.time)?,
        };
        let age = said.time.duration_since(open.begun).unwrap_or_default();
        let full = open.length + line.len() as u64 > settings.rotate_bytes;
        if open.length > 0 && (full || age >= settings.rotate_after.get()) {
            // What is put aside shall be complete even if the machine stops.
            open.file.sync_data()?;
            rotate(&settings.path, settings.keep)?;
            open = Open::at(&settings.path, said.time)?;
        }
        if let Err(error) = open.file.write_all(&line) {
            open.file.set_len(open.length)?;
            return Err(error);
        }
        open.length += line.len() as u64;
        self.open = Some(open);
        Ok(())
    }
}

impl Sink for JsonFile {
    fn name(&self) -> &'static str {
        "jsonl"
    }

    fn wants(&self) -> Box<dyn Fn(&Event) -> bool + Send + Sync> {
        let settings = Arc::clone(&self.settings);
        Box::new(move |event| settings.events.contains(&event.kind()))
    }

    fn write(&mut self, said: &Said) -> io::Result<()> {
        let path = Arc::clone(&self.settings);
        self.append(said).map_err(|e| {
            let text = format!("{}: {e}; check free space and permissions", path.path.display());
            io::Error::other(text)
        })
    }
}

impl Drop for JsonFile {
    fn drop(&mut self) {
        if let Some(open) = &self.open
            && let Err(error) = open.file.sync_data()
        {
            tracing::warn!(sink = "jsonl", %error, "the last lines may not have reached the disk");
        }
    }
}

impl Open {
    /// Opens or makes the file; `now` is when an empty one begins.
    fn at(path: &Path, now: SystemTime) -> io::Result<Self> {
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder)?;
        }
        let mut file = OpenOptions::new().create(true).append(true).read(true).open(path)?;
        let data = file.metadata()?;
        let mut length = data.len();
        if length > 0 && !ends_with_newline(&mut file)? {
            // The machine stopped in the middle of a line; the next one must not be glued to it.
            file.write_all(b"\n")?;
            length += 1;
        }
        let begun = if length == 0 { now } else { first_time(&mut file)?.or(data.modified().ok()).unwrap_or(now) };
        Ok(Self { file, length, begun, place: (data.dev(), data.ino()) })
    }

    fn is_at(&self, path: &Path) -> bool {
        std::fs::metadata(path).is_ok_and(|data| (data.dev(), data.ino()) == self.place)
    }
}

fn ends_with_newline(file: &mut File) -> io::Result<bool> {
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    Ok(last == *b"\n")
}

/// The time of the first line.
fn first_time(file: &mut File) -> io::Result<Option<SystemTime>> {
    #[derive(Deserialize)]
    struct Line {
        time: f64,
    }
    file.seek(SeekFrom::Start(0))?;
    let mut text = Vec::new();
    BufReader::new(file.take(HEAD)).read_until(b'\n', &mut text)?;
    let line = serde_json::from_slice(&text).ok();
    let since = line.and_then(|Line { time }| Duration::try_from_secs_f64(time).ok());
    Ok(since.and_then(|since| SystemTime::UNIX_EPOCH.checked_add(since)))
}

/// `<path>.<n>`.
fn older(path: &Path, n: u32) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{n}"));
    name.into()
}

/// Moves the file to `<path>.1`, `<path>.1` to `<path>.2` and so on; what is beyond `keep` is removed.
fn rotate(path: &Path, keep: u32) -> io::Result<()> {
    // More may be there from a time when more were kept.
    let mut beyond = keep + 1;
    while older(path, beyond).exists() {
        std::fs::remove_file(older(path, beyond))?;
        beyond += 1;
    }
    for n in (1..keep).rev() {
        match std::fs::rename(older(path, n), older(path, n + 1)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    if keep == 0 { std::fs::remove_file(path) } else { std::fs::rename(path, older(path, 1)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{config::Period, event::EventKind};

    fn settings(path: &Path) -> Jsonl {
        Jsonl {
            path: path.into(),
            rotate_bytes: 4096,
            rotate_after: Period::from_millis(3_600_000),
            keep: 2,
            events: vec![EventKind::Error],
        }
    }

    fn said(number: u64, at: u64) -> Said {
        let event = Event::Error { stream: None, error: "x".repeat(900), at: None };
        Said { time: SystemTime::UNIX_EPOCH + Duration::from_secs(at), id: format!("r-{number}"), event }
    }

    fn ids(path: &Path) -> Vec<String> {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let ids = text.lines().map(|line| match serde_json::from_str::<serde_json::Value>(line) {
            Ok(line) => line["event_id"].as_str().unwrap_or("?").to_owned(),
            Err(_) => "torn".into(),
        });
        ids.collect()
    }

    #[test]
    fn a_full_file_is_put_aside_and_the_oldest_one_goes() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("sub/e.jsonl");
        let mut sink = JsonFile::new(settings(&path));
        // Left from a time when more were kept.
        std::fs::create_dir_all(folder.path().join("sub")).expect("made");
        std::fs::write(older(&path, 3), "old").expect("written");
        (0..14).for_each(|i| sink.write(&said(i, i)).expect("written"));
        // Four lines of about 970 bytes fit.
        assert_eq!(ids(&path), ["r-12", "r-13"]);
        assert_eq!(ids(&older(&path, 1)), ["r-8", "r-9", "r-10", "r-11"]);
        assert_eq!(ids(&older(&path, 2)), ["r-4", "r-5", "r-6", "r-7"]);
        assert!(!older(&path, 3).exists());
        let mut none = JsonFile::new(Jsonl { keep: 0, ..settings(&folder.path().join("n.jsonl")) });
        (0..6).for_each(|i| none.write(&said(i, i)).expect("written"));
        assert_eq!(ids(&folder.path().join("n.jsonl")), ["r-4", "r-5"]);
        assert!(!folder.path().join("n.jsonl.1").exists());
    }

    #[test]
    fn age_counts_from_the_first_line_also_after_a_restart() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("e.jsonl");
        for (number, at) in [(0, 1000), (1, 4599), (2, 4600), (3, 4601)] {
            JsonFile::new(settings(&path)).write(&said(number, at)).expect("written");
        }
        assert_eq!(ids(&path), ["r-2", "r-3"]);
        assert_eq!(ids(&older(&path, 1)), ["r-0", "r-1"]);
    }

    #[test]
    fn a_torn_line_stays_alone_and_a_moved_file_is_made_anew() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("e.jsonl");
        std::fs::write(&path, "{\"time\":5,\"id\":\"r-").expect("written");
        let mut sink = JsonFile::new(settings(&path));
        sink.write(&said(1, 6)).expect("written");
        assert_eq!(ids(&path), ["torn", "r-1"]);
        std::fs::rename(&path, folder.path().join("moved")).expect("moved");
        sink.write(&said(2, 7)).expect("written");
        assert_eq!(ids(&path), ["r-2"]);
    }

    #[test]
    fn only_wanted_events_enter() {
        let sink = JsonFile::new(settings(Path::new("x")));
        let wants = sink.wants();
        assert!(wants(&said(0, 0).event));
        assert!(!wants(&Event::Overload { stretch: 2.0, at: crate::event::Seconds::default() }));
    }
}
