//! How each model's answers to an original's samples agree with its answer to the clean picture, and with the truth:
//! consistency and accuracy of equations 2, 3 and 8, before any weights.

use std::path::{Path, PathBuf};

use serde::{Serialize, Serializer};

use super::predictions::PredictionRow;
use super::zoo::Task;
use crate::agree::{Annotation, Detection, Matching, Overlap, Precision, Reference};
use crate::columns;
use crate::source::Original;

/// At which overlap a detection counts as right.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Tau {
    /// Intersection over union of at least 0.50.
    Ap50,
    /// At least 0.75.
    #[default]
    Ap75,
    /// The mean over 0.50, 0.55 … 0.95.
    Ap,
}

/// What each model scored on a sample: one value a model, in the order of the zoo. All in 0..=1.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ScoreRow {
    /// Id of the sample.
    pub sample: String,
    /// Probability of a classifier's first class; mean score of a detector's objects of at least the reference score, 0 without
    /// any.
    pub confidence: Vec<f32>,
    /// Largest score of a detector's objects, 0 without any; empty for classifiers.
    pub surest: Vec<f32>,
    /// C_i: agreement with the answer to the clean picture (equation 2), at the chosen τ.
    pub consistency: Vec<f32>,
    /// A_i: agreement with the truth (equation 3), at the chosen τ; empty where the truth is unknown.
    pub accuracy: Vec<f32>,
    /// C_i at τ = 0.50; empty for classifiers, as all that follow.
    pub consistency_ap50: Vec<f32>,
    /// C_i at τ = 0.75.
    pub consistency_ap75: Vec<f32>,
    /// C_i, mean over 0.50:0.95.
    pub consistency_ap: Vec<f32>,
    /// A_i at τ = 0.50.
    pub accuracy_ap50: Vec<f32>,
    /// A_i at τ = 0.75.
    pub accuracy_ap75: Vec<f32>,
    /// A_i, mean over 0.50:0.95.
    pub accuracy_ap: Vec<f32>,
}

impl ScoreRow {
    /// A sample without values, with room for those of so many models.
    fn of(sample: String, task: Task, models: usize) -> Self {
        let room = || Vec::with_capacity(models);
        let by_threshold = || if task == Task::Classification { Vec::new() } else { room() };
        Self {
            sample,
            confidence: room(),
            surest: by_threshold(),
            consistency: room(),
            accuracy: room(),
            consistency_ap50: by_threshold(),
            consistency_ap75: by_threshold(),
            consistency_ap: by_threshold(),
            accuracy_ap50: by_threshold(),
            accuracy_ap75: by_threshold(),
            accuracy_ap: by_threshold(),
        }
    }
}

columns!(ScoreRow {
    sample,
    confidence,
    surest,
    consistency,
    accuracy,
    consistency_ap50,
    consistency_ap75,
    consistency_ap,
    accuracy_ap50,
    accuracy_ap75,
    accuracy_ap,
});

/// Footer note of tables with a value a model: the models' names in order, with commas between.
pub const MODELS_NOTE: &str = "miqa.models";

/// Footer note: the models' weights α in the same order.
pub const WEIGHTS_NOTE: &str = "miqa.weights";

/// Footer note: the annotation files that detections and masks were measured against; a line a file, SHA-256, two blanks
/// and name.
pub const ANNOTATIONS_NOTE: &str = "miqa.annotations";

/// The table of scores for a task in a work folder.
#[must_use]
pub fn scores_of(work: &Path, task: Task) -> PathBuf {
    work.join(format!("scores-{task}.parquet"))
}

/// By what rules answers are compared.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Rules {
    /// τ of detectors and segmenters.
    pub tau: Tau,
    /// Detections under this score are left out of consistency, on both sides.
    pub reference_score: f32,
}

impl Default for Rules {
    fn default() -> Self {
        Self { tau: Tau::default(), reference_score: 0.3 }
    }
}

/// What is known to be right about an original.
#[derive(Debug, Clone, Copy)]
pub enum Right<'a> {
    /// Nothing.
    Unknown,
    /// Its class.
    Class(i32),
    /// Its objects.
    Objects(&'a [Annotation]),
}

/// The scores of an original's samples: `answers` has a list a model, a row a sample, the clean picture's first.
///
/// # Errors
/// A stored row makes no sense; one line.
pub fn score(
    task: Task,
    original: &Original,
    answers: &[Vec<PredictionRow>],
    right: Right,
    rules: Rules,
) -> Result<Vec<ScoreRow>, String> {
    let clean = answers.first().ok_or("no model")?;
    let mut rows: Vec<ScoreRow> =
        clean.iter().map(|row| ScoreRow::of(row.sample.clone(), task, answers.len())).collect();
    let mut matching = Matching::default();
    for of_model in answers {
        match task {
            Task::Classification => classes(of_model, right, &mut rows)?,
            Task::Detection | Task::Segmentation => {
                let overlap = if task == Task::Detection { Overlap::Boxes } else { Overlap::Masks };
                objects(original, of_model, right, rules, overlap, &mut matching, &mut rows)?;
            }
        }
    }
    Ok(rows)
}

fn classes(of_model: &[PredictionRow], right: Right, rows: &mut [ScoreRow]) -> Result<(), String> {
    let first = |row: &PredictionRow| match (row.classes.first(), row.scores.first()) {
        (Some(&class), Some(&score)) => Ok((class, score)),
        _ => Err(format!("prediction of `{}` for `{}` has no class", row.model, row.sample)),
    };
    let (clean, _) = first(of_model.first().ok_or("no sample")?)?;
    for (row, given) in rows.iter_mut().zip(of_model) {
        let (class, score) = first(given)?;
        row.confidence.push(score);
        row.consistency.push(f32::from(u8::from(class == clean)));
        if let Right::Class(expected) = right {
            row.accuracy.push(f32::from(u8::from(i32::from(class) == expected)));
        }
    }
    Ok(())
}

fn objects(
    original: &Original,
    of_model: &[PredictionRow],
    right: Right,
    rules: Rules,
    overlap: Overlap,
    matching: &mut Matching,
    rows: &mut [ScoreRow],
) -> Result<(), String> {
    let found = |row: &PredictionRow| row.objects(original.width, original.height);
    let clean = Reference::of(&found(of_model.first().ok_or("no sample")?)?, rules.reference_score, overlap);
    for (row, given) in rows.iter_mut().zip(of_model) {
        let found = found(given)?;
        row.confidence.push(mean_score(&found, rules.reference_score));
        row.surest.push(found.iter().map(|object| object.score).fold(0.0, f32::max));
        let consistency = matching.consistency(&found, &clean);
        row.consistency.push(rules.tau.of(consistency));
        row.consistency_ap50.push(consistency.ap50 as f32);
        row.consistency_ap75.push(consistency.ap75 as f32);
        row.consistency_ap.push(consistency.ap as f32);
        if let Right::Objects(annotations) = right {
            let accuracy = matching.precision(&found, annotations, overlap);
            row.accuracy.push(rules.tau.of(accuracy));
            row.accuracy_ap50.push(accuracy.ap50 as f32);
            row.accuracy_ap75.push(accuracy.ap75 as f32);
            row.accuracy_ap.push(accuracy.ap as f32);
        }
    }
    Ok(())
}

impl std::str::FromStr for Tau {
    type Err = String;

    /// 0.50, 0.75 or 0.50:0.95; further zeros may be there or not.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let thresholds: Option<Vec<f64>> = text.split(':').map(|number| number.parse().ok()).collect();
        match thresholds.as_deref() {
            Some([0.5]) => Ok(Self::Ap50),
            Some([0.75]) => Ok(Self::Ap75),
            Some([0.5, 0.95]) => Ok(Self::Ap),
            _ => Err(format!("`{text}`: give 0.50, 0.75 or 0.50:0.95")),
        }
    }
}

impl std::fmt::Display for Tau {
    /// As it is written on the command line.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Ap50 => "0.50",
            Self::Ap75 => "0.75",
            Self::Ap => "0.50:0.95",
        })
    }
}

impl Serialize for Tau {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Tau {
    /// The precision at it.
    #[must_use]
    pub fn of(self, precision: Precision) -> f32 {
        (match self {
            Self::Ap50 => precision.ap50,
            Self::Ap75 => precision.ap75,
            Self::Ap => precision.ap,
        }) as f32
    }
}

/// Mean score of those that count, 0 without any.
fn mean_score(found: &[Detection], least: f32) -> f32 {
    let (count, sum) = found
        .iter()
        .filter(|object| object.score >= least)
        .fold((0.0_f64, 0.0), |(count, sum), object| (count + 1.0, sum + f64::from(object.score)));
    if count > 0.0 { (sum / count) as f32 } else { 0.0 }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]
mod tests {
    use super::*;
    use crate::agree::Runs;
    use crate::label::decode::Answer;
    use crate::source::PixelHash;

    fn original() -> Original {
        Original {
            id: "a".into(),
            path: String::new(),
            class: -1,
            pixel_sha256: PixelHash([0; 32]),
            width: 40,
            height: 30,
            licence: String::new(),
        }
    }

    fn object(class: u16, score: f32, x: u32) -> Detection {
        let inside: Vec<bool> = (0..40 * 30).map(|at| (x..x + 8).contains(&(at % 40)) && at / 40 < 10).collect();
        let mask = Runs::from_bitmap(40, 30, &inside);
        Detection { class, score, bbox: [x as f32, 0.0, 8.0, 10.0], mask }
    }

    fn row(sample: &str, found: &[Detection], task: Task) -> PredictionRow {
        let mut found = found.to_vec();
        if task == Task::Detection {
            found.iter_mut().for_each(|object| object.mask = None);
        }
        crate::agree::canonical(&mut found);
        PredictionRow::new("m", sample, None, Answer::Objects(found))
    }

    fn truth(found: &[Detection]) -> Vec<Annotation> {
        found.iter().map(Annotation::of).collect()
    }

    #[test]
    fn an_answer_agrees_with_itself_and_a_perfect_one_with_the_truth() {
        let found = [object(3, 0.9, 0), object(3, 0.4, 20), object(7, 0.31, 10), object(7, 0.1, 30)];
        for task in [Task::Detection, Task::Segmentation] {
            let answers = [vec![row("a", &found, task), row("a_fog_1", &found[..1], task), row("a_fog_2", &[], task)]];
            let truth = truth(&found);
            let scores = score(task, &original(), &answers, Right::Objects(&truth), Rules::default()).unwrap();
            assert_eq!((scores[0].consistency[0], scores[0].accuracy[0]), (1.0, 1.0), "{task}");
            // Half of class 3 of the two classes over the score that counts: 51 of 101 recall points.
            assert!((scores[1].consistency[0] - 51.0 / 202.0).abs() < 1e-6, "{task}: {:?}", scores[1]);
            assert_eq!((scores[2].consistency[0], scores[2].accuracy[0], scores[2].confidence[0]), (0.0, 0.0, 0.0));
            // The mean of 0.9, 0.4 and 0.31: what is under the score that counts is not found.
            assert!((scores[0].confidence[0] - 1.61 / 3.0).abs() < 1e-6);
            assert_eq!((scores[0].surest[0], scores[2].surest[0]), (0.9, 0.0));
            let unknown = score(task, &original(), &answers, Right::Unknown, Rules::default()).unwrap();
            assert!(unknown.iter().all(|row| row.accuracy.is_empty() && row.consistency.len() == 1));
        }
    }

    #[test]
    fn what_is_under_the_reference_score_counts_on_neither_side() {
        let rules = Rules { reference_score: 0.5, ..Rules::default() };
        let (sure, unsure) = (object(1, 0.8, 0), object(1, 0.45, 20));
        let task = Task::Detection;
        let of = |variant: &[Detection]| {
            let answers = [vec![row("a", &[sure.clone(), unsure.clone()], task), row("a_fog_1", variant, task)]];
            score(task, &original(), &answers, Right::Unknown, rules).unwrap()[1].consistency[0]
        };
        assert_eq!(of(std::slice::from_ref(&sure)), 1.0);
        assert_eq!(of(&[sure.clone(), unsure.clone()]), 1.0);
        // Nothing sure on the clean picture, nor on the other: right; something on the other: wrong.
        let answers = |variant: Detection| {
            [vec![row("a", std::slice::from_ref(&unsure), task), row("a_fog_1", &[variant], task)]]
        };
        let quiet = score(task, &original(), &answers(unsure.clone()), Right::Unknown, rules).unwrap();
        let loud = score(task, &original(), &answers(sure.clone()), Right::Unknown, rules).unwrap();
        assert_eq!((quiet[1].consistency[0], loud[1].consistency[0]), (1.0, 0.0));
    }

    #[test]
    fn all_thresholds_are_stored_and_one_is_chosen() {
        let found = [object(3, 0.9, 0)];
        let mut shifted = found.clone();
        // 7 of 9 columns overlap: over 0.75; and 6 of 10: over 0.50 only.
        shifted[0].bbox[0] = 1.0;
        let mut far = found.clone();
        far[0].bbox[0] = 2.0;
        let task = Task::Detection;
        let answers = [vec![row("a", &found, task), row("a_fog_1", &shifted, task), row("a_fog_2", &far, task)]];
        for (tau, expected) in [(Tau::Ap50, [1.0, 1.0]), (Tau::Ap75, [1.0, 0.0]), (Tau::Ap, [0.6, 0.3])] {
            let rules = Rules { tau, ..Rules::default() };
            let rows = score(task, &original(), &answers, Right::Unknown, rules).unwrap();
            for (row, expected) in rows[1..].iter().zip(expected) {
                assert!((row.consistency[0] - expected).abs() < 1e-6, "{tau:?}: {row:?}");
            }
            assert_eq!((rows[2].consistency_ap50[0], rows[2].consistency_ap75[0]), (1.0, 0.0));
        }
    }

    #[test]
    fn tau_is_read_and_written_alike() {
        for (text, tau) in [("0.5", Tau::Ap50), ("0.75", Tau::Ap75), ("0.750", Tau::Ap75), ("0.5:0.95", Tau::Ap)] {
            assert_eq!(text.parse(), Ok(tau));
            assert_eq!(tau.to_string().parse(), Ok(tau));
            assert_eq!(serde_json::to_string(&tau).unwrap(), format!("\"{tau}\""));
        }
        assert_eq!(Tau::Ap50.to_string(), "0.50");
        for wrong in ["0.6", "", "nan", "0.50:", "0.95:0.5", "ap50"] {
            assert!(wrong.parse::<Tau>().unwrap_err().contains("0.50:0.95"), "{wrong}");
        }
    }

    #[test]
    fn broken_rows_are_named() {
        let mut broken = row("a", &[object(3, 0.9, 0)], Task::Detection);
        broken.boxes.pop();
        let refused = score(Task::Detection, &original(), &[vec![broken]], Right::Unknown, Rules::default());
        assert!(refused.unwrap_err().contains("different lengths"));
        let empty = PredictionRow { classes: vec![], scores: vec![], ..row("a", &[], Task::Detection) };
        let refused = score(Task::Classification, &original(), &[vec![empty]], Right::Unknown, Rules::default());
        assert!(refused.unwrap_err().contains("no class"));
    }
}
