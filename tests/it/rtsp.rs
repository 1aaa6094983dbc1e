//! A real RTSP camera (gst-rtsp-server from Python) that freezes, thaws, dies and comes back.

use std::{
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

use crate::{
    rtsp_camera::Camera,
    support::{Memory, config},
};

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
    let Some(camera) = Camera::start(&[]) else { return };
    let port = camera.port;
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
    let camera = Camera::start_on(port, &[]).expect("starts again");
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
