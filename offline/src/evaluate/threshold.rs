//! Gate thresholds from what happened to the labels.
//!
//! The mean label as a non-decreasing function of the score (isotonic regression) says what a score is worth. A gate
//! closes under the score at which that mean has fallen to half of what clean pictures have, and opens again where it
//! is back at 65 %: below half, most of what the models say about the picture is no longer what they would have said.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{HEADS, Isotonic};

/// Share of the clean mean under which a gate closes.
const CLOSE_SHARE: f64 = 0.5;
/// Share of the clean mean over which a gate opens.
const OPEN_SHARE: f64 = 0.65;

/// Thresholds of one head and what they do to the evaluated samples.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Thresholds {
    /// The head.
    pub head: String,
    /// Mean label of the clean samples.
    pub clean_mean: f64,
    /// A gate closes under this score.
    pub close_below: f64,
    /// A closed gate opens at or over this score.
    pub open_above: f64,
    /// Shares of their accuracy on clean pictures that the models lose, ascending, each with the score under which they have
    /// lost it; shares that no score tells are left out.
    pub falls: Vec<(f64, f64)>,
    /// Share of the samples of each level (0 clean, 5 extreme) that score under `close_below`.
    pub closed_share: BTreeMap<u8, f64>,
    /// Mean label of the samples that score under `close_below`.
    pub closed_mean: Option<f64>,
    /// Mean label of the other samples.
    pub open_mean: Option<f64>,
}

/// Shares of accuracy whose scores a card states.
const SHARES: [f64; 15] = [0.01, 0.02, 0.03, 0.05, 0.07, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.75, 0.9];

/// [`Thresholds::falls`] for scores with the accuracy of the models behind and their levels; empty where nothing is clean.
pub(super) fn falls(score: &[f64], accuracy: &[f64], level: &[Option<u8>]) -> Vec<(f64, f64)> {
    let clean: Vec<f64> =
        accuracy.iter().zip(level).filter(|(_, level)| **level == Some(0)).map(|(accuracy, _)| *accuracy).collect();
    let (Some(clean), Some(curve)) = (mean(&clean), Isotonic::fit(score, accuracy)) else { return Vec::new() };
    SHARES.iter().filter_map(|&share| Some((share, curve.crossing((1.0 - share) * clean)?))).collect()
}

/// Place of the accuracy among the labels of a sample.
const ACCURACY: usize = 2;

/// Thresholds of the `head`th head by its own labels, falls by the accuracy of the models behind, whatever the head predicts.
/// Scores, labels and levels (none for samples of two levels) are of the same samples.
pub(super) fn of_head(
    name: &str,
    head: usize,
    score: &[f64],
    labels: &[[Option<f64>; HEADS]],
    level: &[Option<u8>],
) -> Option<Thresholds> {
    let labelled = |of: usize| {
        let rows = labels.iter().enumerate().filter_map(|(row, labels)| Some((row, labels[of]?)));
        let (rows, label): (Vec<usize>, Vec<f64>) = rows.unzip();
        let score: Vec<f64> = rows.iter().map(|&row| score[row]).collect();
        let level: Vec<Option<u8>> = rows.iter().map(|&row| level[row]).collect();
        (score, label, level)
    };
    let (own_score, label, own_level) = labelled(head);
    let found = thresholds(name, &own_score, &label, &own_level)?;
    let (score, accuracy, level) = labelled(ACCURACY);
    Some(Thresholds { falls: falls(&score, &accuracy, &level), ..found })
}

/// Thresholds for scores with their labels and levels (none for samples of two levels); `None` where the scores say nothing about the labels (the mean
/// never crosses the stated shares) or nothing is clean.
pub fn thresholds(head: &str, score: &[f64], label: &[f64], level: &[Option<u8>]) -> Option<Thresholds> {
    let clean: Vec<f64> =
        label.iter().zip(level).filter(|(_, level)| **level == Some(0)).map(|(label, _)| *label).collect();
    let clean_mean = mean(&clean)?;
    let curve = Isotonic::fit(score, label)?;
    let close_below = curve.crossing(CLOSE_SHARE * clean_mean)?;
    let open_above = curve.crossing(OPEN_SHARE * clean_mean)?;
    let mut levels: BTreeMap<u8, Vec<f64>> = BTreeMap::new();
    for (&score, level) in score.iter().zip(level) {
        let Some(level) = *level else { continue };
        levels.entry(level).or_default().push(f64::from(score < close_below));
    }
    let side = |closed: bool| {
        let labels = score.iter().zip(label).filter(|(score, _)| (**score < close_below) == closed);
        mean(&labels.map(|(_, label)| *label).collect::<Vec<_>>())
    };
    Some(Thresholds {
        head: head.into(),
        clean_mean,
        close_below,
        open_above,
        falls: Vec::new(),
        closed_share: levels.into_iter().filter_map(|(level, closed)| Some((level, mean(&closed)?))).collect(),
        closed_mean: side(true),
        open_mean: side(false),
    })
}

fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]
    use super::*;

    #[test]
    fn thresholds_lie_where_the_mean_label_crosses_the_shares() {
        // Label equals score squared; clean samples score 1.
        let score: Vec<f64> = (0..=100).map(|i| f64::from(i) / 100.0).collect();
        let label: Vec<f64> = score.iter().map(|s| s * s).collect();
        let level: Vec<Option<u8>> = score.iter().map(|&s| Some(((1.0 - s) * 5.0).ceil() as u8)).collect();
        let found = thresholds("h", &score, &label, &level).unwrap();
        assert!((found.clean_mean - 1.0).abs() < 1e-12);
        assert!((found.close_below - 0.5_f64.sqrt()).abs() < 1e-3, "{}", found.close_below);
        assert!((found.open_above - 0.65_f64.sqrt()).abs() < 1e-3, "{}", found.open_above);
        assert_eq!(found.closed_share[&0], 0.0);
        assert_eq!(found.closed_share[&5], 1.0);
        assert!(found.closed_mean.unwrap() < 0.5 && found.open_mean.unwrap() > 0.5);
    }

    #[test]
    fn falls_are_where_the_accuracy_has_lost_its_share() {
        let score: Vec<f64> = (0..=100).map(|i| f64::from(i) / 100.0).collect();
        let accuracy: Vec<f64> = score.iter().map(|s| 0.2 + 0.6 * s).collect();
        let level: Vec<Option<u8>> = score.iter().map(|&s| Some(u8::from(s < 1.0))).collect();
        let falls = falls(&score, &accuracy, &level);
        // Clean pictures reach 0.8; 10 % less is 0.72, and no picture falls by 90 %.
        let (_, at) = falls.iter().find(|(share, _)| *share == 0.1).unwrap();
        assert!((at - 0.52 / 0.6).abs() < 1e-3, "{at}");
        assert_eq!(falls.last().unwrap().0, 0.6);
        assert!(falls.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 > pair[1].1), "{falls:?}");
    }

    #[test]
    fn scores_that_say_nothing_have_no_thresholds() {
        let levels = |levels: &[u8]| levels.iter().map(|&level| Some(level)).collect::<Vec<_>>();
        assert_eq!(thresholds("h", &[0.5; 4], &[1.0, 0.0, 1.0, 0.0], &levels(&[0, 5, 0, 5])), None);
        assert_eq!(thresholds("h", &[0.1, 0.9], &[0.0, 1.0], &levels(&[3, 2])), None, "nothing is clean");
    }
}
