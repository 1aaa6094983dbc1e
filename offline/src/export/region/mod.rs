//! The region branch's frozen encoder as one graph: pixels in, feature vector f of equation 9 out.
//!
//! The graph runs alone when features are cached for training, and is merged into the shipped model; so both see
//! the same numbers. [`spec`] says what it is made of, [`build`] writes it, and [`belief`] adds what the encoder's own
//! classifier thinks; [`any_batch`] brings encoders to more than one picture at a time.

mod any_batch;
mod belief;
mod build;
mod spec;
#[cfg(test)]
pub(crate) mod tests;

pub use any_batch::any_batch;
pub use belief::BELIEF_WIDTH;
pub use build::{build, groups};
pub use spec::{FeatureGroup, RegionSpec, Standard, TapSpec, ViewSpec};
