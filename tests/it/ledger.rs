//! The ledger around a daemon that is killed, and around files that are none.

use std::{
    path::Path,
    process::{Child, Stdio},
    time::{Duration, Instant, SystemTime},
};

use miqa::{
    config::Config,
    event::GateState,
    ledger::{End, Reading, is_kept, read},
};

use crate::{
    clip::{self, BLACK, WHITE},
    support::{command, config, miqa, stderr, stdout},
};

fn run(file: &Path) -> Child {
    let mut run = command();
    run.args(["run", "--config"]).arg(file).stdout(Stdio::null()).stderr(Stdio::null());
    run.spawn().expect("starts")
}

fn reading(file: &Path) -> Reading {
    let path = Config::read(file).expect("valid").ledger.expect("kept").file();
    let now = SystemTime::UNIX_EPOCH.elapsed().expect("after 1970").as_secs_f64();
    read(&path, now - 3600.0, now, is_kept(&path)).expect("readable")
}

#[test]
fn a_killed_daemons_ledger_is_read_and_taken_up() {
    let folder = tempfile::tempdir().expect("folder");
    clip::make(&folder.path().join("long.mp4"), &[(2500, BLACK)]);
    clip::make(&folder.path().join("light.mp4"), &[(50, WHITE)]);
    let stream = |name: &str, pace: &str| {
        let keys = "[gate]\nclose_for = \"100ms\"\nsmooth = \"0s\"\n[state]\nfolder = \"state\"\n";
        format!("[[stream]]\nname = \"a\"\nlocation = \"{name}.mp4\"\nviews = \"centre\"\n{pace}\n{keys}")
    };
    let file = config(folder.path(), "tiny", &stream("long", ""));
    let mut daemon = run(&file);
    let closed =
        |reading: &Reading| reading.stretches.iter().any(|(_, s)| s.state == GateState::Closed && s.length() > 0.0);
    let begun = Instant::now();
    while !(folder.path().join("state/ledger.redb").exists() && closed(&reading(&file))) {
        assert!(begun.elapsed() < Duration::from_secs(60), "no closed gate in the ledger: {:?}", reading(&file));
        std::thread::sleep(Duration::from_millis(100));
    }
    let report = |rest: &[&str]| {
        let output = miqa(["gate", "report", "--config", &file.display().to_string()].iter().chain(rest));
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        stdout(&output)
    };
    let text = report(&[]);
    assert!(text.contains("so far  score low"), "{text}");
    daemon.kill().expect("killed");
    daemon.wait().expect("gone");
    let text = report(&[]);
    assert!(text.contains("at least ") && !text.contains("so far"), "{text}");
    let before = reading(&file).stretches.len();

    let file = config(folder.path(), "tiny", &stream("light", "pace = \"asap\""));
    let output = miqa(["run", "--config", &file.display().to_string()]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let after = reading(&file);
    assert!(after.stretches.len() > before, "{after:?}");
    assert!(after.stretches.iter().any(|(_, s)| s.end == End::Cut && s.state == GateState::Closed), "{after:?}");
    assert!(after.stretches.iter().any(|(_, s)| s.end == End::Moved && s.state == GateState::Open), "{after:?}");
    assert!(!after.stretches.iter().any(|(_, s)| s.end == End::Lasting), "{after:?}");
}

#[test]
fn a_daemon_goes_on_without_a_ledger_and_says_so_once() {
    let folder = tempfile::tempdir().expect("folder");
    clip::make(&folder.path().join("a.mp4"), &[(50, WHITE), (50, BLACK)]);
    let keys = "[[stream]]\nname = \"a\"\nlocation = \"a.mp4\"\nviews = \"centre\"\npace = \"asap\"\n[ledger]\nfolder = \"kept\"\n";
    let file = config(folder.path(), "tiny", keys);
    // Nothing can be made in a file.
    std::fs::write(folder.path().join("kept"), "").expect("written");
    let output = miqa(["run", "--config", &file.display().to_string()]);
    assert!(output.status.code().is_some_and(|code| code < 2), "{}", stderr(&output));
    let said = stderr(&output);
    assert_eq!(said.lines().filter(|line| line.contains("check free space and permissions")).count(), 1, "{said}");
    // A file that is none is put aside.
    std::fs::remove_file(folder.path().join("kept")).expect("removed");
    std::fs::create_dir(folder.path().join("kept")).expect("made");
    std::fs::write(folder.path().join("kept/ledger.redb"), "somebody's notes").expect("written");
    let output = miqa(["run", "--config", &file.display().to_string()]);
    assert!(stderr(&output).contains("was put aside"), "{}", stderr(&output));
    assert_eq!(std::fs::read(folder.path().join("kept/ledger.redb.damaged")).expect("kept"), b"somebody's notes");
    assert!(!reading(&file).stretches.is_empty());
}
