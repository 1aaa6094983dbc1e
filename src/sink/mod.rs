//! Where events go. Each sink has a thread and a bounded queue of its own ([`Queue`]), so that none slows scoring.

mod jsonl;
mod log;
mod queue;
pub mod record;

use std::io;

pub use jsonl::JsonLines;
pub use log::Log;
pub use queue::Queue;
pub use record::Record;

use crate::event::Said;

/// Takes events, one after the other, on a thread of its own.
pub trait Sink: Send {
    /// What messages call it.
    fn name(&self) -> &'static str;

    /// Writes one event out; may block.
    ///
    /// # Errors
    /// Why it could not. A broken pipe means that nobody reads any more, which ends the run quietly.
    fn write(&mut self, said: &Said) -> io::Result<()>;
}
