//! `miqa-offline train`: labels → region features and crops (`W/train/`) → weights (`W/train/<recipe>/`).

use std::path::PathBuf;

use miqa::engine::{Device, Runtime};

use super::rank::threads;
use super::work::samples_failure;
use super::{CommandError, WorkFolder, stop_flag};
use crate::plan::Plan;
use crate::train::TrainError;
use crate::train::prepare::{Request, prepare};
use crate::train::recipe::Recipe;

/// Arguments of `train`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    work: WorkFolder,
    /// Plan that the labels were made with: its pictures are rendered whenever they are wanted, none is stored; without
    /// it the uniform variants of `rank`, whose crops are stored
    #[arg(long, value_name = "FILE")]
    plan: Option<PathBuf>,
    #[command(flatten)]
    recipe: TrainingRecipe,
    /// Folder with the region encoder's file; may be given several times
    #[arg(long = "zoo-dir", value_name = "DIR")]
    zoo_dirs: Vec<PathBuf>,
    /// Worker threads of the preparation; 0 takes one a core
    #[arg(long, default_value_t = 0, value_name = "N")]
    threads: usize,
    /// Only prepare the crops and region features
    #[arg(long)]
    prepare_only: bool,
}

/// Argument `--recipe` of training and export.
#[derive(Debug, clap::Args)]
pub(super) struct TrainingRecipe {
    /// Recipe of the model and its training; without it that of the shipped model
    #[arg(long, value_name = "FILE")]
    recipe: Option<PathBuf>,
}

impl TrainingRecipe {
    pub(super) fn read(&self) -> Result<Recipe, CommandError> {
        Recipe::read(self.recipe.as_deref()).map_err(CommandError::usage)
    }
}

/// Runs `train`.
///
/// # Errors
/// 2: tables, recipe or region encoder missing, or a build without libtorch; 65: data that do not fit; 75: stopped by
/// a signal, the same command goes on; 78: the labels were made with another plan.
pub fn run(args: &Args) -> Result<(), CommandError> {
    if !args.prepare_only {
        runnable()?;
    }
    let plan = args.work.labelled_plan(args.plan.as_deref())?;
    let recipe = args.recipe.read()?;
    let runtime = Runtime::open(Device::Cpu).map_err(CommandError::usage)?;
    let stop = stop_flag()?;
    let request = Request {
        work: &args.work.work,
        plan: plan.as_ref(),
        recipe: &recipe,
        zoo: &args.zoo_dirs,
        workers: threads(args.threads),
        stop: &stop,
    };
    let prepared = prepare(&request, &runtime).map_err(failure)?;
    let prepared = prepared.ok_or_else(|| CommandError::retry("preparation stopped; the same command goes on"))?;
    println!("prepared: {} samples, {} region features each", prepared.samples, prepared.region);
    if args.prepare_only { Ok(()) } else { fit(&args.work, plan.as_ref(), &recipe, &stop) }
}

/// Missing files are the command line's fault, all else the data's.
fn failure(error: TrainError) -> CommandError {
    match error {
        TrainError::NoEncoder { .. } => CommandError::usage(error),
        TrainError::Sample(error) => samples_failure(error),
        other => CommandError::data(other),
    }
}

#[cfg(not(feature = "train"))]
fn runnable() -> Result<(), CommandError> {
    Err(CommandError::usage(
        "this build can't train: run scripts/libtorch.sh, then build with `cargo build --release -p miqa-offline --features train`",
    ))
}

/// libgomp reads its waiting policy when it is loaded, before `main`, and by default spins idle threads on cores that
/// others need; so the program starts once more with the policy set.
#[cfg(feature = "train")]
fn runnable() -> Result<(), CommandError> {
    use std::os::unix::process::CommandExt;

    const POLICY: &str = "OMP_WAIT_POLICY";
    if std::env::var_os(POLICY).is_some() {
        return Ok(());
    }
    let program = std::env::current_exe().map_err(CommandError::unexpected)?;
    let mut again = std::process::Command::new(program);
    again.args(std::env::args_os().skip(1)).env(POLICY, "passive").env("GOMP_SPINCOUNT", "0");
    Err(CommandError::unexpected(again.exec()))
}

#[cfg(not(feature = "train"))]
fn fit(
    _work: &WorkFolder,
    _plan: Option<&Plan>,
    _recipe: &Recipe,
    _stop: &std::sync::atomic::AtomicBool,
) -> Result<(), CommandError> {
    runnable()
}

#[cfg(feature = "train")]
fn fit(
    work: &WorkFolder,
    plan: Option<&Plan>,
    recipe: &Recipe,
    stop: &std::sync::atomic::AtomicBool,
) -> Result<(), CommandError> {
    use std::sync::atomic::Ordering;

    use crate::train::dataset::{Dataset, Layout};
    use crate::train::fit::{Outcome, WEIGHTS};

    let data = Dataset::open(&work.work).and_then(|data| match plan {
        Some(plan) => data.with_plan(&work.work, plan),
        None => Ok(data),
    });
    let data = data.map_err(failure)?;
    let folder = Layout::of(&work.work).file(&recipe.name);
    let outcome = crate::train::fit::fit(recipe, &data, &folder, &|_| stop.load(Ordering::Relaxed));
    match outcome.map_err(failure)? {
        Outcome::Finished { score, step } => {
            let score = score.map_or_else(|| "no validation fold".to_owned(), |s| format!("validation SRCC {s:.4}"));
            println!("trained: {score} at step {step}; weights in {}", folder.join(WEIGHTS).display());
            Ok(())
        }
        Outcome::Interrupted { step } => {
            Err(CommandError::retry(format!("training stopped after step {step}; the same command goes on")))
        }
    }
}
