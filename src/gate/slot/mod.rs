//! Gates in a mapped file: a header, a name index and one slot of 64 bytes a stream, so that a detector reads its gate
//! between two frames without a system call. `docs/gate.md` has the layout; this is it as code.
//!
//! [`Writer`] is the daemon's side, [`Reader`] reads one mapping, [`Follower`] follows one stream over restarts of the
//! daemon.

mod error;
mod follower;
pub mod layout;
mod map;
mod reader;
mod record;
mod writer;

pub use error::SlotError;
pub use follower::Follower;
pub use reader::{Doubt, Reader, Reading, Slot};
pub use record::Record;
pub use writer::Writer;
