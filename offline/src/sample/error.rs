use std::path::PathBuf;

use crate::plan::{PixelsError, PlanError};
use crate::recipe::RecipeError;
use crate::source::SourceError;
use crate::table::TableError;

/// Why the samples of an original are not known or can't be made.
#[derive(Debug, thiserror::Error)]
pub enum SampleError {
    /// A table.
    #[error(transparent)]
    Table(#[from] TableError),
    /// An original.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The recipe of the tables.
    #[error(transparent)]
    Recipe(#[from] RecipeError),
    /// The plan.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// A picture.
    #[error(transparent)]
    Pixels(#[from] PixelsError),
    /// A picture that can't become a model input.
    #[error("sample `{sample}`: {source}")]
    Preprocess {
        /// Id of the sample.
        sample: String,
        /// Why.
        source: miqa::preprocess::PreprocessError,
    },
    /// A crop that is neither stored nor can be made.
    #[error("sample `{0}` has no stored crop: its picture is made from a plan, give --plan")]
    NoCrop(String),
    /// `rank` left an original out.
    #[error("original `{0}` has no levels in the rank table; run `miqa-offline rank` again")]
    Unranked(String),
    /// Tables do not belong together.
    #[error("{table}: original `{original}` is not there; make that table again", table = table.display())]
    Missing {
        /// The table that lacks it.
        table: PathBuf,
        /// Id of the original.
        original: String,
    },
    /// A table speaks of another plan's variants.
    #[error(
        "{table} was made from {found}, this run is from {expected}; give the --plan of that table, or make it again",
        table = table.display()
    )]
    OtherPlan {
        /// The table.
        table: PathBuf,
        /// What it was made from.
        found: String,
        /// What was given.
        expected: String,
    },
}
