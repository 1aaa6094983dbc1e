//! How well the labels agree with themselves: two halves of the zoo label separately, and no predictor can be
//! expected to agree with the labels better than they do.

use rayon::prelude::*;
use serde::Serialize;

use super::score::ScoreRow;
use crate::evaluate::metrics::srcc;
use crate::render::RandomField;
use crate::source::PixelHash;

/// Agreement of two random halves of the models over many splits.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Ceiling {
    /// Samples compared.
    pub samples: usize,
    /// Random splits of the models.
    pub splits: usize,
    /// Mean SRCC between the halves' scores.
    pub srcc: f64,
    /// Standard deviation of that SRCC over the splits.
    pub deviation: f64,
    /// Mean of the SRCC stepped up to the whole zoo by Spearman-Brown, 2r/(1 + r).
    pub corrected: f64,
}

/// The ceiling of a score, computed for each half with the weights of its models scaled to sum 1.
///
/// `score` gives a sample's score for a set of weights, or none to leave the sample out. None for fewer than two models,
/// or if a correlation is not defined (no samples, or scores all equal).
#[must_use]
pub fn ceiling(
    scores: &[ScoreRow],
    weights: &[f64],
    splits: usize,
    score: impl Fn(&ScoreRow, &[f64]) -> Option<f64> + Sync,
) -> Option<Ceiling> {
    let of_split = |split| {
        let [first, second] = halves(weights, split)?;
        let pairs = scores.iter().filter_map(|v| Some((score(v, &first)?, score(v, &second)?)));
        let (a, b): (Vec<f64>, Vec<f64>) = pairs.unzip();
        Some((a.len(), srcc(&a, &b)?))
    };
    // In the order of the splits, on however many cores.
    let found: Vec<(usize, f64)> = (0..splits).into_par_iter().map(of_split).collect::<Option<_>>()?;
    let samples = found.last()?.0;
    let correlations: Vec<f64> = found.into_iter().map(|(_, correlation)| correlation).collect();
    let n = correlations.len() as f64;
    let mean = correlations.iter().sum::<f64>() / n;
    let variance = correlations.iter().map(|r| (r - mean).powi(2)).sum::<f64>() / (n - 1.0).max(1.0);
    let corrected = correlations.iter().map(|r| 2.0 * r / (1.0 + r)).sum::<f64>() / n;
    (n > 0.0).then_some(Ceiling { samples, splits, srcc: mean, deviation: variance.sqrt(), corrected })
}

/// Weights of the two halves of the `split`-th random partition; models of the other half weigh nothing.
fn halves(weights: &[f64], split: usize) -> Option<[Vec<f64>; 2]> {
    if weights.len() < 2 {
        return None;
    }
    let field = RandomField::of(&PixelHash([0; 32]), "split-half of the zoo", split, 0);
    let mut order: Vec<usize> = (0..weights.len()).collect();
    order.sort_by_key(|&model| (field.words(model as u64), model));
    let half = |models: &[usize]| {
        let sum: f64 = models.iter().map(|&model| weights[model]).sum();
        let mut part = vec![0.0; weights.len()];
        models.iter().for_each(|&model| part[model] = weights[model] / sum);
        part
    };
    let (first, second) = order.split_at(weights.len() / 2);
    Some([half(first), half(second)])
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]
mod tests {
    use super::*;
    use crate::label::mmos::weighted;

    /// Samples of difficulty 0..1 on which model i is right when a number drawn for (sample, model) is over it.
    fn scores(noise: f64) -> Vec<ScoreRow> {
        let field = RandomField::of(&PixelHash([3; 32]), "test", 0, 0);
        let row = |i: u64| {
            let difficulty = i as f64 / 600.0;
            let consistent = (0..8).map(|m| {
                let own = field.uniform(i * 8 + m)[0];
                f32::from(u8::from((1.0 - noise) * (m as f64 + 0.5) / 8.0 + noise * own > difficulty))
            });
            ScoreRow { sample: i.to_string(), consistency: consistent.collect(), ..ScoreRow::default() }
        };
        (0..600).map(row).collect()
    }

    #[test]
    fn halves_are_disjoint_and_sum_to_one() {
        let weights = [0.1, 0.2, 0.3, 0.15, 0.25];
        for split in 0..20 {
            let [a, b] = halves(&weights, split).unwrap();
            assert!((a.iter().sum::<f64>() - 1.0).abs() < 1e-12 && (b.iter().sum::<f64>() - 1.0).abs() < 1e-12);
            assert!(a.iter().zip(&b).all(|(a, b)| (*a == 0.0) != (*b == 0.0)));
        }
        assert_ne!(halves(&weights, 0), halves(&weights, 1));
        assert!(halves(&[1.0], 0).is_none());
    }

    #[test]
    fn agreeing_models_have_a_higher_ceiling() {
        let of = |noise| ceiling(&scores(noise), &[0.125; 8], 30, |row, w| weighted(&row.consistency, w)).unwrap();
        let (calm, noisy) = (of(0.1), of(1.0));
        assert!(noisy.srcc < calm.srcc - 0.05, "{calm:?} {noisy:?}");
        assert!(noisy.corrected > noisy.srcc && noisy.samples == 600);
        assert_eq!(ceiling(&scores(0.1), &[0.125; 8], 30, |_, _| None), None);
    }
}
