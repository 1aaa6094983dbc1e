//! A camera made of gst-rtsp-server, in a process of its own that can be frozen and killed.

use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, Command, Stdio},
};

/// Debian's Python: others lack its GObject bindings.
const PYTHON: &str = "/usr/bin/python3";

/// A running server; killed when dropped.
pub(crate) struct Camera {
    child: Child,
    pub(crate) port: u16,
}

impl Camera {
    /// Starts one on a free port; `None`, having said why the test is skipped, where its parts are missing.
    pub(crate) fn start(options: &[&str]) -> Option<Self> {
        Self::start_on(free_port(), options)
    }

    /// Starts one on this port.
    pub(crate) fn start_on(port: u16, options: &[&str]) -> Option<Self> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/rtsp_server.py");
        let mut child = Command::new(PYTHON)
            .arg(script)
            .arg(port.to_string())
            .args(options)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let mut line = String::new();
        let read = child.stdout.take().map(|out| BufReader::new(out).read_line(&mut line));
        let camera = Self { child, port };
        if !matches!(read, Some(Ok(_))) || line.trim() != "ready" {
            println!("skipped: needs {PYTHON} with gir1.2-gst-rtsp-server-1.0 and python3-gi");
            return None;
        }
        Some(camera)
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, name: &str) {
        let done = Command::new("kill").args([name, &self.child.id().to_string()]).status().expect("kill");
        assert!(done.success());
    }

    /// Tells it to change its picture.
    pub(crate) fn tell(&mut self, what: &str) {
        let input = self.child.stdin.as_mut().expect("a pipe");
        writeln!(input, "{what}").and_then(|()| input.flush()).expect("it listens");
    }
}

impl Drop for Camera {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _gone = self.child.wait();
    }
}

/// A port nobody listens on.
pub(crate) fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a free port").port()
}
