//! What people ask of a running daemon ([`Request`]), the [`Desk`] where it is asked, and a unix socket in the state folder
//! to ask it, for its owner only. One JSON line asks, one answers, and the connection ends.
//!
//! Whoever can write to the state folder may ask. The daemon's own loop answers, so a daemon that hangs is noticed.

use std::{
    fs::{File, Permissions},
    io::{self, BufRead, BufReader, Read, Write},
    os::{
        fd::AsRawFd,
        unix::{
            fs::PermissionsExt,
            net::{UnixListener, UnixStream},
        },
    },
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use crossbeam_channel::{Receiver, Select, Sender, bounded};
use serde::{Deserialize, Serialize};

use crate::{config::Addition, event::GateState, state::Silence};

/// The socket's name in the state folder.
pub const FILE: &str = "control.sock";

/// Bytes of the longest line.
const LONGEST: u64 = 64 << 10;

/// How long a line may take to come.
const PATIENCE: Duration = Duration::from_secs(1);

/// How long the daemon's loop may take to answer.
const ANSWER: Duration = Duration::from_secs(5);

/// What may be asked, over the socket or by a command over MQTT. Whoever receives it decides whether it is granted.
#[expect(clippy::large_enum_variant, reason = "one is alive at a time, for as long as it takes to answer")]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case", deny_unknown_fields)]
pub enum Request {
    /// Set a gate by hand, or take that back.
    Gate {
        /// The stream.
        stream: String,
        /// What to enforce; `None` takes an earlier wish back.
        state: Option<GateState>,
        /// Until when, in seconds since 1970; `None` until it is taken back.
        until: Option<u64>,
    },
    /// Silence a stream's alerts, or end that.
    Silence {
        /// The stream.
        stream: String,
        /// The rule; `None` for all of them.
        rule: Option<String>,
        /// Until when, in seconds since 1970; `None` ends an earlier silence.
        until: Option<u64>,
    },
    /// Watch one more stream. Only asked from within the program: what it holds can't be written down.
    #[serde(skip)]
    Add(Addition),
    /// Watch a stream no longer that was added to the running daemon.
    Remove {
        /// The stream.
        stream: String,
    },
    /// Let a stream's source rest, or play it again.
    Pause {
        /// The stream.
        stream: String,
        /// Whether it is to rest.
        paused: bool,
    },
    /// Somebody looks after an alert.
    Acknowledge {
        /// The alert's id.
        alert: String,
    },
    /// Only tell how things are.
    Standing,
}

/// How things are after that.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// Why it was not done, and the next step.
    #[serde(default)]
    pub refused: Option<String>,
    /// The silences that hold.
    #[serde(default)]
    pub silences: Vec<Silence>,
    /// Why the configuration file, as it was read last, is not in force.
    #[serde(default)]
    pub configuration: Option<String>,
}

/// A request, and what becomes of its answer. Dropped unanswered where the daemon ends.
type Asked = (Request, Box<dyn FnOnce(Answer) + Send>);

/// Requests that may wait; more are refused at once.
const WAITING: usize = 64;

/// Where whoever may ask the running daemon asks it.
#[derive(Clone)]
pub struct Desk(Sender<Asked>);

/// The requests that wait at the [`Desk`].
pub struct Asks(Receiver<Asked>);

/// A desk and what waits at it.
pub fn desk() -> (Desk, Asks) {
    let (to, asked) = bounded(WAITING);
    (Desk(to), Asks(asked))
}

impl Desk {
    /// Asks; `answered` is called on the daemon's own thread, or dropped if it ends. False if too many wait already.
    pub fn ask(&self, request: Request, answered: impl FnOnce(Answer) + Send + 'static) -> bool {
        self.0.try_send((request, Box::new(answered))).is_ok()
    }
}

impl Asks {
    /// Answers what waits.
    pub fn serve(&self, mut answer: impl FnMut(Request) -> Answer) {
        for (request, answered) in self.0.try_iter() {
            answered(answer(request));
        }
    }

    /// Waits until something is asked or `other` has something, at most for `limit`.
    pub fn wait<T>(&self, other: &Receiver<T>, limit: Duration) {
        let mut either = Select::new();
        either.recv(&self.0);
        either.recv(other);
        // What is ready is taken by whoever it is for.
        let _ready = either.ready_timeout(limit);
    }
}

/// The socket of a running daemon; it goes with this.
#[derive(Debug)]
pub struct Control {
    folder: PathBuf,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// A path to the socket that is short enough whatever the folder's is.
fn place(folder: &File) -> PathBuf {
    format!("/proc/self/fd/{}/{FILE}", folder.as_raw_fd()).into()
}

impl Control {
    /// Listens in a state folder, which the caller holds alone: a socket that is there already is a dead daemon's.
    ///
    /// # Errors
    /// The system's.
    pub fn start(folder: &Path, desk: Desk) -> io::Result<Self> {
        let handle = File::open(folder)?;
        match std::fs::remove_file(folder.join(FILE)) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
            _ => {}
        }
        let listener = UnixListener::bind(place(&handle))?;
        std::fs::set_permissions(folder.join(FILE), Permissions::from_mode(0o600))?;
        let stop = Arc::new(AtomicBool::new(false));
        let over = Arc::clone(&stop);
        let serve = move || {
            for client in listener.incoming() {
                if over.load(Ordering::Acquire) {
                    return;
                }
                // A client that goes away has no answer to miss.
                let _gone = client.and_then(|client| hear(&client, &desk));
            }
        };
        let thread = std::thread::Builder::new().name("control".into()).spawn(serve)?;
        Ok(Self { folder: folder.into(), stop, thread: Some(thread) })
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        let woken = File::open(&self.folder).and_then(|folder| UnixStream::connect(place(&folder)));
        // Without the wake-up call the thread ends with the program.
        if let (Ok(_), Some(thread)) = (woken, self.thread.take()) {
            // A client may hold it for as long as patience lasts.
            drop(thread.join());
        }
        let _gone = std::fs::remove_file(self.folder.join(FILE));
    }
}

fn hear(mut client: &UnixStream, desk: &Desk) -> io::Result<()> {
    client.set_read_timeout(Some(PATIENCE))?;
    client.set_write_timeout(Some(PATIENCE))?;
    let mut line = String::new();
    BufReader::new(client.take(LONGEST)).read_line(&mut line)?;
    let refused = |why: String| Answer { refused: Some(why), ..Answer::default() };
    let answer = match serde_json::from_str(&line) {
        Err(error) => refused(format!("not understood ({error}); use the miqa that belongs to this daemon")),
        Ok(request) => {
            let (reply, replied) = bounded(1);
            // Whoever asked may be gone by then.
            let asked = desk.ask(request, move |answer| drop(reply.send(answer)));
            let answer = if asked { replied.recv_timeout(ANSWER).ok() } else { None };
            answer.unwrap_or_else(|| refused("the daemon does not answer; look at its log and restart it".into()))
        }
    };
    let mut line = serde_json::to_vec(&answer)?;
    line.push(b'\n');
    client.write_all(&line)
}

/// Asks the daemon that holds a state folder.
///
/// # Errors
/// The system's; `NotFound` and `ConnectionRefused` mean that no daemon runs.
pub fn ask(folder: &Path, request: &Request) -> io::Result<Answer> {
    let handle = File::open(folder)?;
    let mut socket = UnixStream::connect(place(&handle))?;
    socket.set_read_timeout(Some(2 * ANSWER + PATIENCE))?;
    let mut line = serde_json::to_vec(request)?;
    line.push(b'\n');
    socket.write_all(&line)?;
    let mut text = String::new();
    BufReader::new(socket.take(LONGEST)).read_line(&mut text)?;
    Ok(serde_json::from_str(&text)?)
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn what_is_asked_is_answered_for_the_owner_only_and_the_socket_goes() {
        let folder = tempfile::tempdir().expect("folder");
        // Longer than a socket's path may be, with a dead daemon's socket.
        let deep = folder.path().join("x".repeat(120));
        std::fs::create_dir(&deep).expect("made");
        std::fs::write(deep.join(FILE), "").expect("written");
        let (desk, asks) = desk();
        let control = Control::start(&deep, desk).expect("listens");
        assert_eq!(std::fs::metadata(deep.join(FILE)).expect("there").permissions().mode() & 0o777, 0o600);
        let request = Request::Silence { stream: "yard".into(), rule: None, until: Some(7) };
        let asked = request.clone();
        std::thread::scope(|scope| {
            let client = scope.spawn(|| ask(&deep, &asked));
            let begun = Instant::now();
            let mut seen = None;
            while seen.is_none() && begun.elapsed() < Duration::from_secs(5) {
                asks.serve(|request| {
                    seen = Some(request);
                    Answer { refused: Some("no".into()), ..Answer::default() }
                });
                std::thread::sleep(Duration::from_millis(2));
            }
            assert_eq!(seen.as_ref(), Some(&request));
            let answer = client.join().expect("no panic").expect("answered");
            assert_eq!(answer.refused.as_deref(), Some("no"));
        });
        drop(control);
        assert!(!deep.join(FILE).exists());
        let error = ask(&deep, &Request::Standing).expect_err("nobody is there");
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }
}
