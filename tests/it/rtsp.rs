//! A real RTSP camera (gst-rtsp-server from Python) that freezes, thaws, dies and comes back.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use miqa::{
    config::Config,
    daemon,
    event::{Event, GateState},
};

use crate::support::{Memory, config};

/// Debian's Python: others lack its GObject bindings.
const PYTHON: &str = "/usr/bin/python3";

struct Camera(Child);

impl Camera {
    fn start(port: u16) -> Option<Self> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/rtsp_server.py");
        let mut child = Command::new(PYTHON)
            .arg(script)
            .arg(port.to_string())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take()?).read_line(&mut line).ok()?;
        let camera = Self(child);
        (line.trim() == "ready").then_some(camera)
    }

    fn signal(&self, name: &str) {
        let done = Command::new("kill").args([name, &self.0.id().to_string()]).status().expect("kill");
        assert!(done.success());
    }
}

impl Drop for Camera {
    fn drop(&mut self) {
        let _gone = self.0.kill();
        let _gone = self.0.wait();
    }
}

/// Waits until an event after the first `from` is such a one; how many there were then.
#[track_caller]
fn until(memory: &Memory, from: usize, what: &str, limit_s: u64, is: impl Fn(&Event) -> bool) -> usize {
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(limit_s) {
        if let Some(at) = memory.events().iter().skip(from).position(&is) {
            return from + at + 1;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("no {what} within {limit_s} s: {:#?}", memory.events());
}

fn gate(state: GateState) -> impl Fn(&Event) -> bool {
    move |event| matches!(event, Event::Gate(gate) if gate.state == state)
}

#[test]
fn a_camera_that_freezes_or_dies_is_unknown_and_recovers() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a free port").port();
    let Some(camera) = Camera::start(port) else {
        println!("skipped: needs {PYTHON} with gir1.2-gst-rtsp-server-1.0 and python3-gi");
        return;
    };
    let folder = tempfile::tempdir().expect("folder");
    let text = format!(
        "[[stream]]\nname = \"cam\"\nlocation = \"rtsp://bob:hunter2@127.0.0.1:{port}/cam\"\nstall_after = \"1s\"\nviews = \"centre\"\n\
         [[stream]]\nname = \"locked\"\nlocation = \"rtsp://bob:wrong-one@127.0.0.1:{port}/cam\"\n\
         [[stream]]\nname = \"lost\"\nlocation = \"rtsp://bob:hunter2@127.0.0.1:{port}/elsewhere\"\n"
    );
    let config = Config::read(&config(folder.path(), "tiny", &text)).expect("valid");
    let (memory, stop) = (Memory::default(), Arc::new(AtomicBool::new(false)));
    let daemon = {
        let (sinks, stop) = (memory.sink(), Arc::clone(&stop));
        std::thread::spawn(move || daemon::run(&config, sinks, &stop, daemon::Options::default()))
    };
    let seen = until(&memory, 0, "opening", 20, gate(GateState::Open));
    for (stream, reason) in [("locked", "login refused"), ("lost", "no such stream")] {
        until(
            &memory,
            0,
            reason,
            20,
            |e| matches!(e, Event::StreamStalled { stream: s, reason: r, .. } if s == stream && r.contains(reason)),
        );
    }

    camera.signal("-STOP");
    let frozen = Instant::now();
    let seen = until(&memory, seen, "unknown by stall", 5, gate(GateState::Unknown));
    assert!(frozen.elapsed() < Duration::from_secs(3), "a stall of 1 s took {:?} to show", frozen.elapsed());
    camera.signal("-CONT");
    let seen = until(&memory, seen, "opening after the thaw", 30, gate(GateState::Open));

    drop(camera);
    let seen = until(&memory, seen, "unknown by death", 5, gate(GateState::Unknown));
    let camera = Camera::start(port).expect("starts again");
    until(&memory, seen, "opening after the death", 40, gate(GateState::Open));

    let asked = Instant::now();
    stop.store(true, Ordering::Release);
    let summary = daemon.join().expect("no panic").expect("ran");
    assert!(asked.elapsed() < Duration::from_secs(3), "stopping took {:?}", asked.elapsed());
    drop(camera);
    assert!(summary.streams[0].open.0 > Duration::from_secs(1), "{summary:?}");
    let said = format!("{:?}", memory.events());
    assert!(!said.contains("hunter2") && !said.contains("wrong-one"), "{said}");
}
