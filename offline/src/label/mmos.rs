//! Machine mean opinion scores: what the models scored becomes consistency, accuracy and their mean (equations 4, 5
//! and 7 of the paper).

use super::LabelRow;
use super::score::ScoreRow;
use super::weights::Lambda;
use crate::sample::{CLEAN, CLEAN_ROW, Sample};
use crate::source::Original;

/// Σ α_i · value_i, 0..=1, for weights that sum to 1; none without values.
#[must_use]
pub fn weighted(values: &[f32], weights: &[f64]) -> Option<f64> {
    if values.is_empty() {
        return None;
    }
    let terms = values.iter().zip(weights).map(|(&value, weight)| f64::from(value) * weight);
    // Not `sum`, whose empty result is -0.0; rounding may carry the sum of all weights past 1.
    Some(terms.fold(0.0, |sum, term| sum + term).min(1.0))
}

/// S = λ1 E_C + λ2 E_A (equation 7); none where accuracy is unknown.
#[must_use]
pub fn composite(scores: &ScoreRow, weights: &[f64], lambda: Lambda) -> Option<f64> {
    let (consistency, accuracy) = (weighted(&scores.consistency, weights)?, weighted(&scores.accuracy, weights)?);
    Some(lambda.consistency * consistency + lambda.accuracy * accuracy)
}

/// The row of the labels table for these weights; `psnr` is the sample's against the original in dB.
#[must_use]
pub fn label(
    original: &Original,
    sample: &Sample,
    psnr: f64,
    scores: &ScoreRow,
    weights: &[f64],
    lambda: Lambda,
) -> LabelRow {
    let (distortion, level, background_level, row, background_row) = match sample {
        Sample::Clean => (CLEAN.to_owned(), 0, None, CLEAN_ROW, None),
        Sample::Variant(variant) => {
            let pair = variant.pair;
            let fused = pair.roi != pair.background;
            let background_level = fused.then_some(pair.background);
            let background_row = fused.then_some(variant.background.row);
            (variant.distortion.clone(), pair.roi, background_level, variant.roi.row, background_row)
        }
    };
    LabelRow {
        sample: scores.sample.clone(),
        original: original.id.clone(),
        distortion,
        level,
        background_level,
        row,
        background_row,
        psnr,
        class: original.class,
        consistency: weighted(&scores.consistency, weights).unwrap_or_default() as f32,
        accuracy: weighted(&scores.accuracy, weights).map(|score| score as f32),
        composite: composite(scores, weights, lambda).map(|score| score as f32),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]
mod tests {
    use super::*;
    use crate::label::predictions::PredictionRow;
    use crate::label::score::{Right, Rules, score};
    use crate::label::zoo::Task;
    use crate::plan::{Choice, PlannedVariant};
    use crate::recipe::Pair;
    use crate::source::PixelHash;

    const FUSED: &str = "a_fog_fg_stronger_fg2_bg1";
    const WEIGHTS: [f64; 3] = [0.5, 0.2, 0.3];

    fn original(class: i32) -> Original {
        Original {
            id: "a".into(),
            path: String::new(),
            class,
            pixel_sha256: PixelHash([0; 32]),
            width: 1,
            height: 1,
            licence: String::new(),
        }
    }

    fn samples() -> Vec<Sample> {
        let fog = |roi, background| {
            let choice = |level: u8| Choice { row: i16::from(level) + 3, psnr: 20.0 };
            let pair = Pair { roi, background };
            Sample::Variant(PlannedVariant::new("a", "fog", pair, choice(roi), choice(background)))
        };
        vec![Sample::Clean, fog(1, 1), fog(2, 1)]
    }

    /// Three models, class 5: the first is always right; the second wrong throughout; the third loses the class at level 2.
    fn scores(class: i32) -> Vec<ScoreRow> {
        let answers = |model: &str, values: [u16; 3]| {
            let row = |(sample, class): (&str, u16)| PredictionRow {
                model: model.into(),
                sample: sample.into(),
                psnr: None,
                classes: vec![class, 0, 1, 2, 3],
                scores: vec![0.5; 5],
                boxes: Vec::new(),
                masks: None,
            };
            ["a", "a_fog_1", FUSED].into_iter().zip(values).map(row).collect::<Vec<_>>()
        };
        let all = [answers("x", [5, 5, 5]), answers("y", [1, 1, 2]), answers("z", [5, 5, 9])];
        let right = if class < 0 { Right::Unknown } else { Right::Class(class) };
        score(Task::Classification, &original(class), &all, right, Rules::default()).unwrap()
    }

    fn labels(class: i32, lambda: Lambda) -> Vec<LabelRow> {
        let psnr = [f64::INFINITY, 20.0, 17.5];
        let of = samples().into_iter().zip(scores(class)).zip(psnr);
        of.map(|((sample, scores), psnr)| label(&original(class), &sample, psnr, &scores, &WEIGHTS, lambda)).collect()
    }

    #[test]
    fn equations_by_hand() {
        let found = labels(5, Lambda::default());
        for (label, (consistency, accuracy)) in found.iter().zip([(1.0, 0.8), (1.0, 0.8), (0.5, 0.5)]) {
            assert!((label.consistency - consistency).abs() < 1e-6, "{label:?}");
            assert!((label.accuracy.unwrap() - accuracy).abs() < 1e-6, "{label:?}");
            assert!((label.composite.unwrap() - 0.5 * (consistency + accuracy)).abs() < 1e-6, "{label:?}");
        }
        // A row says which picture it is about.
        for (label, sample) in found.iter().zip(samples()) {
            assert_eq!(label.picture().id("a"), sample.id("a"));
            assert_eq!(label.sample, sample.id("a"));
        }
        let fused = &found[2];
        assert_eq!((fused.level, fused.background_level, fused.row, fused.background_row), (2, Some(1), 5, Some(4)));
        assert_eq!((found[1].uniform_level(), fused.uniform_level(), fused.psnr), (Some(1), None, 17.5));
    }

    #[test]
    fn the_shares_give_the_parts() {
        let parts = |consistency, accuracy| labels(5, Lambda { consistency, accuracy });
        assert!(parts(1.0, 0.0).iter().all(|label| label.composite == Some(label.consistency)));
        assert!(parts(0.0, 1.0).iter().all(|label| label.composite == label.accuracy));
    }

    #[test]
    fn without_a_class_there_is_consistency_only() {
        let label = &labels(-1, Lambda::default())[2];
        assert!((label.consistency - 0.5).abs() < 1e-6);
        assert_eq!((label.accuracy, label.composite), (None, None));
    }

    #[test]
    fn no_agreement_is_plain_zero() {
        assert!(weighted(&[0.0, 0.0], &[0.5, 0.5]).unwrap().is_sign_positive());
        assert!((weighted(&[1.0; 3], &[0.4; 3]).unwrap() - 1.0).abs() < f64::EPSILON);
        assert_eq!(weighted(&[], &[0.4]), None);
    }
}
