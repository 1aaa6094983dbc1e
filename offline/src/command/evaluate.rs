//! `miqa-offline evaluate`: a model on the test originals beside its baselines.

use std::path::PathBuf;
use std::thread;

use miqa::engine::{Card, Device, Runtime};

use super::label::confidences;
use super::work::samples_failure;
use super::{CommandError, WorkFolder, stop_flag};
use crate::evaluate::{self, ALL_MODELS, BACKBONE, DISTORTED, EvaluateError, Evaluation, HEADS, Measuring, Samples};
use crate::label::zoo::Zoo;

/// Arguments of `evaluate`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    work: WorkFolder,
    /// Plan that the labels were made with; without it those of `rank`'s uniform variants
    #[arg(long, value_name = "FILE")]
    plan: Option<PathBuf>,
    /// List of the models that labelled; without it the nine classifiers that the program knows
    #[arg(long, value_name = "FILE")]
    zoo: Option<PathBuf>,
    /// Folder of the model, with card.toml
    #[arg(long, value_name = "DIR")]
    model: PathBuf,
    /// Folder for the report; `report` in the work folder unless given
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Worker threads, each with a one-thread session; one a core unless given
    #[arg(long, value_name = "N")]
    workers: Option<usize>,
}

/// Runs `evaluate`.
///
/// # Errors
/// 2: a step before is missing, or there is no test original; 65: tables, pictures or the model do not fit; 75: stopped; 78:
/// the labels were made with another plan.
pub fn run(args: &Args) -> Result<(), CommandError> {
    let zoo = Zoo::read(args.zoo.as_deref()).map_err(CommandError::usage)?;
    let plan = args.work.labelled_plan(args.plan.as_deref())?;
    let work = args.work.work.as_path();
    let card = Card::read(&args.model).map_err(CommandError::data)?;
    let runtime = Runtime::open(Device::Cpu).map_err(CommandError::unexpected)?;
    let stop = stop_flag()?;
    let samples = Samples::read(work, plan.as_ref()).map_err(classify)?;
    let workers = args.workers.unwrap_or_else(|| thread::available_parallelism().map_or(1, usize::from));
    let measuring = Measuring { runtime: &runtime, card: &card, workers, stop: &stop };
    let measured = measuring.run(&samples).map_err(classify)?;
    let confidences = confidences(&args.work, plan.as_ref(), &zoo, BACKBONE)?;
    let evaluated = evaluate::evaluate(work, &card, &samples, &measured, &confidences).map_err(classify)?;
    let folder = args.out.clone().unwrap_or_else(|| work.join("report"));
    evaluate::report::write(&folder, &samples, &evaluated).map_err(classify)?;
    print!("{}", summary(&evaluated.evaluation));
    println!("evaluate: report in {}", folder.display());
    Ok(())
}

/// The headline rows as text, a line a method.
fn summary(evaluation: &Evaluation) -> String {
    let mut out = String::new();
    for labels in evaluation.comparisons.iter().filter(|c| c.head == HEADS[0] && c.set == DISTORTED) {
        let whose = if labels.labels == ALL_MODELS { String::new() } else { format!(", labels {}", labels.labels) };
        out += &format!(
            "{} SRCC, {} distorted samples of {} originals{whose}\n",
            labels.head, labels.samples, labels.originals
        );
        for row in &labels.rows {
            let value = row.srcc.value.map_or("undefined".into(), |value| format!("{value:.3}"));
            let interval = row.srcc.interval.map(|i| format!("  [{:.3}, {:.3}]", i.low, i.high)).unwrap_or_default();
            out += &format!("  {:<18}{value}{interval}\n", row.method);
        }
        if let Some(ceiling) = labels.ceiling {
            out += &format!("  {:<18}{ceiling:.3}\n", "label ceiling");
        }
    }
    for line in &evaluation.missing {
        out += &format!("not compared: {line}\n");
    }
    out
}

fn classify(error: EvaluateError) -> CommandError {
    match error {
        EvaluateError::Stopped => CommandError::retry(error),
        EvaluateError::NoTestFold => CommandError::usage(error),
        EvaluateError::Sample(error) => samples_failure(error),
        EvaluateError::Io { .. } => CommandError::unexpected(error),
        _ => CommandError::data(error),
    }
}
