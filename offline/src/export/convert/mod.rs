//! Other forms of an exported model: 16-bit floats, and 8-bit integers fitted to pictures.
//!
//! Every form starts from [`plain()`], the graph in 32-bit floats. [`half()`] rewrites it in 16-bit floats. For 8 bits
//! [`normalisation`] first lets pixels stay bytes, [`EightBit`] settles which operations are worth it, [`calibrate`] looks
//! at their values on pictures ([`Histogram`]), [`RangeRule`] turns those into ranges and [`quantise()`] writes the graph.
//! All of these read operators and shapes, never names, so they work on any graph that this crate exports.

mod calibrate;
mod eight_bit;
mod fit;
mod half;
mod histogram;
mod normalisation;
mod plain;
mod quantise;
mod quantiser;
mod steps;
mod wiring;

#[cfg(test)]
pub(crate) mod tests;

pub use calibrate::{Observed, calibrate};
pub use eight_bit::EightBit;
pub use fit::{Fitted, fit};
pub use half::half;
pub use histogram::Histogram;
pub use plain::plain;
pub use quantise::quantise;
pub use quantiser::{Quantiser, RangeRule};

pub use miqa::engine::FormKind;
