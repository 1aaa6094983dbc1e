//! A published convolutional classifier as the patch branch: its graph as a list of steps, with weights to train.
//!
//! [`TrunkSpec`] is the recipe's section, [`read`] turns the ONNX file into a [`Trunk`] and the weights it starts from, and
//! `write` turns the trunk back into ONNX operations. Training runs the same steps on libtorch. All that depends on the
//! picture's size (padding "as much as needed", rounding up) is settled once, when the file is read, so both sides run
//! the same numbers of pixels. Normalisation by a batch's statistics is folded into the convolution before it: what is trained is the
//! network as it is served.

mod constants;
mod fold;
mod read;
mod spec;
mod steps;
#[cfg(test)]
pub(crate) mod tests;
mod window;
mod write;

pub use read::read;
pub use spec::TrunkSpec;
pub use steps::{Operand, Step, TensorShape, Trunk};
pub(super) use write::append;

/// What stands before the names of a trunk's trained tensors.
pub const PREFIX: &str = "trunk.";
