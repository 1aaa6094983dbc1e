//! The paper's split (section 6.2): 4:1 in every class, also where pictures have several.

use std::collections::{BTreeMap, BTreeSet};

use super::unit::{hash, rows, units};
use super::{SplitRow, TEST, TRAIN, VALIDATION};
use crate::source::Original;

/// A class that an original shows, of one of the two numberings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// ImageNet-1k, 0 to 999.
    ImageNet(u16),
    /// COCO, 0 to 79.
    Coco(u16),
}

/// One in this many goes to the smaller side: of all originals to test, of the others to validation.
const TEST_OF: usize = 5;
const VALIDATION_OF: usize = 10;
/// Passes over all originals in which classes are balanced, at most.
const PASSES: usize = 100;

/// Splits 4:1 in each class, and a tenth of the training part off as validation in the same way.
///
/// `classes` holds those of each original, in its order. Three steps:
/// 1. originals of one class (and those of none, as one class more) are drawn at random in each class;
/// 2. those of several, rarest class first, go to the side that their classes need them on;
/// 3. any original changes sides where that brings classes nearer to 4:1 than one original off, until none does.
///
/// A class of originals with no other class is never more than one original off its fifth, and rounded shares add up:
/// of a thousand classes with one original each, two hundred are tested. What stands for chance is SHA-256(seed, id), so
/// the order of the table does not matter; other originals can move one. Parts and originals kept `together` as in
/// [`super::keyed`].
#[must_use]
pub fn paper(originals: &[Original], classes: &[Vec<Class>], seed: u64, together: &[(usize, usize)]) -> Vec<SplitRow> {
    let mut units: Vec<([u8; 32], _)> =
        units(originals, together).into_iter().map(|unit| (hash(seed, unit.id), unit)).collect();
    units.sort_by_key(|(hash, _)| *hash);
    let shown: Vec<BTreeSet<Class>> = units
        .iter()
        .map(|(_, unit)| unit.members.iter().flat_map(|&at| classes[at].iter().copied()).collect())
        .collect();
    let test = drawn(&shown.iter().collect::<Vec<_>>(), TEST_OF, seed);
    let rest: Vec<usize> = (0..units.len()).filter(|&at| !test[at]).collect();
    let validation = drawn(&rest.iter().map(|&at| &shown[at]).collect::<Vec<_>>(), VALIDATION_OF, seed);
    let mut folds: Vec<&'static str> = test.iter().map(|&test| if test { TEST } else { TRAIN }).collect();
    rest.iter().zip(validation).filter(|(_, drawn)| *drawn).for_each(|(&at, _)| folds[at] = VALIDATION);
    rows(originals, units.iter().map(|(_, unit)| unit).zip(folds))
}

/// Which of the items, in random order and each with its classes, are the one in `of` drawn.
fn drawn(items: &[&BTreeSet<Class>], of: usize, seed: u64) -> Vec<bool> {
    let mut drawn = vec![false; items.len()];
    draw_single(items, of, seed, &mut drawn);
    let mut sides = Sides::of(items, of, &drawn);
    // The rarest first: they have the fewest chances.
    let mut several: Vec<usize> = (0..items.len()).filter(|&at| items[at].len() > 1).collect();
    several.sort_by_key(|&at| items[at].iter().map(|class| sides.totals[class]).min());
    for &at in &several {
        drawn[at] = sides.need(items[at]);
        sides.add(items[at], drawn[at]);
    }
    for _ in 0..PASSES {
        let mut moved = false;
        for (at, classes) in items.iter().enumerate() {
            if sides.gains(classes, drawn[at]) {
                drawn[at] = !drawn[at];
                sides.change(classes, drawn[at]);
                moved = true;
            }
        }
        if !moved {
            break;
        }
    }
    drawn
}

/// The first of each class, as many as its share; shares are rounded so that they add up, in a random order of classes.
fn draw_single(items: &[&BTreeSet<Class>], of: usize, seed: u64, drawn: &mut [bool]) {
    let mut strata: BTreeMap<Option<Class>, Vec<usize>> = BTreeMap::new();
    for (at, classes) in items.iter().enumerate().filter(|(_, classes)| classes.len() < 2) {
        strata.entry(classes.first().copied()).or_default().push(at);
    }
    let mut strata: Vec<_> = strata.into_iter().collect();
    strata.sort_by_cached_key(|(class, _)| hash(seed, &format!("{class:?}")));
    let mut before = 0;
    for (_, members) in strata {
        let share = |count: usize| (count + of / 2) / of;
        let after = before + members.len();
        members[..share(after) - share(before)].iter().for_each(|&at| drawn[at] = true);
        before = after;
    }
}

/// How the classes lie on the two sides.
struct Sides {
    share: f64,
    totals: BTreeMap<Class, usize>,
    /// Items of each class that have a side, and those drawn; of all items likewise.
    placed: BTreeMap<Class, (f64, f64)>,
    all: (f64, f64),
    count: f64,
}

impl Sides {
    /// With the items of at most one class in place.
    fn of(items: &[&BTreeSet<Class>], of: usize, drawn: &[bool]) -> Self {
        let mut totals = BTreeMap::new();
        items.iter().flat_map(|classes| classes.iter()).for_each(|&class| *totals.entry(class).or_insert(0) += 1);
        let placed = totals.keys().map(|&class| (class, (0.0, 0.0))).collect();
        let mut sides =
            Self { share: 1.0 / of as f64, totals, placed, all: (0.0, 0.0), count: items.len().max(1) as f64 };
        for (classes, &drawn) in items.iter().zip(drawn).filter(|(classes, _)| classes.len() < 2) {
            sides.add(classes, drawn);
        }
        sides
    }

    fn add(&mut self, classes: &BTreeSet<Class>, drawn: bool) {
        self.each(classes, |(placed, of_drawn)| {
            *placed += 1.0;
            *of_drawn += f64::from(u8::from(drawn));
        });
    }

    fn change(&mut self, classes: &BTreeSet<Class>, drawn: bool) {
        self.each(classes, |(_, of_drawn)| *of_drawn += if drawn { 1.0 } else { -1.0 });
    }

    fn each(&mut self, classes: &BTreeSet<Class>, count: impl Fn(&mut (f64, f64))) {
        for class in classes {
            count(self.placed.entry(*class).or_default());
        }
        count(&mut self.all);
    }

    /// Whether an item is needed among the drawn: the squared differences from the share, by the size of the class, are
    /// less with it there.
    fn need(&self, classes: &BTreeSet<Class>) -> bool {
        let cost = |(placed, drawn): (f64, f64), total: f64| {
            let wanted = self.share * (placed + 1.0);
            ((drawn + 1.0 - wanted).powi(2) - (drawn - wanted).powi(2)) / total
        };
        let of_classes = classes.iter().map(|class| cost(self.placed[class], self.totals[class] as f64));
        of_classes.sum::<f64>() + cost(self.all, self.count) < 0.0
    }

    /// Whether changing the side of an item brings classes nearer to within one of their share. The whole's share is
    /// worth a thousandth of a class's.
    fn gains(&self, classes: &BTreeSet<Class>, drawn: bool) -> bool {
        let step = if drawn { -1.0 } else { 1.0 };
        let cost = |(placed, of_drawn): (f64, f64)| {
            let excess = |drawn: f64| ((drawn - self.share * placed).abs() - 1.0).max(0.0).powi(2);
            excess(of_drawn + step) - excess(of_drawn)
        };
        let of_classes = classes.iter().map(|class| cost(self.placed[class]));
        of_classes.sum::<f64>() + cost(self.all) / 1000.0 < -1e-9
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{count, originals};
    use super::*;
    use crate::render::random::philox;

    /// Whole numbers below `end` from a counter.
    fn chance(counter: usize, end: usize) -> usize {
        philox([counter as u32, 0, 0, 0], [10, 0])[0] as usize % end
    }

    fn by_class(originals: &[Original], classes: &[Vec<Class>], rows: &[SplitRow]) -> BTreeMap<Class, [usize; 3]> {
        let mut counts: BTreeMap<Class, [usize; 3]> = BTreeMap::new();
        assert!(originals.iter().zip(rows).all(|(original, row)| original.id == row.original));
        for (classes, row) in classes.iter().zip(rows) {
            let fold = [TEST, VALIDATION, TRAIN].iter().position(|fold| *fold == row.fold);
            for class in classes {
                counts.entry(*class).or_default()[fold.expect("one of the three folds")] += 1;
            }
        }
        counts
    }

    /// 3,000 pictures with one to five of eighty classes, common ones far more often, some without any.
    fn scenes() -> (Vec<Original>, Vec<Vec<Class>>) {
        let originals = originals(0, 3000);
        let classes = (0..originals.len()).map(|at| {
            let count = if at % 40 == 0 { 0 } else { 1 + chance(20 * at + 18, 3) * chance(20 * at + 19, 3) };
            // The product of two draws: few are great.
            let rank = |draw: usize| chance(20 * at + 2 * draw, 80) * chance(20 * at + 2 * draw + 1, 80) / 80;
            let drawn: BTreeSet<Class> = (0..count).map(|draw| Class::Coco(rank(draw) as u16)).collect();
            drawn.into_iter().collect()
        });
        let classes = classes.collect();
        (originals, classes)
    }

    #[test]
    fn every_class_of_single_pictures_is_within_one_of_four_to_one() {
        let originals = originals(2000, 0);
        // Classes of 1, 2, … 62 pictures.
        let mut classes = Vec::new();
        (1..=62).for_each(|class| classes.extend(vec![vec![Class::ImageNet(class)]; usize::from(class)]));
        classes.resize(2000, vec![Class::ImageNet(999)]);
        let rows = paper(&originals, &classes, 0, &[]);
        for (class, [test, validation, train]) in by_class(&originals, &classes, &rows) {
            let total = test + validation + train;
            assert!((test as f64 - total as f64 / 5.0).abs() < 1.0, "{class:?}: {test} of {total}");
            let seen = total - test;
            assert!((validation as f64 - seen as f64 / 10.0).abs() < 1.0, "{class:?}: {validation} of {seen}");
        }
        assert_eq!([TEST, VALIDATION, TRAIN].map(|fold| count(&rows, fold)), [400, 160, 1440]);
    }

    #[test]
    fn one_picture_a_class_still_gives_four_to_one() {
        let originals = originals(1000, 0);
        let classes: Vec<Vec<Class>> = (0..1000).map(|class| vec![Class::ImageNet(class)]).collect();
        let rows = paper(&originals, &classes, 0, &[]);
        assert_eq!([TEST, VALIDATION, TRAIN].map(|fold| count(&rows, fold)), [200, 80, 720]);
    }

    #[test]
    fn classes_of_scenes_are_within_one_of_four_to_one() {
        let (originals, classes) = scenes();
        assert!(classes.iter().filter(|classes| classes.len() > 1).count() > 1000);
        let rows = paper(&originals, &classes, 0, &[]);
        let counts = by_class(&originals, &classes, &rows);
        assert!(counts.len() > 70 && counts.values().any(|counts| counts.iter().sum::<usize>() < 12), "{counts:?}");
        for (class, [test, validation, train]) in counts {
            let total = test + validation + train;
            assert!((test as f64 - total as f64 / 5.0).abs() <= 1.0 + 1e-9, "{class:?}: {test} of {total}");
            let seen = total - test;
            assert!((validation as f64 - seen as f64 / 10.0).abs() <= 1.0 + 1e-9, "{class:?}: {validation} of {seen}");
        }
        assert!(count(&rows, TEST).abs_diff(600) <= 12, "{}", count(&rows, TEST));
    }

    #[test]
    fn the_order_of_the_table_does_not_matter_but_the_seed_does() {
        let (originals, classes) = scenes();
        let rows = paper(&originals, &classes, 3, &[]);
        let reversed: Vec<Original> = originals.iter().rev().cloned().collect();
        let mut again = paper(&reversed, &classes.iter().rev().cloned().collect::<Vec<_>>(), 3, &[]);
        again.reverse();
        assert_eq!(rows, again);
        let other = paper(&originals, &classes, 4, &[]);
        let moved = rows.iter().zip(&other).filter(|(a, b)| a != b).count();
        assert!((500..1500).contains(&moved), "{moved}");
    }

    #[test]
    fn what_is_kept_together_is_in_one_fold() {
        let (originals, classes) = scenes();
        let pairs: Vec<(usize, usize)> = (0..300).map(|at| (at, at + 1500)).collect();
        let rows = paper(&originals, &classes, 0, &pairs);
        assert!(pairs.iter().all(|&(a, b)| rows[a].fold == rows[b].fold));
        assert!(count(&rows, TEST).abs_diff(600) <= 40, "{}", count(&rows, TEST));
    }
}
