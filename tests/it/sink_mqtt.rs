//! Gates and events at a real broker: away, slow; commands; Home Assistant's discovery.

use std::{
    path::Path,
    process::{Command as Program, Stdio},
    sync::{Arc, atomic::AtomicBool},
    time::{Duration, Instant, SystemTime},
};

use miqa::{
    config::Config,
    control::Request,
    event::{AlertEvent, AlertState, Event, GateState, GateStatus, Said, Seconds},
    gate::{Board, monotonic_ns},
    sink::{self, Queue, Setting},
    state::{Silence, Store},
};

use crate::broker::{Broker, Ear, Heard};

const MINUTE_NS: u64 = 60_000_000_000;

pub(crate) fn start(folder: &Path, broker: &str, rest: &str, setting: &Setting) -> Queue {
    let text = format!(
        "[[stream]]\nname = \"yard\"\nlocation = \"a.mp4\"\n[mqtt]\nrenew_every = \"60s\"\n{rest}\n[mqtt.broker]\nclient_id = \"miqa-test\"\n{broker}\n"
    );
    let outputs = Config::parse(&text, &folder.join("miqa.toml")).unwrap().outputs;
    sink::start(&outputs, setting, &Arc::new(AtomicBool::new(false))).unwrap().remove(0)
}

pub(crate) fn setting() -> Setting {
    Setting {
        board: Arc::new(Board::default()),
        streams: vec!["yard".into()],
        distortions: vec!["fog".into()],
        ..Setting::default()
    }
}

pub(crate) fn at(broker: &Broker) -> String {
    format!("address = \"mqtt://127.0.0.1:{}\"", broker.port)
}

fn put(board: &Board, stream: &str, decided: GateState) {
    let status = GateStatus { stream: stream.into(), decided, enforced: Some(decided), ..GateStatus::default() };
    board.put(status, monotonic_ns() + MINUTE_NS);
}

pub(crate) fn alert(number: usize) -> Arc<Said> {
    let event = Event::Alert(AlertEvent {
        id: "yard/fog/1".into(),
        stream: "yard".into(),
        rule: "fog".into(),
        state: AlertState::Firing,
        severity: miqa::config::Severity::Info,
        subject: "fog".into(),
        score: None,
        smoothed: None,
        causes: vec![],
        unjudged: vec![],
        flaps: 0,
        silenced: false,
        snapshot: None,
        last_good: None,
        at: Seconds::default(),
        since: Seconds::default(),
    });
    Arc::new(Said { time: SystemTime::now(), id: format!("r-{number}"), event })
}

fn gate_is(state: &'static str) -> impl Fn(&Heard) -> bool {
    move |heard| heard.topic == "miqa/yard/gate" && heard.payload.contains(&format!("\"decided\":\"{state}\""))
}

/// Ids of the events heard, each once.
fn ids(ear: &Ear) -> Vec<String> {
    let mut ids: Vec<String> =
        ear.of("miqa/yard/event").iter().map(|heard| heard.json()["event_id"].as_str().unwrap().to_owned()).collect();
    ids.dedup();
    ids
}

pub(crate) fn end(queue: Queue) -> Duration {
    let asked = Instant::now();
    queue.drain(asked + Duration::from_secs(10));
    asked.elapsed()
}

macro_rules! broker_or_skip {
    ($folder:expr, $rest:expr, $name:expr) => {
        match Broker::start($folder.path(), $rest) {
            Some(broker) => broker,
            None => {
                println!("skipped: {}: needs mosquitto", $name);
                return;
            }
        }
    };
}

pub(crate) use broker_or_skip;

#[test]
fn a_broker_that_goes_away_and_comes_back_empty_gets_everything() {
    let folder = tempfile::tempdir().unwrap();
    let mut broker = broker_or_skip!(folder, "", "a_broker_that_goes_away_and_comes_back_empty_gets_everything");
    let setting = setting();
    let ear = Ear::at(broker.port);
    let queue = start(folder.path(), &at(&broker), "", &setting);
    ear.until(0, "unknown at first", gate_is("unknown"));
    put(&setting.board, "yard", GateState::Open);
    ear.until(0, "open", gate_is("open"));
    queue.send(&alert(0));
    let heard = ear.until(0, "an event", |heard| heard.topic == "miqa/yard/event" && !heard.retained);
    broker.down();
    put(&setting.board, "yard", GateState::Closed);
    (1..30).for_each(|i| queue.send(&alert(i)));
    std::thread::sleep(Duration::from_secs(3));
    assert!(queue.tally().waiting() >= 28);
    broker.up();
    ear.until(heard, "closed after the broker is back", gate_is("closed"));
    ear.until(heard, "the last event", |heard| heard.payload.contains("\"r-29\""));
    assert_eq!(ids(&ear), (0..30).map(|i| format!("r-{i}")).collect::<Vec<_>>());
    // Somebody who comes now is told everything that is retained.
    let late = Ear::at(broker.port);
    let count = late.until(0, "the gate", gate_is("closed"));
    late.until(0, "a device", |heard| heard.topic == "homeassistant/device/miqa_yard/config" && heard.retained);
    late.until(0, "being there", |heard| heard.topic == "miqa/status" && heard.payload == "online" && heard.retained);
    let tally = queue.tally();
    assert!(end(queue) < Duration::from_secs(2));
    late.until(count, "going", |heard| heard.topic == "miqa/status" && heard.payload == "offline");
    assert_eq!((tally.written(), tally.failed(), tally.lost()), (30, 0, 0));
}

#[test]
fn a_broker_that_hangs_holds_up_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let broker = broker_or_skip!(folder, "", "a_broker_that_hangs_holds_up_nobody");
    let setting = setting();
    let ear = Ear::at(broker.port);
    let queue = start(folder.path(), &at(&broker), "", &setting);
    ear.until(0, "unknown", gate_is("unknown"));
    broker.signal("-STOP");
    let begun = Instant::now();
    for i in 0..2000 {
        queue.send(&alert(i));
        put(&setting.board, "yard", if i % 2 == 0 { GateState::Open } else { GateState::Closed });
    }
    assert!(begun.elapsed() < Duration::from_millis(500), "{:?}", begun.elapsed());
    std::thread::sleep(Duration::from_secs(2));
    let tally = queue.tally();
    // One is with the sink itself.
    assert!(tally.waiting() >= 1023 && tally.waiting() + tally.lost() >= 1999, "{tally:?}");
    broker.signal("-CONT");
    ear.until(0, "closed", gate_is("closed"));
    ear.until(0, "the last event", |heard| heard.payload.contains("\"r-1999\""));
    // The newest events, in order, and of the gate's moves the last.
    let numbers: Vec<usize> = ids(&ear).iter().map(|id| id[2..].parse().unwrap()).collect();
    assert!(numbers.is_sorted() && numbers.len() as u64 == 2000 - tally.lost(), "{} {tally:?}", numbers.len());
    assert!(ear.of("miqa/yard/gate").len() < 10, "{:?}", ear.of("miqa/yard/gate").len());
    end(queue);
}

#[test]
fn as_a_child() {
    let Ok(place) = std::env::var("MIQA_TEST_MQTT") else { return };
    let (port, folder) = place.split_once(' ').unwrap();
    let address = format!("address = \"mqtt://127.0.0.1:{port}\"");
    let _queue = start(Path::new(folder), &address, "", &setting());
    std::thread::sleep(Duration::from_secs(60));
}

#[test]
fn killed_the_broker_says_that_we_are_gone() {
    let folder = tempfile::tempdir().unwrap();
    let broker = broker_or_skip!(folder, "", "killed_the_broker_says_that_we_are_gone");
    let ear = Ear::at(broker.port);
    let mut child = Program::new(std::env::current_exe().unwrap())
        .args(["--exact", "sink_mqtt::as_a_child"])
        .env("MIQA_TEST_MQTT", format!("{} {}", broker.port, folder.path().display()))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let heard = ear.until(0, "online", |heard| heard.topic == "miqa/status" && heard.payload == "online");
    child.kill().unwrap();
    child.wait().unwrap();
    ear.until(heard, "offline", |heard| heard.topic == "miqa/status" && heard.payload == "offline");
}

#[test]
fn gates_are_set_by_commands_that_are_not_retained() {
    let folder = tempfile::tempdir().unwrap();
    let broker = broker_or_skip!(folder, "", "gates_are_set_by_commands_that_are_not_retained");
    let ear = Ear::at(broker.port);
    ear.say("miqa/yard/gate/set", "open", true);
    ear.until(0, "the retained command", |heard| heard.topic == "miqa/yard/gate/set");
    let (commands, wishes) = crossbeam_channel::bounded(8);
    let setting = Setting { commands: Some(commands), ..setting() };
    let queue = start(folder.path(), &at(&broker), "override_for = \"1h\"", &setting);
    ear.until(0, "being there", |heard| heard.payload == "online");
    for (stream, word) in [("yard", "ajar"), ("barn", "open"), ("yard", "closed"), ("yard", "auto")] {
        ear.say(&format!("miqa/{stream}/gate/set"), word, false);
    }
    let limit = Duration::from_secs(5);
    let in_an_hour = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs() + 3600;
    let Request::Gate { stream, state, until } = wishes.recv_timeout(limit).unwrap() else { panic!("a gate") };
    assert_eq!((stream.as_str(), state), ("yard", Some(GateState::Closed)));
    assert!(until.unwrap().abs_diff(in_an_hour) < 10);
    let back = Request::Gate { stream: "yard".into(), state: None, until: None };
    assert_eq!(wishes.recv_timeout(limit), Ok(back));
    assert!(wishes.try_recv().is_err());
    end(queue);
}

#[test]
fn alerts_are_silenced_by_commands_and_what_is_silenced_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    let broker = broker_or_skip!(folder, "", "alerts_are_silenced_by_commands_and_what_is_silenced_is_shown");
    let ear = Ear::at(broker.port);
    ear.say("miqa/yard/silence/set", "on", true);
    ear.until(0, "the retained command", |heard| heard.topic == "miqa/yard/silence/set");
    let (commands, wishes) = crossbeam_channel::bounded(8);
    let setting = Setting { commands: Some(commands), ..setting() };
    let queue = start(folder.path(), &at(&broker), "silence_for = \"2h\"", &setting);
    ear.until(0, "being there", |heard| heard.payload == "online");
    let shows =
        |word: &'static str| move |heard: &Heard| heard.topic == "miqa/yard/gate" && heard.json()["silenced"] == word;
    let heard = ear.until(0, "nothing silenced", shows("off"));
    for (stream, words) in [("yard", "loud"), ("barn", "on"), ("yard", "on"), ("yard", "fog 30m"), ("yard", "off")] {
        ear.say(&format!("miqa/{stream}/silence/set"), words, false);
    }
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
    for (expected, length) in [(None, Some(7200)), (Some("fog"), Some(1800)), (None, None)] {
        let Request::Silence { stream, rule, until } = wishes.recv_timeout(Duration::from_secs(5)).unwrap() else {
            panic!("a silence")
        };
        assert_eq!((stream.as_str(), rule.as_deref(), until.is_some()), ("yard", expected, length.is_some()));
        assert!(until.zip(length).is_none_or(|(until, length)| until.abs_diff(now + length) < 10), "{until:?}");
    }
    assert!(wishes.try_recv().is_err());

    // What holds is shown until it is over, another stream's and a rule's as what they are.
    let silence =
        |stream: &str, rule: Option<&str>, until| Silence { stream: stream.into(), rule: rule.map(Into::into), until };
    let mut list = vec![silence("barn", None, now + 60), silence("yard", Some("fog"), now + 60)];
    *setting.silences.lock().unwrap() = list.clone();
    let rules_only = |heard: &Heard| shows("off")(heard) && heard.json()["silences"][0]["rule"] == "fog";
    let heard = ear.until(heard, "a rule silenced", rules_only);
    list.push(silence("yard", None, SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs() + 2));
    *setting.silences.lock().unwrap() = list;
    let heard = ear.until(heard, "all silenced", shows("on"));
    ear.until(heard, "the end of that", rules_only);
    end(queue);
}

#[test]
fn home_assistant_is_told_anew_at_its_birth_and_of_removals() {
    let folder = tempfile::tempdir().unwrap();
    let broker = broker_or_skip!(folder, "", "home_assistant_is_told_anew_at_its_birth_and_of_removals");
    let ear = Ear::at(broker.port);
    let open = || Some(Arc::new(Store::open(&folder.path().join("state")).unwrap()));
    let device = |stream: &str| format!("homeassistant/device/miqa_{stream}/config");
    let both = Setting { streams: vec!["yard".into(), "b.arn".into()], store: open(), ..setting() };
    let queue = start(folder.path(), &at(&broker), "", &both);
    ear.until(0, "the second device", |heard| heard.topic == device("b_2earn"));
    ear.until(0, "a gate", gate_is("unknown"));
    let told = ear.of(&device("yard"))[0].json();
    assert_eq!(told["cmps"]["gate"]["command_topic"], "miqa/yard/gate/set");
    assert_eq!(told["cmps"]["silenced"]["command_topic"], "miqa/yard/silence/set");
    assert_eq!((&told["cmps"]["gate"]["retain"], &told["cmps"]["silenced"]["retain"]), (&false.into(), &false.into()));
    assert_eq!((&told["state_topic"], &told["availability_topic"]), (&"miqa/yard/gate".into(), &"miqa/status".into()));
    assert_eq!(told["cmps"]["score"]["expire_after"], 180);
    let options = told["cmps"]["cause"]["options"].as_array().unwrap();
    assert!(options.contains(&"fog".into()) && options.contains(&"stalled".into()));
    for part in ["score", "problem", "cause", "gate", "silenced"] {
        assert!(told["cmps"][part]["unique_id"].as_str().unwrap().starts_with("miqa_yard_"), "{told}");
    }

    std::thread::sleep(Duration::from_millis(300));
    let heard = ear.heard().len();
    ear.say("homeassistant/status", "online", false);
    ear.until(heard, "the device again", |heard| heard.topic == device("yard"));

    // Removed while running.
    both.board.remove("b.arn");
    put(&both.board, "b.arn", GateState::Open);
    ear.until(0, "the barn again", |heard| heard.topic == "miqa/b.arn/gate" && heard.payload.contains("open"));
    both.board.remove("b.arn");
    ear.until(heard, "no barn", |heard| heard.topic == device("b_2earn") && heard.payload.is_empty());
    ear.until(heard, "no barn's gate", |heard| heard.topic == "miqa/b.arn/gate" && heard.payload.is_empty());
    end(queue);
    drop(both);
    std::thread::sleep(Duration::from_millis(100));

    // Removed while nobody was here: another stream is all there is now.
    let other = Setting { streams: vec!["hall".into()], store: open(), ..setting() };
    let heard = ear.heard().len();
    let queue = start(folder.path(), &at(&broker), "", &other);
    ear.until(heard, "no yard", |heard| heard.topic == device("yard") && heard.payload.is_empty());
    ear.until(heard, "no yard's gate", |heard| heard.topic == "miqa/yard/gate" && heard.payload.is_empty());
    ear.until(heard, "a hall", |heard| heard.topic == device("hall"));
    end(queue);
    let left: Vec<_> = other.store.unwrap().get().announced.into_iter().collect();
    assert_eq!(left, [device("hall"), "miqa/hall/gate".into()]);
    let retained: Vec<_> = {
        let late = Ear::at(broker.port);
        late.until(0, "a hall", |heard| heard.topic == "miqa/hall/gate");
        std::thread::sleep(Duration::from_millis(200));
        late.heard().into_iter().filter(|heard| heard.retained).map(|heard| heard.topic).collect()
    };
    assert!(!retained.iter().any(|topic| topic.contains("yard") || topic.contains("arn")), "{retained:?}");
}
