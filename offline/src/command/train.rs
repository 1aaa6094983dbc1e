//! `miqa-offline train`: labels → region features and crops (`W/train/`) → weights (`W/train/<recipe>/`).

use std::path::{Path, PathBuf};

use miqa::engine::{Device, Runtime};

use super::rank::threads;
use super::work::{needs, samples_failure};
use super::{CommandError, WorkFolder, plan, stop_flag};
use crate::device::ChosenDevice;
use crate::export::weights::Weights;
use crate::label::zoo::Task;
use crate::plan::Plan;
use crate::sample::PLAN_NOTE;
use crate::table;
use crate::train::TrainError;
use crate::train::prepare::{Request, prepare};
use crate::train::recipe::Recipe;
use crate::train::samples::Folder;

/// Arguments of `train`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    work: WorkFolder,
    /// Plan that the labels were made with: its pictures are rendered whenever they are wanted, none is stored; without
    /// it the uniform variants of `rank`, whose crops are stored
    #[arg(long, value_name = "FILE")]
    plan: Option<PathBuf>,
    /// Another work folder whose samples train too, with its plan if its labels (or, without any, its pictures) are of one;
    /// one without labels needs a teacher; may be given several times
    #[arg(long = "also", value_name = "DIR")]
    also: Vec<PathBuf>,
    #[command(flatten)]
    recipe: TrainingRecipe,
    /// Folder with the region encoder's file; may be given several times
    #[arg(long = "zoo-dir", value_name = "DIR")]
    zoo_dirs: Vec<PathBuf>,
    /// What the network trains on: cpu, or cuda:N, GPU number N (cuda is the first). Features are prepared on the CPU
    #[arg(long, default_value_t = ChosenDevice::Cpu, value_name = "DEVICE")]
    device: ChosenDevice,
    /// Worker threads of the preparation; 0 takes one a core
    #[arg(long, default_value_t = 0, value_name = "N")]
    threads: usize,
    /// Folder of a model whose scores are learned beside the labels, and in place of those that are not there
    #[arg(long, value_name = "DIR")]
    teacher: Option<PathBuf>,
    /// Store the crops of a plan's samples too, 250 kB each, instead of rendering them anew in every epoch
    #[arg(long)]
    store_crops: bool,
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
        runnable(args.device)?;
    }
    let plan = args.work.labelled_plan(args.plan.as_deref())?;
    let others = args.also.iter().map(|work| Ok((work.as_path(), plan_of(work)?)));
    let others: Vec<(&Path, Option<Plan>)> = others.collect::<Result<_, CommandError>>()?;
    let first = Folder { work: &args.work.work, plan: plan.as_ref() };
    let folders: Vec<Folder<'_>> =
        std::iter::once(first).chain(others.iter().map(|(work, plan)| Folder { work, plan: plan.as_ref() })).collect();
    let mut recipe = args.recipe.read()?;
    let runtime = Runtime::open(Device::Cpu).map_err(CommandError::usage)?;
    let stop = stop_flag()?;
    let request = Request {
        folders: &folders,
        recipe: &recipe,
        teacher: args.teacher.as_deref(),
        zoo: &args.zoo_dirs,
        store_crops: args.store_crops,
        workers: threads(args.threads),
        stop: &stop,
    };
    let prepared = prepare(&request, &runtime).map_err(failure)?;
    let prepared = prepared.ok_or_else(|| CommandError::retry("preparation stopped; the same command goes on"))?;
    println!("prepared: {} samples, {} region features each", prepared.samples, prepared.region);
    if args.prepare_only {
        return Ok(());
    }
    let published = recipe.published(&args.zoo_dirs).map_err(failure)?;
    fit(&folders, &recipe, published.as_ref(), args.device, &stop)
}

/// The plan of a work folder's labels; of one without labels its plan, if there is one.
fn plan_of(work: &Path) -> Result<Option<Plan>, CommandError> {
    let folder = WorkFolder { work: work.to_owned() };
    needs(&folder.split(), "split")?;
    let tables = Task::ALL.map(|task| folder.labels_of(task, None));
    let planned = match tables.iter().find(|table| table.is_file()) {
        Some(table) => table::read_note(table, PLAN_NOTE).map_err(CommandError::data)?.is_some(),
        None => folder.plan().is_file(),
    };
    if planned { plan::open(&folder.plan()).map(Some) } else { Ok(None) }
}

/// Missing files are the command line's fault, all else the data's.
fn failure(error: TrainError) -> CommandError {
    match error {
        TrainError::Zoo(error) => CommandError::usage(error),
        TrainError::Sample(error) => samples_failure(error),
        other => CommandError::data(other),
    }
}

#[cfg(not(feature = "train"))]
fn runnable(_device: ChosenDevice) -> Result<(), CommandError> {
    Err(CommandError::usage(
        "this build can't train: run scripts/libtorch.sh, then build with `cargo build --release -p miqa-offline --features train`",
    ))
}

/// libgomp reads its waiting policy when it is loaded, before `main`, and by default spins idle threads on cores that
/// others need; so the program starts once more with the policy set.
#[cfg(feature = "train")]
fn runnable(device: ChosenDevice) -> Result<(), CommandError> {
    use std::os::unix::process::CommandExt;

    const POLICY: &str = "OMP_WAIT_POLICY";
    if std::env::var_os(POLICY).is_some() {
        return device.torch().map(drop).map_err(CommandError::usage);
    }
    let program = std::env::current_exe().map_err(CommandError::unexpected)?;
    let mut again = std::process::Command::new(program);
    again.args(std::env::args_os().skip(1)).env(POLICY, "passive").env("GOMP_SPINCOUNT", "0");
    Err(CommandError::unexpected(again.exec()))
}

#[cfg(not(feature = "train"))]
fn fit(
    _folders: &[Folder<'_>],
    _recipe: &Recipe,
    _published: Option<&Weights>,
    device: ChosenDevice,
    _stop: &std::sync::atomic::AtomicBool,
) -> Result<(), CommandError> {
    runnable(device)
}

#[cfg(feature = "train")]
fn fit(
    folders: &[Folder<'_>],
    recipe: &Recipe,
    published: Option<&Weights>,
    device: ChosenDevice,
    stop: &std::sync::atomic::AtomicBool,
) -> Result<(), CommandError> {
    use std::sync::atomic::Ordering;

    use crate::train::dataset::{Dataset, Layout};
    use crate::train::fit::{Outcome, WEIGHTS};

    let work = folders[0].work;
    let data = Dataset::open(work).and_then(|data| data.with_pictures(work, folders, recipe.train.variants));
    let data = data.map_err(failure)?;
    let folder = Layout::of(work).file(&recipe.name);
    let stopped = |_| stop.load(Ordering::Relaxed);
    let device = device.torch().map_err(CommandError::usage)?;
    let outcome = crate::train::fit::fit(recipe, &data, published, &folder, device, &stopped);
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
