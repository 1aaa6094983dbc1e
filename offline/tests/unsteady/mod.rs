//! A proxy before an object store on loopback that refuses and dawdles for a while.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Requests until the store is well again.
const WHILE: usize = 60;

/// Of the first requests every third is refused with 503, and every third takes a while.
pub(crate) struct Unsteady {
    /// Host and port.
    pub(crate) address: String,
    seen: Arc<AtomicUsize>,
}

impl Unsteady {
    pub(crate) fn before(store: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let seen = Arc::new(AtomicUsize::new(0));
        let (counted, store) = (seen.clone(), store.to_owned());
        // It ends with the test's process.
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let (counted, store) = (counted.clone(), store.clone());
                std::thread::spawn(move || one_request(client, &store, &counted));
            }
        });
        Self { address, seen }
    }

    /// Requests so far.
    pub(crate) fn seen(&self) -> usize {
        self.seen.load(Ordering::Relaxed)
    }
}

/// One request a connection: the answers say that it closes.
fn one_request(mut client: TcpStream, store: &str, counted: &AtomicUsize) -> Option<()> {
    let mut request = Vec::new();
    let end = loop {
        if let Some(end) = request.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
        let mut some = [0; 4096];
        let count = client.read(&mut some).ok().filter(|&count| count > 0)?;
        request.extend_from_slice(&some[..count]);
    };
    let head = String::from_utf8_lossy(&request[..end - 4]).into_owned();
    let header = |name: &str| {
        let pair = |line: &str| line.split_once(':').map(|(key, value)| (key.to_lowercase(), value.trim().to_owned()));
        head.lines().filter_map(pair).find_map(|(key, value)| (key == name).then_some(value))
    };
    let length: usize = header("content-length").map_or(0, |value| value.parse().unwrap());
    let mut rest = vec![0; (end + length).saturating_sub(request.len())];
    client.read_exact(&mut rest).ok()?;
    request.extend(rest);

    let number = counted.fetch_add(1, Ordering::Relaxed);
    if number < WHILE && number % 3 == 1 {
        client.write_all(b"HTTP/1.1 503 Slow Down\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").ok()?;
        return client.shutdown(Shutdown::Write).ok();
    }
    if number < WHILE && number % 3 == 2 {
        std::thread::sleep(Duration::from_millis(150));
    }
    let mut server = TcpStream::connect(store).ok()?;
    let lines = head.lines().filter(|line| !line.to_lowercase().starts_with("connection:"));
    let head = lines.chain(["Connection: close", "", ""]).collect::<Vec<_>>().join("\r\n");
    server.write_all(head.as_bytes()).and_then(|()| server.write_all(&request[end..])).ok()?;
    let mut answer = Vec::new();
    server.read_to_end(&mut answer).ok()?;
    client.write_all(&answer).and_then(|()| client.shutdown(Shutdown::Write)).ok()
}
