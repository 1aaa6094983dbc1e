//! The region branch's frozen encoder as one graph: pixels in, feature vector f of equation 9 out.
//!
//! The graph runs alone when features are cached for training, and is merged into the shipped model; so both see
//! the same numbers. [`spec`] says what it is made of, [`build`] writes it, [`belief`] adds what the encoder's own
//! classifier thinks and [`findings`] what a detector finds; [`any_batch`] brings encoders to more than one picture at a time.

mod any_batch;
mod belief;
mod build;
mod findings;
mod spec;
#[cfg(test)]
pub(crate) mod tests;

pub use any_batch::any_batch;
pub use belief::{BELIEF_WIDTH, LARGEST_AT};
pub use build::{Encoders, build, groups};
pub use spec::{Colour, DetectorSpec, FeatureGroup, RegionSpec, Standard, TapSpec, ViewSpec};
