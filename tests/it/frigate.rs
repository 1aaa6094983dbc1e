//! The Frigate bridge at a real broker, with something that behaves like Frigate.

use std::{
    io::{BufRead, Write},
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use miqa::{
    config::{Config, Outputs},
    event::{GateState, GateStatus},
    gate::{Board, monotonic_ns},
    sink::{self, Queue, Setting, frigate},
    state::{FrigateChange, Store, read},
};

use crate::{
    broker::{Broker, Ear},
    frigate_stand_in::StandIn,
};

const LIMIT: Duration = Duration::from_secs(15);

fn outputs(folder: &Path, port: u16, mode: &str) -> Outputs {
    let text = format!(
        "[[stream]]\nname = \"cam1\"\nlocation = \"a.mp4\"\n[frigate]\nmode = \"{mode}\"\ncameras = {{ cam1 = \"yard\" }}\n\
         [frigate.broker]\naddress = \"mqtt://127.0.0.1:{port}\"\nclient_id = \"miqa-test\"\n"
    );
    Config::parse(&text, &folder.join("miqa.toml")).unwrap().outputs
}

fn store(folder: &Path) -> Arc<Store> {
    Arc::new(Store::open(&folder.join("state")).unwrap())
}

fn held(folder: &Path) -> Vec<String> {
    read(&folder.join("state/state.json")).unwrap().frigate.into_keys().collect()
}

fn put(board: &Board, decided: GateState) {
    let status = GateStatus { stream: "cam1".into(), decided, enforced: Some(decided), ..GateStatus::default() };
    board.put(status, monotonic_ns() + 60_000_000_000);
}

fn start(folder: &Path, port: u16, mode: &str, decided: GateState) -> (Queue, Arc<Board>) {
    let setting = Setting { store: Some(store(folder)), ..Setting::default() };
    put(&setting.board, decided);
    let queue = sink::start(&outputs(folder, port, mode), &setting, &Arc::default()).unwrap().remove(0);
    (queue, setting.board)
}

#[track_caller]
fn until(what: &str, is: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is() {
        assert!(begun.elapsed() < LIMIT, "not within {LIMIT:?}: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn end(queue: Queue) {
    queue.drain(Instant::now() + LIMIT);
}

macro_rules! rig_or_skip {
    ($name:literal) => {{
        let folder = tempfile::tempdir().unwrap();
        match Broker::start(folder.path(), "") {
            Some(broker) => (folder, broker),
            None => {
                println!(concat!("skipped: ", $name, ": needs mosquitto"));
                return;
            }
        }
    }};
}

#[test]
fn detection_follows_the_gate_and_the_end_puts_it_back() {
    let (folder, broker) = rig_or_skip!("detection_follows_the_gate_and_the_end_puts_it_back");
    let frigate = StandIn::start(broker.port, &[("yard", true), ("barn", true)]);
    let (queue, board) = start(folder.path(), broker.port, "enforce", GateState::Closed);
    until("off", || !frigate.detects("yard"));
    assert_eq!(held(folder.path()), ["yard"]);
    put(&board, GateState::Open);
    until("on", || frigate.detects("yard"));
    until("forgotten", || held(folder.path()).is_empty());
    put(&board, GateState::Closed);
    until("off again", || !frigate.detects("yard"));
    end(queue);
    until("put back", || frigate.detects("yard"));
    assert!(held(folder.path()).is_empty());
    assert_eq!(frigate.commands(), ["yard OFF", "yard ON", "yard OFF", "yard ON"]);
    // Nothing of it stays at the broker, where Frigate would get it again at its next start.
    let late = Ear::at(broker.port);
    late.until(0, "Frigate", |heard| heard.topic == "frigate/available");
    std::thread::sleep(Duration::from_millis(300));
    assert!(late.heard().iter().all(|heard| !heard.topic.ends_with("/set")), "{:?}", late.heard());
}

#[test]
fn in_shadow_nothing_is_commanded_and_a_setting_off_before_us_stays_off() {
    let (folder, broker) = rig_or_skip!("in_shadow_nothing_is_commanded_and_a_setting_off_before_us_stays_off");
    let frigate = StandIn::start(broker.port, &[("yard", true)]);
    let (queue, _) = start(folder.path(), broker.port, "shadow", GateState::Closed);
    std::thread::sleep(Duration::from_secs(2));
    end(queue);
    frigate.person("yard", false);
    let (queue, board) = start(folder.path(), broker.port, "enforce", GateState::Closed);
    std::thread::sleep(Duration::from_secs(2));
    put(&board, GateState::Open);
    std::thread::sleep(Duration::from_secs(1));
    end(queue);
    assert_eq!(frigate.commands(), [""; 0]);
    assert!(!frigate.detects("yard") && held(folder.path()).is_empty());
}

#[test]
fn frigate_restarted_while_gated_is_told_again() {
    let (folder, broker) = rig_or_skip!("frigate_restarted_while_gated_is_told_again");
    let frigate = StandIn::start(broker.port, &[("yard", true)]);
    let (queue, board) = start(folder.path(), broker.port, "enforce", GateState::Closed);
    until("off", || !frigate.detects("yard"));
    drop(frigate);
    std::thread::sleep(Duration::from_millis(500));
    // A version that begins with its configuration's settings ...
    let frigate = StandIn::start(broker.port, &[("yard", true)]);
    until("off after the restart", || !frigate.detects("yard"));
    drop(frigate);
    // ... and one that remembers the last ones.
    let frigate = StandIn::start(broker.port, &[("yard", false)]);
    std::thread::sleep(Duration::from_millis(1500));
    assert_eq!(held(folder.path()), ["yard"]);
    put(&board, GateState::Open);
    until("on", || frigate.detects("yard"));
    until("forgotten", || held(folder.path()).is_empty());
    end(queue);
}

#[test]
fn what_a_person_switches_on_stays_on_until_the_gate_has_opened() {
    let (folder, broker) = rig_or_skip!("what_a_person_switches_on_stays_on_until_the_gate_has_opened");
    let frigate = StandIn::start(broker.port, &[("yard", true)]);
    // A return of Frigate long before explains nothing.
    std::thread::sleep(Duration::from_millis(500));
    let (queue, board) = start(folder.path(), broker.port, "enforce", GateState::Closed);
    until("off", || !frigate.detects("yard"));
    std::thread::sleep(Duration::from_millis(10_500));
    frigate.person("yard", true);
    until("forgotten", || held(folder.path()).is_empty());
    std::thread::sleep(Duration::from_secs(1));
    assert!(frigate.detects("yard"));
    put(&board, GateState::Open);
    std::thread::sleep(Duration::from_millis(300));
    put(&board, GateState::Closed);
    until("off at the next closing", || !frigate.detects("yard"));
    end(queue);
    until("on", || frigate.detects("yard"));
}

#[test]
fn a_gate_that_opens_while_the_broker_is_away_is_caught_up() {
    let (folder, mut broker) = rig_or_skip!("a_gate_that_opens_while_the_broker_is_away_is_caught_up");
    let frigate = StandIn::start(broker.port, &[("yard", true)]);
    let (queue, board) = start(folder.path(), broker.port, "enforce", GateState::Closed);
    until("off", || !frigate.detects("yard"));
    broker.down();
    put(&board, GateState::Open);
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(held(folder.path()), ["yard"]);
    broker.up();
    until("on", || frigate.detects("yard"));
    until("forgotten", || held(folder.path()).is_empty());
    end(queue);
}

#[test]
fn restore_works_without_the_daemon() {
    let (folder, broker) = rig_or_skip!("restore_works_without_the_daemon");
    let settings = outputs(folder.path(), broker.port, "enforce").frigate.unwrap();
    let store = store(folder.path());
    let change = FrigateChange { before: "ON".into(), since: 1 };
    // One of them is no longer in the configuration.
    for camera in ["yard", "gone"] {
        store.change(|state| drop(state.frigate.insert(camera.into(), change.clone()))).unwrap();
    }
    let left = frigate::restore(&settings, &store, Duration::from_secs(1)).unwrap();
    assert_eq!(left, ["yard", "gone"].map(str::to_owned).iter().rev().cloned().collect::<Vec<_>>());
    let frigate = StandIn::start(broker.port, &[("yard", false), ("gone", false)]);
    assert_eq!(frigate::restore(&settings, &store, LIMIT).unwrap(), [""; 0]);
    assert!(frigate.detects("yard") && frigate.detects("gone") && store.get().frigate.is_empty());
    assert_eq!(frigate::restore(&settings, &store, LIMIT).unwrap(), [""; 0]);
}

/// The bridge in a process of its own, to be killed; its gate is told over standard input.
struct Doomed(Child);

impl Doomed {
    fn start(folder: &Path, port: u16, failpoints: &str) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "frigate::as_a_child", "--nocapture"])
            .env("MIQA_TEST_BRIDGE", format!("{port} {}", folder.display()))
            .env("FAILPOINTS", failpoints)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        writeln!(child.stdin.as_mut().unwrap(), "closed").unwrap();
        Self(child)
    }

    fn tell(&mut self, word: &str) {
        writeln!(self.0.stdin.as_mut().unwrap(), "{word}").unwrap();
    }
}

impl Drop for Doomed {
    /// SIGKILL.
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

#[test]
fn as_a_child() {
    let Ok(place) = std::env::var("MIQA_TEST_BRIDGE") else { return };
    let (port, folder) = place.split_once(' ').unwrap();
    let _points = fail::FailScenario::setup();
    let (_queue, board) = start(Path::new(folder), port.parse().unwrap(), "enforce", GateState::Closed);
    for line in std::io::stdin().lock().lines() {
        put(&board, if line.unwrap() == "open" { GateState::Open } else { GateState::Closed });
    }
}

#[test]
fn killed_while_gated_the_broker_itself_puts_detection_back() {
    let (folder, broker) = rig_or_skip!("killed_while_gated_the_broker_itself_puts_detection_back");
    let frigate = StandIn::start(broker.port, &[("yard", true)]);
    let bridge = Doomed::start(folder.path(), broker.port, "");
    until("off", || !frigate.detects("yard"));
    drop(bridge);
    until("on by the last will", || frigate.detects("yard"));
    assert_eq!(frigate.commands(), ["yard OFF", "yard ON"]);
    // The next run finds it done, and forgets.
    assert_eq!(held(folder.path()), ["yard"]);
    let (queue, _) = start(folder.path(), broker.port, "enforce", GateState::Open);
    until("forgotten", || held(folder.path()).is_empty());
    end(queue);
    assert!(frigate.detects("yard"));
}

#[test]
#[ignore = "slow: the broker waits some 16 s for a sign of life"]
fn hung_while_gated_the_broker_puts_detection_back_until_we_are_back() {
    let (folder, broker) = rig_or_skip!("hung_while_gated_the_broker_puts_detection_back_until_we_are_back");
    let frigate = StandIn::start(broker.port, &[("yard", true)]);
    let bridge = Doomed::start(folder.path(), broker.port, "");
    until("off", || !frigate.detects("yard"));
    // To the broker a process that hangs looks like a network that is gone.
    let signal = |name: &str| {
        let done = Command::new("kill").arg(name).arg(bridge.0.id().to_string()).status().unwrap();
        assert!(done.success());
    };
    let hung = Instant::now();
    signal("-STOP");
    while !frigate.detects("yard") {
        assert!(hung.elapsed() < Duration::from_secs(25), "detection stays off");
        std::thread::sleep(Duration::from_millis(50));
    }
    println!("put back after {:.1} s", hung.elapsed().as_secs_f64());
    signal("-CONT");
    until("off again", || !frigate.detects("yard"));
    drop(bridge);
    until("on by the last will", || frigate.detects("yard"));
}

#[test]
fn killed_at_every_step_nothing_stays_off() {
    if !fail::has_failpoints() {
        println!("skipped: killed_at_every_step_nothing_stays_off: needs --features failpoints");
        return;
    }
    // Where it stands when it is killed: what the disk knows, and the commands that Frigate got.
    let points: [(&str, bool, &[&str]); 7] = [
        ("frigate-remembered", true, &[]),
        ("frigate-before-command", true, &[]),
        ("frigate-before-forget", true, &["yard OFF", "yard ON"]),
        ("state-before-write", false, &[]),
        ("state-before-sync", false, &[]),
        ("state-before-rename", false, &[]),
        ("state-before-folder-sync", true, &[]),
    ];
    std::thread::scope(|scope| {
        for (point, remembered, commands) in points {
            scope.spawn(move || {
                let (folder, broker) = rig_or_skip!("killed_at_every_step_nothing_stays_off");
                let frigate = StandIn::start(broker.port, &[("yard", true)]);
                let mut bridge = Doomed::start(folder.path(), broker.port, &format!("{point}=sleep(60000)"));
                std::thread::sleep(Duration::from_secs(3));
                bridge.tell("open");
                std::thread::sleep(Duration::from_secs(1));
                assert_eq!(
                    (!held(folder.path()).is_empty(), frigate.commands()),
                    (remembered, words(commands)),
                    "{point}"
                );
                drop(bridge);
                let settings = outputs(folder.path(), broker.port, "enforce").frigate.unwrap();
                let left = frigate::restore(&settings, &store(folder.path()), LIMIT).unwrap();
                assert!(left.is_empty() && frigate.detects("yard") && held(folder.path()).is_empty(), "{point}");
            });
        }
    });
}

fn words(commands: &[&str]) -> Vec<String> {
    commands.iter().map(|command| (*command).to_owned()).collect()
}
