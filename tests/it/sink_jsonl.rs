//! The file of JSON lines on a disk that is full for a while.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use miqa::{
    config::{Jsonl, Period},
    event::{Event, EventKind, Said},
    sink::{JsonFile, Queue},
};

/// A disk of 64 KiB in memory.
struct Disk(PathBuf);

impl Disk {
    fn mount(at: &Path) -> Option<Self> {
        let options = ["-t", "tmpfs", "-o", "size=64k", "miqa-test"];
        let done = Command::new("mount").args(options).arg(at).stderr(Stdio::null()).status().ok()?;
        done.success().then(|| Self(at.into()))
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _gone = Command::new("umount").arg(&self.0).status();
    }
}

fn said(number: usize) -> Arc<Said> {
    let event = Event::Error { stream: None, error: "x".repeat(1000), at: None };
    Arc::new(Said { time: SystemTime::now(), id: format!("r-{number}"), event })
}

/// The ids of whole lines; panics on a torn one.
fn ids(path: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(path).unwrap();
    assert!(text.ends_with('\n'));
    let id = |line| serde_json::from_str::<serde_json::Value>(line).unwrap()["event_id"].as_str().unwrap().to_owned();
    text.lines().map(id).collect()
}

#[test]
fn a_full_disk_costs_the_events_of_that_time_and_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let Some(disk) = Disk::mount(folder.path()) else {
        println!("skipped: a_full_disk_costs_the_events_of_that_time_and_no_more: may not mount a tmpfs");
        return;
    };
    let path = disk.0.join("e.jsonl");
    let settings = Jsonl {
        path: path.clone(),
        rotate_bytes: 1 << 20,
        rotate_after: Period::from_millis(3_600_000),
        keep: 1,
        events: EventKind::ALL.to_vec(),
    };
    let queue = Queue::start(Box::new(JsonFile::new(settings)), Arc::default()).unwrap();
    let tally = queue.tally();
    let until = |what: &str, is: &dyn Fn() -> bool| {
        let begun = Instant::now();
        while !is() {
            assert!(begun.elapsed() < Duration::from_secs(5), "{what}: {tally:?}");
            std::thread::sleep(Duration::from_millis(2));
        }
    };
    std::fs::write(disk.0.join("ballast"), vec![0; 32 << 10]).unwrap();
    (0..40).for_each(|i| queue.send(&said(i)));
    until("forty events", &|| tally.written() + tally.failed() == 40);
    let (written, failed) = (tally.written() as usize, tally.failed());
    assert!(written >= 20 && failed >= 5, "{tally:?}");
    let whole = ids(&path);
    assert_eq!(whole, (0..written).map(|i| format!("r-{i}")).collect::<Vec<_>>());
    std::fs::remove_file(disk.0.join("ballast")).unwrap();
    (40..45).for_each(|i| queue.send(&said(i)));
    until("five events more", &|| tally.written() as usize == written + 5);
    assert_eq!(ids(&path)[written..], ["r-40", "r-41", "r-42", "r-43", "r-44"]);
    assert_eq!((tally.failed(), tally.lost()), (failed, 0));
    assert_eq!(queue.drain(Instant::now() + Duration::from_secs(5)), 0);
}
