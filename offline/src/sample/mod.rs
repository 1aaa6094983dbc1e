//! Samples: what is labelled, trained on and measured. An original as it is, and each of its variants.
//!
//! [`Sample`] says which picture, [`SampleSource`] lists those of every original: the uniform variants that `rank` has
//! settled, or all that a plan names. Pictures come from [`crate::plan::Rendering`], straight from the original.

mod chosen;
mod error;
mod kind;
mod source;

pub use chosen::{chosen, thinned};
pub use error::SampleError;
pub use kind::{CLEAN, CLEAN_ROW, Sample};
pub use source::{Listed, PLAN_NOTE, SampleSource, check_plan, ranks_by_original};
