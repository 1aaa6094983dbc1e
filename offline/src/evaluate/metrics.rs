//! How well predictions follow labels: SRCC, PLCC, KRCC and RMSE.
//!
//! Every function takes predictions and labels of the same samples in the same order and gives
//! `None` where the figure is undefined: other lengths, fewer than two samples, a value that is
//! not a number, or a side without any variation.

use std::cmp::Ordering;

/// Ranks from 1, ties sharing the mean of the ranks they cover.
///
/// Infinite values are ranked like any other; the caller rules out NaN.
pub fn average_ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_unstable_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut ranks = vec![0.0; values.len()];
    for tie in order.chunk_by(|&a, &b| values[a] == values[b]).scan(0_usize, |start, tie| {
        let first = *start;
        *start += tie.len();
        Some((first, tie))
    }) {
        let (first, members) = tie;
        let mean = first as f64 + (members.len() as f64 + 1.0) / 2.0;
        for &index in members {
            ranks[index] = mean;
        }
    }
    ranks
}

/// Spearman's rank correlation: Pearson's correlation of the average ranks, −1 to 1.
pub fn srcc(prediction: &[f64], label: &[f64]) -> Option<f64> {
    comparable(prediction, label)?;
    plcc(&average_ranks(prediction), &average_ranks(label))
}

/// Pearson's linear correlation, −1 to 1; `None` also for infinite values.
pub fn plcc(prediction: &[f64], label: &[f64]) -> Option<f64> {
    comparable(prediction, label)?;
    let n = prediction.len() as f64;
    let mean_p = prediction.iter().sum::<f64>() / n;
    let mean_l = label.iter().sum::<f64>() / n;
    let (mut spp, mut sll, mut spl) = (0.0, 0.0, 0.0);
    for (p, l) in prediction.iter().zip(label) {
        let (dp, dl) = (p - mean_p, l - mean_l);
        spp += dp * dp;
        sll += dl * dl;
        spl += dp * dl;
    }
    let denominator = (spp * sll).sqrt();
    (denominator.is_finite() && denominator > 0.0).then(|| (spl / denominator).clamp(-1.0, 1.0))
}

/// Kendall's tau-b, −1 to 1, ties on either side counted out; Knight's O(n log n) way.
pub fn krcc(prediction: &[f64], label: &[f64]) -> Option<f64> {
    comparable(prediction, label)?;
    let mut pairs: Vec<(f64, f64)> = prediction.iter().copied().zip(label.iter().copied()).collect();
    pairs.sort_unstable_by(|a, b| compare(a.0, b.0).then(compare(a.1, b.1)));
    let tied_prediction = tied_pairs(pairs.chunk_by(|a, b| a.0 == b.0));
    let tied_both = tied_pairs(pairs.chunk_by(|a, b| a == b));
    let mut labels: Vec<f64> = pairs.iter().map(|pair| pair.1).collect();
    let mut scratch = labels.clone();
    let discordant = sort_counting_swaps(&mut labels, &mut scratch);
    let tied_label = tied_pairs(labels.chunk_by(|a, b| a == b));

    let n = prediction.len() as u64;
    let all = n * (n - 1) / 2;
    let concordant_less_discordant =
        (all + tied_both) as f64 - (tied_prediction + tied_label) as f64 - 2.0 * discordant as f64;
    let denominator = ((all - tied_prediction) as f64 * (all - tied_label) as f64).sqrt();
    (denominator > 0.0).then(|| concordant_less_discordant / denominator)
}

/// Root of the mean squared difference, in the unit of the labels.
pub fn rmse(prediction: &[f64], label: &[f64]) -> Option<f64> {
    comparable(prediction, label)?;
    let sum: f64 = prediction.iter().zip(label).map(|(p, l)| (p - l).powi(2)).sum();
    let rmse = (sum / prediction.len() as f64).sqrt();
    rmse.is_finite().then_some(rmse)
}

fn comparable(prediction: &[f64], label: &[f64]) -> Option<()> {
    (prediction.len() == label.len()
        && prediction.len() > 1
        && !prediction.iter().chain(label).any(|value| value.is_nan()))
    .then_some(())
}

/// Numeric order with −0 equal to 0, which `total_cmp` tells apart and a tie must not.
fn compare(a: f64, b: f64) -> Ordering {
    a.partial_cmp(&b).unwrap_or(Ordering::Equal)
}

fn tied_pairs<'a, T: 'a>(ties: impl Iterator<Item = &'a [T]>) -> u64 {
    ties.map(|tie| {
        let n = tie.len() as u64;
        n * (n - 1) / 2
    })
    .sum()
}

/// Sorts `values` by merging and counts how many pairs stood in the wrong order.
fn sort_counting_swaps(values: &mut [f64], scratch: &mut [f64]) -> u64 {
    let n = values.len();
    if n < 2 {
        return 0;
    }
    let middle = n / 2;
    let mut swaps = sort_counting_swaps(&mut values[..middle], &mut scratch[..middle])
        + sort_counting_swaps(&mut values[middle..], &mut scratch[middle..]);
    let (mut left, mut right) = (0, middle);
    for slot in scratch.iter_mut() {
        if right < n && (left == middle || values[right] < values[left]) {
            *slot = values[right];
            swaps += (middle - left) as u64;
            right += 1;
        } else {
            *slot = values[left];
            left += 1;
        }
    }
    values.copy_from_slice(scratch);
    swaps
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used)]
    use super::*;
    use crate::evaluate::golden;

    #[test]
    fn agrees_with_scipy_with_and_without_ties() {
        for case in golden::statistics().correlations {
            let (p, l) = (&case.prediction, &case.label);
            for (name, ours, theirs) in [
                ("srcc", srcc(p, l), case.srcc),
                ("plcc", plcc(p, l), case.plcc),
                ("krcc", krcc(p, l), case.krcc),
                ("rmse", rmse(p, l), case.rmse),
            ] {
                let ours = ours.unwrap();
                assert!((ours - theirs).abs() < 1e-12, "{} {name}: {ours} and {theirs}", case.name);
            }
        }
    }

    #[test]
    fn ties_share_their_mean_rank() {
        assert_eq!(average_ranks(&[3.0, 1.0, 3.0, f64::INFINITY]), [2.5, 1.0, 2.5, 4.0]);
        assert_eq!(average_ranks(&[0.0, -0.0]), [1.5, 1.5]);
    }

    #[test]
    fn undefined_figures_are_none() {
        type Metric = fn(&[f64], &[f64]) -> Option<f64>;
        let all: [(&str, Metric); 3] = [("srcc", srcc), ("plcc", plcc), ("krcc", krcc)];
        for (name, metric) in all {
            assert_eq!(metric(&[1.0, 1.0], &[1.0, 2.0]), None, "{name}: no variation");
            assert_eq!(metric(&[1.0], &[1.0]), None, "{name}: one sample");
            assert_eq!(metric(&[1.0, 2.0], &[1.0]), None, "{name}: lengths");
            assert_eq!(metric(&[1.0, f64::NAN], &[1.0, 2.0]), None, "{name}: NaN");
        }
        assert_eq!(plcc(&[1.0, f64::INFINITY], &[1.0, 2.0]), None);
        assert_eq!(srcc(&[1.0, f64::INFINITY], &[1.0, 2.0]), Some(1.0));
        assert_eq!(rmse(&[f64::INFINITY, 0.0], &[1.0, 2.0]), None);
    }
}
