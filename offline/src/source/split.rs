//! Which originals train, which choose among trained models, which judge: whole originals, by a keyed hash.

use std::collections::HashMap;
use std::path::Path;

use sha2::{Digest, Sha256};

use super::Original;
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

/// Splits 4:1 into training and test, and a tenth of the training part off as validation.
///
/// Originals of known and of unknown class are split apart, so that every fold has its share of both and adding
/// pictures of one kind moves none of the other. Inside, the order of SHA-256(seed, id) decides: it does not depend on
/// the order of the table.
///
/// A part of another picture ([`part_id`]) goes where its whole goes, so that no picture is on two sides; parts whose
/// whole is no original, such as frames of a video, train.
#[must_use]
pub fn split(originals: &[Original], seed: u64) -> Vec<SplitRow> {
    let key = |id: &str| -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(seed.to_le_bytes());
        hash.update(id.as_bytes());
        hash.finalize().into()
    };
    let mut folds = vec![TRAIN; originals.len()];
    for known in [true, false] {
        let mut group: Vec<usize> = (0..originals.len()).filter(|&i| (originals[i].class >= 0) == known).collect();
        group.retain(|&i| whole_of(&originals[i].id).is_none());
        group.sort_by_cached_key(|&i| key(&originals[i].id));
        let test = (group.len() + 2) / 5;
        let validation = (group.len() - test + 5) / 10;
        group[..test].iter().for_each(|&i| folds[i] = TEST);
        group[test..test + validation].iter().for_each(|&i| folds[i] = VALIDATION);
    }
    let wholes: HashMap<&str, &str> = originals.iter().map(|o| o.id.as_str()).zip(folds.iter().copied()).collect();
    let fold = |original: &Original, own| match whole_of(&original.id) {
        Some(whole) => wholes.get(whole).copied().unwrap_or(TRAIN),
        None => own,
    };
    let folds: Vec<&str> = originals.iter().zip(&folds).map(|(original, own)| fold(original, *own)).collect();
    let row = |(original, fold): (&Original, &str)| SplitRow { original: original.id.clone(), fold: fold.to_owned() };
    originals.iter().zip(folds).map(row).collect()
}

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
mod tests {
    use super::*;
    use crate::source::PixelHash;

    fn originals(labelled: usize, unlabelled: usize) -> Vec<Original> {
        let original = |i: usize| Original {
            id: format!("o{i}"),
            path: String::new(),
            class: if i < labelled { i as i32 % 1000 } else { -1 },
            pixel_sha256: PixelHash([0; 32]),
            width: 1,
            height: 1,
            licence: String::new(),
        };
        (0..labelled + unlabelled).map(original).collect()
    }

    fn count(rows: &[SplitRow], fold: &str) -> usize {
        rows.iter().filter(|row| row.fold == fold).count()
    }

    #[test]
    fn shares_hold_in_each_group() {
        let rows = split(&originals(500, 100), 0);
        for (part, sizes) in [(&rows[..500], [360, 40, 100]), (&rows[500..], [72, 8, 20])] {
            assert_eq!([TRAIN, VALIDATION, TEST].map(|fold| count(part, fold)), sizes);
        }
        for few in 0..12 {
            assert_eq!(split(&originals(few, 0), 0).len(), few);
        }
    }

    #[test]
    fn neither_order_nor_other_pictures_matter_but_the_seed_does() {
        let all = originals(200, 50);
        let rows = split(&all, 1);
        let mut reversed: Vec<_> = all.iter().rev().cloned().collect();
        let mut again = split(&reversed, 1);
        again.reverse();
        assert_eq!(rows, again);
        reversed.retain(|original| original.class >= 0);
        let mut labelled = split(&reversed, 1);
        labelled.reverse();
        assert_eq!(rows[..200], labelled);
        assert_ne!(rows, split(&all, 2));
    }

    #[test]
    fn parts_go_with_their_whole_and_frames_of_videos_train() {
        let mut all = originals(0, 40);
        let wholes = split(&all, 0);
        let part = |whole: &str| Original { id: part_id(whole, "cut"), ..originals(0, 1).remove(0) };
        all.extend(wholes.iter().map(|row| part(&row.original)));
        all.push(part("camera"));
        let folds = split(&all, 0);
        assert_eq!(folds[..40], wholes, "parts move no whole");
        for (whole, part) in folds[..40].iter().zip(&folds[40..80]) {
            assert_eq!((part.fold.as_str(), whole_of(&part.original)), (whole.fold.as_str(), Some(&*whole.original)));
        }
        assert_eq!(folds[80].fold, TRAIN);
    }
}
