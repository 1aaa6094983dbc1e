//! Pictures that are in two folds: the same pixels under two ids, or copies that differ a little.

use std::collections::HashMap;

use rayon::prelude::*;

use super::SplitRow;
use crate::source::{Original, PerceptualHash, PixelHash};

/// Two originals that look alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LookAlike {
    /// Positions in the table, the lesser id first.
    pub pair: (usize, usize),
    /// Bits in which their perceptual hashes differ; `None` where the pixels are the same.
    pub distance: Option<u32>,
}

/// Two originals that look alike are in different folds.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "originals `{first}` ({first_fold}) and `{second}` ({second_fold}) {likeness}{more}: leave one of them out \
     (`select --exclude`), or keep such pictures in one fold with --keep-together"
)]
pub struct Leak {
    /// Id.
    pub first: String,
    /// Its fold.
    pub first_fold: String,
    /// Id.
    pub second: String,
    /// Its fold.
    pub second_fold: String,
    /// In what they are alike.
    likeness: String,
    /// How many pairs more there are, in words.
    more: String,
}

/// All pairs of originals with the same pixels, or with hashes (one an original) that differ in at most `near` bits; the
/// likest first, then by ids. Takes time with the square of their number: seconds for a hundred thousand.
#[must_use]
pub fn look_alikes(originals: &[Original], hashes: &[PerceptualHash], near: u32) -> Vec<LookAlike> {
    let mut found: Vec<LookAlike> = same_pixels(originals);
    let near_of = |a: usize| {
        (a + 1..originals.len()).filter_map(move |b| {
            let distance = hashes[a].distance(hashes[b]);
            let other = originals[a].pixel_sha256 != originals[b].pixel_sha256;
            (distance <= near && other).then(|| LookAlike { pair: in_order(originals, a, b), distance: Some(distance) })
        })
    };
    found.par_extend((0..originals.len()).into_par_iter().flat_map_iter(near_of));
    let ids = |at: usize| originals[at].id.as_str();
    found.sort_by_key(|like| (like.distance, ids(like.pair.0), ids(like.pair.1)));
    found
}

/// Each original with the first one of the same pixels.
fn same_pixels(originals: &[Original]) -> Vec<LookAlike> {
    let mut first: HashMap<PixelHash, usize> = HashMap::new();
    let mut order: Vec<usize> = (0..originals.len()).collect();
    order.sort_by_key(|&at| &originals[at].id);
    let twins = order.into_iter().filter_map(|at| {
        let earlier = *first.entry(originals[at].pixel_sha256).or_insert(at);
        (earlier != at).then_some(LookAlike { pair: (earlier, at), distance: None })
    });
    twins.collect()
}

fn in_order(originals: &[Original], a: usize, b: usize) -> (usize, usize) {
    if originals[a].id < originals[b].id { (a, b) } else { (b, a) }
}

/// Refuses a split, one row an original in their order, in which a pair has two folds.
///
/// # Errors
/// [`Leak`] with the likest pair.
pub fn check_leaks(rows: &[SplitRow], look_alikes: &[LookAlike]) -> Result<(), Box<Leak>> {
    let apart = |like: &&LookAlike| rows[like.pair.0].fold != rows[like.pair.1].fold;
    let mut leaks = look_alikes.iter().filter(apart);
    let Some(worst) = leaks.next() else { return Ok(()) };
    let (first, second) = (&rows[worst.pair.0], &rows[worst.pair.1]);
    let more = match leaks.count() {
        0 => String::new(),
        1 => ", and one pair more".to_owned(),
        more => format!(", and {more} pairs more"),
    };
    Err(Box::new(Leak {
        first: first.original.clone(),
        first_fold: first.fold.clone(),
        second: second.original.clone(),
        second_fold: second.fold.clone(),
        likeness: match worst.distance {
            None => "are the same pixels".to_owned(),
            Some(bits) => format!("are near-duplicates, {bits} of 64 bits of their perceptual hashes apart"),
        },
        more,
    }))
}

#[cfg(test)]
mod tests {
    use super::super::fixture::originals;
    use super::super::keyed;
    use super::*;

    fn hashes(count: usize) -> Vec<PerceptualHash> {
        // Far apart: a multiple of an odd number has about half of its bits set.
        (0..count as u64).map(|at| PerceptualHash((at + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15))).collect()
    }

    #[test]
    fn pairs_are_found_likest_first() {
        let (mut all, mut hashes) = (originals(60, 0), hashes(60));
        hashes[40] = PerceptualHash(hashes[7].0 ^ 0b111);
        hashes[12] = PerceptualHash(hashes[30].0 ^ (1 << 63));
        (all[50].pixel_sha256, hashes[50]) = (all[20].pixel_sha256, hashes[20]);
        let found = look_alikes(&all, &hashes, 6);
        let pairs: Vec<_> = found.iter().map(|like| (like.pair, like.distance)).collect();
        assert_eq!(pairs, [((20, 50), None), ((12, 30), Some(1)), ((40, 7), Some(3))]);
        assert_eq!(look_alikes(&all, &hashes, 2).len(), 2);
        assert_eq!(look_alikes(&all, &hashes, 0).len(), 1);
    }

    #[test]
    fn a_pair_in_two_folds_is_refused_by_name_and_kept_together_it_passes() {
        let (all, mut hashes) = (originals(60, 0), hashes(60));
        let rows = keyed(&all, 0, 0, &[]);
        let of = |fold: &str| (0..60).filter(|&at| rows[at].fold == fold).collect::<Vec<_>>();
        let (train, test) = (of("train"), of("test"));
        assert_eq!(check_leaks(&rows, &look_alikes(&all, &hashes, 6)), Ok(()));
        hashes[train[0]] = hashes[train[1]];
        assert_eq!(check_leaks(&rows, &look_alikes(&all, &hashes, 6)), Ok(()), "both train");
        hashes[test[0]] = PerceptualHash(hashes[train[2]].0 ^ 0b11);
        hashes[test[1]] = PerceptualHash(hashes[train[3]].0 ^ 0b1111);
        let found = look_alikes(&all, &hashes, 6);
        let text = check_leaks(&rows, &found).map_err(|leak| leak.to_string()).expect_err("two pairs are apart");
        for part in [&all[test[0]].id, &all[train[2]].id, "2 of 64 bits", "one pair more", "(train)", "(test)"] {
            assert!(text.contains(part), "{part} in {text}");
        }
        let pairs: Vec<_> = found.iter().map(|like| like.pair).collect();
        assert_eq!(check_leaks(&keyed(&all, 0, 0, &pairs), &found), Ok(()));

        let mut twins = all;
        twins[test[0]].pixel_sha256 = twins[train[0]].pixel_sha256;
        let leak = check_leaks(&rows, &look_alikes(&twins, &hashes, 0)).expect_err("the same pixels");
        assert!(leak.to_string().contains("the same pixels"), "{leak}");
    }
}
