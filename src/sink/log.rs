//! One readable line an event.

use std::io::{self, Write};

use super::Sink;
use crate::event::Said;

/// Writes [`Event`](crate::event::Event)'s readable form, each line at once.
pub struct Log<W>(W);

impl<W: Write> Log<W> {
    /// A log that goes to `writer`.
    pub fn new(writer: W) -> Self {
        Self(writer)
    }
}

impl<W: Write + Send> Sink for Log<W> {
    fn name(&self) -> &'static str {
        "log"
    }

    fn write(&mut self, said: &Said) -> io::Result<()> {
        writeln!(self.0, "{}", said.event)?;
        self.0.flush()
    }
}
