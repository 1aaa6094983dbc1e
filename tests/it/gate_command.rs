//! `miqa gate` from outside.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::Stdio,
    sync::Arc,
    time::{Duration, SystemTime},
};

use miqa::{
    config::Config,
    event::{ByHand, Cause, Event, GateEvent, GateReason, GateState, GateStatus, Said, Seconds},
    gate::{Board, Readers, monotonic_ns},
    ledger::Keeper,
    sink::Sink,
    state::{FrigateChange, State, Store},
};

use crate::support::{command, config, miqa, stderr, stdout};

const STREAMS: &str =
    "[[stream]]\nname = \"yard\"\nlocation = \"a.mp4\"\n[[stream]]\nname = \"gate\"\nlocation = \"a.mp4\"\n";

fn put(board: &Board, stream: &str, decided: GateState, enforced: Option<GateState>) {
    let status = GateStatus {
        stream: stream.into(),
        decided,
        enforced,
        reason: if decided == GateState::Open { GateReason::ScoreGood } else { GateReason::ScoreLow },
        score: Some(0.25),
        smoothed: Some(0.5),
        causes: if decided == GateState::Open { vec![] } else { vec![Cause::new("fog", 0.75)] },
        ..GateStatus::default()
    };
    board.put(status, monotonic_ns() + 60_000_000_000);
}

/// Readers as a configuration asks for them, without a daemon behind.
fn serve(file: &Path) -> (Arc<Board>, Readers) {
    let board = Arc::new(Board::default());
    let readers = Readers::start(&Config::read(file).expect("valid").readers, &board).expect("start");
    (board, readers)
}

fn show(file: &Path, rest: &[&str]) -> (Option<i32>, String) {
    let output = miqa(["gate", "show", "--config", &file.display().to_string()].iter().chain(rest));
    (output.status.code(), stdout(&output) + &stderr(&output))
}

#[test]
fn show_reads_mapped_file_or_socket_and_exits_by_the_gates() {
    for readers in ["[slot]\npath = \"gates\"\n", "[socket]\npath = \"gate.sock\"\n"] {
        let folder = tempfile::tempdir().expect("folder");
        let file = config(folder.path(), "tiny", &format!("{STREAMS}{readers}"));
        let (code, said) = show(&file, &[]);
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains("is `miqa run` running"), "{said}");

        let (board, running) = serve(&file);
        put(&board, "yard", GateState::Open, Some(GateState::Open));
        put(&board, "gate", GateState::Open, None);
        std::thread::sleep(Duration::from_millis(100));
        let (code, said) = show(&file, &[]);
        assert_eq!(code, Some(0), "{said}");
        let row = |stream: &str| said.lines().find(|line| line.starts_with(stream)).expect(stream).to_owned();
        for part in ["open      open ", "0.250  0.500", "score good"] {
            assert!(row("yard").contains(part), "no \"{part}\" in\n{said}");
        }
        assert!(row("gate").contains("open      shadow"), "{said}");
        // Where a file is all there is, a daemon that was just killed can't be told from one that lives.
        let mapped = said.contains("should it have died since, this counts for as long as \"valid for\" says, at most");
        assert_eq!(mapped, readers.contains("[slot]"), "{said}");

        board.remove("gate");
        std::thread::sleep(Duration::from_millis(50));
        let (code, said) = show(&file, &["--json"]);
        assert_eq!(code, Some(1), "{said}");
        let lines: Vec<serde_json::Value> =
            said.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        assert_eq!((&lines[0]["stream"], &lines[0]["decided"]), (&"yard".into(), &"open".into()));
        assert!(lines[0].get("doubt").is_none() && lines[0]["valid_for"].as_f64().expect("a number") > 50.0);
        assert_eq!((&lines[1]["decided"], &lines[1]["doubt"]), (&"unknown".into(), &"nobody writes it".into()));
        drop(running);
    }
    let folder = tempfile::tempdir().expect("folder");
    let (code, said) = show(&config(folder.path(), "tiny", STREAMS), &[]);
    assert!(code == Some(2) && said.contains("neither [slot] nor [socket]"), "{said}");
}

#[test]
fn show_goes_by_what_is_enforced_and_says_what_was_set_by_hand_until_when() {
    let in_an_hour = SystemTime::UNIX_EPOCH.elapsed().expect("after 1970").as_secs() + 3600;
    let until = format!("by hand until {}", miqa::event::day(in_an_hour));
    for (readers, said_until) in [
        ("[socket]\npath = \"gate.sock\"\n", true),
        ("[slot]\npath = \"gates\"\n[socket]\npath = \"gate.sock\"\n", true),
        ("[slot]\npath = \"gates\"\n[state]\nfolder = \"state\"\n", true),
        ("[slot]\npath = \"gates\"\n", false),
    ] {
        let folder = tempfile::tempdir().expect("folder");
        let file = config(folder.path(), "tiny", &format!("{STREAMS}{readers}"));
        let (board, running) = serve(&file);
        for (decided, enforced, set, code) in [
            (GateState::Closed, Some(GateState::Open), true, 0),
            (GateState::Open, Some(GateState::Closed), true, 1),
            (GateState::Closed, Some(GateState::Closed), false, 1),
            (GateState::Degraded, Some(GateState::Degraded), false, 1),
            (GateState::Closed, None, false, 0),
        ] {
            let by_hand = enforced.filter(|_| set).map(|state| ByHand { state, until: Some(in_an_hour) });
            if readers.contains("[state]") {
                let store = Store::open(&folder.path().join("state")).expect("opens");
                let keep =
                    |state: &mut State| state.overrides = by_hand.map(|set| ("yard".into(), set)).into_iter().collect();
                store.change(keep).expect("written");
            }
            put(&board, "gate", GateState::Open, Some(GateState::Open));
            let mut status = board.get("gate").expect("there").status;
            (status.stream, status.decided, status.enforced, status.by_hand) =
                ("yard".into(), decided, enforced, by_hand);
            board.put(status, monotonic_ns() + 60_000_000_000);
            std::thread::sleep(Duration::from_millis(100));
            let (exit, said) = show(&file, &[]);
            assert_eq!(exit, Some(code), "{readers}: {decided} {enforced:?}\n{said}");
            let row = said.lines().find(|line| line.starts_with("yard")).expect("a row");
            assert_eq!(row.contains("by hand"), set, "{readers}: {said}");
            assert_eq!(row.contains(&until), set && said_until, "{readers}: {said}");
        }
        drop(running);
        if readers.contains("[slot]") && readers.contains("[socket]") {
            // Killed: its file is left, with a lease that has not run out.
            let now = monotonic_ns();
            let mut writer =
                miqa::gate::slot::Writer::create(&folder.path().join("gates"), 2, 0o600, now).expect("made");
            let status = GateStatus { stream: "yard".into(), decided: GateState::Open, ..GateStatus::default() };
            let entry = miqa::gate::Entry { status, valid_until: now + 60_000_000_000, ..Default::default() };
            writer.take(vec![entry], monotonic_ns());
            let (exit, said) = show(&file, &[]);
            assert!(exit == Some(2) && said.contains("the daemon ended") && !said.contains("yard    open"), "{said}");
        }
    }
}

#[test]
fn show_takes_a_dead_daemons_file_for_unknown() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("gates");
    let now = monotonic_ns();
    let mut writer = miqa::gate::slot::Writer::create(&path, 1, 0o600, now).expect("made");
    let status = GateStatus { stream: "a".into(), decided: GateState::Open, ..GateStatus::default() };
    let entry = miqa::gate::Entry { status, valid_until: now + 60_000_000_000, ..Default::default() };
    writer.take(vec![entry], now - 5_000_000_000);
    let output = miqa(["gate", "show", "--slot", &path.display().to_string()]);
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    assert!(stderr(&output).contains("no daemon keeps these gates") && stderr(&output).contains("start `miqa run`"));
    let said = stdout(&output);
    assert!(said.contains("unknown") && said.contains("the daemon does not beat"), "{said}");
}

#[test]
fn watch_prints_changes_until_the_daemon_ends() {
    let folder = tempfile::tempdir().expect("folder");
    let file = config(folder.path(), "tiny", &format!("{STREAMS}[socket]\npath = \"gate.sock\"\n"));
    let (board, running) = serve(&file);
    put(&board, "yard", GateState::Open, Some(GateState::Open));
    let mut watch = command();
    watch.args(["gate", "watch", "--config"]).arg(&file).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut watch = watch.spawn().expect("starts");
    let mut lines = BufReader::new(watch.stdout.take().expect("piped")).lines();
    let mut line = || lines.next().expect("a line").expect("readable");
    assert_eq!(line(), "yard  OPEN: score good, score 0.250 (smoothed 0.500)");
    put(&board, "yard", GateState::Closed, None);
    assert_eq!(line(), "yard  CLOSED (shadow, not enforced): score low, score 0.250 (smoothed 0.500), likely fog 75 %");
    board.remove("yard");
    assert_eq!(line(), "yard  removed");
    drop(running);
    let output = watch.wait_with_output().expect("ends");
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("the daemon ended; every gate is unknown"), "{}", stderr(&output));
}

fn restore(file: &Path) -> (Option<i32>, String) {
    let output = miqa(["gate", "restore", "--config", &file.display().to_string()]);
    (output.status.code(), stdout(&output) + &stderr(&output))
}

#[test]
fn restore_names_what_it_could_not_put_back_and_leaves_a_running_daemon_alone() {
    let folder = tempfile::tempdir().expect("folder");
    let file = config(folder.path(), "tiny", &format!("{STREAMS}[state]\nfolder = \"state\"\n"));
    assert_eq!(restore(&file), (Some(0), "nothing to put back\n".into()));
    let state = folder.path().join("state");
    assert!(!state.exists(), "what was not there is not made");
    let store = Store::open(&state).expect("opens");
    let change = FrigateChange { before: "ON".into(), since: 7 };
    store.change(|state| drop(state.frigate.insert("yard".into(), change))).expect("written");
    let (code, said) = restore(&file);
    assert!(code == Some(2) && said.contains("in use by another miqa"), "{said}");
    drop(store);
    // Without Frigate's section nothing can be put back: it stays remembered.
    let (code, said) = restore(&file);
    assert!(code == Some(2) && said.contains("Frigate yard not put back: "), "{said}");
    let store = Store::open(&state).expect("free");
    assert!(store.get().frigate.contains_key("yard"));
    store.change(|state| state.frigate.clear()).expect("written");
    drop(store);
    assert_eq!(restore(&file), (Some(0), "nothing to put back\n".into()));
}

fn moved(ago: u64, number: u32, state: GateState, enforced: Option<GateState>, reason: GateReason) -> Said {
    let event = GateEvent {
        stream: "yard".into(),
        state,
        previous: GateState::Unknown,
        enforced,
        by_hand: None,
        reason,
        head: "cls_consistency".into(),
        score: None,
        smoothed: None,
        causes: if state == GateState::Closed { vec![Cause::new("fog", 0.75)] } else { vec![] },
        flaps: 0,
        at: Seconds::default(),
        since: Seconds::default(),
    };
    let time = SystemTime::now() - Duration::from_secs(ago);
    Said { time, id: format!("run-{number}"), event: Event::Gate(event) }
}

fn report(file: &Path, rest: &[&str]) -> String {
    let output = miqa(["gate", "report", "--config", &file.display().to_string()].iter().chain(rest));
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    stdout(&output)
}

#[test]
fn report_says_what_would_have_been_gated_when_why_how_long_and_what_it_saved() {
    let folder = tempfile::tempdir().expect("folder");
    let keys = "[state]\nfolder = \"state\"\n[detector]\nfps = 10\nframe_ms = 30\n";
    let file = config(folder.path(), "tiny", &format!("{STREAMS}{keys}"));
    let settings = Config::read(&file).expect("valid").ledger.expect("kept with [state]");
    assert_eq!(report(&file, &[]), "no gate has moved since the ledger began\n");
    let mut keeper = Keeper::new(&settings);
    let mut before = SystemTime::now() - Duration::from_secs(7200);
    for said in [
        moved(7200, 0, GateState::Open, None, GateReason::ScoreGood),
        moved(3600, 1, GateState::Closed, None, GateReason::ScoreLow),
        moved(3410, 2, GateState::Open, None, GateReason::ScoreGood),
        moved(60, 3, GateState::Closed, Some(GateState::Closed), GateReason::Black),
    ] {
        // Between its events a daemon lets time pass.
        keep_alive(&mut keeper, before, said.time);
        keeper.write(&said).expect("written");
        before = said.time;
    }
    keep_alive(&mut keeper, before, SystemTime::now());
    let text = report(&file, &[]);
    for part in [
        "the ledger begins ",
        "yard: open 2× ",
        "closed 2× 4 min 10 s, gated 1 min 0 s, in shadow mode would have gated 3 min 10 s, 0 flaps\n",
        "; in shadow mode would have saved 1900 frames, 57.0 s of it\n",
        "  by reason: score_low 3 min 10 s, black 1 min 0 s\n",
        "  detector (10 frames/s, 30 ms each): saved 60",
        "  closed    3 min 10 s  score low, likely fog 75 %  (shadow)\n",
        "  closed    1 min 0 s so far  picture black, likely fog 75 %\n",
    ] {
        assert!(text.contains(part), "no \"{part}\" in\n{text}");
    }
    // Only the last half hour; the daemon is killed.
    drop(keeper);
    let text = report(&file, &["--since", "30m"]);
    assert!(!text.contains("score low") && text.contains("at least "), "{text}");
    let json: serde_json::Value = serde_json::from_str(&report(&file, &["--json"])).expect("JSON");
    let yard = &json["streams"]["yard"];
    assert_eq!((&yard["times"]["closed"], &yard["stretches"][1]["end"]), (&2.into(), &"cut".into()));
    let would = yard["would_have_gated"].as_f64().expect("a number");
    assert!((would - 190.0).abs() < 1.0, "{yard}");
    let csv = report(&file, &["--format", "csv"]);
    let shadow = csv.lines().filter(|line| line.contains(",yard,closed,,score_low,"));
    let seconds = shadow.map(|line| line.split(',').nth(5).expect("seconds").parse::<f64>().expect("a number"));
    assert!((seconds.sum::<f64>() - would).abs() < 0.01, "{csv}");
    let out = folder.path().join("ledger.parquet");
    report(&file, &["--format", "parquet", "--out", &out.display().to_string()]);
    let bytes = std::fs::read(&out).expect("written");
    assert!(bytes.starts_with(b"PAR1") && bytes.ends_with(b"PAR1"));
}

/// Lets time pass for a keeper, every four minutes.
fn keep_alive(keeper: &mut Keeper, from: SystemTime, until: SystemTime) {
    let mut now = from;
    while now < until {
        keeper.tick(now).expect("written");
        now += Duration::from_secs(240);
    }
    keeper.tick(until).expect("written");
}
