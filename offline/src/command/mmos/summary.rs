//! What `mmos` says of its tables: `labels.json`, and a few lines for people.

use serde::Serialize;

use crate::label::ceiling::{Ceiling, ceiling};
use crate::label::mmos::{composite, weighted};
use crate::label::score::{Rules, ScoreRow};
use crate::label::truth::AnnotationFile;
use crate::label::weights::{Alpha, Lambda};
use crate::label::zoo::Task;

/// Random partitions of the zoo from which the ceiling is averaged.
const SPLITS: usize = 100;

/// What `labels.json` holds, a label table each.
#[derive(Debug, Serialize)]
pub(super) struct Summary {
    pub(super) task: Task,
    pub(super) samples: usize,
    pub(super) without_truth: WithoutTruth,
    /// What detections and masks were measured against.
    pub(super) annotations: Vec<AnnotationFile>,
    pub(super) rules: Rules,
    pub(super) lambda: Lambda,
    pub(super) alpha: Alpha,
    pub(super) models: Vec<ModelSummary>,
    /// Split-half agreement of the labels, on distorted samples where the score exists; of 50,000 of them if there are
    /// more.
    pub(super) ceiling: Ceilings,
}

/// A model as `labels.json` lists it.
#[derive(Debug, Serialize)]
pub(super) struct ModelSummary {
    pub(super) name: String,
    pub(super) family: String,
    pub(super) licence: String,
    /// α.
    pub(super) weight: f64,
    /// Benchmark performance from which α follows.
    pub(super) performance: f64,
    /// Mean accuracy on the clean originals whose truth is known here; none without such originals.
    pub(super) clean_accuracy: Option<f64>,
}

/// Split-half agreement of each score.
#[derive(Debug, Serialize)]
pub(super) struct Ceilings {
    pub(super) composite: Option<Ceiling>,
    pub(super) consistency: Option<Ceiling>,
    pub(super) accuracy: Option<Ceiling>,
    /// Consistency on originals of known truth only: the samples that composite and accuracy are compared on.
    pub(super) consistency_of_known_class: Option<Ceiling>,
}

/// Samples whose truth is unknown: they have consistency, but neither accuracy nor composite.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(super) struct WithoutTruth {
    /// So many.
    pub(super) samples: usize,
    /// Of so many originals.
    pub(super) originals: usize,
    /// One of these.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) first: Option<String>,
}

impl WithoutTruth {
    /// Counts an original with so many samples.
    pub(super) fn add(&mut self, original: &str, samples: usize) {
        self.samples += samples;
        self.originals += 1;
        self.first.get_or_insert_with(|| original.to_owned());
    }

    /// How many of how many have no truth, why, and what helps; none where all have one.
    pub(super) fn said(&self, task: Task, of: usize, annotated: bool) -> Option<String> {
        let first = self.first.as_ref()?;
        let why = match (task, annotated) {
            (Task::Classification, _) => "have no class; `select --labels` gives originals their classes",
            (_, false) => "have no annotations; give them with --annotations",
            (_, true) => "are in none of the --annotations; give those of these pictures too",
        };
        Some(format!(
            "{task}: {} of {of} samples have neither accuracy nor composite: {} originals (`{first}` …) {why}",
            self.samples, self.originals
        ))
    }
}

/// The ceilings of labels of these weights, on samples that were drawn.
pub(super) fn ceilings(drawn: &[ScoreRow], weights: &[f64], lambda: Lambda) -> Ceilings {
    let of = |score: &(dyn Fn(&ScoreRow, &[f64]) -> Option<f64> + Sync)| ceiling(drawn, weights, SPLITS, score);
    Ceilings {
        composite: of(&|row, weights| composite(row, weights, lambda)),
        consistency: of(&|row, weights| weighted(&row.consistency, weights)),
        accuracy: of(&|row, weights| weighted(&row.accuracy, weights)),
        consistency_of_known_class: of(&|row, weights| {
            if row.accuracy.is_empty() { None } else { weighted(&row.consistency, weights) }
        }),
    }
}

/// One line for people.
pub(super) fn describe(ceilings: &Ceilings) -> String {
    let one = |name: &str, ceiling: &Option<Ceiling>| match ceiling {
        Some(c) => format!("{name} split-half SRCC {:.3} ± {:.3}, corrected {:.3}", c.srcc, c.deviation, c.corrected),
        None => format!("{name} has no ceiling here"),
    };
    format!("{}; {}", one("composite", &ceilings.composite), one("consistency", &ceilings.consistency))
}
