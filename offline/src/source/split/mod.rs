//! Which originals train, which choose among trained models, which judge: whole originals.
//!
//! [`keyed`](keyed::keyed) goes by a hash of the id, [`paper`](paper::paper) by classes; [`leak`] looks for pictures that are
//! on two sides.

mod keyed;
pub(super) mod leak;
mod paper;
mod unit;

use std::path::Path;

pub use keyed::keyed;
pub use paper::{Class, paper};

use crate::columns;
use crate::table::{self, TableError};

/// Fold of the originals that train.
pub const TRAIN: &str = "train";
/// Fold of the originals that choose the epoch and fit the logistic; a tenth of what would else train.
pub const VALIDATION: &str = "validation";
/// Fold of the originals that judge; a fifth of all.
pub const TEST: &str = "test";

/// One row of `split.parquet`.
#[derive(Debug, Clone, PartialEq)]
pub struct SplitRow {
    /// Id of the original; all its variants are in the same fold.
    pub original: String,
    /// [`TRAIN`], [`VALIDATION`] or [`TEST`].
    pub fold: String,
}

columns!(SplitRow { original, fold });

/// The id of a part cut out of the picture or video `whole`.
#[must_use]
pub fn part_id(whole: &str, part: &str) -> String {
    format!("{whole}{PART}{part}")
}

/// The picture or video that an original was cut out of; `None` if it is a whole itself.
#[must_use]
pub fn whole_of(id: &str) -> Option<&str> {
    id.split_once(PART).map(|(whole, _)| whole)
}

/// Between a whole's id and its part's name.
const PART: char = '~';

/// Reads `split.parquet`.
///
/// # Errors
/// The table is missing or of another shape.
pub fn read_split(path: &Path) -> Result<Vec<SplitRow>, TableError> {
    table::read(path)
}

#[cfg(test)]
pub(super) mod fixture {
    use super::*;
    use crate::source::{Original, PixelHash};

    /// `labelled` originals of known class and `unlabelled` ones.
    pub(crate) fn originals(labelled: usize, unlabelled: usize) -> Vec<Original> {
        let original = |i: usize| Original {
            id: format!("o{i}"),
            path: String::new(),
            class: if i < labelled { i as i32 % 1000 } else { -1 },
            pixel_sha256: PixelHash(std::array::from_fn(|at| (i >> (8 * (at % 8))) as u8)),
            width: 1,
            height: 1,
            licence: String::new(),
        };
        (0..labelled + unlabelled).map(original).collect()
    }

    pub(crate) fn count(rows: &[SplitRow], fold: &str) -> usize {
        rows.iter().filter(|row| row.fold == fold).count()
    }
}
