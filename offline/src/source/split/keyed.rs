//! A split that stays: an original's fold follows from its own id.

use super::unit::{hash, rows, units};
use super::{SplitRow, TEST, TRAIN, VALIDATION};
use crate::source::Original;

/// Splits by SHA-256(seed, id): a hash in this `fifth` (0, the lowest, to 4) is test, the next 8 % (a tenth of the rest; after
/// the highest the lowest) are validation. The five fifths test every original once.
///
/// Originals that are added or left out move none of the others, and neither do the order of the table, paths or classes.
/// The price: shares hold on average only. Of n originals, test holds n/5 give or take 0.4·√n.
///
/// A part of another picture ([`super::part_id`]) goes where its whole goes, so that no picture is on two sides; parts
/// whose whole is no original, such as frames of a video, train. Originals that are kept `together` (pairs of positions)
/// go where the least of their ids goes: such a pair can move an original when its other half is added.
#[must_use]
pub fn keyed(originals: &[Original], seed: u64, fifth: u8, together: &[(usize, usize)]) -> Vec<SplitRow> {
    let units = units(originals, together);
    rows(originals, units.iter().map(|unit| (unit, fold(hash(seed, unit.id), fifth))))
}

fn fold(hash: [u8; 32], fifth: u8) -> &'static str {
    let [a, b, c, d, e, f, g, h, ..] = hash;
    let share = u128::from(u64::from_le_bytes([a, b, c, d, e, f, g, h]));
    match (((share * 100) >> 64) + 100 - u128::from(fifth) * 20) % 100 {
        0..20 => TEST,
        20..28 => VALIDATION,
        _ => TRAIN,
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{count, originals};
    use super::*;
    use crate::source::{part_id, whole_of};

    #[test]
    fn shares_hold_on_average() {
        let rows = keyed(&originals(10_000, 0), 0, 0, &[]);
        let sizes = [TEST, VALIDATION, TRAIN].map(|fold| count(&rows, fold));
        // Four standard deviations.
        for (size, (expected, deviation)) in sizes.into_iter().zip([(2000, 160), (800, 108), (7200, 180)]) {
            assert!(size.abs_diff(expected) <= deviation, "{sizes:?}");
        }
        let few: usize = (0..500).map(|seed| count(&keyed(&originals(3, 2), seed, 0, &[]), TEST)).sum();
        assert!(few.abs_diff(500) < 80, "{few}");
    }

    #[test]
    fn five_fifths_test_every_original_once() {
        let all = originals(500, 0);
        let folds: Vec<_> = (0..5).map(|fifth| keyed(&all, 3, fifth, &[])).collect();
        for at in 0..all.len() {
            let of: Vec<&str> = folds.iter().map(|rows| rows[at].fold.as_str()).collect();
            assert_eq!(of.iter().filter(|fold| **fold == TEST).count(), 1, "{of:?}");
            assert!(of.iter().filter(|fold| **fold == VALIDATION).count() <= 1, "{of:?}");
        }
        for rows in &folds {
            assert!(count(rows, TEST).abs_diff(100) < 40 && count(rows, VALIDATION).abs_diff(40) < 28);
        }
    }

    #[test]
    fn no_original_moves_when_others_come_or_go() {
        let all = originals(400, 200);
        let rows = keyed(&all, 1, 0, &[]);
        for part in [&all[..1], &all[..150], &all[150..151], &all[300..]] {
            for row in keyed(part, 1, 0, &[]) {
                assert!(rows.contains(&row), "{row:?} moved");
            }
        }
        let mut reversed: Vec<_> = all.iter().rev().cloned().collect();
        reversed.iter_mut().for_each(|original| original.class = 7);
        let mut again = keyed(&reversed, 1, 0, &[]);
        again.reverse();
        assert_eq!(rows, again);
        assert_ne!(rows, keyed(&all, 2, 0, &[]));
    }

    #[test]
    fn parts_go_with_their_whole_and_frames_of_videos_train() {
        let mut all = originals(0, 40);
        let wholes = keyed(&all, 0, 0, &[]);
        let part = |whole: &str| Original { id: part_id(whole, "cut"), ..originals(0, 1).remove(0) };
        all.extend(wholes.iter().map(|row| part(&row.original)));
        all.extend((0..30).map(|i| part(&format!("camera{i}"))));
        let folds = keyed(&all, 0, 0, &[]);
        assert_eq!(folds[..40], wholes, "parts move no whole");
        for (whole, part) in folds[..40].iter().zip(&folds[40..80]) {
            assert_eq!((part.fold.as_str(), whole_of(&part.original)), (whole.fold.as_str(), Some(&*whole.original)));
        }
        assert!(folds[80..].iter().all(|row| row.fold == TRAIN));
    }

    #[test]
    fn what_is_kept_together_is_in_one_fold_and_moves_nothing_else() {
        let all = originals(100, 0);
        let alone = keyed(&all, 0, 0, &[]);
        let pairs = [(9, 3), (3, 50), (70, 71)];
        let folds = keyed(&all, 0, 0, &pairs);
        assert!(pairs.iter().all(|&(a, b)| folds[a].fold == folds[b].fold));
        // o3, o50 and o9: `o3` is the least id of the three.
        assert_eq!((&folds[3], &folds[70]), (&alone[3], &alone[70]));
        let free = (0..100).filter(|at| ![3, 9, 50, 70, 71].contains(at));
        assert!(free.into_iter().all(|at| folds[at] == alone[at]));
    }
}
