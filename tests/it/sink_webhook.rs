//! The webhook against a real server: failing, slow, away, back.

use std::{
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use hmac::{Hmac, Mac};
use miqa::{
    config::{Config, Outputs},
    event::{Event, GateEvent, GateReason, GateState, Said, Seconds},
    sink::{self, Queue, Setting},
};
use sha2::Sha256;

use crate::receiver::{Receiver, Reply, Request};

const LIMIT: Duration = Duration::from_secs(20);

fn outputs(folder: &Path, rest: &str) -> Outputs {
    let text = format!("[[stream]]\nname = \"yard\"\nlocation = \"a.mp4\"\n[[webhook]]\n{rest}\n");
    Config::parse(&text, &folder.join("miqa.toml")).unwrap().outputs
}

fn start(folder: &Path, rest: &str) -> Queue {
    sink::start(&outputs(folder, rest), &Setting::default(), &Arc::default()).unwrap().remove(0)
}

fn gate(number: usize, stream: &str) -> Arc<Said> {
    let event = Event::Gate(GateEvent {
        stream: stream.into(),
        state: GateState::Closed,
        previous: GateState::Open,
        enforced: None,
        by_hand: None,
        reason: GateReason::ScoreLow,
        head: "cls_consistency".into(),
        score: Some(0.25),
        smoothed: Some(0.25),
        causes: vec![],
        flaps: 0,
        at: Seconds::default(),
        since: Seconds::default(),
    });
    Arc::new(Said { time: SystemTime::now(), id: format!("r-{number}"), event })
}

fn ids(requests: &[Request]) -> Vec<String> {
    requests.iter().map(|request| request.json()["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn events_arrive_signed_and_in_order_however_the_receiver_fails() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("key"), "wk3y-of-hooks\n").unwrap();
    let fails = [
        Reply::Status("500 Oh", Duration::ZERO),
        Reply::Cut,
        Reply::Status("503 Busy\r\nRetry-After: 1", Duration::ZERO),
        // Slower than the timeout.
        Reply::Status("204 Late", Duration::from_millis(900)),
    ];
    let receiver = Receiver::start(0, fails);
    let rest = format!("url = \"http://127.0.0.1:{}/hook\"\nsecret_file = \"key\"\ntimeout = \"500ms\"", receiver.port);
    let queue = start(folder.path(), &rest);
    queue.send(&Arc::new(Said { time: SystemTime::now(), id: "unwanted".into(), event: error() }));
    (0..5).for_each(|i| queue.send(&gate(i, if i % 2 == 0 { "yard" } else { "gate" })));
    // Four failures, each of them of the first event, which is tried a fifth time.
    let got = receiver.wait(9, LIMIT);
    assert_eq!(ids(&got), ["r-0", "r-0", "r-0", "r-0", "r-0", "r-1", "r-2", "r-3", "r-4"]);
    assert!(got[3].at - got[2].at >= Duration::from_secs(1), "Retry-After was not heeded");
    for request in &got {
        let (event, header) = (request.json(), request.header("Miqa-Signature").unwrap());
        assert_eq!(request.path, "/hook");
        assert_eq!(request.header("Content-Type"), Some("application/cloudevents+json; charset=utf-8"));
        assert_eq!((&event["specversion"], &event["type"]), (&"1.0".into(), &"miqa.gate".into()));
        assert_eq!(event["data"]["state"], "closed");
        let (time, sum) = header.strip_prefix("t=").unwrap().split_once(",v1=").unwrap();
        let mut mac = Hmac::<Sha256>::new_from_slice(b"wk3y-of-hooks").unwrap();
        mac.update(time.as_bytes());
        mac.update(b".");
        mac.update(&request.body);
        assert_eq!(mac.finalize().into_bytes().iter().map(|b| format!("{b:02x}")).collect::<String>(), sum);
    }
    let tally = queue.tally();
    assert_eq!(queue.drain(Instant::now() + LIMIT), 0);
    assert_eq!((tally.written(), tally.failed(), tally.lost()), (5, 0, 0));
}

fn error() -> Event {
    Event::Error { stream: None, error: "no".into(), at: None }
}

#[test]
fn a_receiver_that_is_away_for_a_while_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let port = Receiver::start(0, []).port;
    let queue = start(folder.path(), &format!("url = \"http://127.0.0.1:{port}/\"\nattempts = 1"));
    (0..20).for_each(|i| queue.send(&gate(i, "yard")));
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(queue.tally().waiting(), 19);
    let receiver = Receiver::start(port, []);
    let got = receiver.wait(20, LIMIT);
    assert_eq!(ids(&got), (0..20).map(|i| format!("r-{i}")).collect::<Vec<_>>());
    assert_eq!(queue.drain(Instant::now() + LIMIT), 0);
}

#[test]
fn what_is_refused_is_given_up_and_redirects_are_not_followed() {
    let folder = tempfile::tempdir().unwrap();
    let elsewhere = Receiver::start(0, []);
    let moved = format!("307 Moved\r\nLocation: http://127.0.0.1:{}/", elsewhere.port).leak();
    let replies = [Reply::Status(moved, Duration::ZERO), Reply::Status("422 No", Duration::ZERO)];
    let receiver = Receiver::start(0, replies);
    let queue = start(folder.path(), &format!("url = \"http://127.0.0.1:{}/\"", receiver.port));
    (0..3).for_each(|i| queue.send(&gate(i, "yard")));
    assert_eq!(ids(&receiver.wait(3, LIMIT)), ["r-0", "r-1", "r-2"]);
    let tally = queue.tally();
    queue.drain(Instant::now() + LIMIT);
    assert_eq!((tally.written(), tally.failed()), (1, 2));
    assert!(elsewhere.got().is_empty());
}

#[test]
fn stopping_does_not_wait_for_a_receiver_that_is_away() {
    let folder = tempfile::tempdir().unwrap();
    let port = Receiver::start(0, []).port;
    let queue = start(folder.path(), &format!("url = \"http://127.0.0.1:{port}/\""));
    let tally = queue.tally();
    (0..5).for_each(|i| queue.send(&gate(i, "yard")));
    std::thread::sleep(Duration::from_millis(1200));
    let asked = Instant::now();
    queue.drain(asked + LIMIT);
    assert!(asked.elapsed() < Duration::from_secs(2), "{:?}", asked.elapsed());
    assert_eq!((tally.written(), tally.failed()), (0, 5));
}

#[test]
fn tls_trusts_the_given_certificates_only() {
    let folder = tempfile::tempdir().unwrap();
    let (cert, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"])
        .args(["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE", "-out"])
        .arg(&cert)
        .arg("-keyout")
        .arg(&key)
        .stderr(Stdio::null())
        .status();
    if !made.is_ok_and(|status| status.success()) {
        println!("skipped: tls_trusts_the_given_certificates_only: needs openssl");
        return;
    }
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/tls_server.py");
    let mut server = Command::new("/usr/bin/python3")
        .arg(script)
        .arg(port.to_string())
        .args([&cert, &key])
        .stderr(Stdio::null())
        .spawn()
        .expect("Debian's Python");
    let url = format!("url = \"https://localhost:{port}/\"\n");
    let known = start(folder.path(), &format!("{url}ca_file = \"cert.pem\""));
    let (taken, begun) = (known.tally(), Instant::now());
    known.send(&gate(0, "yard"));
    while taken.written() == 0 && begun.elapsed() < LIMIT {
        std::thread::sleep(Duration::from_millis(20));
    }
    let unknown = start(folder.path(), &format!("{url}retry_for = \"1s\""));
    let refused = unknown.tally();
    unknown.send(&gate(0, "yard"));
    while refused.failed() == 0 && begun.elapsed() < 2 * LIMIT {
        std::thread::sleep(Duration::from_millis(20));
    }
    for queue in [known, unknown] {
        queue.drain(Instant::now() + LIMIT);
    }
    server.kill().unwrap();
    server.wait().unwrap();
    assert_eq!((taken.written(), taken.failed()), (1, 0));
    assert_eq!((refused.written(), refused.failed()), (0, 1));
}
