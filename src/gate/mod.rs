//! How others read where the gates stand. [`Board`] holds the newest status of every stream; readers hang on it.

mod board;
mod command;
mod line;
mod monotonic;
mod standing;

pub use board::{Board, Entry};
pub use command::Command;
pub use line::{Kind, Line};
pub use monotonic::monotonic_ns;
pub use standing::{Standing, UNKNOWN_LEASE};
