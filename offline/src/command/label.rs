//! `miqa-offline label`: every sample through every model of a zoo; a table a model and shard of a plan, or a table a
//! model in `predictions/`.

use std::ops::Range;
use std::path::{Path, PathBuf};

use super::generate::{failure, in_bytes, open, work};
use super::progress::{bar, report};
use super::rank::{threads, tick};
use super::work::{needs, samples_failure};
use super::{CommandError, WorkFolder, stop_flag};
use crate::device::ChosenDevice;
use crate::generate::drawn;
use crate::hex::sha256_hex;
use crate::label::answers::{Answers, AnswersError, table_of};
use crate::label::ask::{Ask, Asking};
use crate::label::estimate::{EstimateError, estimate};
use crate::label::inference::{BatchSize, Inference};
use crate::label::model::ModelError;
use crate::label::predictions::{LabelError, PredictionRow, predict};
use crate::label::stage::{Predictions, STAGE, by_model};
use crate::label::trial::{TrialError, trial};
use crate::label::zoo::{PinnedZoo, Zoo, ZooModel};
use crate::parts::{Parts, PartsError};
use crate::plan::{Plan, PlanId, PlannedOriginal};
use crate::sample::{Listed, Sample, SampleSource, check_plan, thinned};
use crate::shard::{GRACE, Losses, ShardChoice, Worker, status};
use crate::table;

/// Which models, and where their predictions are kept.
#[derive(Debug, clap::Args)]
pub struct Labelled {
    #[command(flatten)]
    pub(super) work: WorkFolder,
    /// Plan whose variants are labelled, straight from its originals; without it the uniform variants of `rank`
    #[arg(long, value_name = "FILE")]
    pub(super) plan: Option<PathBuf>,
    /// List of models, or builtin:cls, builtin:det, builtin:paper; may be given several times. Without it builtin:cls, nine
    /// classifiers
    #[arg(long, value_name = "FILE")]
    pub(super) zoo: Vec<PathBuf>,
    /// So many variants of each of the plan's originals, chosen by their names as `train.variants` chooses; all of them
    /// unless given
    #[arg(long, value_name = "N", requires = "plan", value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) variants: Option<u32>,
    /// Where the predictions for a plan lie: a folder, or an object store's URL; a folder of the plan and zoo below the
    /// work folder unless given
    #[arg(long, value_name = "DEST", requires = "plan")]
    pub(super) out: Option<String>,
}

/// Arguments of `label`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    of: Labelled,
    /// One shard, from 0; `auto` takes it from SLURM_ARRAY_TASK_ID, JOB_COMPLETION_INDEX or SGE_TASK_ID; without it
    /// all shards, one after the other
    #[arg(long, value_name = "I|auto", requires = "plan")]
    shard: Option<ShardChoice>,
    /// Folder with the models' files; may be given several times
    #[arg(long = "zoo-dir", value_name = "DIR", required = true)]
    zoo_dirs: Vec<PathBuf>,
    /// What the models run on: cpu, or cuda:N, GPU number N (cuda is the first); one worker a GPU
    #[arg(long, default_value_t = ChosenDevice::Cpu, value_name = "DEVICE")]
    device: ChosenDevice,
    /// Worker threads; 0 takes one a core. On the CPU each has sessions of its own; with CUDA they render for the GPU
    #[arg(long, default_value_t = 0, value_name = "N")]
    threads: usize,
    #[command(flatten)]
    losses: Losses,
    /// Only say how many core-hours or GPU-hours, bytes and how much memory it will take, from a measured sample
    #[arg(long, requires = "plan", conflicts_with = "variants")]
    dry_run: bool,
    /// Pictures that --dry-run shows to the models to know
    #[arg(long, default_value_t = 20, value_name = "N", requires = "dry_run")]
    sample: usize,
    /// Workers of one core or GPU each that --dry-run divides the hours by; may be given several times; --threads, or one GPU, unless given
    #[arg(long, value_name = "N", requires = "dry_run", value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..))]
    workers: Vec<usize>,
}

impl Labelled {
    pub(super) fn zoo(&self) -> Result<Zoo, CommandError> {
        Zoo::read(&self.zoo).map_err(CommandError::usage)
    }

    /// Where the predictions of this zoo for a plan lie.
    pub(super) fn destination(&self, plan: &Plan, zoo: &Zoo) -> String {
        let some = self.variants.map(|variants| format!("-{variants}")).unwrap_or_default();
        let below = || self.work.parts(STAGE, &format!("{}-{}{some}", plan.id().short(), zoo.fingerprint()));
        self.out.clone().unwrap_or_else(|| below().display().to_string())
    }
}

/// Runs `label`.
///
/// # Errors
/// 2: no ranks or plan, no such shard, or the zoo is not as listed; 65: a model fails on the first pictures, too many originals
/// failed or are not there; 75: stopped by a
/// signal, or the store can't be reached; 78: the destination belongs to another plan or zoo.
pub fn run(args: &Args) -> Result<(), CommandError> {
    let zoo = args.of.zoo()?;
    let source = args.of.work.samples(args.of.plan.as_deref())?;
    zoo.require_files(&args.zoo_dirs).map_err(CommandError::usage)?;
    let pinned = zoo.pinned(&args.zoo_dirs).map_err(CommandError::usage)?;
    let runtime = args.device.runtime().map_err(CommandError::usage)?;
    let inference = match args.device {
        ChosenDevice::Cpu => None,
        ChosenDevice::Cuda(_) => Some(
            Inference::start(&runtime, &pinned.zoo, &args.zoo_dirs, BatchSize::Probed).map_err(CommandError::usage)?,
        ),
    };
    let asking = match &inference {
        None => Asking::Alone { runtime: &runtime, folders: &args.zoo_dirs },
        Some(inference) => {
            let sizes: Vec<String> = inference.sizes().map(|(model, size)| format!("{} {size}", model.name)).collect();
            println!("label: on {}, pictures at once: {}", args.device, sizes.join(", "));
            Asking::Shared(inference)
        }
    };
    let Some(plan) = source.plan() else { return label_ranked(args, &pinned, &source, asking) };
    if args.dry_run {
        return dry_run(args, plan, &pinned.zoo, asking);
    }
    let store = open(&args.of.destination(plan, &zoo))?;
    let stop = stop_flag()?;
    let stage = Predictions { recipe: plan.recipe(), zoo: &pinned, asking, variants: args.of.variants };
    let (threads, losses) = (threads(args.threads), args.losses);
    let worker = Worker { plan, stage, store: store.as_ref(), threads, losses, stop: &stop, grace: GRACE };
    work(&worker, args.shard, "predictions", |shards| {
        let originals = tried(plan, shards).filter_map(|position| plan.original(position).ok());
        trial(asking, &pinned.zoo, originals.map(|planned| planned.original)).map_err(trial_failure)
    })
}

/// Positions of originals to try the models on: of these shards and of the whole plan in turns, since the first of a shard
/// may be of one kind, and the others not be here.
fn tried(plan: &Plan, shards: Range<u32>) -> impl Iterator<Item = usize> {
    let own = plan.positions(shards.start).start..plan.positions(shards.end - 1).end;
    let all = drawn(plan.originals(), own.len(), plan.recipe().seed());
    own.zip(all).flat_map(|(own, of_all)| [own, of_all])
}

fn trial_failure(error: TrialError) -> CommandError {
    match error {
        TrialError::Models(_) => CommandError::usage(error),
        TrialError::Fails { .. } | TrialError::NoPicture { .. } => CommandError::data(error),
    }
}

fn dry_run(args: &Args, plan: &Plan, zoo: &Zoo, asking: Asking) -> Result<(), CommandError> {
    let seed = plan.recipe().seed();
    let found = estimate(plan, zoo, asking, args.sample, seed).map_err(|error| match error {
        EstimateError::Label(LabelError::Model(error @ (ModelError::Zoo(_) | ModelError::Engine(_)))) => {
            CommandError::usage(error)
        }
        other => CommandError::data(other),
    })?;
    let ms = |time: std::time::Duration| time.as_secs_f64() * 1000.0;
    let unit = if args.device == ChosenDevice::Cpu { "core" } else { "GPU" };
    println!(
        "label: {} originals, {} pictures, {} models, {} predictions in {} shards, plan_id {}",
        found.originals,
        found.pictures,
        zoo.models.len(),
        found.pictures * zoo.models.len() as u64,
        plan.shards(),
        plan.id()
    );
    println!(
        "label: a picture takes {:.1} ms of rendering and {:.1} ms of models on one {unit}, from {} pictures",
        ms(found.rendering),
        ms(found.models),
        found.sampled
    );
    let hours = |time: std::time::Duration| time.mul_f64(found.pictures as f64).as_secs_f64() / 3600.0;
    let (rendering, models) = (hours(found.rendering), hours(found.models));
    let (hours, usual) = match args.device {
        ChosenDevice::Cpu => {
            println!("label: about {:.2} core-hours, {} of predictions", rendering + models, in_bytes(found.bytes));
            (rendering + models, threads(args.threads))
        }
        ChosenDevice::Cuda(_) => {
            println!(
                "label: about {models:.2} GPU-hours, with {rendering:.2} core-hours of rendering meanwhile, {} of \
                 predictions",
                in_bytes(found.bytes)
            );
            (models.max(rendering / threads(args.threads) as f64), 1)
        }
    };
    let workers = if args.workers.is_empty() { vec![usual] } else { args.workers.clone() };
    for workers in workers {
        println!("label: about {:.2} hours with {workers} workers", hours / workers as f64);
    }
    if let Some(memory) = found.memory {
        println!("label: about {} of memory a worker on top of the program", in_bytes(memory));
    }
    Ok(())
}

/// Labels what is missing of the uniform variants of `rank`, and writes a table a model.
fn label_ranked(args: &Args, pinned: &PinnedZoo, source: &SampleSource, asking: Asking) -> Result<(), CommandError> {
    let listed = source.list().map_err(samples_failure)?;
    let zoo = &pinned.zoo;
    let weights = pinned.weights.as_ref().map(|weights| format!("-{}", &sha256_hex(weights.as_bytes())[..8]));
    let version = format!("{}-{}{}", source.recipe().key(), pinned.fingerprint, weights.unwrap_or_default());
    let parts = Parts::new(args.of.work.parts(STAGE, &version), &listed);
    let stop = stop_flag()?;
    let bar = bar(listed.len(), STAGE);
    if listed.iter().any(|listed| !parts.has(listed)) {
        let originals = listed.iter().map(|listed| listed.original.clone());
        trial(asking, zoo, originals).map_err(trial_failure)?;
    }
    let start = || asking.open(zoo).map_err(LabelError::from);
    let work = |models: &mut Box<dyn Ask + '_>, listed: &Listed| {
        let planned = source.planned(&listed.original)?;
        let rows = predict(models.as_mut(), zoo, source.recipe(), planned, &|| false)?;
        Ok(rows.expect("nothing stops it"))
    };
    let outcome = parts.make(threads(args.threads), &stop, |progress| tick(&bar, progress.kept), start, work);
    bar.finish_and_clear();
    let outcome = outcome.map_err(|error| match error {
        PartsError::Start(LabelError::Model(ModelError::Zoo(error))) => CommandError::usage(error),
        other => CommandError::unexpected(other),
    })?;
    report(STAGE, &outcome, args.losses.max_errors.of(listed.len()))?;
    let rows: Vec<PredictionRow> = parts.join().map_err(CommandError::data)?;
    for (model, rows) in by_model(zoo, rows) {
        let path = table_of(&args.of.work.predictions(), &model);
        table::write_noted(&path, &rows, &source.notes()).map_err(CommandError::unexpected)?;
    }
    Ok(())
}

/// Takes an original, its samples and what was said of them: a list of rows a model, in the samples' order.
pub(super) type Each<'a> =
    dyn FnMut(&PlannedOriginal, &[Sample], Vec<Vec<PredictionRow>>) -> Result<(), CommandError> + 'a;

/// Hands over what these models said of every original's samples, original by original: a list of rows a model.
/// Originals that `label` left out are left out.
pub(super) fn each_answered(
    args: &Labelled,
    source: &SampleSource,
    zoo: &Zoo,
    models: &[&ZooModel],
    each: &mut Each,
) -> Result<(), CommandError> {
    let limit = args.variants.map_or(usize::MAX, |n| n as usize);
    let mut all = |answers: &mut Answers, planned: PlannedOriginal| {
        let planned = thinned(planned, limit);
        let samples = Sample::of(planned.clone());
        match answers.next_of(&planned, &samples).map_err(answers_failure)? {
            Some(rows) => each(&planned, &samples, rows),
            None => Ok(()),
        }
    };
    let Some(plan) = source.plan() else {
        let folder = args.work.predictions();
        for model in models {
            needed(&folder, model, None)?;
        }
        let mut answers = Answers::of_folder(&folder, models).map_err(answers_failure)?;
        for planned in source.all() {
            all(&mut answers, planned.map_err(samples_failure)?)?;
        }
        return answers.finish().map_err(answers_failure);
    };
    let store = open(&args.destination(plan, zoo))?;
    let found = status(store.as_ref(), STAGE).map_err(failure)?;
    if found.destination.plan_id != *plan.id() {
        let (theirs, ours) = (found.destination.plan_id.short().to_owned(), plan.id().short());
        return Err(CommandError::plan(format!("{} has predictions for plan {theirs}, not {ours}", store.place())));
    }
    // A step before is missing: `finalize` calls it bad data, whoever needs the tables a wrong order.
    for record in found.whole(store.as_ref()).map_err(CommandError::usage)? {
        let mut answers = Answers::of_shard(store.as_ref(), record, models).map_err(answers_failure)?;
        for planned in plan.of_shard(record.shard) {
            all(&mut answers, planned.map_err(super::plan::data)?)?;
        }
        answers.finish().map_err(answers_failure)?;
    }
    Ok(())
}

fn needed(folder: &Path, model: &ZooModel, plan: Option<&PlanId>) -> Result<(), CommandError> {
    let table = table_of(folder, &model.name);
    needs(&table, STAGE)?;
    check_plan(&table, plan).map_err(samples_failure)
}

fn answers_failure(error: AnswersError) -> CommandError {
    match error {
        AnswersError::Stage(error) => failure(error),
        AnswersError::NoModel { .. } => CommandError::usage(error),
        other => CommandError::data(other),
    }
}
