//! `miqa-offline mmos`: stored predictions → scores and labels of each task, and how far they can be trusted
//! (`labels.json`). No model runs.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use serde::Serialize;

use super::label::{Labelled, each_answered};
use super::{CommandError, WorkFolder};
use crate::label::LabelRow;
use crate::label::answers::of_task;
use crate::label::ceiling::{Ceiling, ceiling};
use crate::label::csv;
use crate::label::drawn::Drawn;
use crate::label::mmos::{composite, label, weighted};
use crate::label::predictions::PredictionRow;
use crate::label::score::{MODELS_NOTE, Right, Rules, ScoreRow, Tau, WEIGHTS_NOTE, score};
use crate::label::truth::Truth;
use crate::label::weights::{Alpha, Lambda};
use crate::label::zoo::{Task, Zoo, ZooModel};
use crate::plan::PlannedOriginal;
use crate::sample::{Sample, SampleSource};
use crate::table::Appender;

/// Random partitions of the zoo from which the ceiling is averaged.
const SPLITS: usize = 100;

/// Samples that the ceiling is computed on at most: more change its third digit at best, and memory should not grow.
const CEILING_SAMPLES: usize = 50_000;

/// Arguments of `mmos`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    of: Labelled,
    /// COCO annotations (instances_*.json) that detections and masks are measured against; may be given several times
    #[arg(long, value_name = "FILE")]
    annotations: Vec<PathBuf>,
    /// Overlap from which a detection is right: 0.50, 0.75 or the mean over 0.50:0.95; all three are stored
    #[arg(long, value_name = "IOU", default_value = "0.75")]
    tau: Tau,
    /// Detections under this score count neither as reference nor as answer in consistency
    #[arg(long, value_name = "SCORE", default_value_t = Rules::default().reference_score)]
    reference_score: f32,
    /// Shares of consistency and accuracy in the composite
    #[arg(long, value_name = "C,A", default_value_t = Lambda::default())]
    lambda: Lambda,
    /// Weights of the models: performance, equal, or a .toml file with a weight a model
    #[arg(long, value_name = "RULE", default_value_t = Alpha::default())]
    alpha: Alpha,
    /// Also write labels from the models outside this family; may be given several times
    #[arg(long, value_name = "FAMILY")]
    without_family: Vec<String>,
    /// Also write the authors' tables into a folder: <id>_mmos.csv, or <id>_accuracy.csv and <id>_consistency.csv below
    /// a folder a task
    #[arg(long, value_name = "DIR")]
    csv: Option<PathBuf>,
}

/// What `labels.json` holds, a label table each.
#[derive(Debug, Serialize)]
struct Summary {
    task: Task,
    samples: usize,
    rules: Rules,
    lambda: Lambda,
    alpha: Alpha,
    models: Vec<ModelSummary>,
    /// Split-half agreement of the labels, on distorted samples where the score exists; of 50,000 of them if there are
    /// more.
    ceiling: Ceilings,
}

#[derive(Debug, Serialize)]
struct ModelSummary {
    name: String,
    family: String,
    licence: String,
    /// α.
    weight: f64,
    /// Benchmark performance from which α follows.
    performance: f64,
    /// Mean accuracy on the clean originals whose truth is known here; none without such originals.
    clean_accuracy: Option<f64>,
}

#[derive(Debug, Serialize)]
struct Ceilings {
    composite: Option<Ceiling>,
    consistency: Option<Ceiling>,
    accuracy: Option<Ceiling>,
    /// Consistency on originals of known truth only: the samples that composite and accuracy are compared on.
    consistency_of_known_class: Option<Ceiling>,
}

/// Runs `mmos`.
///
/// # Errors
/// 2: a step before is missing, or the zoo has no such family; 65: predictions are incomplete.
pub fn run(args: &Args) -> Result<(), CommandError> {
    let zoo = args.of.zoo()?;
    let unknown = |family: &&String| !zoo.models.iter().any(|model| model.family == **family);
    if let Some(family) = args.without_family.iter().find(unknown) {
        zoo.without_family(family).map_err(CommandError::usage)?;
    }
    let source = args.of.work.samples(args.of.plan.as_deref())?;
    let truth = Truth::read(&args.annotations).map_err(CommandError::usage)?;
    let mut summaries = BTreeMap::new();
    for task in Task::ALL {
        let models = of_task(&zoo, task);
        if !models.is_empty() {
            of_one_task(args, task, &zoo, &models, &source, &truth, &mut summaries)?;
        }
    }
    let json = serde_json::to_vec_pretty(&summaries).map_err(CommandError::unexpected)?;
    fs::write(args.of.work.labels_summary(), json).map_err(CommandError::unexpected)
}

/// A label table on its way: of all models of a task, or of those outside a family.
struct Table {
    path: PathBuf,
    /// As `labels.json` lists it.
    name: String,
    /// Weights of the task's models; 0 for those left out.
    weights: Vec<f64>,
    rows: Appender<LabelRow>,
}

fn of_one_task(
    args: &Args,
    task: Task,
    zoo: &Zoo,
    models: &[&ZooModel],
    source: &SampleSource,
    truth: &Truth,
    summaries: &mut BTreeMap<String, Summary>,
) -> Result<(), CommandError> {
    let mut tables = tables(args, task, models, source)?;
    let weights = args.alpha.weights(models).map_err(CommandError::usage)?;
    let notes = notes(args, task, models, &weights, source);
    let path = args.of.work.scores(task);
    let mut scores = Appender::new(&path, &notes).map_err(CommandError::unexpected)?;
    let rules = Rules { tau: args.tau, reference_score: args.reference_score };
    let mut drawn = Drawn::new(CEILING_SAMPLES);
    let (mut samples_seen, mut clean) = (0, vec![(0.0, 0_usize); models.len()]);
    let mut each = |planned: &PlannedOriginal, samples: &[Sample], answers: Vec<Vec<PredictionRow>>| {
        let original = &planned.original;
        let annotations = match task {
            Task::Classification => None,
            Task::Detection | Task::Segmentation => {
                truth.of(original, task == Task::Segmentation).map_err(CommandError::data)?
            }
        };
        let right = match (task, &annotations) {
            (Task::Classification, _) if original.class >= 0 => Right::Class(original.class),
            (_, Some(annotations)) => Right::Objects(annotations),
            _ => Right::Unknown,
        };
        let rows = score(task, original, &answers, right, rules).map_err(CommandError::data)?;
        samples_seen += rows.len();
        for (of_model, &value) in clean.iter_mut().zip(&rows[0].accuracy) {
            *of_model = (of_model.0 + f64::from(value), of_model.1 + 1);
        }
        let mut of_all: Vec<LabelRow> = Vec::new();
        for ((at, sample), row) in samples.iter().enumerate().zip(&rows) {
            let psnr = sample.psnr().or(answers[0][at].psnr);
            let psnr = psnr.ok_or_else(|| {
                CommandError::data(format!(
                    "the predictions for `{}` state no PSNR; run `miqa-offline label` again",
                    row.sample
                ))
            })?;
            for (number, table) in tables.iter_mut().enumerate() {
                let label = label(original, sample, psnr, row, &table.weights, args.lambda);
                if number == 0 && args.csv.is_some() {
                    of_all.push(label.clone());
                }
                table.rows.push([label]).map_err(CommandError::unexpected)?;
            }
            if *sample != Sample::Clean {
                drawn.offer(row);
            }
        }
        if let Some(folder) = &args.csv {
            let folder = folder.join(task.name());
            csv::write(&folder, task, &original.id, models, &of_all, &rows)
                .map_err(|e| CommandError::unexpected(format!("can't write tables into {}: {e}", folder.display())))?;
        }
        scores.push(rows).map_err(CommandError::unexpected)
    };
    each_answered(&args.of, source, zoo, models, &mut each)?;
    scores.finish().map_err(CommandError::unexpected)?;
    let drawn = drawn.rows();
    for table in tables {
        table.rows.finish().map_err(CommandError::unexpected)?;
        let ceiling = ceilings(&drawn, &table.weights, args.lambda);
        println!("mmos: {}: {samples_seen} samples, {}", table.path.display(), describe(&ceiling));
        let of_models = models.iter().zip(&table.weights).zip(&clean).filter(|((_, weight), _)| **weight > 0.0);
        let models = of_models.map(|((model, &weight), &(sum, count))| ModelSummary {
            name: model.name.clone(),
            family: model.family.clone(),
            licence: model.licence.clone(),
            weight,
            performance: model.performance,
            clean_accuracy: (count > 0).then(|| sum / count as f64),
        });
        let (lambda, alpha, models) = (args.lambda, args.alpha.clone(), models.collect());
        summaries.insert(table.name, Summary { task, samples: samples_seen, rules, lambda, alpha, models, ceiling });
    }
    Ok(())
}

fn tables(args: &Args, task: Task, models: &[&ZooModel], source: &SampleSource) -> Result<Vec<Table>, CommandError> {
    let work: &WorkFolder = &args.of.work;
    let mut tables = Vec::new();
    let families = args.without_family.iter().filter(|family| models.iter().any(|model| model.family == **family));
    for left_out in std::iter::once(None).chain(families.map(Some)) {
        let kept: Vec<&ZooModel> =
            models.iter().filter(|model| left_out.is_none_or(|family| model.family != *family)).copied().collect();
        if kept.is_empty() {
            return Err(CommandError::usage(format!(
                "all {task} models are of one family; nothing is left without it"
            )));
        }
        let of_kept = args.alpha.weights(&kept).map_err(CommandError::usage)?;
        let notes = notes(args, task, &kept, &of_kept, source);
        let mut of_kept = of_kept.into_iter();
        let is_kept = |model: &&ZooModel| kept.iter().any(|kept| kept.name == model.name);
        let weight = |model| if is_kept(model) { of_kept.next().unwrap_or_default() } else { 0.0 };
        let weights: Vec<f64> = models.iter().map(weight).collect();
        let path = work.labels_of(task, left_out.map(String::as_str));
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let rows = Appender::new(&path, &notes).map_err(CommandError::unexpected)?;
        tables.push(Table { path, name, weights, rows });
    }
    Ok(tables)
}

/// What tables state about how they were made.
fn notes(
    args: &Args,
    task: Task,
    models: &[&ZooModel],
    weights: &[f64],
    source: &SampleSource,
) -> Vec<(&'static str, String)> {
    let names: Vec<&str> = models.iter().map(|model| model.name.as_str()).collect();
    let mut notes = source.notes();
    notes.push(("miqa.task", task.to_string()));
    notes.push((MODELS_NOTE, names.join(",")));
    notes.push((WEIGHTS_NOTE, weights.iter().map(f64::to_string).collect::<Vec<_>>().join(",")));
    notes.push(("miqa.lambda", args.lambda.to_string()));
    notes.push(("miqa.alpha", args.alpha.to_string()));
    if task != Task::Classification {
        notes.push(("miqa.tau", format!("{:?}", args.tau).to_lowercase()));
        notes.push(("miqa.reference_score", args.reference_score.to_string()));
    }
    notes
}

fn ceilings(drawn: &[ScoreRow], weights: &[f64], lambda: Lambda) -> Ceilings {
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

fn describe(ceilings: &Ceilings) -> String {
    let one = |name: &str, ceiling: &Option<Ceiling>| match ceiling {
        Some(c) => format!("{name} split-half SRCC {:.3} ± {:.3}, corrected {:.3}", c.srcc, c.deviation, c.corrected),
        None => format!("{name} has no ceiling here"),
    };
    format!("{}; {}", one("composite", &ceilings.composite), one("consistency", &ceilings.consistency))
}
