//! Why a gate is unknown, as people are told who ask for it.

use std::{
    process::{Child, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::{
    rtsp_camera::Camera,
    support::{command, config, miqa, stdout},
};

/// A running daemon; told to end when dropped.
struct Running(Child);

impl Running {
    fn start(file: &str) -> Self {
        Self(command().args(["run", "--config", file]).stdout(Stdio::null()).spawn().expect("starts"))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let pid = self.0.id().to_string();
        let _gone = std::process::Command::new("kill").args(["-TERM", &pid]).status();
        let _gone = self.0.wait();
    }
}

/// What `miqa gate show` says of a stream, once that holds.
#[track_caller]
fn shown(file: &str, stream: &str, holds: impl Fn(&Value) -> bool) -> Value {
    let begun = Instant::now();
    loop {
        let output = stdout(&miqa(["gate", "show", "--json", "--config", file]));
        let lines = output.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
        match lines.into_iter().find(|line| line["stream"] == stream) {
            Some(line) if holds(&line) => return line,
            _ => {}
        }
        assert!(begun.elapsed() < Duration::from_secs(25), "{output}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn a_refused_login_and_a_failed_stream_are_told_with_the_gate() {
    let Some(camera) = Camera::start(&[]) else { return };
    let folder = tempfile::tempdir().expect("folder");
    let text = format!(
        "[[stream]]\nname = \"door\"\nlocation = \"rtsp://bob:zq9-wrong@127.0.0.1:{}/cam\"\n\
         [[stream]]\nname = \"odd\"\nlocation = \"test:nonesuch\"\n\
         [[stream]]\nname = \"well\"\nlocation = \"test:white\"\n\
         [[rule]]\nname = \"gone\"\nlost = true\nfor = \"1h\"\n\
         [socket]\npath = \"gate.sock\"\n[slot]\npath = \"gates\"\n[state]\nfolder = \"state\"\n[jsonl]\npath = \"events.jsonl\"\n",
        camera.port
    );
    let file = config(folder.path(), "tiny", &text).display().to_string();
    let running = Running::start(&file);

    let door = shown(&file, "door", |line| line["detail"].is_string());
    assert_eq!((&door["decided"], &door["reason"]), (&"unknown".into(), &"stalled".into()), "{door}");
    let detail = door["detail"].as_str().expect("text");
    assert!(detail.contains("login refused") && !detail.contains("zq9"), "{detail}");
    let odd = shown(&file, "odd", |line| line["reason"] == "failed");
    assert!(odd["detail"].as_str().expect("text").contains("no such test picture"), "{odd}");
    let well = shown(&file, "well", |line| line["decided"] == "open");
    assert_eq!(well.get("detail"), None);
    let table = stdout(&miqa(["gate", "show", "--config", &file]));
    assert!(table.contains("stream stalled; rtsp://***@127.0.0.1") && table.contains("login refused"), "{table}");
    drop(running);

    let events = std::fs::read_to_string(folder.path().join("events.jsonl")).expect("events");
    let events: Vec<Value> = events.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    // Nothing will come of it any more, so the rule's hour is not waited for; the refused one may still come.
    let lost: Vec<_> = events.iter().filter(|e| e["type"] == "alert").map(|e| (&e["stream"], &e["state"])).collect();
    assert_eq!(lost, [(&"odd".into(), &"firing".into()), (&"odd".into(), &"resolved".into())]);
    // The event and the socket say the same of when it began.
    let opened = events.iter().find(|e| e["stream"] == "well" && e["state"] == "open").expect("opened");
    assert_eq!(opened["since"], well["since"]);
}
