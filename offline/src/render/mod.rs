//! A degraded picture from an original: pure functions, all randomness by key.
//!
//! A candidate's bytes depend on the original's pixels, the distortion, the parameter row and the recipe seed only,
//! never on order, thread or machine: the generator is counter-based and the elementary functions are our own.

pub mod candidate;
pub mod elementary;
pub mod fuse;
pub mod random;
pub mod weight;

pub use candidate::candidate;
pub use fuse::{SizeError, fuse, fuse_into};
pub use random::RandomField;
pub use weight::{FusionWeight, RadiusError, Softening};
