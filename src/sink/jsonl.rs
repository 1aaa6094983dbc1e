//! One JSON object a line.

use std::io::{self, Write};

use super::Sink;
use crate::event::Said;

/// Writes [`Said`]'s JSON form, each line at once.
pub struct JsonLines<W>(W);

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

    fn write(&mut self, said: &Said) -> io::Result<()> {
        let mut line = serde_json::to_vec(said)?;
        line.push(b'\n');
        self.0.write_all(&line)?;
        self.0.flush()
    }
}
