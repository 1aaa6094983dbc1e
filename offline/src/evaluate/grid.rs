//! How well scores follow labels at each pair of levels of region and background (Fig. 9).

use std::collections::BTreeMap;

use serde::Serialize;

use super::metrics::{plcc, srcc};

/// One head at one pair of levels.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PairCell {
    /// The head.
    pub head: String,
    /// Level of the region of interest, from 1.
    pub roi: u8,
    /// Level of the background, from 1.
    pub background: u8,
    /// Samples with a label.
    pub samples: usize,
    /// Rank correlation; `None` where a side never varies.
    pub srcc: Option<f64>,
    /// Linear correlation with the raw score: a logistic of five parameters on so few samples would fit chance.
    pub plcc: Option<f64>,
}

/// The cells of a head. `pair` is each sample's pair of levels, none for clean ones.
pub(super) fn grid(head: &str, score: &[f64], label: &[Option<f64>], pair: &[Option<(u8, u8)>]) -> Vec<PairCell> {
    let mut cells: BTreeMap<(u8, u8), (Vec<f64>, Vec<f64>)> = BTreeMap::new();
    for ((score, label), pair) in score.iter().zip(label).zip(pair) {
        if let (Some(label), Some(pair)) = (label, pair) {
            let cell = cells.entry(*pair).or_default();
            cell.0.push(*score);
            cell.1.push(*label);
        }
    }
    cells
        .into_iter()
        .map(|((roi, background), (score, label))| PairCell {
            head: head.to_owned(),
            roi,
            background,
            samples: score.len(),
            srcc: srcc(&score, &label),
            plcc: plcc(&score, &label),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]
    use super::*;

    #[test]
    fn cells_hold_their_own_samples_only() {
        let score = [0.1, 0.2, 0.3, 0.9, 0.5, 0.4];
        let label = [Some(0.2), Some(0.4), Some(0.6), None, Some(0.1), Some(0.9)];
        let pair = [Some((1, 5)), Some((1, 5)), Some((1, 5)), Some((1, 5)), Some((2, 2)), None];
        let cells = grid("h", &score, &label, &pair);
        assert_eq!(cells.iter().map(|c| (c.roi, c.background, c.samples)).collect::<Vec<_>>(), [(1, 5, 3), (2, 2, 1)]);
        assert!((cells[0].plcc.unwrap() - 1.0).abs() < 1e-12);
        assert_eq!((cells[0].srcc, cells[1].srcc), (Some(1.0), None));
    }
}
