//! RA-MIQA's training: samples in, weights out.
//!
//! [`prepare`] renders every labelled sample to a 288×288 crop and runs the frozen region graph on it; [`dataset`]
//! maps the result, and makes the crops of a plan's samples when they are wanted; [`batch`] cuts and flips crops; [`recipe`] holds all choices. With the feature `train`:
//! `network` (equations 9 to 13), `optimiser`, `validation`, `loader` (batches made ahead) and `fit`, the loop. All randomness is keyed by seed and step
//! ([`draws`]), so a run continued from a [`checkpoint`] ends in the same weights as one that was never stopped.

pub mod batch;
mod blocks;
pub mod checkpoint;
pub mod dataset;
pub mod draws;
mod error;
pub mod prepare;
pub mod pretrained;
pub mod published;
pub mod recipe;
pub mod region_weights;
pub mod samples;
pub mod schedule;
mod weights_file;

#[cfg(feature = "train")]
pub mod fit;
#[cfg(feature = "train")]
mod loader;
#[cfg(feature = "train")]
pub mod network;
#[cfg(feature = "train")]
pub mod optimiser;
#[cfg(feature = "train")]
mod ranking;
#[cfg(feature = "train")]
mod report;
#[cfg(feature = "train")]
mod trunk;
#[cfg(feature = "train")]
mod validation;

pub use error::TrainError;
