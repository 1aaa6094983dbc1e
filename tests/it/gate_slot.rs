//! The mapped file from outside: readers in Rust, C and Python beside a writer, torn reads, a writer that is killed.

use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use miqa::{
    event::{GateReason, GateState, GateStatus, Seconds},
    gate::{
        Entry, monotonic_ns,
        slot::{Doubt, Follower, Reader, SlotError, Writer, layout},
    },
};

use crate::support::child;

const S: u64 = 1_000_000_000;

fn entry(stream: &str, decided: GateState, enforced: Option<GateState>, valid_until: u64) -> Entry {
    let status = GateStatus {
        stream: stream.into(),
        decided,
        enforced,
        when_unknown: GateState::Closed,
        reason: GateReason::ScoreGood,
        score: Some(0.625),
        since: Seconds(Duration::from_nanos(7)),
        ..GateStatus::default()
    };
    Entry { status, valid_until, ..Entry::default() }
}

fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/gate").join(name)
}

/// The readers of `examples/gate` that this machine can run, as program and first arguments.
fn readers(folder: &Path) -> Vec<Vec<PathBuf>> {
    let mut readers = Vec::new();
    let binary = folder.join("reader");
    match Command::new("cc")
        .args(["-O2", "-Wall", "-Wextra", "-Werror", "-o"])
        .arg(&binary)
        .arg(example("reader.c"))
        .status()
    {
        Ok(status) => {
            assert!(status.success(), "examples/gate/reader.c does not compile");
            readers.push(vec![binary]);
        }
        Err(e) => println!("skipped: the reader in C: cc: {e}"),
    }
    match Command::new("python3").arg("--version").output() {
        Ok(_) => readers.push(vec!["python3".into(), example("reader.py")]),
        Err(e) => println!("skipped: the reader in Python: python3: {e}"),
    }
    readers
}

fn start(reader: &[PathBuf], path: &Path, stream: &str, times: usize) -> Child {
    let mut command = Command::new(&reader[0]);
    command.args(&reader[1..]).arg(path).args(std::iter::repeat_n(stream, times)).stdout(Stdio::piped());
    command.spawn().expect("the reader starts")
}

fn lines(child: Child) -> Vec<String> {
    let output = child.wait_with_output().expect("the reader ends");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).expect("text").lines().map(str::to_owned).collect()
}

#[test]
fn readers_in_rust_c_and_python_read_the_same() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("gates");
    let (open, closed, unknown) = (GateState::Open, GateState::Closed, GateState::Unknown);
    let cases = [
        ("open", open, Some(open), 60, "open open 0.625 7"),
        ("closed", closed, Some(closed), 60, "closed closed 0.625 7"),
        ("shadow", closed, None, 60, "open closed 0.625 7"),
        ("by-hand", closed, Some(GateState::Degraded), 60, "degraded closed 0.625 7"),
        ("unknown", unknown, Some(open), 0, "open unknown 0.625 7"),
        ("expiring", open, Some(open), 1, "closed unknown 0.625 7"),
        ("shadow-expiring", closed, None, 1, "open unknown 0.625 7"),
    ];
    let began = monotonic_ns();
    let mut writer = Writer::create(&path, 16, 0o640, began).expect("made");
    for (stream, decided, enforced, lease, _) in cases {
        writer.put(entry(stream, decided, enforced, began + lease * S), began).expect("a slot");
    }
    // The leases of a second are over, the heartbeat of two seconds is not; nobody wrote in between.
    std::thread::sleep(Duration::from_millis(1050));
    let programs = readers(folder.path());
    writer.take(vec![], began + S / 2);
    let reader = Reader::open(&path).expect("opens");
    let expected = cases.iter().map(|(stream, .., text)| (*stream, *text));
    for (stream, text) in expected.chain([("nobody", "unknown unknown nan 0")]) {
        let now = monotonic_ns();
        writer.take(vec![], now - S);
        for program in &programs {
            assert_eq!(lines(start(program, &path, stream, 1)), [text], "{stream}: {program:?}");
        }
        let Some(slot) = reader.find(stream) else {
            assert_eq!(stream, "nobody");
            continue;
        };
        let reading = reader.read(slot, now);
        let read = format!("{} {} 0.625 {}", reading.obey(), reading.record.decided, reading.record.since);
        assert_eq!(read, text, "{stream}");
    }
    let names: Vec<String> = reader.streams().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, cases.map(|(name, ..)| name));
}

#[test]
fn an_old_heartbeat_is_unknown_for_all() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("gates");
    let now = monotonic_ns();
    // Written long ago, or before the machine's last start, when its clock stood higher than now.
    for then in [now - 10 * S, now + 10_000 * S] {
        let mut writer = Writer::create(&path, 1, 0o600, then).expect("made");
        writer.put(entry("a", GateState::Open, Some(GateState::Open), then + 50_000 * S), then).expect("a slot");
        let reader = Reader::open(&path).expect("opens");
        let slot = reader.find("a").expect("there");
        assert_eq!(reader.read(slot, then).doubt, None);
        let reading = reader.read(slot, now);
        assert_eq!((reading.doubt, reading.obey()), (Some(Doubt::Heartbeat), GateState::Closed));
        for program in readers(folder.path()) {
            assert_eq!(lines(start(&program, &path, "a", 1)), ["closed unknown 0.625 7"], "{program:?}");
        }
    }
}

/// Writes one slot as fast as it can, every number of it saying the same.
fn write_until(stop: &AtomicBool, writer: &mut Writer) -> u64 {
    let mut i = 0u64;
    while !stop.load(Ordering::Relaxed) {
        i += 1;
        let now = monotonic_ns();
        let mut entry = entry("a", GateState::Open, Some(GateState::Open), now + S);
        entry.status.since = Seconds(Duration::from_nanos(i));
        entry.status.at = entry.status.since;
        entry.status.score = Some((i % 1000) as f32 / 1000.0);
        entry.status.smoothed = entry.status.score;
        if i.is_multiple_of(2) {
            (entry.status.decided, entry.status.enforced) = (GateState::Closed, Some(GateState::Closed));
        }
        writer.take(vec![entry], now);
        // In bursts: a reader that is slower than a write must find a time between two.
        let rest = Instant::now();
        while i.is_multiple_of(16) && rest.elapsed() < Duration::from_micros(40) {
            std::hint::spin_loop();
        }
    }
    i
}

/// Stops the writer however the test ends.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn whole(since: u64, score: f32, decided: &str) -> bool {
    let expected = if since.is_multiple_of(2) { "closed" } else { "open" };
    decided == expected && (score - (since % 1000) as f32 / 1000.0).abs() < 1e-6
}

#[test]
fn no_reader_sees_half_a_write() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("gates");
    let programs = readers(folder.path());
    let mut writer = Writer::create(&path, 2, 0o600, monotonic_ns()).expect("made");
    let now = monotonic_ns();
    let mut first = entry("a", GateState::Open, Some(GateState::Open), now + 60 * S);
    (first.status.since, first.status.score) = (Seconds(Duration::from_nanos(625)), Some(0.625));
    writer.put(first, now).expect("a slot");
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let ending = Stop(&stop);
        let writes = scope.spawn(|| write_until(&stop, &mut writer));
        let children: Vec<(Child, usize)> = programs
            .iter()
            .map(|program| {
                let times = if program.len() == 1 { 100_000 } else { 20_000 };
                (start(program, &path, "a", times), times)
            })
            .collect();
        let reader = Reader::open(&path).expect("opens");
        let slot = reader.find("a").expect("there");
        let (end, mut seen) = (Instant::now() + Duration::from_secs(30), std::collections::HashSet::new());
        // A machine with other work may keep a writer from running in the middle of a write: then nothing is known.
        let (mut torn, mut reads) = (0, 0);
        while (reads < 300_000 || seen.len() < 200) && Instant::now() < end {
            reads += 1;
            let reading = reader.read(slot, monotonic_ns());
            let record = reading.record;
            if reading.doubt == Some(Doubt::Torn) {
                torn += 1;
                continue;
            }
            assert_eq!(reading.doubt, None, "{record:?}");
            assert!(whole(record.since, record.score.expect("a score"), record.decided.name()), "{record:?}");
            assert!(record.since == 625 || (record.at, record.smoothed) == (record.since, record.score), "{record:?}");
            seen.insert(record.since);
        }
        assert!(seen.len() >= 200 && torn < 20, "{reads} readings, {} different, {torn} torn", seen.len());
        for (child, times) in children {
            let lines = lines(child);
            assert_eq!(lines.len(), times);
            let unread = lines.iter().filter(|line| line.contains("nan")).count();
            assert!(unread < 20, "{unread} of {times} looks gave nothing");
            for line in lines.iter().filter(|line| !line.contains("nan")) {
                let [_, decided, score, since] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
                let (score, since) = (score.parse().expect(line), since.parse().expect(line));
                assert!(whole(since, score, decided), "{line}");
            }
        }
        drop(ending);
        assert!(writes.join().expect("no panic") > 1000);
    });
}

#[test]
#[ignore = "run as a child by a_killed_writer_reads_as_unknown"]
fn child_writes_for_ever() {
    let Some(path) = std::env::var_os("MIQA_GATES").map(PathBuf::from) else {
        return println!("skipped: nobody to be killed by");
    };
    let mut writer = Writer::create(&path, 1, 0o600, monotonic_ns()).expect("made");
    loop {
        let now = monotonic_ns();
        writer.take(vec![entry("a", GateState::Open, Some(GateState::Open), now + S / 2)], now);
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Reads until a reading is as wanted.
fn wait(follower: &mut Follower, limit: Duration, wanted: impl Fn(Option<Doubt>) -> bool) -> Duration {
    let began = Instant::now();
    loop {
        let reading = follower.read(monotonic_ns());
        assert_eq!(reading.doubt.is_none(), reading.record.decided == GateState::Open, "{reading:?}");
        if wanted(reading.doubt) {
            return began.elapsed();
        }
        assert!(began.elapsed() < limit, "still {reading:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_killed_writer_reads_as_unknown_and_the_next_one_is_found() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("gates");
    let mut follower = Follower::new(&path, "a");
    assert_eq!(follower.read(monotonic_ns()).doubt, Some(Doubt::Missing));
    let mut writer = child("gate_slot::child_writes_for_ever").env("MIQA_GATES", &path).spawn().expect("starts");
    wait(&mut follower, Duration::from_secs(20), |doubt| doubt.is_none());
    let old = Reader::open(&path).expect("opens");
    let slot = old.find("a").expect("there");
    assert!(matches!(Writer::create(&path, 1, 0o600, monotonic_ns()), Err(SlotError::InUse(_))));
    assert_eq!(old.read(slot, monotonic_ns()).doubt, None, "a refused writer must change nothing");

    writer.kill().expect("killed");
    writer.wait().expect("gone");
    // The lease is half a second from the last write.
    let unknown = wait(&mut follower, Duration::from_millis(1500), |doubt| doubt == Some(Doubt::Lease));
    assert!(unknown > Duration::from_millis(200), "{unknown:?}: it was to hold as long as its lease");
    assert_eq!(follower.read(monotonic_ns()).obey(), GateState::Closed, "as the operator wants unknown to be taken");
    wait(&mut follower, Duration::from_secs(3), |doubt| doubt == Some(Doubt::Heartbeat));

    let mut writer = Writer::create(&path, 1, 0o600, monotonic_ns()).expect("the dead writer's lock is gone");
    assert_eq!(old.read(slot, monotonic_ns()).doubt, Some(Doubt::Closed));
    let now = monotonic_ns();
    writer.take(vec![entry("a", GateState::Open, Some(GateState::Open), now + 60 * S)], now);
    wait(&mut follower, Duration::from_secs(2), |doubt| doubt.is_none());
    drop(writer);
    assert_eq!(follower.read(monotonic_ns()).doubt, Some(Doubt::Closed));
    assert!(!path.exists(), "a writer that ends in good order takes its file along");
}

#[test]
fn readers_in_c_and_python_find_the_next_daemons_file() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("gates");
    for program in readers(folder.path()) {
        let write = |decided| {
            let now = monotonic_ns();
            let mut writer = Writer::create(&path, 1, 0o600, now).expect("made");
            writer.put(entry("a", decided, Some(decided), now + 60 * S), now).expect("a slot");
            writer
        };
        let writer = write(GateState::Open);
        // More than the pipe takes: the reader waits for us in the middle.
        let mut child = start(&program, &path, "a", 20_000);
        let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines().map(|line| line.expect("text"));
        assert_eq!(lines.next().as_deref(), Some("open open 0.625 7"), "{program:?}");
        drop(writer);
        let writer = write(GateState::Degraded);
        assert_eq!(lines.last().as_deref(), Some("degraded degraded 0.625 7"), "{program:?}");
        assert!(child.wait().expect("ends").success());
        drop(writer);
    }
}

#[test]
fn slots_are_freed_given_again_and_refused() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("run/gates");
    let now = monotonic_ns();
    let mut writer = Writer::create(&path, 2, 0o640, now).expect("its folder is made, too");
    let mode = std::os::unix::fs::PermissionsExt::mode(&path.metadata().expect("there").permissions());
    assert_eq!(mode & 0o777, 0o640);
    let put = |writer: &mut Writer, name: &str| {
        writer.put(entry(name, GateState::Open, Some(GateState::Open), now + 60 * S), now)
    };
    put(&mut writer, "a").expect("a slot");
    put(&mut writer, "b").expect("a slot");
    let reader = Reader::open(&path).expect("opens");
    let a = reader.find("a").expect("there");
    assert!(matches!(put(&mut writer, "c"), Err(SlotError::Full { capacity: 2, .. })));
    assert!(put(&mut writer, "c").is_ok(), "said once only");
    writer.remove("a");
    assert_eq!(reader.read(a, now).doubt, Some(Doubt::Freed));
    put(&mut writer, "c").expect("a's slot");
    // Who still holds a's place does not take c's gate for a's.
    let reading = reader.read(a, now);
    assert_eq!((reading.doubt, reading.obey()), (Some(Doubt::Freed), GateState::Unknown));
    assert!(reader.find("a").is_none() && reader.find("c").is_some());
    let long = "x".repeat(layout::NAME + 1);
    assert!(matches!(put(&mut writer, &long), Err(SlotError::Name(_))));
    let full = &long[1..];
    writer.remove("b");
    put(&mut writer, full).expect("a name of just as many bytes as there is room for");
    assert!(reader.find(full).is_some());

    let other = folder.path().join("notes.txt");
    std::fs::write(&other, "dear diary, ".repeat(20)).expect("written");
    assert!(matches!(Writer::create(&other, 1, 0o600, now), Err(SlotError::Foreign(_))));
    assert!(matches!(Reader::open(&other), Err(SlotError::Foreign(_))));
    assert!(std::fs::read_to_string(&other).expect("there").starts_with("dear diary"));
    assert!(matches!(Reader::open(&folder.path().join("none")), Err(SlotError::Missing(_))));
}
