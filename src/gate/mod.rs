//! How others read where the gates stand. [`Board`] holds the newest status of every stream; readers hang on it:
//!
//! * a unix socket with JSON lines, every line a [`Line`];
//! * a mapped file of slots ([`slot`]), read in nanoseconds.
//!
//! `docs/gate.md` describes both for those who write readers. [`Readers::start`] starts what the configuration asks for.

mod board;
mod line;
mod monotonic;
mod readers;
pub mod slot;
mod socket;
mod standing;

pub use board::{Bell, Board, Entry};
pub use line::{Kind, Line};
pub use monotonic::{monotonic_coarse_ns, monotonic_ns};
pub use readers::{Readers, ReadersError};
pub use socket::SocketError;
pub use standing::{Standing, UNKNOWN_LEASE};
