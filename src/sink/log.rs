//! One readable line an event.

use std::io::{self, Write};

use super::Sink;
use crate::event::Event;

/// Writes [`Event`]'s readable form, each line at once.
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

    fn write(&mut self, event: &Event) -> io::Result<()> {
        writeln!(self.0, "{event}")?;
        self.0.flush()
    }
}
