//! Why a plan could not be made, read or combined.

use std::path::PathBuf;

use crate::recipe::RecipeError;
use crate::source::SourceError;
use crate::table::TableError;

/// Why a plan could not be made, read or combined.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// A table of the plan's sources could not be read, or the plan not be written.
    #[error(transparent)]
    Table(#[from] TableError),
    /// The originals contradict each other.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The recipe inside the plan makes no sense.
    #[error(transparent)]
    Recipe(#[from] RecipeError),
    /// The file is no plan, or one of another version.
    #[error("plan {path}: {reason}; make it again with `miqa-offline plan`", path = path.display())]
    NoPlan {
        /// The file.
        path: PathBuf,
        /// What is missing or wrong.
        reason: String,
    },
    /// Somebody wrote to the file while it was in use.
    #[error(
        "plan {path} was written over while it was in use; plans don't change: put it back, and write another to another file",
        path = path.display()
    )]
    Changed {
        /// The file.
        path: PathBuf,
    },
    /// An id that can't name a folder.
    #[error(
        "original `{id}`: the id names a folder, so it can't be empty, `.` or `..`, nor hold `/`, `\\` or control characters; rename the file {path}"
    )]
    Id {
        /// The id.
        id: String,
        /// The original's file.
        path: String,
    },
    /// Two candidates for one level.
    #[error(
        "original `{original}`: the rank table has two candidates for level {level} of `{distortion}`; run `miqa-offline rank` again"
    )]
    TwoCandidates {
        /// Id of the original.
        original: String,
        /// Name of the distortion.
        distortion: String,
        /// The level.
        level: u8,
    },
    /// No variant at all.
    #[error("there is nothing to plan: {0}")]
    Nothing(String),
    /// A number of shards that makes no sense.
    #[error("{shards} shards of {originals} originals: give 1 to {originals}, a shard never splits an original")]
    Shards {
        /// What was asked for.
        shards: u32,
        /// Originals in the plan.
        originals: usize,
    },
    /// Two plans of different recipes can't be one.
    #[error("the plans were made with different recipes, {first} and {second}: only plans of one recipe can be merged")]
    Recipes {
        /// Of the first plan.
        first: String,
        /// Of the second plan.
        second: String,
    },
    /// Two plans disagree about the same thing.
    #[error("the plans disagree about {count} names and can't be merged; the first: {first}")]
    Conflict {
        /// How many names they disagree about.
        count: usize,
        /// The first ones, with what differs.
        first: String,
    },
    /// The plan has no such original or variant.
    #[error("the plan has no {what} `{name}`; its columns `original` and `name` hold what it has")]
    Unknown {
        /// `original` or `variant`.
        what: &'static str,
        /// What was asked for.
        name: String,
    },
}
