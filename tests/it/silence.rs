//! `miqa gate silence` and `miqa gate set` with a running daemon, without one, and over a restart; the same over MQTT.

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use crate::{
    broker::{Broker, Ear, Heard},
    clip,
    receiver::Receiver,
    support::{command, config, miqa, stderr, stdout},
};

/// A daemon that writes its events into a file.
struct Daemon {
    child: Child,
    events: PathBuf,
}

impl Daemon {
    fn start(file: &Path, events: &Path) -> Self {
        let out = std::fs::File::options().create(true).append(true).open(events).expect("opens");
        let mut run = command();
        let child = run.args(["run", "--json", "--config"]).arg(file).stdout(out).stderr(Stdio::null()).spawn();
        Self { child: child.expect("starts"), events: events.into() }
    }

    fn lines(&self) -> Vec<serde_json::Value> {
        let text = std::fs::read_to_string(&self.events).expect("readable");
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    #[track_caller]
    fn until(&self, what: &str, is: impl Fn(&serde_json::Value) -> bool) -> serde_json::Value {
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(20) {
            if let Some(line) = self.lines().into_iter().find(&is) {
                return line;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("no {what}: {:#?}", self.lines());
    }

    fn signal(mut self, name: &str) {
        let sent = Command::new("kill").args([name, &self.child.id().to_string()]).status();
        assert!(sent.expect("kill").success());
        self.child.wait().expect("ends");
    }
}

fn gate(file: &Path, words: &[&str]) -> (Option<i32>, String) {
    let output = miqa(["gate"].iter().chain(words).chain(&["--config", &file.display().to_string()]));
    (output.status.code(), stdout(&output) + &stderr(&output))
}

fn alert<'a>(rule: &'a str, state: &'a str, silenced: bool) -> impl Fn(&serde_json::Value) -> bool + 'a {
    move |e| {
        let marked = e.get("silenced").and_then(serde_json::Value::as_bool).unwrap_or_default();
        e["type"] == "alert" && e["rule"] == rule && e["state"] == state && marked == silenced
    }
}

#[test]
fn a_silence_is_recorded_survives_a_kill_and_ends_by_itself() {
    let folder = tempfile::tempdir().expect("folder");
    clip::make(&folder.path().join("long.mp4"), &[(1500, 20)]);
    let receiver = Receiver::start(0, []);
    let text = format!(
        "[[stream]]\nname = \"yard\"\nlocation = \"long.mp4\"\nviews = \"centre\"\n\
         [[rule]]\nname = \"dark\"\nhead = \"cls_consistency\"\nfire_below = 0.3\n\
         [[rule]]\nname = \"poor\"\nhead = \"cls_consistency\"\nfire_below = 0.25\n\
         [state]\nfolder = \"state\"\n[socket]\npath = \"gate.sock\"\n[[webhook]]\nurl = \"http://127.0.0.1:{}/\"\nevents = [\"alert\"]\n",
        receiver.port
    );
    let file = config(folder.path(), "tiny", &text);
    for (words, part) in [
        (vec!["silence", "yrd", "--for", "1h"], "no stream \"yrd\"; did you mean \"yard\"?"),
        (vec!["silence", "yard", "drak", "--for", "1h"], "did you mean \"dark\"?"),
        (vec!["silence", "yard"], "--for <TIME>"),
        (vec!["set", "yard", "ajar"], "must be open, closed or auto"),
    ] {
        let (code, said) = gate(&file, &words);
        assert!(code == Some(2) && said.contains(part), "{words:?}: {said}");
    }
    // Without a daemon it waits in the state file.
    let (code, said) = gate(&file, &["silence", "yard", "dark", "--for", "9s"]);
    assert!(code == Some(0) && said.contains("rule dark, silenced until") && said.contains("no daemon runs"), "{said}");
    let begun = Instant::now();
    let events = folder.path().join("events");
    let daemon = Daemon::start(&file, &events);
    daemon.until("the silenced alert", alert("dark", "firing", true));
    daemon.until("the other alert", alert("poor", "firing", false));
    let (code, said) = gate(&file, &["show"]);
    assert!(code == Some(1) && said.contains("alerts of yard, rule dark, silenced until"), "{said}");
    daemon.signal("-KILL");
    let daemon = Daemon::start(&file, &events);
    daemon.until("the end", |e| e["type"] == "silence" && e["rule"] == "dark" && e["until"].is_null());
    assert!(begun.elapsed() >= Duration::from_secs(8), "{:?}", begun.elapsed());
    // It fires still: now it is said aloud, under its old id.
    let loud = daemon.until("the alert aloud", alert("dark", "firing", false));
    assert_eq!(loud["id"], daemon.until("the silenced alert", alert("dark", "firing", true))["id"]);

    // A running daemon is told, and a silence is ended by hand.
    let (code, said) = gate(&file, &["silence", "yard", "--for", "1h"]);
    assert!(code == Some(0) && !said.contains("no daemon"), "{said}");
    daemon.until("the silence", |e| e["type"] == "silence" && e["rule"].is_null() && e["until"].is_u64());
    assert_eq!(gate(&file, &["silence", "yard", "--end"]), (Some(0), "alerts of yard no longer silenced\n".into()));
    let (_, said) = gate(&file, &["show"]);
    assert!(!said.contains("silenced"), "{said}");

    // A gate set by hand goes the same way, and its log line says so and until when.
    let (code, said) = gate(&file, &["set", "yard", "open", "--for", "1h"]);
    assert!(code == Some(0) && said.starts_with("yard: open by hand until "), "{said}");
    let set = daemon.until("the gate set", |e| e["type"] == "gate" && e["by_hand"]["state"] == "open");
    assert!(set["enforced"] == "open" && set["by_hand"]["until"].is_u64(), "{set}");
    let (code, said) = gate(&file, &["show"]);
    assert!(code == Some(0) && said.contains("open by hand until "), "{said}");
    assert_eq!(gate(&file, &["set", "yard", "auto"]), (Some(0), "yard: no longer set by hand\n".into()));
    assert_eq!(gate(&file, &["show"]).0, Some(1));

    // A configuration that can't be taken over is said where people look.
    let was = std::fs::read_to_string(&file).expect("readable");
    let new = was.replace("[\"alert\"]", "[\"gate\"]").replace("[engine]\n", "[engine]\nthreads = 2\n");
    std::fs::write(&file, new).expect("written");
    let hup = Command::new("kill").args(["-HUP", &daemon.child.id().to_string()]).status();
    assert!(hup.expect("kill").success());
    let error =
        daemon.until("the refusal", |e| e["type"] == "error" && e["error"].to_string().contains("not reloaded"));
    assert!(
        error["error"].to_string().contains("[engine], [webhook] can't change while miqa runs; restart it"),
        "{error}"
    );
    let (_, said) = gate(&file, &["show"]);
    assert!(said.contains("configuration not reloaded, the old one is in force: [engine], [webhook]"), "{said}");
    daemon.signal("-TERM");
    assert!(!folder.path().join("state/control.sock").exists());

    // The receiver heard what was loud and nothing that was silenced.
    let heard: Vec<_> = receiver.got().iter().map(|r| r.json()["data"].clone()).collect();
    assert!(heard.iter().all(|e| e["type"] == "alert" && e.get("silenced").is_none()), "{heard:#?}");
    let of = |rule: &str| heard.iter().filter(|e| e["rule"] == rule && e["state"] == "firing").count();
    assert_eq!((of("dark"), of("poor")), (1, 1), "{heard:#?}");
}

#[test]
fn a_silence_over_mqtt_is_granted_shown_and_ended() {
    let folder = tempfile::tempdir().expect("folder");
    let Some(broker) = Broker::start(folder.path(), "") else {
        println!("skipped: a_silence_over_mqtt_is_granted_shown_and_ended: needs mosquitto");
        return;
    };
    clip::make(&folder.path().join("long.mp4"), &[(1500, 20)]);
    let text = format!(
        "[[stream]]\nname = \"yard\"\nlocation = \"long.mp4\"\nviews = \"centre\"\n\
         [[rule]]\nname = \"dark\"\nhead = \"cls_consistency\"\nfire_below = 0.3\n\
         [mqtt]\n[mqtt.broker]\naddress = \"mqtt://127.0.0.1:{}\"\n",
        broker.port
    );
    let file = config(folder.path(), "tiny", &text);
    let ear = Ear::at(broker.port);
    let daemon = Daemon::start(&file, &folder.path().join("events"));
    let shows =
        |word: &'static str| move |heard: &Heard| heard.topic == "miqa/yard/gate" && heard.json()["silenced"] == word;
    let alerts = |heard: &Heard| heard.topic == "miqa/yard/event" && heard.payload.contains("\"firing\"");
    ear.until(0, "the alert", alerts);
    let heard = ear.until(0, "nothing silenced", shows("off"));
    for (words, until) in [("dark 1h", true), ("on", true)] {
        ear.say("miqa/yard/silence/set", words, false);
        let rule = words.strip_suffix(" 1h");
        daemon.until(words, |e| e["type"] == "silence" && e["rule"].as_str() == rule && e["until"].is_u64() == until);
    }
    let heard = ear.until(heard, "all silenced", shows("on"));
    // A rule that there isn't is refused where people look.
    ear.say("miqa/yard/silence/set", "drak 1h", false);
    daemon.until("the refusal", |e| e["type"] == "error" && e["error"].to_string().contains("no rule \\\"drak\\\""));
    ear.say("miqa/yard/silence/set", "off", false);
    daemon.until("the end", |e| e["type"] == "silence" && e["until"].is_null());
    ear.until(heard, "nothing silenced any more", |heard| {
        shows("off")(heard) && heard.json()["silences"] == serde_json::json!([])
    });
    daemon.signal("-TERM");
}
