//! The filter curve: what the downstream models reach on the pictures that are left when the
//! worst-scored share is dropped. It is the picture of what a gate is for.

use serde::Serialize;

/// Largest share of the pictures that is dropped.
const DROP_LIMIT: f64 = 0.7;
/// Steps of the dropped share.
const STEP: f64 = 0.02;

/// Mean of what is left at each dropped share.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FilterCurve {
    /// Dropped shares, 0 to 0.7.
    pub dropped: Vec<f64>,
    /// Mean `value` of the rest, one a share.
    pub kept_mean: Vec<f64>,
}

/// Drops by lowest `score` and averages `value` (downstream accuracy, say) over the rest.
///
/// Where a cut falls among equal scores, each of them counts with the same part, so that the
/// curve does not depend on the order of the samples. Empty input gives an empty curve.
pub fn filter_curve(score: &[f64], value: &[f64]) -> FilterCurve {
    let mut order: Vec<usize> = (0..score.len().min(value.len())).collect();
    order.sort_unstable_by(|&a, &b| score[b].total_cmp(&score[a]));
    // cumulative[k]: sum of the k best, ties taken at their mean.
    let mut cumulative = vec![0.0];
    for tie in order.chunk_by(|&a, &b| score[a] == score[b]) {
        let mean = tie.iter().map(|&i| value[i]).sum::<f64>() / tie.len() as f64;
        for _ in tie {
            cumulative.push(cumulative[cumulative.len() - 1] + mean);
        }
    }
    let steps = if order.is_empty() { 0 } else { (DROP_LIMIT / STEP).round() as usize + 1 };
    let dropped: Vec<f64> = (0..steps).map(|step| step as f64 * STEP).collect();
    let kept_mean = dropped
        .iter()
        .map(|share| {
            let kept = ((1.0 - share) * order.len() as f64).round().max(1.0) as usize;
            cumulative[kept] / kept as f64
        })
        .collect();
    FilterCurve { dropped, kept_mean }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dropping_the_worst_raises_the_mean_of_the_rest() {
        let value: Vec<f64> = (0..100).map(|i| f64::from(i) / 99.0).collect();
        let curve = filter_curve(&value, &value);
        assert_eq!(curve.dropped.len(), 36);
        assert!((curve.kept_mean[0] - 0.5).abs() < 1e-12);
        // The better half of 0…1 has the mean 74.5 / 99.
        let half = curve.dropped.iter().position(|d| (d - 0.5).abs() < 1e-9);
        assert!(half.is_some_and(|i| (curve.kept_mean[i] - 74.5 / 99.0).abs() < 1e-9));
        assert!(curve.kept_mean.windows(2).all(|w| w[0] <= w[1]));
    }

    #[test]
    fn a_blind_score_changes_nothing() {
        let value: Vec<f64> = (0..100).map(f64::from).collect();
        let curve = filter_curve(&[0.5; 100], &value);
        assert!(curve.kept_mean.iter().all(|mean| (mean - 49.5).abs() < 1e-9));
    }

    #[test]
    fn nothing_gives_nothing() {
        assert!(filter_curve(&[], &[]).kept_mean.is_empty());
    }
}
