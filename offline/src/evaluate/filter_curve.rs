//! The filter curve: what the downstream models reach on the pictures that are left when the
//! worst-scored share is dropped. It is the picture of what a gate is for.

use serde::Serialize;

use super::bootstrap::{Resamples, interval};
use super::compare::Figure;

/// Largest share of the pictures that is dropped.
const DROP_LIMIT: f64 = 0.7;
/// Steps of the dropped share.
const STEP: f64 = 0.02;
/// The dropped share at which a score's gain is put beside the oracle's.
pub const GAIN_AT: f64 = 0.3;

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
    let order = Order::of(score);
    let weights = vec![1; value.len()];
    let steps = if score.is_empty() { 0 } else { (DROP_LIMIT / STEP).round() as usize + 1 };
    let dropped: Vec<f64> = (0..steps).map(|step| step as f64 * STEP).collect();
    let kept_mean = dropped.iter().map(|share| order.kept_mean(value, &weights, 1.0 - share)).collect();
    FilterCurve { dropped, kept_mean }
}

/// How much of the gain that dropping by `value` itself would bring dropping by `score` brings, at [`GAIN_AT`]: 1 for the
/// oracle, 0 for a blind score. The interval is by resampling originals.
pub fn share_of_oracle(score: &[f64], value: &[f64], resamples: &Resamples) -> Figure {
    let (by_score, by_value) = (Order::of(score), Order::of(value));
    let share = |weights: &[u32]| {
        let all = by_value.kept_mean(value, weights, 1.0);
        let gain = |order: &Order| order.kept_mean(value, weights, 1.0 - GAIN_AT) - all;
        let share = gain(&by_score) / gain(&by_value);
        share.is_finite().then_some(share)
    };
    Figure { value: share(&vec![1; value.len()]), interval: interval(&resamples.replicates(share)) }
}

/// Samples from the best score to the worst, equal ones together.
struct Order {
    samples: Vec<usize>,
    /// Where each tie ends.
    ends: Vec<usize>,
}

impl Order {
    fn of(score: &[f64]) -> Self {
        let mut samples: Vec<usize> = (0..score.len()).collect();
        samples.sort_unstable_by(|&a, &b| score[b].total_cmp(&score[a]));
        let mut end = 0;
        let ends = samples.chunk_by(|&a, &b| score[a] == score[b]).map(|tie| {
            end += tie.len();
            end
        });
        Self { ends: ends.collect(), samples }
    }

    /// Mean value of the best `share` of samples that count so often each; NaN without any.
    fn kept_mean(&self, value: &[f64], weights: &[u32], share: f64) -> f64 {
        let total: f64 = weights.iter().map(|&weight| f64::from(weight)).sum();
        let wanted = share * total;
        let (mut kept, mut sum, mut start) = (0.0, 0.0, 0);
        for &end in &self.ends {
            let (mut weight, mut of_tie) = (0.0, 0.0);
            for &sample in &self.samples[start..end] {
                weight += f64::from(weights[sample]);
                of_tie += f64::from(weights[sample]) * value[sample];
            }
            start = end;
            if kept + weight >= wanted {
                let part = if weight > 0.0 { (wanted - kept) / weight } else { 0.0 };
                return (sum + part * of_tie) / wanted;
            }
            kept += weight;
            sum += of_tie;
        }
        sum / kept
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]
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
        assert!(curve.kept_mean.windows(2).all(|w| w[0] <= w[1] + 1e-12));
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

    #[test]
    fn a_score_gains_a_share_of_what_the_value_itself_would() {
        let value: Vec<f64> = (0..1000).map(|i| f64::from(i) / 999.0).collect();
        let names: Vec<String> = (0..1000).map(|i| (i / 10).to_string()).collect();
        let resamples = Resamples::by_original(&names, 200, 1);
        let share = |score: &[f64]| share_of_oracle(score, &value, &resamples).value.unwrap();
        assert!((share(&value) - 1.0).abs() < 1e-9);
        assert!(share(&[0.5; 1000]).abs() < 1e-9);
        let worst: Vec<f64> = value.iter().map(|v| -v).collect();
        assert!((share(&worst) + 1.0).abs() < 1e-2);
        // Right for the upper half, blind below: of 0.3 to drop, three fifths of the lower half go at random.
        let half: Vec<f64> = value.iter().map(|v| v.max(0.5)).collect();
        let expected = ((0.5 * 0.75 + 0.2 * 0.25) / 0.7 - 0.5) / (0.65 - 0.5);
        assert!((share(&half) - expected).abs() < 5e-3, "{} and {expected}", share(&half));
        let figure = share_of_oracle(&half, &value, &resamples);
        let interval = figure.interval.unwrap();
        assert!(interval.low < expected && expected < interval.high, "{figure:?}");
        assert_eq!(share_of_oracle(&value, &[0.5; 1000], &resamples).value, None, "nothing to gain");
    }
}
