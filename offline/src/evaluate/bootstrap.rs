//! Intervals by resampling originals: all variants of an original come and go together, since
//! they share its content and are not independent.

use std::collections::{BTreeSet, HashMap};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::render::random::philox;

/// Central 95 % of the replicates of a statistic.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// 2.5th percentile.
    pub low: f64,
    /// 97.5th percentile.
    pub high: f64,
}

/// Draws of originals with replacement; the same draws for every method, so that differences
/// between methods are paired.
#[derive(Debug, Clone)]
pub struct Resamples {
    /// Number of each row's original.
    original_of: Vec<u32>,
    originals: usize,
    /// How often each original is drawn.
    draws: Vec<Vec<u32>>,
}

impl Resamples {
    /// `count` draws from the originals that `original_of_row` names, repeatable by `seed`.
    pub fn by_original<S: AsRef<str>>(original_of_row: &[S], count: usize, seed: u64) -> Self {
        let names: BTreeSet<&str> = original_of_row.iter().map(AsRef::as_ref).collect();
        let numbers: HashMap<&str, u32> = names.iter().copied().zip(0..).collect();
        let originals = names.len() as u32;
        let key = [seed as u32, (seed >> 32) as u32];
        // A random word scaled to 0..originals; its bias is under originals / 2³².
        let pick = |draw: usize, place: u32| {
            let word = philox([place, draw as u32, 0, 0], key)[0];
            (u64::from(word) * u64::from(originals)) >> 32
        };
        let drawn = |draw: usize| {
            let mut times = vec![0; names.len()];
            (0..originals).for_each(|place| times[pick(draw, place) as usize] += 1);
            times
        };
        Self {
            original_of: original_of_row.iter().map(|original| numbers[original.as_ref()]).collect(),
            originals: names.len(),
            draws: (0..count).map(drawn).collect(),
        }
    }

    /// How many originals there are.
    pub fn originals(&self) -> usize {
        self.originals
    }

    /// The statistic of each draw, from how often each row counts in it; NaN where it is undefined.
    pub fn replicates(&self, statistic: impl Fn(&[u32]) -> Option<f64> + Sync) -> Vec<f64> {
        self.draws
            .par_iter()
            .map(|times| {
                let weights: Vec<u32> = self.original_of.iter().map(|&original| times[original as usize]).collect();
                statistic(&weights).unwrap_or(f64::NAN)
            })
            .collect()
    }
}

/// The 95 % percentile interval of `replicates`; `None` where fewer than half are defined.
pub fn interval(replicates: &[f64]) -> Option<Interval> {
    let mut defined: Vec<f64> = replicates.iter().copied().filter(|v| v.is_finite()).collect();
    if defined.is_empty() || 2 * defined.len() < replicates.len() {
        return None;
    }
    defined.sort_unstable_by(f64::total_cmp);
    Some(Interval { low: quantile(&defined, 0.025), high: quantile(&defined, 0.975) })
}

/// Linear interpolation between the order statistics of sorted, non-empty values.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let position = share * (sorted.len() - 1) as f64;
    let below = position.floor() as usize;
    let above = (below + 1).min(sorted.len() - 1);
    sorted[below] + (sorted[above] - sorted[below]) * (position - below as f64)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used)]
    use super::*;

    fn mean(values: &[f64], weights: &[u32]) -> Option<f64> {
        let sum: f64 = values.iter().zip(weights).map(|(v, &w)| v * f64::from(w)).sum();
        Some(sum / f64::from(weights.iter().sum::<u32>()))
    }

    #[test]
    fn variants_of_an_original_are_drawn_together() {
        let originals = ["a", "b", "a", "b", "c", "c"];
        let resamples = Resamples::by_original(&originals, 50, 7);
        assert_eq!(resamples.originals(), 3);
        resamples.replicates(|weights| {
            assert_eq!(weights.iter().sum::<u32>(), 6);
            for (a, b) in [(0, 2), (1, 3), (4, 5)] {
                assert_eq!(weights[a], weights[b]);
            }
            None
        });
    }

    #[test]
    fn the_interval_of_a_mean_has_its_textbook_width() {
        // 200 originals of one row, uniform on 0..1: standard error 0.2887 / √200 = 0.0204.
        let values: Vec<f64> = (0..200).map(|i| f64::from(i) / 199.0).collect();
        let names: Vec<String> = (0..200).map(|i| i.to_string()).collect();
        // Rows are grouped by name; a row's value belongs to its own name.
        let resamples = Resamples::by_original(&names, 2000, 1);
        let interval = interval(&resamples.replicates(|weights| mean(&values, weights))).unwrap();
        let width = interval.high - interval.low;
        assert!((width - 2.0 * 1.96 * 0.0204).abs() < 0.006, "{width}");
        assert!((interval.high + interval.low - 1.0).abs() < 0.01);
    }

    #[test]
    fn the_same_seed_gives_the_same_draws_and_pairs_differences() {
        let names: Vec<String> = (0..30).map(|i| i.to_string()).collect();
        let values: Vec<f64> = (0..30).map(f64::from).collect();
        let first = Resamples::by_original(&names, 100, 3).replicates(|r| mean(&values, r));
        let again = Resamples::by_original(&names, 100, 3).replicates(|r| mean(&values, r));
        let other = Resamples::by_original(&names, 100, 4).replicates(|r| mean(&values, r));
        assert_eq!(first, again);
        assert_ne!(first, other);
    }

    #[test]
    fn mostly_undefined_statistics_have_no_interval() {
        assert_eq!(interval(&[f64::NAN, f64::NAN, 1.0]), None);
        assert_eq!(interval(&[]), None);
    }
}
