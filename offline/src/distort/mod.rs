//! distort
