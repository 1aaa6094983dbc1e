//! Trained weights → one ONNX graph and its card.
//!
//! [`onnx`] is the file format, [`graph`] writes graphs, [`region`] makes the frozen region branch, [`transformer`]
//! and [`trunk`] the trained part, [`model`] joins them. [`spec`] names every trained tensor, [`weights`] holds their values.
//! [`convert`] makes 16-bit and 8-bit forms of a finished model.

pub mod card;
pub mod convert;
mod error;
pub mod graph;
pub mod model;
pub mod onnx;
#[cfg(all(test, feature = "train"))]
mod parity;
pub mod region;
pub mod session;
pub mod spec;
#[cfg(test)]
pub(crate) mod tiny;
mod transformer;
pub mod trunk;
pub mod weights;

pub use error::ExportError;
pub use transformer::Attention;
