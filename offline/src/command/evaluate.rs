//! `miqa-offline evaluate`: a model on the test originals beside its baselines.

use std::path::{Path, PathBuf};
use std::thread;

use miqa::engine::{Card, Device, Runtime};

use super::work::samples_failure;
use super::{CommandError, WorkFolder, stop_flag};
use crate::evaluate::{
    self, ALL_MODELS, DISTORTED, EvaluateError, Evaluated, Evaluation, Judged, Measuring, Pool, Samples, check_names,
};
use crate::label::zoo::Task;
use crate::plan::Plan;
use crate::quality::model::{OpenedModel, QualityModel};

/// Arguments of `evaluate`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    work: WorkFolder,
    /// Plan that the labels were made with; without it those of `rank`'s uniform variants
    #[arg(long, value_name = "FILE")]
    plan: Option<PathBuf>,
    /// What the labels are about: classification, detection or segmentation
    #[arg(long, default_value_t = Task::Classification)]
    task: Task,
    /// Work folder whose `train` prepared the region features that ridge regression is fitted on, if it is another one
    #[arg(long, value_name = "DIR")]
    features: Option<PathBuf>,
    /// Folder of the model, with card.toml
    #[arg(long, value_name = "DIR", required_unless_present = "pool")]
    model: Option<PathBuf>,
    /// Folder of another model to compare with, a row of its own by its name; the gain over it is paired by original. May be
    /// given several times
    #[arg(long, value_name = "DIR")]
    beside: Vec<PathBuf>,
    /// Judge on all originals, whatever their fold: for a work folder of which the model has seen none
    #[arg(long)]
    all_originals: bool,
    /// Judge on so many variants of each original, chosen by their names, instead of all: quicker, for comparisons
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    variants: Option<u32>,
    /// Folder of an earlier report of this task, instead of a model: its scores are taken over, and all given reports become
    /// one, as those of the folds of a cross-validation. May be given several times
    #[arg(long, value_name = "REPORT", conflicts_with_all = ["model", "beside", "metrics", "features", "all_originals", "variants"])]
    pool: Vec<PathBuf>,
    /// Description of a no-reference or learned metric to compare with, its ONNX file beside it, as `quality` takes them.
    /// May be given several times
    #[arg(long = "metric", value_name = "FILE.toml")]
    metrics: Vec<PathBuf>,
    /// Folder for the report; `report` in the work folder unless given, of other tasks `report-TASK`
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Worker threads, each with a one-thread session; one a core unless given
    #[arg(long, value_name = "N")]
    workers: Option<usize>,
}

/// Runs `evaluate`.
///
/// # Errors
/// 2: a step before is missing, there is no test original, or a metric is not as described; 65: tables, pictures or the model do not fit; 75: stopped; 78:
/// the labels were made with another plan.
pub fn run(args: &Args) -> Result<(), CommandError> {
    let plan = args.work.labelled_plan(args.plan.as_deref())?;
    let (samples, evaluated) = match &args.model {
        Some(model) => judged(args, model, plan.as_ref())?,
        None => pooled(args, plan.as_ref()).map_err(classify)?,
    };
    let report = if args.task == Task::Classification { "report".to_owned() } else { format!("report-{}", args.task) };
    let folder = args.out.clone().unwrap_or_else(|| args.work.work.join(report));
    evaluate::report::write(&folder, &samples, &evaluated).map_err(classify)?;
    print!("{}", summary(&evaluated.evaluation));
    println!("evaluate: report in {}", folder.display());
    Ok(())
}

/// A model on samples that it had not seen.
fn judged(args: &Args, model: &Path, plan: Option<&Plan>) -> Result<(Samples, Evaluated), CommandError> {
    let work = args.work.work.as_path();
    let card = Card::read(model).map_err(CommandError::data)?;
    let metrics: Vec<OpenedModel> = args
        .metrics
        .iter()
        .map(|path| QualityModel::open(path))
        .collect::<Result<_, _>>()
        .map_err(CommandError::usage)?;
    let beside: Vec<Card> =
        args.beside.iter().map(|folder| Card::read(folder)).collect::<Result<_, _>>().map_err(CommandError::data)?;
    check_names(&metrics, &beside).map_err(classify)?;
    let runtime = Runtime::open(Device::Cpu).map_err(CommandError::unexpected)?;
    let stop = stop_flag()?;
    let which = if args.all_originals { Judged::All } else { Judged::TestFold };
    let variants = args.variants.map_or(usize::MAX, |n| n as usize);
    let samples = Samples::read_some(work, args.task, plan, which, variants).map_err(classify)?;
    let workers = args.workers.unwrap_or_else(|| thread::available_parallelism().map_or(1, usize::from));
    let measuring =
        Measuring { runtime: &runtime, card: &card, beside: &beside, metrics: &metrics, workers, stop: &stop };
    let measured = measuring.run(&samples).map_err(classify)?;
    let features = args.features.as_deref().unwrap_or(work);
    let evaluated = evaluate::evaluate(work, features, &measuring, &samples, &measured).map_err(classify)?;
    Ok((samples, evaluated))
}

/// The scores of earlier reports as one evaluation.
fn pooled(args: &Args, plan: Option<&Plan>) -> Result<(Samples, Evaluated), EvaluateError> {
    let pool = Pool::read(&args.pool)?;
    let samples = Samples::read(&args.work.work, args.task, plan, Judged::Of(&pool))?;
    let evaluated = evaluate::evaluate_pool(&args.work.work, &samples, &pool)?;
    Ok((samples, evaluated))
}

/// The headline rows as text, a line a method.
fn summary(evaluation: &Evaluation) -> String {
    let mut out = String::new();
    for labels in
        evaluation.comparisons.iter().filter(|c| evaluation.heads.first() == Some(&c.head) && c.set == DISTORTED)
    {
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
        EvaluateError::NoTestFold | EvaluateError::SameName(_) | EvaluateError::OpenMetric(_) => {
            CommandError::usage(error)
        }
        EvaluateError::Sample(error) => samples_failure(error),
        EvaluateError::Io { .. } => CommandError::unexpected(error),
        _ => CommandError::data(error),
    }
}
