//! Two plans of one recipe made into one.

use std::cmp::Ordering;
use std::path::Path;

use super::compare::{Difference, Findings, originals};
use super::file::{PlanWriter, PlanWritten};
use super::planned::{PlannedOriginal, PlannedVariant};
use super::{Plan, PlanError};

/// Writes the union of two plans. The same variant in both is there once; where files lie, the first plan decides.
///
/// # Errors
/// The recipes differ, the plans disagree about an original or a variant (all are counted, the first ones named),
/// `shards` does not fit, or a file can't be read or written. `keep` may refuse the result.
pub fn merge<E: From<PlanError>>(
    first: &Plan,
    second: &Plan,
    path: &Path,
    shards: u32,
    keep: impl FnOnce(&PlanWritten) -> Result<(), E>,
) -> Result<PlanWritten, E> {
    if first.recipe().content_hash() != second.recipe().content_hash() {
        return Err(PlanError::Recipes { first: first.recipe().key(), second: second.recipe().key() }.into());
    }
    // Conflicts and the number of originals first: nothing is written for plans that don't fit.
    let mut conflicts = Findings::default();
    let mut count = 0;
    union(first, second, |planned| {
        count += 1;
        if let Both::Two(a, b) = planned {
            conflicting(&mut conflicts, a, b);
        }
        Ok(())
    })?;
    if !conflicts.found.is_empty() {
        let count = conflicts.found.values().map(|(count, _)| *count as usize).sum();
        let first = conflicts.to_string().trim_end().replace('\n', "; ");
        return Err(PlanError::Conflict { count, first }.into());
    }
    let mut writer = PlanWriter::create(path, first.recipe(), count, shards)?;
    union(first, second, |planned| match planned {
        Both::One(planned) => writer.push(planned),
        Both::Two(a, b) => writer.push(&united(a, b)),
    })?;
    writer.finish(keep)
}

enum Both<'a> {
    One(&'a PlannedOriginal),
    Two(&'a PlannedOriginal, &'a PlannedOriginal),
}

/// Calls `each` with every original of either plan, by id.
fn union(first: &Plan, second: &Plan, mut each: impl FnMut(&Both) -> Result<(), PlanError>) -> Result<(), PlanError> {
    let (mut left, mut right) = (first.iter(), second.iter());
    let (mut a, mut b) = (left.next().transpose()?, right.next().transpose()?);
    loop {
        let order = match (&a, &b) {
            (None, None) => return Ok(()),
            (Some(one), None) => {
                each(&Both::One(one))?;
                Ordering::Less
            }
            (None, Some(one)) => {
                each(&Both::One(one))?;
                Ordering::Greater
            }
            (Some(one), Some(other)) => {
                let order = one.original.id.cmp(&other.original.id);
                each(&match order {
                    Ordering::Less => Both::One(one),
                    Ordering::Equal => Both::Two(one, other),
                    Ordering::Greater => Both::One(other),
                })?;
                order
            }
        };
        if order.is_le() {
            a = left.next().transpose()?;
        }
        if order.is_ge() {
            b = right.next().transpose()?;
        }
    }
}

/// What stands in the way of uniting two originals; variants that only one plan has don't.
fn conflicting(conflicts: &mut Findings, a: &PlannedOriginal, b: &PlannedOriginal) {
    let mut found = Findings::default();
    // Without a mask there are uniform variants only: those of a plan made before the masks fit one made after.
    let mut b = b.clone();
    if a.mask.is_none() || b.mask.is_none() {
        b.mask = a.mask.clone();
    }
    originals(&mut found, a, &b);
    for (difference, (count, examples)) in found.found {
        let apart = matches!(difference, Difference::VariantOnlyInFirst | Difference::VariantOnlyInSecond);
        if difference.counts() && !apart {
            let entry = conflicts.found.entry(difference).or_default();
            entry.0 += count;
            entry.1.extend(examples);
            entry.1.truncate(3);
        }
    }
}

fn united(a: &PlannedOriginal, b: &PlannedOriginal) -> PlannedOriginal {
    let mut united = a.clone();
    united.mask = united.mask.or_else(|| b.mask.clone());
    for variant in &b.variants {
        if !a.variants.iter().any(|known| known.name == variant.name) {
            united.variants.push(variant.clone());
        }
    }
    united.variants.sort_by(PlannedVariant::canonical_order);
    united
}
