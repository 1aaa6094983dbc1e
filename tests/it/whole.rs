//! The daemon with everything on: a camera with a password, all outputs, all readers. Each tells the same, and no planted
//! secret is in anything that goes out.

use std::{
    io::{Read, Write},
    net::TcpStream,
    path::Path,
    process::Stdio,
    time::{Duration, Instant},
};

use crate::{
    broker::{Broker, Ear},
    receiver::Receiver,
    rtsp_camera::{Camera, free_port},
    support::{command, config, miqa, stdout},
};

const SECRETS: [&str; 4] = ["zq7-broker", "zq7-signing", "zq7-bearer", "zq7-http"];

fn get(port: u16, path: &str, token: &str) -> String {
    let mut connection = TcpStream::connect(("127.0.0.1", port)).expect("connects");
    connection.set_read_timeout(Some(Duration::from_secs(5))).expect("timeout");
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n"
    );
    connection.write_all(request.as_bytes()).expect("sent");
    let mut answer = String::new();
    connection.read_to_string(&mut answer).expect("answered");
    answer
}

/// Every file under a folder as text, with its name.
fn texts(folder: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("folder") {
        let path = entry.expect("entry").path();
        if path.is_dir() {
            found.extend(texts(&path));
        } else if path.is_file() && !path.to_string_lossy().ends_with(".secret") {
            let bytes = std::fs::read(&path).expect("readable");
            found.push((path.display().to_string(), String::from_utf8_lossy(&bytes).into_owned()));
        }
    }
    found
}

#[test]
fn with_everything_on_all_tell_the_same_and_no_secret() {
    let Some(camera) = Camera::start(&[]) else { return };
    let folder = tempfile::tempdir().expect("folder");
    let at = |name: &str| folder.path().join(name);
    let Some(broker) = Broker::start(folder.path(), "") else {
        println!("skipped: with_everything_on_all_tell_the_same_and_no_secret: needs mosquitto");
        return;
    };
    let receiver = Receiver::start(free_port(), []);
    let ear = Ear::at(broker.port);
    for secret in SECRETS {
        std::fs::write(at(&format!("{secret}.secret")), secret).expect("written");
    }
    let http = free_port();
    let text = format!(
        "[[stream]]\nname = \"cam\"\nlocation = \"rtsp://bob:hunter2@127.0.0.1:{}/cam\"\nviews = \"centre\"\n\
         [[rule]]\nname = \"bright\"\nhead = \"cls_consistency\"\nfire_above = 0.9\n\
         [state]\nfolder = \"state\"\n[snapshots]\nfolder = \"pictures\"\n[socket]\npath = \"gate.sock\"\n[slot]\npath = \"gates\"\n\
         [jsonl]\npath = \"events.jsonl\"\n\
         [[webhook]]\nurl = \"http://127.0.0.1:{}/hook\"\nsecret_file = \"zq7-signing.secret\"\ntoken_file = \"zq7-bearer.secret\"\n\
         [mqtt.broker]\naddress = \"mqtt://127.0.0.1:{}\"\nuser = \"miqa\"\npassword_file = \"zq7-broker.secret\"\n\
         [http]\nlisten = \"127.0.0.1:{http}\"\ntoken_file = \"zq7-http.secret\"\n",
        camera.port, receiver.port, broker.port
    );
    let file = config(folder.path(), "tiny", &text).display().to_string();
    let create = |name: &str| Stdio::from(std::fs::File::create(at(name)).expect("created"));
    let mut child = command()
        .args(["run", "--json", "--config", &file])
        .envs([("RUST_LOG", "trace"), ("GST_DEBUG", "6")])
        .stdout(create("out"))
        .stderr(create("err"))
        .spawn()
        .expect("starts");
    let begun = Instant::now();
    let told = || {
        std::fs::read_to_string(at("out"))
            .is_ok_and(|out| out.contains("\"state\":\"open\"") && out.contains("\"state\":\"firing\""))
    };
    while !told() && begun.elapsed() < Duration::from_secs(30) {
        std::thread::sleep(Duration::from_millis(50));
    }
    // One and the same gate, wherever one looks.
    ear.until(0, "open gate", |heard| heard.topic == "miqa/cam/gate" && heard.json()["decided"] == "open");
    let shown = miqa(["gate", "show", "--json", "--config", &file]);
    assert_eq!(shown.status.code(), Some(0));
    let slot = miqa(["gate", "show", "--slot", &at("gates").display().to_string()]);
    let metrics = get(http, "/metrics", "zq7-http");
    let gates = get(http, "/api/v1/gates/cam", "zq7-http");
    assert!(stdout(&shown).contains("\"open\"") && stdout(&slot).contains("open"), "{}", stdout(&slot));
    assert!(gates.contains("\"decided\":\"open\""), "{gates}");
    assert!(
        metrics.contains("miqa_frames_scored_total{stream=\"cam\"}") && metrics.contains("miqa_model_info"),
        "{metrics}"
    );
    // Somebody sets it by hand, from Home Assistant or elsewhere: enforced, remembered, and what was decided stays visible.
    ear.say("miqa/cam/gate/set", "closed", false);
    ear.until(0, "gate set by hand", |heard| {
        heard.topic == "miqa/cam/gate" && heard.json()["enforced"] == "closed" && heard.json()["decided"] == "open"
    });
    let set = ::miqa::state::read(&at("state").join(::miqa::state::FILE)).expect("whole").overrides;
    assert_eq!(set["cam"].state, ::miqa::event::GateState::Closed);
    let obeyed = miqa(["gate", "show", "--slot", &at("gates").display().to_string()]);
    assert!(stdout(&obeyed).contains("closed"), "{}", stdout(&obeyed));
    let refused = get(http, "/metrics", "wrong");
    assert!(refused.starts_with("HTTP/1.1 401"), "{refused}");
    let hooks = receiver.wait(2, Duration::from_secs(10));
    assert!(hooks.iter().any(|hook| hook.json()["type"] == "miqa.gate"));
    let processes = std::process::Command::new("ps").args(["-eo", "args"]).output().expect("ps");
    assert!(
        std::process::Command::new("kill").args(["-TERM", &child.id().to_string()]).status().expect("kill").success()
    );
    assert_eq!(child.wait().expect("ends").code(), Some(0));

    let mut places = texts(folder.path());
    places.retain(|(name, _)| !name.ends_with("tiny.toml"));
    assert!(places.iter().any(|(name, _)| name.contains("pictures") && name.ends_with(".jpg")), "no snapshot");
    let report = miqa(["gate", "report", "--config", &file]);
    assert!(stdout(&report).contains(" open "), "{}", stdout(&report));
    for (name, text) in [
        ("metrics", metrics),
        ("gates", gates),
        ("show", stdout(&shown)),
        ("report", stdout(&report)),
        ("processes", String::from_utf8_lossy(&processes.stdout).into_owned()),
        ("effective", stdout(&miqa(["check", "--print-effective", "--config", &file]))),
    ] {
        places.push((name.into(), text));
    }
    places.extend(hooks.iter().map(|hook| ("webhook".into(), String::from_utf8_lossy(&hook.body).into_owned())));
    places.extend(ear.heard().iter().map(|heard| (heard.topic.clone(), heard.payload.clone())));
    for (place, text) in &places {
        for line in text.lines() {
            let secret = SECRETS.iter().chain(&["hunter2", "Ym9iOmh1bnRlcj"]).find(|secret| line.contains(**secret));
            // The name of a secret's file may be seen, its content not.
            let named = secret.is_some_and(|secret| line.contains(&format!("{secret}.secret")));
            assert!(secret.is_none() || named, "{place}: {line:.300}");
        }
    }
}
