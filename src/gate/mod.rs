//! How others read where the gates stand. [`Board`] holds the newest status of every stream; readers hang on it.

mod board;

pub use board::{Board, Entry};
