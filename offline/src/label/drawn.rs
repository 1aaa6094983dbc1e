//! A sample of the samples: so many rows, drawn by their names.

use std::collections::BinaryHeap;

use sha2::{Digest, Sha256};

use super::score::ScoreRow;

/// Keeps the rows whose names hash lowest: the same ones in any order, and as good as random. Of each it keeps the name,
/// consistency and accuracy; other lists are empty.
#[derive(Debug)]
pub struct Drawn {
    most: usize,
    kept: BinaryHeap<Hashed>,
}

#[derive(Debug)]
struct Hashed {
    hash: [u8; 8],
    row: ScoreRow,
}

impl Drawn {
    /// At most so many rows.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self { most, kept: BinaryHeap::new() }
    }

    /// Looks at a row.
    pub fn offer(&mut self, row: &ScoreRow) {
        let digest = Sha256::digest(row.sample.as_bytes());
        let hash = std::array::from_fn(|i| digest[i]);
        if self.kept.len() == self.most {
            match self.kept.peek() {
                Some(largest) if hash < largest.hash => drop(self.kept.pop()),
                _ => return,
            }
        }
        let ScoreRow { sample, consistency, accuracy, .. } = row;
        let (sample, consistency, accuracy) = (sample.clone(), consistency.clone(), accuracy.clone());
        self.kept.push(Hashed { hash, row: ScoreRow { sample, consistency, accuracy, ..ScoreRow::default() } });
    }

    /// The rows, in the order of their hashes.
    #[must_use]
    pub fn rows(self) -> Vec<ScoreRow> {
        self.kept.into_sorted_vec().into_iter().map(|hashed| hashed.row).collect()
    }
}

impl Ord for Hashed {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.hash.cmp(&other.hash).then_with(|| self.row.sample.cmp(&other.row.sample))
    }
}

impl PartialOrd for Hashed {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Hashed {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Hashed {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_rows_in_any_order() {
        let rows: Vec<ScoreRow> =
            (0..500).map(|i| ScoreRow { sample: format!("s{i}"), ..ScoreRow::default() }).collect();
        let draw = |rows: &mut dyn Iterator<Item = &ScoreRow>, most| {
            let mut drawn = Drawn::new(most);
            rows.for_each(|row| drawn.offer(row));
            drawn.rows()
        };
        let forward = draw(&mut rows.iter(), 50);
        assert_eq!(forward, draw(&mut rows.iter().rev(), 50));
        assert_eq!((forward.len(), draw(&mut rows.iter(), 1000).len()), (50, 500));
        let early = forward.iter().filter(|row| row.sample.len() == 3).count();
        assert!((2..25).contains(&early), "{early} of 90 two-digit names among 50 of 500");
    }
}
