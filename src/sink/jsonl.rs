//! One JSON object a line.

use std::{
    io::{self, Write},
    time::SystemTime,
};

use serde::Serialize;

use super::Sink;
use crate::event::Event;

/// Writes [`Event`]'s JSON form, each line at once, with the wall clock's `time` in seconds since 1970 (UTC).
pub struct JsonLines<W>(W);

#[derive(Serialize)]
struct Line<'a> {
    time: f64,
    #[serde(flatten)]
    event: &'a Event,
}

impl<W: Write> JsonLines<W> {
    /// Lines that go to `writer`.
    pub fn new(writer: W) -> Self {
        Self(writer)
    }
}

impl<W: Write + Send> Sink for JsonLines<W> {
    fn name(&self) -> &'static str {
        "jsonl"
    }

    fn write(&mut self, event: &Event) -> io::Result<()> {
        let time = SystemTime::UNIX_EPOCH.elapsed().map_or(0.0, |since| since.as_millis() as f64 / 1000.0);
        let mut line = serde_json::to_vec(&Line { time, event })?;
        line.push(b'\n');
        self.0.write_all(&line)?;
        self.0.flush()
    }
}
