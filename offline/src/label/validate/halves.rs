//! Labels of one part of a zoo against those of another.

use serde::Serialize;

use super::{Kind, Voter};
use crate::evaluate::metrics::{plcc, rmse, srcc};
use crate::label::score::ScoreRow;
use crate::label::weights::Lambda;
use crate::render::RandomField;
use crate::source::PixelHash;

/// Mean and standard deviation over the trials.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Spread {
    /// Mean.
    pub mean: f64,
    /// Sample standard deviation; 0 for one trial.
    pub deviation: f64,
}

impl Spread {
    fn of(values: &[f64]) -> Option<Self> {
        let n = values.len() as f64;
        if values.is_empty() {
            return None;
        }
        let mean = values.iter().sum::<f64>() / n;
        let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (n - 1.0).max(1.0);
        Some(Self { mean, deviation: variance.sqrt() })
    }
}

/// A row of Table 4: labels from random four fifths of the models against those from the other fifth.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Agreement {
    /// The score.
    pub kind: Kind,
    /// Random splits in which the correlations are defined.
    pub trials: usize,
    /// Spearman's correlation.
    pub srcc: Spread,
    /// Pearson's.
    pub plcc: Spread,
    /// Root mean square difference.
    pub rmse: Spread,
}

/// Agreement over `trials` random splits, the same ones on every machine; none where no correlation is defined.
#[must_use]
pub fn random_splits(
    kind: Kind,
    rows: &[ScoreRow],
    models: &[Voter],
    lambda: Lambda,
    trials: usize,
) -> Option<Agreement> {
    let (mut s, mut p, mut r) = (Vec::new(), Vec::new(), Vec::new());
    for trial in 0..trials {
        let field = RandomField::of(&PixelHash([0; 32]), "80/20 split of the zoo", trial, 0);
        let mut order: Vec<usize> = (0..models.len()).collect();
        order.sort_by_key(|&model| (field.words(model as u64), model));
        // A fifth, at least one.
        let few = (models.len() as f64 / 5.0).round().max(1.0) as usize;
        let (small, large) = order.split_at(few);
        if let Some((a, b, c)) = agreement(kind, rows, models, lambda, large, small) {
            s.push(a);
            p.push(b);
            r.push(c);
        }
    }
    Some(Agreement { kind, trials: s.len(), srcc: Spread::of(&s)?, plcc: Spread::of(&p)?, rmse: Spread::of(&r)? })
}

/// Labels without one architecture family against the labels of all, and against those of that family alone.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Familywise {
    /// The family left out.
    pub family: String,
    /// Its models.
    pub models: usize,
    /// SRCC of the composite without the family with the composite of all; of consistency where no truth is known.
    pub srcc_with_all: Option<f64>,
    /// SRCC of the labels without the family with the family's own labels.
    pub srcc_with_family: Option<f64>,
}

/// A row a family, in the order of the zoo; none for a zoo of one family.
#[must_use]
pub fn families(rows: &[ScoreRow], models: &[Voter], lambda: Lambda) -> Vec<Familywise> {
    let mut names: Vec<&str> = Vec::new();
    for model in models {
        if !names.contains(&model.family.as_str()) {
            names.push(&model.family);
        }
    }
    if names.len() < 2 {
        return Vec::new();
    }
    let kind = known_kind(rows);
    let all: Vec<usize> = (0..models.len()).collect();
    let row = |name: &&str| {
        let (own, rest): (Vec<usize>, Vec<usize>) = all.iter().partition(|&&model| models[model].family == *name);
        let with = |other: &[usize]| agreement(kind, rows, models, lambda, &rest, other).map(|(srcc, _, _)| srcc);
        Familywise {
            family: (*name).to_owned(),
            models: own.len(),
            srcc_with_all: with(&all),
            srcc_with_family: with(&own),
        }
    };
    names.iter().map(row).collect()
}

/// How one model stands to the others.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Outlying {
    /// Name of the model.
    pub model: String,
    /// SRCC of its own scores with the labels of all others; none where it is not defined.
    pub srcc: Option<f64>,
    /// Its distance from the mean SRCC of all models, in their standard deviations; negative agrees less.
    pub deviations: Option<f64>,
}

/// A row a model, the one that agrees least with the others first.
#[must_use]
pub fn outliers(rows: &[ScoreRow], models: &[Voter], lambda: Lambda) -> Vec<Outlying> {
    if models.len() < 2 {
        return Vec::new();
    }
    let kind = known_kind(rows);
    let srcc = |model: usize| {
        let others: Vec<usize> = (0..models.len()).filter(|&other| other != model).collect();
        agreement(kind, rows, models, lambda, &others, &[model]).map(|(srcc, _, _)| srcc)
    };
    let all: Vec<Option<f64>> = (0..models.len()).map(srcc).collect();
    let known: Vec<f64> = all.iter().copied().flatten().collect();
    let spread = Spread::of(&known).filter(|spread| spread.deviation > 0.0);
    let row = |(model, &srcc): (&Voter, &Option<f64>)| Outlying {
        model: model.name.clone(),
        srcc,
        deviations: srcc.zip(spread).map(|(srcc, spread)| (srcc - spread.mean) / spread.deviation),
    };
    let mut found: Vec<Outlying> = models.iter().zip(&all).map(row).collect();
    found.sort_by(|a, b| a.srcc.unwrap_or(2.0).total_cmp(&b.srcc.unwrap_or(2.0)).then_with(|| a.model.cmp(&b.model)));
    found
}

/// The label that families and outliers are compared in: the composite where the truth is known, else consistency.
#[must_use]
pub fn known_kind(rows: &[ScoreRow]) -> Kind {
    if rows.iter().any(|row| !row.accuracy.is_empty()) { Kind::Composite } else { Kind::Consistency }
}

/// SRCC, PLCC and RMSE between the labels of two parts of the zoo, each with its weights scaled to sum 1.
fn agreement(
    kind: Kind,
    rows: &[ScoreRow],
    models: &[Voter],
    lambda: Lambda,
    first: &[usize],
    second: &[usize],
) -> Option<(f64, f64, f64)> {
    let weights = |part: &[usize]| {
        let sum: f64 = part.iter().map(|&model| models[model].weight).sum();
        let mut weights = vec![0.0; models.len()];
        part.iter().for_each(|&model| weights[model] = models[model].weight / sum);
        (sum > 0.0).then_some(weights)
    };
    let (first, second) = (weights(first)?, weights(second)?);
    let pair = |row: &ScoreRow| Some((kind.of(row, &first, lambda)?, kind.of(row, &second, lambda)?));
    let (a, b): (Vec<f64>, Vec<f64>) = rows.iter().filter_map(pair).unzip();
    Some((srcc(&a, &b)?, plcc(&a, &b)?, rmse(&a, &b)?))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]
mod tests {
    use super::*;

    fn voters(families: &[&str]) -> Vec<Voter> {
        let voter = |(i, family): (usize, &&str)| Voter {
            name: format!("m{i}"),
            family: (*family).to_owned(),
            weight: 0.5 + 0.05 * i as f64,
        };
        families.iter().enumerate().map(voter).collect()
    }

    /// Samples of growing difficulty; `loner` votes the other way round.
    fn rows(models: usize, loner: Option<usize>) -> Vec<ScoreRow> {
        let field = RandomField::of(&PixelHash([7; 32]), "test", 0, 0);
        let row = |i: u64| {
            let ease = 1.0 - i as f64 / 400.0;
            let value = |m: usize| {
                let noise = 0.2 * (field.uniform(i * 64 + m as u64)[0] - 0.5);
                let value = if loner == Some(m) { 1.0 - ease } else { ease };
                (value + noise).clamp(0.0, 1.0) as f32
            };
            let values: Vec<f32> = (0..models).map(value).collect();
            ScoreRow { sample: i.to_string(), consistency: values.clone(), accuracy: values, ..ScoreRow::default() }
        };
        (0..400).map(row).collect()
    }

    #[test]
    fn agreeing_models_agree_in_any_split() {
        let models = voters(&["a", "a", "b", "b", "c", "d"]);
        let calm = random_splits(Kind::Composite, &rows(6, None), &models, Lambda::default(), 100).unwrap();
        assert!(calm.trials == 100 && calm.srcc.mean > 0.95 && calm.rmse.mean < 0.1, "{calm:?}");
        let split = random_splits(Kind::Composite, &rows(6, Some(2)), &models, Lambda::default(), 100).unwrap();
        assert!(split.srcc.mean < calm.srcc.mean && split.srcc.deviation > calm.srcc.deviation, "{split:?}");
        let again = random_splits(Kind::Composite, &rows(6, Some(2)), &models, Lambda::default(), 100).unwrap();
        assert_eq!(split, again);
    }

    #[test]
    fn the_loner_is_found_and_its_family() {
        let models = voters(&["a", "a", "b", "c", "c", "c"]);
        let found = outliers(&rows(6, Some(2)), &models, Lambda::default());
        assert_eq!((found.len(), found[0].model.as_str()), (6, "m2"));
        assert!(found[0].srcc.unwrap() < -0.9 && found[0].deviations.unwrap() < -1.5, "{found:?}");
        let by_family = families(&rows(6, Some(2)), &models, Lambda::default());
        let of = |name: &str| by_family.iter().find(|row| row.family == name).unwrap();
        assert_eq!((of("a").models, of("c").models), (2, 3));
        assert!(of("b").srcc_with_family.unwrap() < 0.0 && of("a").srcc_with_family.unwrap() > 0.8, "{by_family:?}");
        assert!(families(&rows(3, None), &voters(&["a", "a", "a"]), Lambda::default()).is_empty());
    }

    #[test]
    fn unknown_truth_leaves_consistency() {
        let mut rows = rows(5, None);
        rows.iter_mut().for_each(|row| row.accuracy.clear());
        let models = voters(&["a", "b", "c", "d", "e"]);
        assert!(random_splits(Kind::Accuracy, &rows, &models, Lambda::default(), 10).is_none());
        assert!(random_splits(Kind::Consistency, &rows, &models, Lambda::default(), 10).is_some());
        assert!(outliers(&rows, &models, Lambda::default()).iter().all(|row| row.srcc.is_some()));
    }
}
