//! The gates' socket from outside: what a reader is told and when, slow readers, many readers, dead daemons' sockets.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::Shutdown,
    os::unix::{
        fs::PermissionsExt,
        net::{UnixListener, UnixStream},
    },
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use miqa::{
    config::{GateReaders, Period, SocketKeys},
    event::{GateReason, GateState, GateStatus},
    gate::{Board, Kind, Line, Readers, ReadersError, SocketError, monotonic_ns},
};

const MS: u64 = 1_000_000;

struct Desk {
    _folder: tempfile::TempDir,
    path: PathBuf,
    board: Arc<Board>,
    readers: Option<Readers>,
}

fn keys(path: &Path) -> SocketKeys {
    SocketKeys { path: path.into(), ..SocketKeys::default() }
}

fn start(keys: SocketKeys, board: &Arc<Board>) -> Result<Readers, ReadersError> {
    Readers::start(&GateReaders { socket: Some(keys), slot: None }, board)
}

fn desk(change: impl FnOnce(&mut SocketKeys)) -> Desk {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("run/gate.sock");
    let (mut keys, board) = (keys(&path), Arc::new(Board::default()));
    change(&mut keys);
    let readers = Some(start(keys, &board).expect("opens"));
    Desk { _folder: folder, path, board, readers }
}

fn put(board: &Board, stream: &str, decided: GateState, lease_ms: u64) {
    let status = GateStatus {
        stream: stream.into(),
        decided,
        enforced: Some(decided),
        reason: GateReason::ScoreGood,
        ..GateStatus::default()
    };
    board.put(status, monotonic_ns() + lease_ms * MS);
}

/// A reader that gives up after a while.
struct Client(BufReader<UnixStream>);

impl Client {
    fn new(path: &Path) -> Self {
        let socket = UnixStream::connect(path).expect("somebody listens");
        socket.set_read_timeout(Some(Duration::from_secs(5))).expect("set");
        Self(BufReader::new(socket))
    }

    /// The next line; `None` once the connection is closed.
    fn line(&mut self) -> Option<Line> {
        let mut text = String::new();
        match self.0.read_line(&mut text) {
            Ok(0) => None,
            Ok(_) => Some(serde_json::from_str(&text).expect(&text)),
            Err(e) if e.kind() == std::io::ErrorKind::ConnectionReset => None,
            Err(e) => panic!("no line: {e}"),
        }
    }

    fn next(&mut self) -> (Kind, String, GateState) {
        let line = self.line().expect("a line");
        (line.kind, line.stream, line.decided)
    }
}

#[test]
fn a_reader_is_told_states_changes_renewals_and_ends() {
    let mut desk = desk(|_| {});
    put(&desk.board, "a", GateState::Open, 60_000);
    put(&desk.board, "b", GateState::Closed, 60_000);
    std::thread::sleep(Duration::from_millis(50));
    let mut client = Client::new(&desk.path);
    assert_eq!(client.next(), (Kind::State, "a".into(), GateState::Open));
    assert_eq!(client.next(), (Kind::State, "b".into(), GateState::Closed));

    // Lines with less than a millisecond between them are told apart by nothing but their order.
    put(&desk.board, "a", GateState::Closed, 900);
    let told = Instant::now();
    assert_eq!(client.next(), (Kind::Change, "a".into(), GateState::Closed));
    // Nobody renews a: at least every third of its lease a line, the last of them that nothing is known any more.
    let mut last = Instant::now();
    loop {
        let line = client.line().expect("a line");
        if line.stream != "a" {
            continue;
        }
        assert!(last.elapsed() < Duration::from_millis(600), "{:?} without a renewal", last.elapsed());
        last = Instant::now();
        if line.kind == Kind::Change {
            assert_eq!((line.decided, line.reason), (GateState::Unknown, GateReason::Stale));
            assert_eq!(line.enforced, Some(GateState::Unknown));
            break;
        }
        assert_eq!((line.kind, line.decided), (Kind::Renewal, GateState::Closed));
        assert!(line.valid_until > monotonic_ns() && line.valid_for.0 < Duration::from_millis(900));
    }
    let expired = told.elapsed();
    assert!((Duration::from_millis(850)..Duration::from_millis(1500)).contains(&expired), "{expired:?}");

    desk.board.remove("b");
    let gone = std::iter::from_fn(|| client.line()).find(|line| line.stream == "b" && line.kind == Kind::Change);
    assert!(gone.expect("said").gone);
    let mut late = Client::new(&desk.path);
    assert_eq!(late.next().1, "a");
    drop(desk.readers.take());
    assert!(std::iter::from_fn(|| client.line()).all(|line| line.stream == "a"), "b was removed");
    assert!(!desk.path.exists());
}

#[test]
fn the_boards_end_closes_connections_after_its_last_word() {
    let desk = desk(|_| {});
    put(&desk.board, "a", GateState::Open, 60_000);
    let mut client = Client::new(&desk.path);
    assert_eq!(client.next().2, GateState::Open);
    put(&desk.board, "a", GateState::Unknown, 0);
    desk.board.close();
    assert_eq!(client.next(), (Kind::Change, "a".into(), GateState::Unknown));
    assert!(client.line().is_none());
}

#[test]
fn a_dead_daemons_socket_is_replaced_a_live_ones_and_files_are_left_alone() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("gate.sock");
    drop(UnixListener::bind(&path).expect("bound"));
    assert!(path.exists(), "a dead daemon leaves its file");
    let board = Arc::new(Board::default());
    put(&board, "a", GateState::Open, 60_000);
    let mode = "0620".parse().expect("a mode");
    let first = start(SocketKeys { mode, ..keys(&path) }, &board).expect("replaced");
    assert_eq!(path.symlink_metadata().expect("there").permissions().mode() & 0o777, 0o620);
    let refused = start(keys(&path), &board).expect_err("in use");
    assert!(matches!(refused, ReadersError::Socket(SocketError::InUse(_))), "{refused}");
    assert_eq!(Client::new(&path).next().1, "a", "the first one goes on");
    drop(first);
    std::fs::write(&path, "notes").expect("written");
    let refused = start(keys(&path), &board).expect_err("a file");
    assert!(matches!(refused, ReadersError::Socket(SocketError::Foreign(_))), "{refused}");
    assert_eq!(std::fs::read_to_string(&path).expect("there"), "notes");
}

#[test]
fn a_slow_reader_gets_only_what_is_newest_and_slows_nobody() {
    const STREAMS: usize = 20;
    let desk = desk(|_| {});
    let names: Vec<String> = (0..STREAMS).map(|i| format!("camera-{i}")).collect();
    names.iter().for_each(|name| put(&desk.board, name, GateState::Open, 60_000));
    std::thread::sleep(Duration::from_millis(50));
    let (mut slow, mut quick) = (Client::new(&desk.path), Client::new(&desk.path));
    for _ in 0..STREAMS {
        quick.next();
    }
    const ROUNDS: usize = 200;
    let mut worst = Duration::ZERO;
    for round in 0..ROUNDS {
        let state = if round % 2 == 0 { GateState::Closed } else { GateState::Open };
        for name in &names {
            let began = Instant::now();
            put(&desk.board, name, state, 60_000);
            worst = worst.max(began.elapsed());
        }
        // In step, so that the quick one misses nothing.
        let mut left = STREAMS;
        while left > 0 {
            let (kind, _, decided) = quick.next();
            assert!(kind == Kind::Renewal || decided == state, "{decided} in round {round}");
            left -= usize::from(kind == Kind::Change);
        }
    }
    assert!(worst < Duration::from_millis(100), "the board waited {worst:?} for a slow reader");
    // The slow one wakes up: what the system held for it, then each stream's newest state.
    let (mut lines, mut newest) = (0, std::collections::HashMap::new());
    put(&desk.board, "end", GateState::Closed, 60_000);
    loop {
        let line = slow.line().expect("a line");
        lines += 1;
        if line.stream == "end" {
            break;
        }
        newest.insert(line.stream, line.decided);
    }
    assert!(lines < 200, "{lines} lines of {} changes", STREAMS * ROUNDS);
    assert!(newest.len() == STREAMS && newest.values().all(|state| *state == GateState::Open), "{newest:?}");
}

#[test]
fn a_reader_that_takes_nothing_or_talks_or_is_one_too_many_is_cut_off() {
    let desk = desk(|keys| {
        keys.stuck_after = Period::from_millis(300);
        keys.readers = 3;
    });
    put(&desk.board, "a", GateState::Open, 60_000);
    let mut stuck = Client::new(&desk.path);
    let mut half = Client::new(&desk.path);
    half.0.get_ref().shutdown(Shutdown::Write).expect("shut");
    let mut talker = Client::new(&desk.path);
    assert_eq!(talker.next().1, "a");
    assert_eq!(half.next().1, "a");
    assert!(Client::new(&desk.path).line().is_none(), "one too many");
    // Who sends a little is heard out, who sends much goes.
    talker.0.get_ref().write_all(b"hello\n").expect("sent");
    put(&desk.board, "a", GateState::Closed, 60_000);
    assert_eq!(talker.next().2, GateState::Closed);
    assert_eq!(half.next().2, GateState::Closed);
    let flood = talker.0.get_ref().write_all(&[b'x'; 1 << 20]);
    assert!(flood.is_err() || std::iter::from_fn(|| talker.line()).count() < 10);

    // Fill up what the system holds for the one that reads nothing, until it is cut off.
    let mut text = Vec::new();
    for round in 0..500 {
        put(&desk.board, "a", if round % 2 == 0 { GateState::Open } else { GateState::Closed }, 60_000);
        while half.next().0 == Kind::Renewal {}
        // A newcomer finds a place once a reader was cut off: one talker's is taken at once.
        if round == 0 {
            let mut newcomer = Client::new(&desk.path);
            assert_eq!(newcomer.next().1, "a", "the talker's place is free");
            std::mem::forget(newcomer);
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    let deadline = Instant::now() + Duration::from_secs(3);
    stuck.0.get_ref().set_read_timeout(Some(Duration::from_secs(3))).expect("set");
    let closed = stuck.0.read_to_end(&mut text);
    assert!(closed.is_ok() || closed.is_err_and(|e| e.kind() == std::io::ErrorKind::ConnectionReset));
    assert!(Instant::now() < deadline, "the one that read nothing was not cut off");
}

#[test]
fn a_hundred_readers_hear_of_a_change_and_the_end_is_quick() {
    let mut desk = desk(|_| {});
    put(&desk.board, "a", GateState::Open, 60_000);
    let mut clients: Vec<Client> = (0..100).map(|_| Client::new(&desk.path)).collect();
    clients.iter_mut().for_each(|client| assert_eq!(client.next().2, GateState::Open));
    let mut delays = Vec::new();
    for round in 0..50 {
        let state = if round % 2 == 0 { GateState::Closed } else { GateState::Open };
        let began = Instant::now();
        put(&desk.board, "a", state, 60_000);
        for client in &mut clients {
            let line = std::iter::from_fn(|| client.line()).find(|line| line.kind == Kind::Change).expect("a change");
            assert_eq!(line.decided, state);
        }
        delays.push(began.elapsed());
    }
    delays.sort();
    // The figure is the bench's; here only that nobody waits for a timer.
    assert!(delays[25] < Duration::from_millis(50), "{delays:?}");
    let began = Instant::now();
    drop(desk.readers.take());
    assert!(began.elapsed() < Duration::from_millis(500), "{:?}", began.elapsed());
    assert!(
        clients.iter_mut().all(|client| std::iter::from_fn(|| client.line()).all(|line| line.kind == Kind::Renewal))
    );
}
