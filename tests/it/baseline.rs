//! A baseline that an earlier run learnt, in a running daemon: rules go by it, it is shown, kept, and begun anew if it is torn.

use std::{
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant, SystemTime},
};

use miqa::{
    engine::Card,
    facts::{LightMode, Scalars, Signature},
    monitor::baseline::{Baseline, EVERY, Look, Origin},
};
use serde_json::{Value, json};

use crate::support::{command, config, miqa, model, stdout};

fn now() -> u64 {
    SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs()
}

/// Five days up to an hour ago in which the score was good by every light.
fn learnt(model_sha256: &str) -> Baseline {
    let mut baseline = Baseline::new(Origin { model: model_sha256.into(), head: "cls_consistency".into() });
    let cells: Vec<i8> = (0..Signature::CELLS as i32).map(|i| (i * 37 % 101 - 50) as i8).collect();
    let signature = Signature::try_from(cells).unwrap();
    let scalars = Scalars { mean: 100.0, median: 100.0, deviation: 40.0, texture: 0.4, coloured: 0.3 };
    for (i, wall) in (now() - 5 * 86_400..now() - 3600).step_by(EVERY as usize).enumerate() {
        let light = LightMode::ALL[i / 15 % 3];
        baseline.look(wall, &Look { light, scalars, signature: &signature, score: Some(0.8), sight: None }, 0.45);
    }
    baseline
}

/// A daemon that is killed if the test fails.
struct Daemon(Child);

impl Daemon {
    fn start(file: &Path, events: &Path) -> Self {
        let out = std::fs::File::create(events).unwrap();
        let mut run = command();
        Self(run.args(["run", "--json", "--config"]).arg(file).stdout(out).stderr(Stdio::null()).spawn().unwrap())
    }

    fn end(mut self) {
        assert!(Command::new("kill").arg(self.0.id().to_string()).status().unwrap().success());
        self.0.wait().unwrap();
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _gone = self.0.kill();
        let _reaped = self.0.wait();
    }
}

#[track_caller]
fn until(events: &Path, what: &str, is: impl Fn(&Value) -> bool) -> Value {
    let begun = Instant::now();
    loop {
        let text = std::fs::read_to_string(events).unwrap();
        let found = text.lines().filter_map(|line| serde_json::from_str(line).ok()).find(&is);
        match found {
            Some(line) => return line,
            None if begun.elapsed() > Duration::from_secs(20) => panic!("no {what} in\n{text}"),
            None => std::thread::sleep(Duration::from_millis(20)),
        }
    }
}

#[test]
fn what_was_learnt_survives_and_what_is_torn_is_learnt_anew() {
    let folder = tempfile::tempdir().unwrap();
    let (state, events) = (folder.path().join("state"), folder.path().join("events"));
    let file = config(
        folder.path(),
        "tiny",
        "[[stream]]\nname = \"yard\"\nlocation = \"test:ball\"\n[[rule]]\nname = \"odd\"\nunder_normal = 0.3\n\
         [state]\nfolder = \"state\"\n[socket]\npath = \"gate.sock\"\n",
    );
    std::fs::create_dir(&state).unwrap();
    let kept = state.join("baselines.json");
    let sha256 = Card::read(&model("tiny")).unwrap().file.sha256;
    let baseline = learnt(&sha256);
    std::fs::write(&kept, json!({ "version": 1, "kept": { "yard": baseline } }).to_string()).unwrap();

    // The ball's picture is nearly black: far under what was normal.
    let daemon = Daemon::start(&file, &events);
    let alert = until(&events, "alert", |event| event["type"] == "alert");
    assert_eq!(
        (&alert["rule"], &alert["state"], &alert["subject"]),
        (&json!("odd"), &json!("firing"), &json!("under_normal"))
    );
    // The socket's own thread follows the board.
    let begun = Instant::now();
    loop {
        let shown = stdout(&miqa(["gate", "show", "--config", file.to_str().unwrap()]));
        if shown.contains("baseline of yard: normal 0.8") {
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "{shown}");
    }
    daemon.end();
    let written: Value = serde_json::from_slice(&std::fs::read(&kept).unwrap()).unwrap();
    let again: Baseline = serde_json::from_value(written["kept"]["yard"].clone()).unwrap();
    assert!(again != baseline, "it looked again");
    assert_eq!(again.band(LightMode::LowLight), baseline.band(LightMode::LowLight));

    // Another model's, a torn file: said, and learnt anew.
    let other = learnt("another");
    for (text, event) in [
        (json!({ "version": 1, "kept": { "yard": other } }).to_string(), ("baseline", "another model")),
        ("{\"version\":1,\"kept\":{\"yard\":{\"origin\":1}}}".into(), ("baseline", "expected struct")),
        ("{\"version\":1,\"ke".into(), ("error", "learnt anew")),
    ] {
        std::fs::write(&kept, text).unwrap();
        let daemon = Daemon::start(&file, &events);
        let (kind, why) = event;
        until(&events, why, |event| event["type"] == kind && event.to_string().contains(why));
        until(&events, "gate", |event| event["type"] == "gate");
        daemon.end();
        let written: Value = serde_json::from_slice(&std::fs::read(&kept).unwrap()).unwrap();
        let again: Baseline = serde_json::from_value(written["kept"]["yard"].clone()).unwrap();
        assert_eq!(again.statuses().map(|status| status.days), [0; 3]);
    }
}
