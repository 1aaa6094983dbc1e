//! Whether a score means what it says: mean label by score.

use serde::Serialize;

/// Samples of neighbouring scores.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Bin {
    /// Mean score.
    pub score: f64,
    /// Mean label.
    pub label: f64,
    /// Standard deviation of the labels.
    pub spread: f64,
    /// Samples.
    pub samples: usize,
}

/// How well a head's scores are labels.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Reliability {
    /// The head.
    pub head: String,
    /// Twenty bins of as many samples each, by ascending score; fewer where samples are few.
    pub bins: Vec<Bin>,
    /// Mean distance of bins' mean score and mean label, weighted by samples: the expected calibration error.
    pub error: f64,
}

const BINS: usize = 20;

/// The reliability of scores with their labels; `None` without any.
pub(super) fn reliability(head: &str, score: &[f64], label: &[f64]) -> Option<Reliability> {
    let mut pairs: Vec<(f64, f64)> = score.iter().copied().zip(label.iter().copied()).collect();
    pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
    let count = BINS.min(pairs.len());
    let bins: Vec<Bin> = (0..count)
        .map(|bin| {
            let part = &pairs[bin * pairs.len() / count..(bin + 1) * pairs.len() / count];
            let n = part.len() as f64;
            let mean = |of: fn(&(f64, f64)) -> f64| part.iter().map(of).sum::<f64>() / n;
            let label = mean(|pair| pair.1);
            let spread = (part.iter().map(|pair| (pair.1 - label).powi(2)).sum::<f64>() / n).sqrt();
            Bin { score: mean(|pair| pair.0), label, spread, samples: part.len() }
        })
        .collect();
    let error = bins.iter().map(|bin| (bin.score - bin.label).abs() * bin.samples as f64).sum::<f64>();
    (!pairs.is_empty()).then(|| Reliability { head: head.to_owned(), bins, error: error / pairs.len() as f64 })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]
    use super::*;

    #[test]
    fn bins_hold_every_sample_once_and_the_error_is_the_distance() {
        let score: Vec<f64> = (0..105).rev().map(|i| f64::from(i) / 104.0).collect();
        let label: Vec<f64> = score.iter().map(|s| s * 0.5).collect();
        let found = reliability("h", &score, &label).unwrap();
        assert_eq!((found.bins.len(), found.bins.iter().map(|bin| bin.samples).sum::<usize>()), (20, 105));
        assert!(found.bins.windows(2).all(|pair| pair[0].score < pair[1].score));
        assert!((found.error - 0.25).abs() < 1e-9, "{}", found.error);
        assert_eq!(reliability("h", &score, &score).unwrap().error, 0.0);
        assert_eq!(reliability("h", &[0.5, 0.5, 0.1], &[1.0, 0.0, 0.1]).unwrap().bins.len(), 3);
        assert_eq!(reliability("h", &[], &[]), None);
    }
}
