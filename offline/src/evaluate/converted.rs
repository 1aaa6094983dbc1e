//! What converting a model to other numbers costs and gains: both models on the same pictures, in turn.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use miqa::engine::card::Threshold;
use miqa::engine::{Card, Loss, Model, Runtime, Scores};
use miqa::preprocess::Rgb288;

use super::report::card::{fallen, threshold};
use super::samples::labels_of;
use super::threshold::of_head;
use super::weighted::{self, Places};
use super::workers::each_original;
use super::{Drawn, EvaluateError, HEADS, RESAMPLES, Resamples, heads_of, interval, metrics};
use crate::label::zoo::Task;
use crate::label::{LabelRow, labels_of as table_of, read_labels};
use crate::plan::PlanId;
use crate::recipe::Recipe;
use crate::sample::check_plan;

const SEED: u64 = 10;

/// Two models that are compared.
#[derive(Clone, Copy)]
pub struct Judging<'a> {
    /// Where sessions come from.
    pub runtime: &'a Runtime,
    /// The model that was converted.
    pub before: &'a Card,
    /// What it was converted to.
    pub after: &'a Card,
    /// Worker threads, each with a one-thread session a model; times are cleanest with one.
    pub workers: usize,
    /// Set when the process was asked to stop.
    pub stop: &'a AtomicBool,
}

/// What both models made of one sample.
#[derive(Debug, Clone, PartialEq)]
pub struct Pair {
    /// Id of the sample.
    pub sample: String,
    /// Id of its original.
    pub original: String,
    /// What the first model says.
    pub before: Scores,
    /// What the second says.
    pub after: Scores,
    /// What each took, in seconds.
    pub seconds: [f64; 2],
}

/// How far apart two models are.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// Samples.
    pub samples: usize,
    /// Their originals.
    pub originals: usize,
    /// Mean difference of a score.
    pub mean_difference: f64,
    /// Largest difference of a score.
    pub max_difference: f64,
    /// Median of the first model's time over the second's, picture by picture.
    pub speed: f64,
    /// Median seconds a picture of each.
    pub seconds: [f64; 2],
    /// The heads that there are labels of.
    pub heads: Vec<HeadVerdict>,
}

/// What one head lost.
#[derive(Debug, Clone, PartialEq)]
pub struct HeadVerdict {
    /// The head.
    pub head: String,
    /// Labelled samples.
    pub samples: usize,
    /// SRCC of the first model.
    pub before: f64,
    /// SRCC of the second.
    pub after: f64,
    /// Their difference, paired by original.
    pub loss: Loss,
    /// Thresholds by the second model's scores, if they tell the labels.
    pub threshold: Option<Threshold>,
    /// Falls by the second model's scores.
    pub falls: Vec<(f32, f32)>,
}

/// The sessions of one worker.
struct Both {
    before: Model,
    after: Model,
}

impl Judging<'_> {
    /// Shows the samples to both models in turn; in the order of `drawn`.
    ///
    /// # Errors
    /// A model can't be opened or gives NaN, a sample can't be made, or the process was asked to stop.
    pub fn run(&self, recipe: &Recipe, drawn: &[Drawn]) -> Result<Vec<Pair>, EvaluateError> {
        let open = || {
            let before = Model::open(self.runtime, self.before, 1)?;
            Ok(Both { before, after: Model::open(self.runtime, self.after, 1)? })
        };
        each_original(drawn.len(), self.workers, self.stop, open, |both, index| {
            let of = &drawn[index];
            let views = of.views(recipe)?;
            let pairs = views.into_iter().enumerate().map(|(i, (sample, view))| {
                // Who comes first changes, so that neither always finds the picture in the cache.
                self.pair(both, i % 2 == 1, sample, of.original(), &view)
            });
            pairs.collect()
        })
    }

    fn pair(
        &self,
        both: &mut Both,
        swapped: bool,
        sample: String,
        original: &str,
        view: &Rgb288,
    ) -> Result<Pair, EvaluateError> {
        let timed = |model: &mut Model, card: &Card| -> Result<(Scores, f64), EvaluateError> {
            let begin = Instant::now();
            let scores = model.score(std::slice::from_ref(view))?.remove(0);
            let seconds = begin.elapsed().as_secs_f64();
            if scores.heads.iter().chain(&scores.distortions).any(|value| value.is_nan()) {
                return Err(EvaluateError::NotANumber { model: card.name.clone(), sample: sample.clone() });
            }
            Ok((scores, seconds))
        };
        let early = if swapped { Some(timed(&mut both.after, self.after)?) } else { None };
        let (before, first) = timed(&mut both.before, self.before)?;
        let (after, second) = early.map_or_else(|| timed(&mut both.after, self.after), Ok)?;
        Ok(Pair { original: original.to_owned(), before, after, seconds: [first, second], sample })
    }

    /// What the pairs say, with the labels that there are.
    #[must_use]
    pub fn verdict(&self, pairs: &[Pair], labels: &BTreeMap<Task, HashMap<String, LabelRow>>) -> Verdict {
        let apart: Vec<f64> = pairs
            .iter()
            .flat_map(|p| p.before.heads.iter().zip(&p.after.heads).map(|(a, b)| f64::from((a - b).abs())))
            .collect();
        let mut originals: Vec<&str> = pairs.iter().map(|pair| pair.original.as_str()).collect();
        originals.dedup();
        let seconds = |of: usize| median(pairs.iter().map(|pair| pair.seconds[of]).collect());
        let heads = labels.iter().flat_map(|(&task, rows)| {
            heads_of(task)
                .into_iter()
                .enumerate()
                .filter_map(move |(column, head)| self.head(head, column, pairs, rows))
        });
        Verdict {
            samples: pairs.len(),
            originals: originals.len(),
            mean_difference: apart.iter().sum::<f64>() / apart.len().max(1) as f64,
            max_difference: apart.iter().copied().fold(0.0, f64::max),
            speed: median(pairs.iter().map(|pair| pair.seconds[0] / pair.seconds[1]).collect()),
            seconds: [seconds(0), seconds(1)],
            heads: heads.collect(),
        }
    }

    fn head(&self, head: &str, column: usize, pairs: &[Pair], rows: &HashMap<String, LabelRow>) -> Option<HeadVerdict> {
        let (at, after_at) = (self.before.head(head)?, self.after.head(head)?);
        let known: Vec<(&Pair, &LabelRow)> =
            pairs.iter().filter_map(|pair| Some((pair, rows.get(&pair.sample)?))).collect();
        let labels: Vec<[Option<f64>; HEADS]> = known.iter().map(|(_, row)| labels_of(row)).collect();
        let level: Vec<Option<u8>> = known.iter().map(|(_, row)| row.uniform_level()).collect();
        let all: Vec<f64> = known.iter().map(|(pair, _)| f64::from(pair.after.heads[after_at])).collect();
        let with: Vec<(&Pair, f64)> =
            known.iter().zip(&labels).filter_map(|((pair, _), label)| Some((*pair, label[column]?))).collect();
        let label: Vec<f64> = with.iter().map(|(_, label)| *label).collect();
        let first: Vec<f64> = with.iter().map(|(pair, _)| f64::from(pair.before.heads[at])).collect();
        let second: Vec<f64> = with.iter().map(|(pair, _)| f64::from(pair.after.heads[after_at])).collect();
        let originals: Vec<&str> = with.iter().map(|(pair, _)| pair.original.as_str()).collect();
        let (before, after) = (metrics::srcc(&first, &label)?, metrics::srcc(&second, &label)?);
        let [label, first, second] = [&label, &first, &second].map(|values| Places::of(values));
        let (label, first, second) = (label?, first?, second?);
        let lost = Resamples::by_original(&originals, RESAMPLES, SEED).replicates(|weights| {
            Some(weighted::srcc(&first, &label, weights)? - weighted::srcc(&second, &label, weights)?)
        });
        let ends = interval(&lost)?;
        let found = of_head(head, column, &all, &labels, &level);
        Some(HeadVerdict {
            head: head.to_owned(),
            samples: with.len(),
            before,
            after,
            loss: Loss { value: before - after, low: ends.low, high: ends.high },
            threshold: found.as_ref().map(threshold),
            falls: found.as_ref().map_or_else(Vec::new, fallen),
        })
    }
}

/// The labels of a work folder by task and sample; a task without a table is left out.
///
/// # Errors
/// A table can't be read or is of another plan.
pub fn labels_by_sample(
    work: &Path,
    plan: Option<&PlanId>,
) -> Result<BTreeMap<Task, HashMap<String, LabelRow>>, EvaluateError> {
    let mut labels = BTreeMap::new();
    for task in Task::ALL {
        let path = table_of(work, task, None);
        if path.exists() {
            check_plan(&path, plan)?;
            let rows = read_labels(&path)?.into_iter().map(|row| (row.sample.clone(), row));
            labels.insert(task, rows.collect());
        }
    }
    Ok(labels)
}

/// The middle value; NaN of none.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => values[middle],
        _ => f64::midpoint(values[middle - 1], values[middle]),
    }
}
