//! The daemon in operation: reload, replay, restart, what systemd hears, the end.

use std::{
    io::{BufRead, BufReader},
    os::unix::net::UnixDatagram,
    path::Path,
    process::{Child, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use miqa::{
    config::Config,
    daemon::{self, Options},
    event::{AlertState, Event, GateState, Summary},
};

use crate::{
    clip::{self, BLACK, WHITE},
    support::{Memory, command, config, miqa, stderr, stdout},
};

/// A daemon on a thread whose configuration can be changed.
struct Running {
    text: Arc<Mutex<Result<Config, String>>>,
    reload: Arc<AtomicBool>,
    stop: Arc<AtomicBool>,
    memory: Memory,
    thread: std::thread::JoinHandle<Summary>,
}

impl Running {
    fn start(config: Config) -> Self {
        let text = Arc::new(Mutex::new(Ok(config.clone())));
        let (reload, stop, memory) = (Arc::default(), Arc::default(), Memory::default());
        let (read, sinks) = (Arc::clone(&text), memory.sink());
        let options = Options { reload: Arc::clone(&reload), ..Options::default() };
        let until = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let read: daemon::Read = Box::new(move || read.lock().expect("no panic").clone());
            let options = Options { read: Some(read), ..options };
            daemon::run(&config, sinks, &until, options).expect("runs")
        });
        Self { text, reload, stop, memory, thread }
    }

    fn change(&self, config: Result<Config, String>) {
        *self.text.lock().expect("no panic") = config;
        self.reload.store(true, Ordering::Release);
    }

    /// Waits for an event after the first `from`; how many there were then.
    #[track_caller]
    fn until(&self, from: usize, what: &str, is: impl Fn(&Event) -> bool) -> usize {
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(20) {
            if let Some(at) = self.memory.events().iter().skip(from).position(&is) {
                return from + at + 1;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        panic!("no {what}: {:#?}", self.memory.events());
    }

    fn end(self) -> (Summary, Vec<Event>) {
        self.stop.store(true, Ordering::Release);
        let summary = self.thread.join().expect("no panic");
        (summary, self.memory.events())
    }
}

fn parse(folder: &Path, streams: &str) -> Config {
    Config::read(&config(folder, "tiny", streams)).expect(streams)
}

fn stream(name: &str, keys: &str) -> String {
    format!("[[stream]]\nname = \"{name}\"\nlocation = \"long.mp4\"\nviews = \"centre\"\n{keys}\n")
}

fn opened(name: &str) -> impl Fn(&Event) -> bool {
    move |e| matches!(e, Event::Gate(g) if g.stream == name && g.state == GateState::Open)
}

#[test]
fn a_reload_changes_what_changed_and_nothing_else() {
    let folder = tempfile::tempdir().expect("folder");
    clip::make(&folder.path().join("long.mp4"), &[(1500, 180)]);
    let text = |b: &str, more: &str| [stream("a", ""), stream("b", b), more.to_owned()].concat();
    let running = Running::start(parse(folder.path(), &text("", &stream("c", ""))));
    for name in ["a", "b", "c"] {
        running.until(0, "opening", opened(name));
    }
    let reloaded = |names: &[&str]| {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        move |e: &Event| matches!(e, Event::Reloaded { streams, .. } if *streams == names)
    };

    // A bad configuration is refused with its reason.
    let from = running.memory.events().len();
    running.change(Err("miqa.toml:3: stream[0].intervall: unknown key; did you mean \"interval\"?".into()));
    let from = running.until(from, "refusal", |e| matches!(e, Event::Error { error, .. } if error.contains("old one stays") && error.contains("did you mean")));

    // The gate of b closes over thresholds it can't reach; b's source goes on.
    running.change(Ok(parse(
        folder.path(),
        &text("[stream.gate]\nclose_below = 0.9\nopen_above = 0.95", &stream("c", "")),
    )));
    let from = running.until(from, "reload", reloaded(&["b"]));
    let from = running.until(
        from,
        "closing",
        |e| matches!(e, Event::Gate(g) if g.stream == "b" && g.state == GateState::Closed),
    );

    // c goes, d comes.
    running.change(Ok(parse(
        folder.path(),
        &text("[stream.gate]\nclose_below = 0.9\nopen_above = 0.95", &stream("d", "")),
    )));
    let from = running.until(from, "reload", reloaded(&["d", "c"]));
    let from = running.until(from, "opening", opened("d"));

    // Sections that can't change refuse the whole.
    running.change(Ok(parse(folder.path(), &text("", &format!("{}[snapshots]\nfolder = \"s\"\n", stream("d", ""))))));
    running.until(
        from,
        "refusal",
        |e| matches!(e, Event::Error { error, .. } if error.contains("[snapshots] can't change")),
    );

    let (summary, events) = running.end();
    let starts = |name: &str| {
        events.iter().filter(|e| matches!(e, Event::StreamStarted { stream, .. } if stream == name)).count()
    };
    assert_eq!(["a", "b", "c", "d"].map(starts), [1, 1, 1, 1], "no source was restarted");
    let ends: Vec<_> = events
        .iter()
        .filter_map(|e| if let Event::StreamEnded { stream, .. } = e { Some(stream.as_str()) } else { None })
        .collect();
    assert_eq!(ends[0], "c");
    assert_eq!(summary.streams.iter().map(|s| s.stream.as_str()).collect::<Vec<_>>(), ["a", "b", "d"]);
    assert!(!events.iter().any(|e| matches!(e, Event::Gate(g) if g.stream == "a" && g.state == GateState::Closed)));
}

/// Open files and threads of this process.
fn held() -> [usize; 2] {
    ["/proc/self/fd", "/proc/self/task"].map(|folder| std::fs::read_dir(folder).expect("proc").count())
}

#[test]
#[ignore = "slow: 500 reloads; run alone, it counts this process's files and threads"]
fn five_hundred_reloads_leave_nothing_behind() {
    let folder = tempfile::tempdir().expect("folder");
    clip::make(&folder.path().join("long.mp4"), &[(6000, WHITE)]);
    let text = |i: u32| {
        let gate = format!("[stream.gate]\nclose_below = 0.{}", 10 + i % 20);
        let interval = format!("interval = \"{}ms\"", 200 + i % 7);
        [stream("a", ""), stream("b", &gate), stream("c", &interval)].concat()
    };
    let running = Running::start(parse(folder.path(), &text(0)));
    let mut from = running.until(0, "opening", opened("a"));
    let mut before = None;
    for i in 1..=500 {
        running.change(Ok(parse(folder.path(), &text(i))));
        from = running.until(from, "reload", |e| matches!(e, Event::Reloaded { .. }));
        if i == 50 {
            before = Some(held());
        }
    }
    let (before, after) = (before.expect("counted"), held());
    for (what, before, after) in [("files", before[0], after[0]), ("threads", before[1], after[1])] {
        assert!(after <= before + 8, "{what}: {before} after 50 reloads, {after} after 500");
    }
    let (_, events) = running.end();
    assert!(!events.iter().any(|e| matches!(e, Event::Gate(g) if g.stream == "a" && g.state == GateState::Unknown && g.at.0 < Duration::from_secs(10))));
}

#[test]
fn a_replay_gives_the_same_verdicts_however_fast_the_machine_is() {
    let folder = tempfile::tempdir().expect("folder");
    clip::make(&folder.path().join("long.mp4"), &[(100, WHITE), (100, BLACK), (100, WHITE)]);
    let text = "[[stream]]\nname = \"x\"\nlocation = \"rtsp://bob:hunter2@192.0.2.1/x\"\n\
                [[stream]]\nname = \"cam\"\nlocation = \"rtsp://bob:hunter2@192.0.2.1/cam\"\ninterval = \"1s\"\nviews = \"centre\"\n\
                [[rule]]\nname = \"dark\"\ndistortion = \"darkness\"\nfire_above = 0.8\nstreams = [\"cam\"]\n";
    let file = config(folder.path(), "tiny", text).display().to_string();
    let clip = folder.path().join("long.mp4").display().to_string();
    let verdicts = |busy: bool| {
        let stop = AtomicBool::new(false);
        let output = std::thread::scope(|scope| {
            for _ in 0..if busy { 6 } else { 0 } {
                scope.spawn(|| {
                    while !stop.load(Ordering::Relaxed) {
                        std::hint::spin_loop();
                    }
                });
            }
            let output = miqa(["replay", &clip, "--config", &file, "--stream", "cam", "--json"]);
            stop.store(true, Ordering::Relaxed);
            output
        });
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        let lines = stdout(&output);
        assert!(!lines.contains("hunter2"));
        let events = lines.lines().map(|line| serde_json::from_str::<Event>(line).expect("an event"));
        events.filter(|e| !matches!(e, Event::Summary(_))).collect::<Vec<_>>()
    };
    let calm = verdicts(false);
    let moves: Vec<_> = calm
        .iter()
        .filter_map(|e| if let Event::Gate(g) = e { Some(format!("{} {}", g.at, g.state)) } else { None })
        .collect();
    // Scored once a second, four times a second while a change is pending: every verdict comes within two seconds.
    assert_eq!(moves, ["1.000 open", "5.280 closed", "9.520 open", "11.960 unknown"]);
    assert!(calm.iter().any(|e| matches!(e, Event::Alert(a) if a.state == AlertState::Firing)));
    assert_eq!(verdicts(true), calm);
    let unknown = miqa(["replay", &clip, "--config", &file, "--stream", "cams"]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(stderr(&unknown).contains("no stream \"cams\"; it has x, cam"), "{}", stderr(&unknown));
}

/// What a replay says of gates, as `time state reason`.
fn replayed(folder: &Path, text: &str, rest: &[&str]) -> Vec<String> {
    let file = config(folder, "tiny", text).display().to_string();
    let clip = folder.join("long.mp4").display().to_string();
    let output = miqa(["replay", &clip, "--config", &file, "--json"].iter().chain(rest));
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let events = stdout(&output);
    let events = events.lines().map(|line| serde_json::from_str::<Event>(line).expect("an event"));
    events
        .filter_map(|e| {
            if let Event::Gate(g) = e { Some(format!("{} {} {}", g.at, g.state, g.reason.name())) } else { None }
        })
        .collect()
}

#[test]
fn facts_decide_before_the_model_and_schedules_by_the_recordings_own_clock() {
    let folder = tempfile::tempdir().expect("folder");
    clip::make(&folder.path().join("long.mp4"), &[(75, 180), (75, BLACK), (75, 180)]);
    let only_black = "[facts]\nblack_after = \"500ms\"\nclear_after = \"500ms\"\nfrozen_after = \"off\"\none_colour_after = \"off\"\nslate_after = \"off\"\n";
    let keys = "[gate]\nsmooth = \"0s\"\n";
    let streams = "[[stream]]\nname = \"a\"\nlocation = \"long.mp4\"\nviews = \"centre\"\n";
    // Black from 3 s on: seen for half a second it closes the gate, before 0.8 s of scores could.
    let moves = replayed(folder.path(), &format!("{keys}{only_black}{streams}"), &[]);
    assert_eq!(moves[..2], ["0.800 open score_good", "3.520 closed black"], "{moves:?}");
    assert_eq!(moves.last().map(String::as_str), Some("8.960 unknown ended"));
    assert!(moves[2].ends_with("open score_good") && moves.len() == 4, "{moves:?}");

    // From 22:00 on nothing under 0.9 is good enough; the recording begins two seconds before.
    let night = "[[gate.schedule]]\nname = \"night\"\ntime_zone = \"Europe/Berlin\"\nfrom = \"22:00\"\nto = \"06:00\"\nclose_below = 0.9\nopen_above = 0.95\n";
    let text = format!("{keys}{night}{streams}");
    let moves = replayed(folder.path(), &text, &["--at", "2026-01-10T20:59:58Z"]);
    assert_eq!(moves[..2], ["0.800 open score_good", "2.800 closed score_low"], "{moves:?}");
    let moves = replayed(folder.path(), &text, &[]);
    assert_eq!(moves[..2], ["0.800 open score_good", "3.800 closed score_low"], "{moves:?}");
}

#[test]
fn only_the_region_counts() {
    let folder = tempfile::tempdir().expect("folder");
    clip::make(&folder.path().join("long.mp4"), &[(50, 180)]);
    let mut mask = image::GrayImage::new(64, 48);
    mask.put_pixel(40, 10, image::Luma([255]));
    mask.save(folder.path().join("mask.png")).expect("saved");
    let stream =
        |region: &str| format!("[[stream]]\nname = \"a\"\nlocation = \"long.mp4\"\n[[stream.region]]\n{region}\n");
    for region in
        ["rectangle = [0.0, 0.0, 0.5, 1.0]", "polygon = [[0.1, 0.1], [0.9, 0.2], [0.5, 0.9]]", "mask = \"mask.png\""]
    {
        assert_eq!(replayed(folder.path(), &stream(region), &[])[0], "0.800 open score_good", "{region}");
    }
    let file = config(folder.path(), "tiny", &stream("rectangle = [0.5, 0.0, 0.2, 1.0]")).display().to_string();
    let refused = miqa(["check", "--config", &file]);
    assert!(
        refused.status.code() == Some(2)
            && stderr(&refused).contains("stream[0].region[0].rectangle: left 0.5 is not below"),
        "{}",
        stderr(&refused)
    );
}

fn spawn(file: &str, envs: &[(&str, &Path)]) -> Child {
    let mut command = command();
    command.args(["run", "--config", file, "--json"]).stdout(Stdio::null()).stderr(Stdio::null());
    command.envs(envs.iter().copied()).spawn().expect("starts")
}

#[test]
fn systemd_hears_ready_status_and_a_heart_that_beats() {
    let folder = tempfile::tempdir().expect("folder");
    clip::make(&folder.path().join("long.mp4"), &[(500, WHITE)]);
    let file = config(folder.path(), "tiny", &stream("a", "")).display().to_string();
    let path = folder.path().join("notify");
    let socket = UnixDatagram::bind(&path).expect("socket");
    socket.set_read_timeout(Some(Duration::from_millis(200))).expect("timeout");
    let mut child = spawn(&file, &[("NOTIFY_SOCKET", &path), ("WATCHDOG_USEC", Path::new("400000"))]);
    let mut heard = Vec::new();
    let collect = |heard: &mut Vec<String>, until: &dyn Fn(&[String]) -> bool| {
        let begun = Instant::now();
        while !until(heard) && begun.elapsed() < Duration::from_secs(15) {
            let mut buffer = [0; 1024];
            if let Ok(len) = socket.recv(&mut buffer) {
                heard.push(String::from_utf8_lossy(&buffer[..len]).trim().to_owned());
            }
        }
    };
    let count = |heard: &[String], what: &str| heard.iter().filter(|line| line.starts_with(what)).count();
    collect(&mut heard, &|heard| {
        count(heard, "READY=1") > 0 && count(heard, "WATCHDOG=1") >= 5 && count(heard, "STATUS=") >= 2
    });
    assert!(heard.iter().any(|line| line == "STATUS=1 streams: 1 open, 0 degraded, 0 closed, 0 unknown"), "{heard:?}");
    let ready = heard.iter().position(|line| line == "READY=1").expect("ready");
    assert!(count(&heard[..=ready], "READY") == 1 && count(&heard, "WATCHDOG=1") >= 5, "{heard:?}");
    assert!(
        std::process::Command::new("kill").args(["-HUP", &child.id().to_string()]).status().expect("kill").success()
    );
    collect(&mut heard, &|heard| count(heard, "RELOADING=1") == 1 && count(heard, "READY=1") == 2);
    let asked = Instant::now();
    assert!(
        std::process::Command::new("kill").args(["-TERM", &child.id().to_string()]).status().expect("kill").success()
    );
    collect(&mut heard, &|heard| count(heard, "STOPPING=1") == 1);
    assert!(child.wait().expect("ends").success());
    assert!(asked.elapsed() < Duration::from_secs(4), "stopping took {:?}", asked.elapsed());
}

#[test]
fn an_alert_is_resolved_under_its_old_id_after_a_kill() {
    let folder = tempfile::tempdir().expect("folder");
    clip::make(&folder.path().join("long.mp4"), &[(1500, BLACK)]);
    clip::make(&folder.path().join("light.mp4"), &[(50, WHITE)]);
    let rules = "[state]\nfolder = \"state\"\n[snapshots]\nfolder = \"pictures\"\n\
                 [[rule]]\nname = \"dark\"\ndistortion = \"darkness\"\nfire_above = 0.8\n\
                 [[rule]]\nname = \"old\"\nhead = \"cls_consistency\"\nfire_below = 0.3\n";
    let dark = config(folder.path(), "tiny", &format!("{}{rules}", stream("a", "")));
    let mut child = spawn(&dark.display().to_string(), &[]);
    let state = folder.path().join("state").join(miqa::state::FILE);
    let begun = Instant::now();
    while miqa::state::read(&state).is_ok_and(|s| s.alerts.len() < 2) && begun.elapsed() < Duration::from_secs(20) {
        std::thread::sleep(Duration::from_millis(20));
    }
    let second = miqa(["run", "--config", &dark.display().to_string()]);
    assert_eq!(second.status.code(), Some(2));
    assert!(stderr(&second).contains("in use by another miqa"), "{}", stderr(&second));
    child.kill().expect("killed");
    child.wait().expect("gone");
    let ids: Vec<_> = miqa::state::read(&state).expect("whole").alerts.into_keys().collect();
    assert_eq!(ids.len(), 2);
    let pictures = std::fs::read_dir(folder.path().join("pictures")).expect("folder").count();
    assert!(pictures >= 1, "no snapshot");

    // Light again, and one of the rules is gone: both alerts of the run before end under their own ids.
    let text = format!("{}{rules}", stream("a", "pace = \"asap\"").replace("long", "light"));
    let text = &text[..text.find("[[rule]]\nname = \"old\"").expect("rule")];
    let light = config(folder.path(), "tiny", text).display().to_string();
    let output = miqa(["run", "--config", &light, "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let resolved: Vec<_> = stdout(&output)
        .lines()
        .filter_map(|line| match serde_json::from_str::<Event>(line).expect("an event") {
            Event::Alert(a) if a.state == AlertState::Resolved => Some(a.id),
            _ => None,
        })
        .collect();
    assert!(ids.iter().all(|id| resolved.contains(id)) && resolved.len() == 2, "{ids:?}, {resolved:?}");
    assert!(miqa::state::read(&state).expect("whole").alerts.is_empty());
}

/// Debian's libfaketime, which lets a program's time of day jump.
const FAKETIME: &str = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1";

#[test]
fn a_jump_of_the_clock_moves_no_gate() {
    if !Path::new(FAKETIME).exists() {
        println!("skipped: needs {FAKETIME} (Debian package libfaketime)");
        return;
    }
    let folder = tempfile::tempdir().expect("folder");
    clip::make(&folder.path().join("long.mp4"), &[(750, WHITE)]);
    let file = config(folder.path(), "tiny", &stream("a", "")).display().to_string();
    let offset = folder.path().join("offset");
    std::fs::write(&offset, "+0").expect("written");
    let mut child = command()
        .args(["run", "--config", &file, "--json"])
        .env("LD_PRELOAD", FAKETIME)
        .env("FAKETIME_TIMESTAMP_FILE", &offset)
        .envs([("FAKETIME_NO_CACHE", "1"), ("DONT_FAKE_MONOTONIC", "1"), ("FAKETIME_DONT_FAKE_MONOTONIC", "1")])
        .stdout(Stdio::piped())
        .spawn()
        .expect("starts");
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    let mut next = |what: &str| -> serde_json::Value {
        let lines = lines.by_ref().map(|line| serde_json::from_str(&line.expect("a line")).expect("JSON"));
        let mut seen = Vec::new();
        for event in lines {
            let event: serde_json::Value = event;
            if event["type"] == what {
                return event;
            }
            seen.push(event);
        }
        panic!("no {what}: {seen:?}")
    };
    assert_eq!(next("gate")["state"], "open");
    let mut times = Vec::new();
    for jump in ["+1d", "-30d", "+0"] {
        std::fs::write(&offset, jump).expect("written");
        std::thread::sleep(Duration::from_millis(1500));
        assert!(
            std::process::Command::new("kill")
                .args(["-HUP", &child.id().to_string()])
                .status()
                .expect("kill")
                .success()
        );
        times.push(next("reloaded")["time"].as_f64().expect("a time"));
    }
    assert!(times[0] - times[2] > 80_000.0 && times[2] - times[1] > 2_000_000.0, "the clock did not jump: {times:?}");
    assert!(
        std::process::Command::new("kill").args(["-TERM", &child.id().to_string()]).status().expect("kill").success()
    );
    // The next move is the one of the end.
    assert_eq!(next("gate")["reason"], "ended");
    assert!(child.wait().expect("ends").success());
}
