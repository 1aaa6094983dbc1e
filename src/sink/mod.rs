//! Where events go. Each sink has a thread and a bounded queue of its own ([`Queue`]), so that none slows scoring.
//!
//! [`start`] starts those that the configuration asks for. `docs/outputs.md` says what each guarantees.

mod broker;
mod error;
mod file;
pub mod frigate;
mod jsonl;
mod log;
mod mqtt;
mod queue;
mod start;
mod tally;
mod tls;
mod webhook;

use std::{
    io,
    sync::{Arc, atomic::AtomicBool},
    time::{Duration, SystemTime},
};

pub use error::SinkError;
pub use file::JsonFile;
pub use frigate::Frigate;
pub use jsonl::JsonLines;
pub use log::Log;
pub use mqtt::Mqtt;
pub use queue::Queue;
pub(crate) use start::host;
pub use start::{Setting, start, trial};
pub use tally::Tally;
pub use webhook::Webhook;

use crate::event::{Event, Said};

/// Takes events, one after the other, on a thread of its own.
pub trait Sink: Send {
    /// What messages call it.
    fn name(&self) -> &'static str;

    /// What metrics and messages call it where there may be several of its name.
    fn label(&self) -> String {
        self.name().into()
    }

    /// Says which events it wants; the others don't enter its queue.
    fn wants(&self) -> Box<dyn Fn(&Event) -> bool + Send + Sync> {
        Box::new(|_| true)
    }

    /// A flag that is raised once the queue is about to end: [`write`](Sink::write) then waits for nothing that it can do
    /// without.
    fn hurry(&self) -> Arc<AtomicBool> {
        Arc::default()
    }

    /// Where time matters though nothing happens: [`tick`](Sink::tick) is called after this long without an event.
    fn every(&self) -> Option<Duration> {
        None
    }

    /// Time passed without an event; `now` is the time of day.
    ///
    /// # Errors
    /// As [`write`](Sink::write).
    fn tick(&mut self, now: SystemTime) -> io::Result<()> {
        let _ = now;
        Ok(())
    }

    /// Writes one event out; may block.
    ///
    /// # Errors
    /// Why it could not. A broken pipe means that nobody reads any more, which ends the run quietly.
    fn write(&mut self, said: &Said) -> io::Result<()>;
}
