//! The HTTP server as scrapers, supervisors and strangers see it.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    sync::Arc,
    time::{Duration, Instant},
};

use miqa::{
    config::{Config, Http},
    control,
    event::{GateState, GateStatus},
    gate::{Board, monotonic_ns},
    http::{About, Health, Metrics, Screen, Served, Server},
};

struct Rig {
    board: Arc<Board>,
    health: Arc<Health>,
    server: Server,
}

fn settings(rest: &str) -> Http {
    let text = format!("[[stream]]\nname = \"yard\"\nlocation = \"a.mp4\"\n[http]\n{rest}\n");
    let folder = std::path::Path::new("miqa.toml");
    Config::parse(&text, folder).unwrap().outputs.http.unwrap()
}

fn rig(rest: &str) -> Rig {
    let board = Arc::new(Board::default());
    let served = served(&board);
    served.metrics.stream("yard");
    let health = Arc::clone(&served.health);
    let settings = settings(&format!("listen = \"127.0.0.1:0\"\n{rest}"));
    let server = Server::start(&settings, served).unwrap();
    Rig { board, health, server }
}

/// A server's other end without a daemon: nobody answers at the desk.
fn served(board: &Arc<Board>) -> Served {
    let screen = Screen::new(Arc::default(), []).unwrap();
    Served {
        about: Arc::default(),
        metrics: Arc::new(Metrics::new(&About::default(), Arc::clone(board))),
        health: Arc::new(Health::default()),
        screen: Arc::new(screen),
        desk: control::desk().0,
        kept: false,
        report: Arc::new(|_| Err("no record".into())),
        snapshot: Arc::new(|_, _| None),
    }
}

/// Status and body of a GET with these header lines.
fn get(address: SocketAddr, path: &str, headers: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\n{headers}Connection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let status = text.split(' ').nth(1).unwrap().parse().unwrap();
    (status, text.split_once("\r\n\r\n").unwrap().1.to_owned())
}

const LOCAL: &str = "Host: localhost\r\n";

#[test]
fn gates_health_and_metrics_are_read() {
    let Rig { board, health, server } = rig("");
    let get = |path| get(server.address(), path, LOCAL);
    assert_eq!(get("/healthz"), (200, "alive".into()));
    assert_eq!(get("/readyz"), (503, "not ready".into()));
    health.set_ready();
    assert_eq!(get("/readyz"), (200, "ready".into()));
    let line = |path| -> serde_json::Value { serde_json::from_str(&get(path).1).unwrap() };
    assert_eq!(line("/api/v1/gates/yard")["decided"], "unknown");
    let status = GateStatus {
        stream: "yard".into(),
        decided: GateState::Open,
        enforced: Some(GateState::Open),
        score: Some(0.75),
        ..GateStatus::default()
    };
    board.put(status.clone(), monotonic_ns() + 60_000_000_000);
    let open = line("/api/v1/gates/yard");
    assert_eq!((&open["decided"], &open["enforced"], &open["score"]), (&"open".into(), &"open".into(), &0.75.into()));
    assert!(open["valid_for"].as_f64().unwrap() > 50.0, "{open}");
    assert_eq!(line("/api/v1/gates")["gates"][0]["stream"], "yard");
    board.put(status, monotonic_ns());
    let stale = line("/api/v1/gates/yard");
    assert_eq!((&stale["decided"], &stale["reason"]), (&"unknown".into(), &"stale".into()));
    let (status, metrics) = get("/metrics");
    assert!(status == 200 && metrics.ends_with("# EOF\n"), "{metrics}");
    assert!(metrics.contains("miqa_gate_state{stream=\"yard\",state=\"unknown\"} 1.0"), "{metrics}");
    assert_eq!(get("/api/v1/gates/barn").0, 404);
    assert_eq!(get("/else").0, 404);
}

#[test]
fn strangers_are_refused() {
    // Every process has a PATH.
    let (Rig { server, .. }, token) =
        (rig("token_env = \"PATH\"\nhosts = [\"NVR.lan\"]"), std::env::var("PATH").unwrap());
    let bearer = format!("Authorization: Bearer {token}\r\n");
    for (path, headers, status) in [
        ("/metrics", format!("{LOCAL}{bearer}"), 200),
        ("/metrics", format!("Host: nvr.lan:9464\r\n{bearer}"), 200),
        ("/metrics", LOCAL.into(), 401),
        ("/api/v1/gates", format!("{LOCAL}Authorization: Bearer x{token}\r\n"), 401),
        ("/api/v1/gates", format!("{LOCAL}Authorization: Basic {token}\r\n"), 401),
        ("/else", LOCAL.into(), 401),
        ("/healthz", LOCAL.into(), 200),
        ("/readyz", LOCAL.into(), 503),
        ("/metrics", format!("Host: evil.example\r\n{bearer}"), 403),
        ("/healthz", "Host: evil.example\r\n".into(), 403),
        ("/metrics", bearer.clone(), 403),
        ("http://evil.example/metrics", format!("{LOCAL}{bearer}"), 403),
        // The page's own files are the same for everybody; what they show is not.
        ("/", LOCAL.into(), 200),
        ("/page/app.js", LOCAL.into(), 200),
        ("/api/v1/streams", LOCAL.into(), 401),
        ("/api/v1/events", LOCAL.into(), 401),
        ("/api/v1/openapi.json", LOCAL.into(), 401),
        // Other pages may not ask, whatever they know.
        ("/api/v1/gates", format!("{LOCAL}{bearer}Origin: http://evil.example\r\n"), 403),
        ("/api/v1/gates", format!("{LOCAL}{bearer}Origin: http://localhost\r\n"), 200),
        ("/api/v1/gates", format!("{LOCAL}{bearer}Sec-Fetch-Site: cross-site\r\n"), 403),
        ("/", format!("{LOCAL}Sec-Fetch-Site: cross-site\r\n"), 200),
    ] {
        let (got, body) = get(server.address(), path, &headers);
        assert_eq!(got, status, "{path} {}", headers.replace(&token, "***"));
        assert!(!body.contains(&token));
    }
}

#[test]
fn silent_connections_hold_up_nobody_and_stopping_is_quick() {
    let Rig { server, .. } = rig("");
    let address = server.address();
    let mut silent: Vec<_> = (0..63).map(|_| TcpStream::connect(address).unwrap()).collect();
    assert_eq!(get(address, "/healthz", LOCAL).0, 200);
    // Once all 64 places are taken the next one waits for a place.
    silent.push(TcpStream::connect(address).unwrap());
    let waits = std::thread::spawn(move || get(address, "/healthz", LOCAL).0);
    std::thread::sleep(Duration::from_millis(300));
    assert!(!waits.is_finished());
    silent.truncate(60);
    assert_eq!(waits.join().unwrap(), 200);
    let asked = Instant::now();
    drop(server);
    assert!(asked.elapsed() < Duration::from_secs(2), "{:?}", asked.elapsed());
    assert!(TcpStream::connect(address).is_err());
}

#[test]
#[ignore = "slow: waits for half a minute"]
fn a_silent_connection_is_closed() {
    let Rig { server, .. } = rig("");
    let mut silent = TcpStream::connect(server.address()).unwrap();
    silent.set_read_timeout(Some(Duration::from_secs(40))).unwrap();
    let begun = Instant::now();
    assert_eq!(silent.read(&mut [0; 64]).unwrap(), 0);
    assert!((25..38).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
}

#[test]
fn an_address_in_use_is_said() {
    let Rig { server, .. } = rig("");
    let settings = settings(&format!("listen = \"{}\"", server.address()));
    let error = Server::start(&settings, served(&Arc::default())).unwrap_err().to_string();
    assert!(error.contains("cannot listen on 127.0.0.1:") && error.contains("[http] listen"), "{error}");
}
