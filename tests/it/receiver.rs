//! A small HTTP server on loopback that answers as it is told and remembers what it got.

use std::{
    collections::VecDeque,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) path: String,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) at: Instant,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// What the server does with a request.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// A status line and further header lines, after a while.
    Status(&'static str, Duration),
    /// The connection is cut without an answer.
    Cut,
}

pub(crate) struct Receiver {
    pub(crate) port: u16,
    got: Arc<Mutex<Vec<Request>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Receiver {
    /// Replies in this order, then always `204 No Content`.
    pub(crate) fn start(port: u16, replies: impl IntoIterator<Item = Reply>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).expect("a free port");
        listener.set_nonblocking(true).unwrap();
        let port = listener.local_addr().unwrap().port();
        let (got, stop) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let thread = {
            let (got, stop, mut replies) = (Arc::clone(&got), Arc::clone(&stop), replies.into_iter().collect());
            std::thread::spawn(move || {
                while !stop.load(Ordering::Acquire) {
                    match listener.accept() {
                        Ok((stream, _)) => answer(&stream, &got, &mut replies),
                        Err(_) => std::thread::sleep(Duration::from_millis(2)),
                    }
                }
            })
        };
        Self { port, got, stop, thread: Some(thread) }
    }

    pub(crate) fn got(&self) -> Vec<Request> {
        self.got.lock().unwrap().clone()
    }

    /// Waits until so many requests came.
    #[track_caller]
    pub(crate) fn wait(&self, count: usize, limit: Duration) -> Vec<Request> {
        let begun = Instant::now();
        while self.got().len() < count {
            assert!(begun.elapsed() < limit, "{} of {count} requests within {limit:?}", self.got().len());
            std::thread::sleep(Duration::from_millis(5));
        }
        self.got()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        let _gone = self.thread.take().map(JoinHandle::join);
    }
}

fn answer(mut stream: &TcpStream, got: &Mutex<Vec<Request>>, replies: &mut VecDeque<Reply>) {
    stream.set_nonblocking(false).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let Some(request) = read(stream) else { return };
    got.lock().unwrap().push(request);
    match replies.pop_front().unwrap_or(Reply::Status("204 No Content", Duration::ZERO)) {
        Reply::Status(status, after) => {
            std::thread::sleep(after);
            // The client may have given up.
            let _gone = stream
                .write_all(format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").as_bytes());
        }
        Reply::Cut => {}
    }
}

fn read(stream: &TcpStream) -> Option<Request> {
    let mut lines = BufReader::new(stream);
    let mut line = String::new();
    lines.read_line(&mut line).ok()?;
    let path = line.split(' ').nth(1)?.to_owned();
    let mut headers = Vec::new();
    loop {
        line.clear();
        lines.read_line(&mut line).ok()?;
        match line.trim_end().split_once(": ") {
            Some((key, value)) => headers.push((key.to_owned(), value.to_owned())),
            None => break,
        }
    }
    let mut request = Request { path, headers, body: Vec::new(), at: Instant::now() };
    let length = request.header("Content-Length")?.parse().ok()?;
    request.body.resize(length, 0);
    lines.read_exact(&mut request.body).ok()?;
    Some(request)
}
