//! An object store on loopback for tests of the real program.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use crate::program::program;

/// The server of the tests that run now: it takes seconds to start.
static S3_NOW: Mutex<Weak<S3>> = Mutex::new(Weak::new());

/// `moto_server` on a free port; killed with its last user.
pub(crate) struct S3 {
    server: Child,
    /// Host and port.
    pub(crate) address: String,
}

impl S3 {
    /// The one that runs, or a new one; `None` where `scripts/moto.sh` has not put it.
    pub(crate) fn shared() -> Option<Arc<Self>> {
        let mut now = S3_NOW.lock().unwrap_or_else(PoisonError::into_inner);
        let server = now.upgrade().or_else(|| Self::start().map(Arc::new))?;
        *now = Arc::downgrade(&server);
        Some(server)
    }

    fn start() -> Option<Self> {
        let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
        let cache = cache.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")))?;
        let folder = cache.join("miqa/moto-5.2.5");
        if !folder.join(".complete").exists() {
            return None;
        }
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut server = Command::new("python3")
            .arg(folder.join("bin/moto_server"))
            .args(["-H", "127.0.0.1", "-p", &address.port().to_string()])
            .env("PYTHONPATH", &folder)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let start = Instant::now();
        while TcpStream::connect(address).is_err() {
            assert!(server.try_wait().unwrap().is_none() && start.elapsed() < Duration::from_secs(60));
            std::thread::sleep(Duration::from_millis(50));
        }
        Some(Self { server, address: address.to_string() })
    }

    /// A plain request without a body; the body of the answer.
    pub(crate) fn request(&self, method: &str, path: &str) -> Vec<u8> {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        // The server wants to see who asks, and does not check the signature.
        let who =
            "AWS4-HMAC-SHA256 Credential=test/20200101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0";
        let head = format!("Host: {}\r\nAuthorization: {who}\r\nContent-Length: 0", self.address);
        write!(stream, "{method} {path} HTTP/1.0\r\n{head}\r\n\r\n").unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let end = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
        let head = String::from_utf8_lossy(&answer[..end]).into_owned();
        assert!(head.split(' ').nth(1) == Some("200"), "{method} {path}: {head}");
        answer.split_off(end + 4)
    }

    /// A new bucket.
    pub(crate) fn make_bucket(&self, name: &str) {
        self.request("PUT", &format!("/{name}"));
    }

    /// The program with these arguments and the store behind `address`.
    pub(crate) fn program_at(address: &str, arguments: &[&str]) -> Command {
        let mut command = program(arguments);
        for (key, value) in [
            ("AWS_ENDPOINT_URL", format!("http://{address}")),
            ("AWS_ALLOW_HTTP", "true".to_owned()),
            ("AWS_ACCESS_KEY_ID", "test".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "unseen-secret".to_owned()),
            ("AWS_REGION", "eu-central-1".to_owned()),
        ] {
            command.env(key, value);
        }
        command
    }

    /// As [`Self::program_at`], straight to the server.
    pub(crate) fn program(&self, arguments: &[&str]) -> Command {
        Self::program_at(&self.address, arguments)
    }

    /// Exit code and all that was said.
    pub(crate) fn run(&self, arguments: &[&str]) -> (i32, String) {
        let Output { status, stdout, stderr } = self.program(arguments).output().unwrap();
        let text = String::from_utf8_lossy(&stdout).into_owned() + &String::from_utf8_lossy(&stderr);
        assert!(!text.contains("unseen-secret"));
        (status.code().unwrap_or(-1), text)
    }

    /// What was said by a run that must succeed.
    pub(crate) fn must(&self, arguments: &[&str]) -> String {
        let (code, text) = self.run(arguments);
        assert_eq!(code, 0, "{arguments:?}: {text}");
        text
    }
}

impl Drop for S3 {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}
