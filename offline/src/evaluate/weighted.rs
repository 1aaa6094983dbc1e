//! Figures of samples that count a whole number of times each: what the replicates of a bootstrap need. Nothing is sorted
//! anew for a replicate, so that a thousand of them for a hundred thousand samples take seconds.
//!
//! Every function gives `None` where the figure is undefined, as those of [`metrics`](super::metrics) do.

/// Values by their place among all of them; equal values have the same place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Places {
    of: Vec<u32>,
    count: usize,
}

impl Places {
    /// The places of values; `None` if one is not a number.
    pub(super) fn of(values: &[f64]) -> Option<Self> {
        if values.iter().any(|value| value.is_nan()) {
            return None;
        }
        let mut order: Vec<usize> = (0..values.len()).collect();
        order.sort_unstable_by(|&a, &b| values[a].total_cmp(&values[b]));
        let (mut of, mut count) = (vec![0; values.len()], 0);
        for tie in order.chunk_by(|&a, &b| values[a] == values[b]) {
            tie.iter().for_each(|&at| of[at] = count);
            count += 1;
        }
        Some(Self { of, count: count as usize })
    }

    /// How often each place counts.
    fn counts(&self, weights: &[u32]) -> Vec<u64> {
        let mut counts = vec![0; self.count];
        self.of.iter().zip(weights).for_each(|(&place, &weight)| counts[place as usize] += u64::from(weight));
        counts
    }

    /// The mean rank of each place.
    fn ranks(&self, weights: &[u32]) -> Vec<f64> {
        let mut before = 0;
        let rank = |count: u64| {
            let rank = before as f64 + (count as f64 + 1.0) / 2.0;
            before += count;
            rank
        };
        self.counts(weights).into_iter().map(rank).collect()
    }
}

/// Spearman's rank correlation.
pub(super) fn srcc(prediction: &Places, label: &Places, weights: &[u32]) -> Option<f64> {
    let (predicted, labelled) = (prediction.ranks(weights), label.ranks(weights));
    let ranks = prediction.of.iter().zip(&label.of).map(|(&p, &l)| (predicted[p as usize], labelled[l as usize]));
    correlation(ranks.zip(weights))
}

/// Pearson's linear correlation.
pub(super) fn plcc(prediction: &[f64], label: &[f64], weights: &[u32]) -> Option<f64> {
    correlation(prediction.iter().copied().zip(label.iter().copied()).zip(weights))
}

fn correlation<'a>(pairs: impl Iterator<Item = ((f64, f64), &'a u32)> + Clone) -> Option<f64> {
    let (mut count, mut sum) = (0.0, (0.0, 0.0));
    for ((p, l), &weight) in pairs.clone() {
        let weight = f64::from(weight);
        count += weight;
        sum = (sum.0 + weight * p, sum.1 + weight * l);
    }
    let mean = (sum.0 / count, sum.1 / count);
    let (mut spp, mut sll, mut spl) = (0.0, 0.0, 0.0);
    for ((p, l), &weight) in pairs {
        let (weight, dp, dl) = (f64::from(weight), p - mean.0, l - mean.1);
        spp += weight * dp * dp;
        sll += weight * dl * dl;
        spl += weight * dp * dl;
    }
    let denominator = (spp * sll).sqrt();
    (denominator.is_finite() && denominator > 0.0).then(|| (spl / denominator).clamp(-1.0, 1.0))
}

/// Root of the mean squared difference.
pub(super) fn rmse(prediction: &[f64], label: &[f64], weights: &[u32]) -> Option<f64> {
    let (mut count, mut sum) = (0.0, 0.0);
    for ((p, l), &weight) in prediction.iter().zip(label).zip(weights) {
        count += f64::from(weight);
        sum += f64::from(weight) * (p - l).powi(2);
    }
    let rmse = (sum / count).sqrt();
    rmse.is_finite().then_some(rmse)
}

/// What Kendall's tau-b needs of predictions and labels.
#[derive(Debug, Clone)]
pub(super) struct Pairs<'a> {
    prediction: &'a Places,
    label: &'a Places,
    /// Samples by prediction, then by label.
    order: Vec<usize>,
}

impl<'a> Pairs<'a> {
    /// Sorts them, once.
    pub(super) fn of(prediction: &'a Places, label: &'a Places) -> Self {
        let mut order: Vec<usize> = (0..prediction.of.len()).collect();
        order.sort_unstable_by_key(|&at| (prediction.of[at], label.of[at]));
        Self { prediction, label, order }
    }

    /// Kendall's tau-b, ties on either side counted out.
    pub(super) fn krcc(&self, weights: &[u32]) -> Option<f64> {
        let mut smaller = Sums::new(self.label.count);
        let (mut seen, mut discordant, mut tied_both) = (0_u64, 0_u64, 0_u64);
        let same = |&a: &usize, &b: &usize| {
            (self.prediction.of[a], self.label.of[a]) == (self.prediction.of[b], self.label.of[b])
        };
        for tie in self.order.chunk_by(same) {
            let weight = tie.iter().map(|&at| u64::from(weights[at])).sum();
            if weight == 0 {
                continue;
            }
            // Of those before it, the ones of the same prediction have a smaller label.
            let label = self.label.of[tie[0]] as usize;
            discordant += weight * (seen - smaller.up_to(label));
            smaller.add(label, weight);
            seen += weight;
            tied_both += pairs(weight);
        }
        let tied = |places: &Places| places.counts(weights).into_iter().map(pairs).sum::<u64>();
        let (all, tied_prediction, tied_label) = (pairs(seen), tied(self.prediction), tied(self.label));
        let difference = (all + tied_both) as f64 - (tied_prediction + tied_label) as f64 - 2.0 * discordant as f64;
        let denominator = ((all - tied_prediction) as f64 * (all - tied_label) as f64).sqrt();
        (denominator > 0.0).then(|| difference / denominator)
    }
}

fn pairs(count: u64) -> u64 {
    count * count.saturating_sub(1) / 2
}

/// Running sums over places (a Fenwick tree).
struct Sums(Vec<u64>);

impl Sums {
    fn new(places: usize) -> Self {
        Self(vec![0; places + 1])
    }

    fn add(&mut self, place: usize, value: u64) {
        let mut at = place + 1;
        while let Some(sum) = self.0.get_mut(at) {
            *sum += value;
            at += at & at.wrapping_neg();
        }
    }

    /// The sum of all places up to this one.
    fn up_to(&self, place: usize) -> u64 {
        let (mut at, mut sum) = (place + 1, 0);
        while at > 0 {
            sum += self.0[at];
            at &= at - 1;
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]
    use super::*;
    use crate::evaluate::metrics;
    use crate::render::random::philox;

    /// Values with ties, drawn by a counter.
    fn values(count: usize, kinds: u32, key: u32) -> Vec<f64> {
        (0..count).map(|i| f64::from(philox([i as u32, 0, 0, 0], [key, 1])[0] % kinds) / 7.0).collect()
    }

    #[test]
    fn a_sample_that_counts_thrice_is_a_sample_repeated_thrice() {
        for (case, kinds) in [(1, 5), (2, 40), (3, 100_000)] {
            let prediction = values(300, kinds, case);
            let label: Vec<f64> = prediction.iter().zip(values(300, 9, case + 10)).map(|(p, n)| p + n).collect();
            let weights: Vec<u32> = values(300, 4, case + 20).iter().map(|v| (v * 7.0) as u32).collect();
            let repeated = |values: &[f64]| -> Vec<f64> {
                values.iter().zip(&weights).flat_map(|(&v, &w)| std::iter::repeat_n(v, w as usize)).collect()
            };
            let (p, l) = (repeated(&prediction), repeated(&label));
            let (predicted, labelled) = (Places::of(&prediction).unwrap(), Places::of(&label).unwrap());
            for (name, ours, plain) in [
                ("srcc", srcc(&predicted, &labelled, &weights), metrics::srcc(&p, &l)),
                ("plcc", plcc(&prediction, &label, &weights), metrics::plcc(&p, &l)),
                ("krcc", Pairs::of(&predicted, &labelled).krcc(&weights), metrics::krcc(&p, &l)),
                ("rmse", rmse(&prediction, &label, &weights), metrics::rmse(&p, &l)),
            ] {
                assert!((ours.unwrap() - plain.unwrap()).abs() < 1e-10, "{name}: {ours:?} and {plain:?}");
            }
        }
    }

    #[test]
    fn undefined_figures_are_none() {
        assert_eq!(Places::of(&[0.0, f64::NAN]), None);
        let (rising, flat) = (Places::of(&[0.0, 1.0, f64::INFINITY]).unwrap(), Places::of(&[2.0; 3]).unwrap());
        assert_eq!(srcc(&rising, &flat, &[1; 3]), None);
        assert_eq!(Pairs::of(&flat, &rising).krcc(&[1; 3]), None);
        assert_eq!(srcc(&rising, &rising, &[0, 7, 0]), None, "one sample, however often");
        assert_eq!(srcc(&rising, &rising, &[2, 0, 3]), Some(1.0));
        assert_eq!((plcc(&[], &[], &[]), rmse(&[], &[], &[])), (None, None));
    }
}
