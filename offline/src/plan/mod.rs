//! The plan: one row a variant, joined from sources, masks and ranks; immutable, named by its content.
//!
//! A plan says everything that a variant's bytes depend on, so whoever has it and the originals makes the same
//! pictures, in any order, on any machine. Its [`PlanId`] is a hash of that content; the number of shards, where files
//! lie and the PSNRs (which follow from the rest) are no part of it.

mod compare;
mod error;
mod file;
#[cfg(test)]
pub(crate) mod fixture;
mod held;
mod identity;
mod join;
mod merge;
mod pixels;
mod planned;
mod row;
#[cfg(test)]
mod tests;

pub use compare::{Difference, Findings, compare};
pub use error::PlanError;
pub use file::{Plan, PlanWriter, PlanWritten, positions_of, shard_of};
pub use identity::PlanId;
pub use join::{Inputs, LeftOut, Planned, join};
pub use merge::merge;
pub use pixels::{PixelsError, Rendering};
pub use planned::{Choice, PlannedMask, PlannedOriginal, PlannedVariant};
