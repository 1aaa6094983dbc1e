//! Originals that share a fold: parts with their whole, and what the user keeps together.

use std::collections::{BTreeMap, HashMap};

use sha2::{Digest, Sha256};

use super::{SplitRow, TRAIN, whole_of};
use crate::source::Original;

/// Originals that share a fold.
pub(super) struct Unit<'a> {
    /// The id that decides: the least of its wholes.
    pub(super) id: &'a str,
    /// Positions in the table.
    pub(super) members: Vec<usize>,
}

/// The units of some originals, by id. Those that hold a part whose whole is no original (a frame of a video) are left
/// out: they train.
pub(super) fn units<'a>(originals: &'a [Original], together: &[(usize, usize)]) -> Vec<Unit<'a>> {
    let place: HashMap<&str, usize> = originals.iter().enumerate().map(|(at, o)| (o.id.as_str(), at)).collect();
    let mut group: Vec<usize> = (0..originals.len()).collect();
    let mut trains = vec![false; originals.len()];
    for (at, original) in originals.iter().enumerate() {
        match whole_of(&original.id).map(|whole| place.get(whole)) {
            Some(Some(&whole)) => join(&mut group, at, whole),
            Some(None) => trains[at] = true,
            None => {}
        }
    }
    together.iter().for_each(|&(a, b)| join(&mut group, a, b));
    let mut units: BTreeMap<usize, Unit> = BTreeMap::new();
    let mut training = vec![false; originals.len()];
    for at in 0..originals.len() {
        let root = root(&mut group, at);
        training[root] |= trains[at];
        let id = originals[at].id.as_str();
        let unit = units.entry(root).or_insert(Unit { id, members: Vec::new() });
        if (whole_of(id).is_some(), id) < (whole_of(unit.id).is_some(), unit.id) {
            unit.id = id;
        }
        unit.members.push(at);
    }
    let mut units: Vec<Unit> = units.into_iter().filter(|(root, _)| !training[*root]).map(|(_, unit)| unit).collect();
    units.sort_by_key(|unit| unit.id);
    units
}

fn join(group: &mut [usize], a: usize, b: usize) {
    let (a, b) = (root(group, a), root(group, b));
    group[a.max(b)] = a.min(b);
}

fn root(group: &mut [usize], mut at: usize) -> usize {
    while group[at] != at {
        group[at] = group[group[at]];
        at = group[at];
    }
    at
}

/// SHA-256 of seed and text: what stands for chance.
pub(super) fn hash(seed: u64, text: &str) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(seed.to_le_bytes());
    hash.update(text.as_bytes());
    hash.finalize().into()
}

/// The rows of all originals; those of no unit train.
pub(super) fn rows<'a>(
    originals: &[Original],
    folds: impl Iterator<Item = (&'a Unit<'a>, &'static str)>,
) -> Vec<SplitRow> {
    let mut rows: Vec<SplitRow> =
        originals.iter().map(|original| SplitRow { original: original.id.clone(), fold: TRAIN.to_owned() }).collect();
    for (unit, fold) in folds {
        unit.members.iter().for_each(|&at| fold.clone_into(&mut rows[at].fold));
    }
    rows
}
