//! Machine mean opinion scores: consistency, accuracy and their mean (equations 1 to 5 and 7 of the paper).

use std::collections::HashMap;

use super::LabelRow;
use super::predictions::Prediction;
use crate::sample::{CLEAN, CLEAN_ROW, Sample};
use crate::source::Original;

/// λ1, the share of consistency in the composite; accuracy has the rest (λ1 + λ2 = 1).
const CONSISTENCY_SHARE: f64 = 0.5;

/// Top-1 answers of one model by sample id.
pub type Answers = HashMap<String, i32>;

/// What all models said, and what was measured on the way.
#[derive(Debug, Default)]
pub struct Answered {
    models: HashMap<String, Answers>,
    psnr: HashMap<String, f64>,
}

impl Answered {
    /// Adds predictions of any models.
    pub fn add(&mut self, predictions: Vec<Prediction>) {
        for prediction in predictions {
            if let Some(psnr) = prediction.psnr {
                self.psnr.insert(prediction.sample.clone(), psnr);
            }
            let answers = match self.models.get_mut(&prediction.model) {
                Some(answers) => answers,
                None => self.models.entry(prediction.model).or_default(),
            };
            answers.insert(prediction.sample, prediction.class_1);
        }
    }

    /// The answers of a model, if it gave any.
    #[must_use]
    pub fn of(&self, model: &str) -> Option<&Answers> {
        self.models.get(model)
    }

    /// PSNR in dB of a sample where it was measured.
    #[must_use]
    pub fn psnr(&self, sample: &str) -> Option<f64> {
        self.psnr.get(sample).copied()
    }
}

/// Something about a sample is missing.
#[derive(Debug, thiserror::Error)]
pub enum Unanswered {
    /// A model's answer.
    #[error("model {model} has no prediction for sample `{sample}`; run `miqa-offline label` again")]
    Model {
        /// Place of the model in the zoo.
        model: usize,
        /// Id of the sample.
        sample: String,
    },
    /// The PSNR of a variant of two levels.
    #[error("the predictions for sample `{0}` state no PSNR; run `miqa-offline label` again")]
    Psnr(String),
}

/// A sample and what each model scored on it; the labels for any weights follow from it.
#[derive(Debug, Clone)]
pub struct Verdicts {
    /// Id of the original.
    pub original: String,
    /// Its class, -1 if unknown.
    pub class: i32,
    /// The sample.
    pub sample: Sample,
    /// PSNR against the original in dB.
    pub psnr: f64,
    /// C_i: the answer is that for the clean picture (equation 2), a model each.
    pub consistent: Vec<bool>,
    /// A_i: the answer is the class (equation 3), a model each; none where the class is unknown.
    pub accurate: Option<Vec<bool>>,
}

/// Compares the models' answers to every sample of an original with those to the clean picture and with the class.
///
/// `measured` knows the PSNR of variants of two levels.
///
/// # Errors
/// An answer or a PSNR is missing.
pub fn judge(
    original: &Original,
    samples: Vec<Sample>,
    models: &[&Answers],
    measured: impl Fn(&str) -> Option<f64>,
) -> Result<Vec<Verdicts>, Unanswered> {
    let answer = |(model, answers): (usize, &&Answers), sample: &str| {
        answers.get(sample).copied().ok_or_else(|| Unanswered::Model { model, sample: sample.to_owned() })
    };
    let all = |sample: &str| models.iter().enumerate().map(|m| answer(m, sample)).collect::<Result<Vec<_>, _>>();
    let clean = all(&original.id)?;
    let judge = |sample: Sample| {
        let id = sample.id(&original.id);
        let given = all(&id)?;
        let psnr = sample.psnr().or_else(|| measured(&id)).ok_or(Unanswered::Psnr(id))?;
        let known = original.class >= 0;
        Ok(Verdicts {
            original: original.id.clone(),
            class: original.class,
            consistent: given.iter().zip(&clean).map(|(given, clean)| given == clean).collect(),
            accurate: known.then(|| given.iter().map(|&given| given == original.class).collect()),
            sample,
            psnr,
        })
    };
    samples.into_iter().map(judge).collect()
}

impl Verdicts {
    /// E_C = Σ α_i C_i (equation 4) for these weights, which sum to 1; 0..=1.
    #[must_use]
    pub fn consistency(&self, weights: &[f64]) -> f64 {
        weighted(&self.consistent, weights)
    }

    /// E_A = Σ α_i A_i (equation 5); none where the class is unknown.
    #[must_use]
    pub fn accuracy(&self, weights: &[f64]) -> Option<f64> {
        self.accurate.as_ref().map(|accurate| weighted(accurate, weights))
    }

    /// S = λ1 E_C + λ2 E_A (equation 7); none where the class is unknown.
    #[must_use]
    pub fn composite(&self, weights: &[f64]) -> Option<f64> {
        let accuracy = self.accuracy(weights)?;
        Some(CONSISTENCY_SHARE * self.consistency(weights) + (1.0 - CONSISTENCY_SHARE) * accuracy)
    }

    /// Whether the sample is the clean picture, which is consistent with itself by definition.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.sample == Sample::Clean
    }

    /// The row of the labels table for these weights.
    #[must_use]
    pub fn label(&self, weights: &[f64]) -> LabelRow {
        let (distortion, level, background_level, row, background_row) = match &self.sample {
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
            sample: self.sample.id(&self.original),
            original: self.original.clone(),
            distortion,
            level,
            background_level,
            row,
            background_row,
            psnr: self.psnr,
            class: self.class,
            consistency: self.consistency(weights) as f32,
            accuracy: self.accuracy(weights).map(|score| score as f32),
            composite: self.composite(weights).map(|score| score as f32),
        }
    }
}

fn weighted(verdicts: &[bool], weights: &[f64]) -> f64 {
    let agreeing = verdicts.iter().zip(weights).filter_map(|(&verdict, weight)| verdict.then_some(weight));
    // Not `sum`, whose empty result is -0.0; rounding may carry the sum of all weights past 1.
    agreeing.fold(0.0, |sum, weight| sum + weight).min(1.0)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]
mod tests {
    use super::*;
    use crate::plan::{Choice, PlannedVariant};
    use crate::recipe::Pair;
    use crate::source::PixelHash;

    const FUSED: &str = "a_fog_fg_stronger_fg2_bg1";

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
    fn models() -> Vec<Answers> {
        let answers = |values: [i32; 3]| ["a", "a_fog_1", FUSED].iter().map(|s| (*s).to_owned()).zip(values).collect();
        vec![answers([5, 5, 5]), answers([1, 1, 2]), answers([5, 5, 9])]
    }

    fn verdicts(class: i32, models: &[Answers]) -> Result<Vec<Verdicts>, Unanswered> {
        let models: Vec<&Answers> = models.iter().collect();
        judge(&original(class), samples(), &models, |sample| (sample == FUSED).then_some(17.5))
    }

    #[test]
    fn equations_by_hand() {
        let weights = [0.5, 0.2, 0.3];
        let verdicts = verdicts(5, &models()).unwrap();
        let labels: Vec<_> = verdicts.iter().map(|v| v.label(&weights)).collect();
        for (label, (consistency, accuracy)) in labels.iter().zip([(1.0, 0.8), (1.0, 0.8), (0.5, 0.5)]) {
            assert!((label.consistency - consistency).abs() < 1e-6, "{label:?}");
            assert!((label.accuracy.unwrap() - accuracy).abs() < 1e-6, "{label:?}");
            assert!((label.composite.unwrap() - 0.5 * (consistency + accuracy)).abs() < 1e-6, "{label:?}");
        }
        assert!(verdicts[0].is_clean() && !verdicts[1].is_clean());
        // A row says which picture it is about.
        for (label, sample) in labels.iter().zip(samples()) {
            assert_eq!(label.picture().id("a"), sample.id("a"));
        }
        let fused = &labels[2];
        assert_eq!((fused.level, fused.background_level, fused.row, fused.background_row), (2, Some(1), 5, Some(4)));
        assert_eq!((labels[1].uniform_level(), fused.uniform_level(), fused.psnr), (Some(1), None, 17.5));
    }

    #[test]
    fn without_a_class_there_is_consistency_only() {
        let verdicts = verdicts(-1, &models()).unwrap();
        let label = verdicts[2].label(&[0.5, 0.2, 0.3]);
        assert!((label.consistency - 0.5).abs() < 1e-6);
        assert_eq!((label.accuracy, label.composite), (None, None));
    }

    #[test]
    fn no_agreement_is_plain_zero() {
        assert!(weighted(&[false, false], &[0.5, 0.5]).is_sign_positive());
        assert!((weighted(&[true; 3], &[0.4; 3]) - 1.0).abs() < f64::EPSILON);
    }

    #[test]
    fn a_missing_answer_is_named() {
        let mut models = models();
        models[1].remove(FUSED);
        let text = verdicts(5, &models).unwrap_err().to_string();
        assert!(text.contains("model 1") && text.contains(FUSED), "{text}");
    }
}
