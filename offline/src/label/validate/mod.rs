//! How far labels can be trusted: do other models of the same kinds give the same labels (Table 4 of the paper)?

mod halves;
mod page;
mod picture;

use serde::Serialize;

pub use halves::{Agreement, Familywise, Outlying, families, known_kind, outliers, random_splits};
pub use page::page;
pub use picture::Picture;

use super::mmos::{composite, weighted};
use super::score::ScoreRow;
use super::weights::Lambda;
use super::zoo::Task;

/// Under so many models a task's labels can't be split 80/20: a fifth would be no model.
pub const FEWEST_MODELS: usize = 5;

/// Under this mean SRCC between the labels of random 80/20 parts of a zoo its labels hang on the choice of models.
pub const STABLE_SRCC: f64 = 0.9;

/// A model whose SRCC with the labels of all others lies so many standard deviations under the mean of all models stands
/// out.
pub const OUTLYING: f64 = -2.0;

/// So few models are needed for one of them to lie that far under their mean: of n values none lies over (n - 1) / √n
/// deviations away.
const FEWEST_TO_STAND_OUT: usize = 6;

/// One of the three scores.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// S of equation 7.
    Composite,
    /// E_C of equation 4.
    Consistency,
    /// E_A of equation 5.
    Accuracy,
}

impl Kind {
    /// In the order of Table 4.
    pub const ALL: [Self; 3] = [Self::Composite, Self::Consistency, Self::Accuracy];

    /// The score of a sample for these weights; none where it is unknown.
    #[must_use]
    pub fn of(self, row: &ScoreRow, weights: &[f64], lambda: Lambda) -> Option<f64> {
        match self {
            Self::Composite => composite(row, weights, lambda),
            Self::Consistency => weighted(&row.consistency, weights),
            Self::Accuracy => weighted(&row.accuracy, weights),
        }
    }

    /// As tables say it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Composite => "composite",
            Self::Consistency => "consistency",
            Self::Accuracy => "accuracy",
        }
    }
}

/// A model as validation needs it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Voter {
    /// Name in the zoo.
    pub name: String,
    /// Architecture family.
    pub family: String,
    /// α, before it is rescaled to the models that take part.
    pub weight: f64,
}

/// What is said of one task; also written as `validation.json`.
#[derive(Debug, Serialize)]
pub struct TaskValidation {
    /// The task.
    pub task: Task,
    /// Samples compared, distorted ones only.
    pub samples: usize,
    /// Distorted samples there are.
    pub of: usize,
    /// The models.
    pub models: Vec<Voter>,
    /// A row of Table 4 a score; empty where it is not computable.
    pub splits: Vec<Agreement>,
    /// The label that families and models are compared in, on samples that have it.
    pub compared: Kind,
    /// A row a family left out.
    pub families: Vec<Familywise>,
    /// A row a model, the most outlying first.
    pub outliers: Vec<Outlying>,
    /// What is odd, a line each.
    pub warnings: Vec<String>,
}

/// Validates the labels of a task on `rows`, distorted samples drawn from `of`.
#[must_use]
pub fn validate(
    task: Task,
    models: Vec<Voter>,
    rows: &[ScoreRow],
    of: usize,
    lambda: Lambda,
    trials: usize,
) -> TaskValidation {
    let mut warnings = Vec::new();
    let mut splits = Vec::new();
    if models.len() < FEWEST_MODELS {
        warnings.push(format!(
            "not computable: {task} has {} models, random 80/20 splits need {FEWEST_MODELS}",
            models.len()
        ));
    } else {
        for kind in Kind::ALL {
            match random_splits(kind, rows, &models, lambda, trials) {
                Some(agreement) => {
                    if agreement.srcc.mean < STABLE_SRCC {
                        warnings.push(format!(
                            "{task}, {}: SRCC {:.3} between the labels of random 80/20 parts of the zoo, under \
                             {STABLE_SRCC}: with {} models the labels hang on the choice of models",
                            kind.name(),
                            agreement.srcc.mean,
                            models.len()
                        ));
                    }
                    splits.push(agreement);
                }
                None => warnings.push(format!("not computable: {task} has no samples with {}", kind.name())),
            }
        }
    }
    let (families, outliers) = (families(rows, &models, lambda), outliers(rows, &models, lambda));
    let compared = known_kind(rows);
    TaskValidation { task, samples: rows.len(), of, models, splits, compared, families, outliers, warnings }
}

impl TaskValidation {
    /// Which model is the outlier, or that none is, in a sentence without its full stop; none where models can't be
    /// compared.
    #[must_use]
    pub fn outlier(&self) -> Option<String> {
        let lowest = self.outliers.first()?;
        let (srcc, deviations) = (lowest.srcc?, lowest.deviations?);
        let (model, label) = (&lowest.model, self.compared.name());
        let figures = format!(
            "SRCC {srcc:.3} with the {label} of all others, {:.1} standard deviations under the mean of the models",
            -deviations
        );
        Some(if deviations <= OUTLYING {
            format!("`{model}` is the outlier: {figures}")
        } else if self.models.len() < FEWEST_TO_STAND_OUT {
            format!(
                "{} models are too few to call one an outlier; `{model}` agrees least: {figures}",
                self.models.len()
            )
        } else {
            format!("no model is an outlier; `{model}` agrees least: {figures}")
        })
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]
mod tests {
    use super::*;

    fn found(models: usize, deviations: f64) -> TaskValidation {
        let voter = |i: usize| Voter { name: format!("m{i}"), family: "f".into(), weight: 1.0 };
        let models: Vec<Voter> = (0..models).map(voter).collect();
        let mut found = validate(Task::Detection, models, &[], 0, Lambda::default(), 1);
        found.outliers = vec![Outlying { model: "m1".into(), srcc: Some(0.25), deviations: Some(deviations) }];
        found
    }

    #[test]
    fn the_outlier_is_named_in_words() {
        for (models, deviations, part) in [
            (9, -2.4, "`m1` is the outlier: SRCC 0.250 with the consistency of all others, 2.4 standard"),
            (9, -1.3, "no model is an outlier; `m1` agrees least"),
            (4, -1.4, "4 models are too few"),
        ] {
            let said = found(models, deviations).outlier().unwrap();
            assert!(said.contains(part), "{said}");
            let page = page(&[(found(models, deviations), Picture::default())]);
            assert!(page.contains(&crate::evaluate::report::svg::escape(&said).to_string()), "{page}");
            assert!(page.contains("compared in consistency"), "{page}");
        }
        let mut none = found(9, -3.0);
        none.outliers.clear();
        assert_eq!(none.outlier(), None);
    }
}
