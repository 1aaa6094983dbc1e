//! How well the distortion head says what is wrong with a picture.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{average_precision, roc_auc};
use crate::label::LabelRow;
use crate::sample::CLEAN;

/// A distortion is named when its probability is at least this.
pub(super) const NAMED: f64 = 0.5;
/// Levels at which a distortion is plain enough that the most probable name should be right.
pub(super) const PLAIN: std::ops::RangeInclusive<u8> = 3..=5;

/// One distortion's probability against the samples that have it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DistortionRow {
    /// Name of the distortion.
    pub distortion: String,
    /// Area under the ROC: samples of this distortion against all others, clean ones included.
    pub auc: Option<f64>,
    /// Average precision over the same samples.
    pub average_precision: Option<f64>,
    /// Share of its samples of each level whose probability is at least 0.5.
    pub named_by_level: BTreeMap<u8, f64>,
}

/// The distortion head on the test samples.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Diagnosis {
    /// One row a distortion, in the card's order.
    pub rows: Vec<DistortionRow>,
    /// Share of the samples of levels 3 to 5 whose most probable distortion is theirs.
    pub accuracy_plain: Option<f64>,
    /// Share of clean samples for which any distortion is named.
    pub false_alarms_clean: Option<f64>,
    /// Of the samples of levels 3 to 5: row true distortion, column most probable one, counts.
    pub confusion: Vec<Vec<u32>>,
}

/// Judges `probabilities` (a row a sample, in the order of `names`); `None` for a model without that head.
pub fn diagnose(names: &[String], samples: &[LabelRow], probabilities: &[Vec<f64>]) -> Option<Diagnosis> {
    if names.is_empty() || probabilities.iter().any(|row| row.len() != names.len()) {
        return None;
    }
    let rows = names.iter().enumerate().map(|(column, name)| {
        let score: Vec<f64> = probabilities.iter().map(|row| row[column]).collect();
        let positive: Vec<bool> = samples.iter().map(|sample| sample.distortion == *name).collect();
        let mut levels: BTreeMap<u8, Vec<bool>> = BTreeMap::new();
        for ((sample, &score), _) in samples.iter().zip(&score).zip(&positive).filter(|(_, positive)| **positive) {
            if let Some(level) = sample.uniform_level() {
                levels.entry(level).or_default().push(score >= NAMED);
            }
        }
        DistortionRow {
            distortion: name.clone(),
            auc: roc_auc(&score, &positive),
            average_precision: average_precision(&score, &positive),
            named_by_level: levels.into_iter().filter_map(|(level, named)| Some((level, share(&named)?))).collect(),
        }
    });
    let rows = rows.collect();
    let mut confusion = vec![vec![0_u32; names.len()]; names.len()];
    let mut right = Vec::new();
    let plain = |sample: &LabelRow| sample.uniform_level().is_some_and(|level| PLAIN.contains(&level));
    for (sample, row) in samples.iter().zip(probabilities).filter(|(sample, _)| plain(sample)) {
        let most = row.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).map(|(column, _)| column);
        let truth = names.iter().position(|name| *name == sample.distortion);
        if let (Some(truth), Some(most)) = (truth, most) {
            confusion[truth][most] += 1;
        }
        right.push(truth.is_some() && truth == most);
    }
    let clean = samples.iter().zip(probabilities).filter(|(sample, _)| sample.distortion == CLEAN);
    let alarms: Vec<bool> = clean.map(|(_, row)| row.iter().any(|&p| p >= NAMED)).collect();
    Some(Diagnosis { rows, accuracy_plain: share(&right), false_alarms_clean: share(&alarms), confusion })
}

fn share(values: &[bool]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().filter(|&&v| v).count() as f64 / values.len() as f64)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]
    use super::*;

    fn row(distortion: &str, level: u8) -> LabelRow {
        LabelRow {
            sample: format!("{distortion}{level}"),
            original: "a".into(),
            distortion: distortion.into(),
            level,
            background_level: None,
            row: 0,
            background_row: None,
            psnr: 30.0,
            class: 0,
            consistency: 1.0,
            accuracy: None,
            composite: None,
        }
    }

    #[test]
    fn counts_names_confusions_and_false_alarms() {
        let names = ["fog".to_owned(), "darkness".to_owned()];
        let samples = [row(CLEAN, 0), row(CLEAN, 0), row("fog", 1), row("fog", 4), row("fog", 5), row("darkness", 3)];
        let probabilities =
            [vec![0.1, 0.2], vec![0.6, 0.1], vec![0.4, 0.3], vec![0.9, 0.1], vec![0.3, 0.7], vec![0.2, 0.8]];
        let found = diagnose(&names, &samples, &probabilities).unwrap();
        assert_eq!(found.false_alarms_clean, Some(0.5));
        assert_eq!(found.confusion, [[1, 1], [0, 1]]);
        assert!((found.accuracy_plain.unwrap() - 2.0 / 3.0).abs() < 1e-12);
        assert_eq!(found.rows[0].named_by_level, BTreeMap::from([(1, 0.0), (4, 1.0), (5, 0.0)]));
        // Fog's positives .9 .4 .3 against .6 .2 .1: of nine pairs only .4 and .3 under .6 stand wrong.
        assert!((found.rows[0].auc.unwrap() - 7.0 / 9.0).abs() < 1e-12);
        assert_eq!(found.rows[1].auc, Some(1.0));
    }

    #[test]
    fn a_model_without_the_head_has_no_diagnosis() {
        assert_eq!(diagnose(&[], &[row(CLEAN, 0)], &[vec![]]), None);
        assert_eq!(diagnose(&["fog".to_owned()], &[row(CLEAN, 0)], &[vec![]]), None);
    }
}
