//! `miqa-offline mmos`: stored predictions → scores and labels of each task, and how far they can be trusted
//! (`labels.json`). No model runs.

mod outputs;
mod settled;
mod summary;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use self::outputs::Outputs;
use self::settled::{Settled, settle};
use self::summary::{ModelSummary, Summary, WithoutTruth, ceilings, describe};
use super::CommandError;
use super::label::{Labelled, each_answered};
use crate::label::LabelRow;
use crate::label::answers::of_task;
use crate::label::csv;
use crate::label::drawn::Drawn;
use crate::label::mmos::label;
use crate::label::predictions::PredictionRow;
use crate::label::score::{Right, Rules, Tau, score};
use crate::label::truth::{Truth, TruthError};
use crate::label::weights::{Alpha, Lambda};
use crate::label::zoo::{Task, Zoo};
use crate::plan::PlannedOriginal;
use crate::sample::{Sample, SampleSource};
use crate::table::{Appender, TableError};

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
    #[arg(long, value_name = "IOU", default_value_t = Tau::default())]
    tau: Tau,
    /// Detections under this score count neither as reference nor as answer in consistency
    #[arg(long, value_name = "SCORE", default_value_t = Rules::default().reference_score, value_parser = share)]
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

/// Runs `mmos`. Nothing appears before all of it is there; of the tasks of this run's models, label and score tables of a
/// former run that this one does not make are taken away. Those of other tasks stay, and what `labels.json` says of them.
///
/// # Errors
/// 2: a step before is missing, the zoo has no such family, or a file of weights does not fit; 65: predictions are
/// incomplete or not what was committed, or annotations do not fit; 75: the disk is full.
pub fn run(args: &Args) -> Result<(), CommandError> {
    let zoo = args.of.zoo()?;
    let unknown = |family: &&String| !zoo.models.iter().any(|model| model.family == **family);
    if let Some(family) = args.without_family.iter().find(unknown) {
        zoo.without_family(family).map_err(CommandError::usage)?;
    }
    args.alpha.check(&zoo).map_err(CommandError::usage)?;
    let truth = Truth::read(&args.annotations).map_err(|error| match error {
        TruthError::Twice { .. } => CommandError::data(error),
        other => CommandError::usage(other),
    })?;
    let source = args.of.work.samples(args.of.plan.as_deref())?;
    let tasks = Task::ALL.map(|task| (task, of_task(&zoo, task))).into_iter().filter(|(_, models)| !models.is_empty());
    let tasks =
        tasks.map(|(task, models)| settle(args, task, models, &source, &truth)).collect::<Result<Vec<_>, _>>()?;
    let of_tasks = tasks.iter().map(|settled| settled.task).collect();
    let mut outputs = Outputs::new(&args.of.work, of_tasks, args.csv.as_deref());
    for settled in &tasks {
        of_one_task(args, settled, &zoo, &source, &truth, &mut outputs)?;
    }
    outputs.appear()
}

/// A number of 0 to 1.
fn share(text: &str) -> Result<f32, String> {
    let share = text.parse().ok().filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| format!("`{text}`: give a score of 0 to 1"))
}

fn of_one_task(
    args: &Args,
    settled: &Settled,
    zoo: &Zoo,
    source: &SampleSource,
    truth: &Truth,
    outputs: &mut Outputs,
) -> Result<(), CommandError> {
    let Settled { task, models, .. } = settled;
    let task = *task;
    let open = |table: &settled::Table| Appender::<LabelRow>::new(&table.path, &table.notes);
    let mut tables = settled.tables.iter().map(open).collect::<Result<Vec<_>, _>>().map_err(refused)?;
    let mut scores = Appender::new(&args.of.work.scores(task), &settled.notes).map_err(refused)?;
    let csv_folder = outputs.csv_of(task)?;
    let rules = Rules { tau: args.tau, reference_score: args.reference_score };
    let mut drawn = Drawn::new(CEILING_SAMPLES);
    let mut without = WithoutTruth::default();
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
        if matches!(right, Right::Unknown) {
            without.add(&original.id, rows.len());
        }
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
            for (number, (table, of)) in tables.iter_mut().zip(&settled.tables).enumerate() {
                let label = label(original, sample, psnr, row, &of.weights, args.lambda);
                if number == 0 && csv_folder.is_some() {
                    of_all.push(label.clone());
                }
                table.push([label]).map_err(refused)?;
            }
            if *sample != Sample::Clean {
                drawn.offer(row);
            }
        }
        if let Some(folder) = &csv_folder {
            csv::write(folder, task, &original.id, models, &of_all, &rows)
                .map_err(|e| CommandError::writing(folder, &e))?;
        }
        scores.push(rows).map_err(refused)
    };
    each_answered(&args.of, source, zoo, models, &mut each)?;
    outputs.keep(scores.close().map_err(refused)?);
    if let Some(said) = without.said(task, samples_seen, !truth.is_empty()) {
        println!("mmos: {said}");
    }
    let drawn = drawn.rows();
    for (rows, table) in tables.into_iter().zip(&settled.tables) {
        outputs.keep(rows.close().map_err(refused)?);
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
        let summary = Summary {
            task,
            samples: samples_seen,
            without_truth: without.clone(),
            annotations: if task == Task::Classification { Vec::new() } else { truth.files().to_vec() },
            rules,
            lambda: args.lambda,
            alpha: args.alpha.clone(),
            models: models.collect(),
            ceiling,
        };
        outputs.summarise(table.name(), summary);
    }
    Ok(())
}

#[expect(clippy::needless_pass_by_value, reason = "as map_err wants it")]
fn refused(error: TableError) -> CommandError {
    CommandError::writing_table(&error)
}
