//! `miqa-offline label`: every sample through every model → `predictions/<model>.parquet`, or a table a shard of a plan.

use std::collections::HashMap;
use std::path::PathBuf;

use miqa::engine::{Device, Runtime};

use super::by_shard::{Made, ShardArgs, ShardedStep};
use super::progress::{bar, report};
use super::rank::{threads, tick};
use super::work::{needs, samples_failure};
use super::{CommandError, WorkFolder, stop_flag};
use crate::label::classifier::{ClassifierError, Classifiers};
use crate::label::mmos::Answered;
use crate::label::predictions::{LabelError, Prediction, predict, read_predictions, table_of, write_predictions};
use crate::label::zoo::Zoo;
use crate::parts::{Outcome, Parts, PartsError};
use crate::plan::Plan;
use crate::sample::{Listed, SampleSource, check_plan};
use crate::shard::Inputs;
use crate::store::LocalStore;

/// Arguments of `label`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    work: WorkFolder,
    /// Plan whose variants are labelled, straight from its originals; without it the uniform variants of `rank`
    #[arg(long, value_name = "FILE")]
    plan: Option<PathBuf>,
    #[command(flatten)]
    shard: ShardArgs,
    /// Folder with the models' files; may be given several times
    #[arg(long = "zoo-dir", value_name = "DIR", required = true)]
    zoo_dirs: Vec<PathBuf>,
    /// List of models; without it the nine classifiers that the program knows
    #[arg(long, value_name = "FILE")]
    zoo: Option<PathBuf>,
    /// Worker threads, each with sessions of its own; 0 takes one a core
    #[arg(long, default_value_t = 0, value_name = "N")]
    threads: usize,
    /// Originals that may fail before the run counts as failed
    #[arg(long, default_value_t = 100, value_name = "N")]
    max_errors: usize,
}

/// Runs `label`.
///
/// # Errors
/// 2: no ranks or plan, no such shard, or the zoo is not as listed; 65: too many originals failed; 75: stopped by a
/// signal.
pub fn run(args: &Args) -> Result<(), CommandError> {
    let zoo = Zoo::read(args.zoo.as_deref()).map_err(CommandError::usage)?;
    let source = args.work.samples(args.plan.as_deref())?;
    if let Some(choice) = args.shard.shard {
        let plan = source.plan().ok_or_else(|| CommandError::usage("--shard needs --plan, which has the shards"))?;
        return sharded(&args.work, plan, &zoo).run(choice, args.shard.shards, |shard| {
            let listed = source.list_shard(shard).map_err(samples_failure)?;
            let (rows, outcome) = predict_listed(args, &zoo, &source, &listed)?;
            Ok(Made::of(rows, listed.len(), outcome))
        });
    }
    let listed = source.list().map_err(samples_failure)?;
    let (all, _) = predict_listed(args, &zoo, &source, &listed)?;
    write_predictions(&args.work.predictions(), &zoo, all, &source.notes()).map_err(CommandError::unexpected)
}

/// Labels what is missing; the predictions for all these originals, and which of them failed.
fn predict_listed(
    args: &Args,
    zoo: &Zoo,
    source: &SampleSource,
    listed: &[Listed],
) -> Result<(Vec<Prediction>, Outcome<LabelError>), CommandError> {
    let runtime = Runtime::open(Device::Cpu).map_err(CommandError::usage)?;
    let version = format!("{}-{}", source.recipe().key(), zoo.fingerprint());
    let parts = Parts::new(args.work.parts("label", &version), listed);
    let stop = stop_flag()?;
    let bar = bar(listed.len(), "label");
    let start = || Classifiers::open(&runtime, zoo, &args.zoo_dirs).map_err(LabelError::from);
    let work = |classifiers: &mut Classifiers, listed: &Listed| predict(classifiers, zoo, source, &listed.original);
    let outcome = parts.make(threads(args.threads), &stop, |progress| tick(&bar, progress.kept), start, work);
    bar.finish_and_clear();
    let outcome = outcome.map_err(|error| match error {
        PartsError::Start(LabelError::Classifier(ClassifierError::Zoo(error))) => CommandError::usage(error),
        other => CommandError::unexpected(other),
    })?;
    report("label", &outcome, args.max_errors)?;
    Ok((parts.join().map_err(CommandError::data)?, outcome))
}

/// The shards of a plan under a zoo; another plan or other models, another folder.
fn sharded(work: &WorkFolder, plan: &Plan, zoo: &Zoo) -> ShardedStep {
    let folder = work.parts("predicted", &format!("{}-{}", plan.id().short(), zoo.fingerprint()));
    ShardedStep {
        step: "label",
        stage: "label".to_owned(),
        store: LocalStore::new(folder),
        inputs: Inputs::PlanId(plan.id().0.clone()),
        shards: plan.shards(),
    }
}

/// What the models of the zoo said of these samples: from the plan's shards if all are committed, else from
/// `predictions/`.
pub(super) fn answered(work: &WorkFolder, source: &SampleSource, zoo: &Zoo) -> Result<Answered, CommandError> {
    let mut answered = Answered::default();
    let mut shards = None;
    if let Some(plan) = source.plan() {
        let step = sharded(work, plan, zoo);
        let missing = step.join(|rows| answered.add(rows))?;
        if missing.is_empty() {
            return Ok(answered);
        }
        shards = Some(step.missing(&missing));
    }
    let folder = work.predictions();
    for model in &zoo.models {
        let table = table_of(&folder, &model.name);
        needs(&table, "label").map_err(|error| match &shards {
            Some(missing) => CommandError::usage(format!("{missing}, and {error}")),
            None => error,
        })?;
        check_plan(&table, source.plan().map(Plan::id)).map_err(samples_failure)?;
        answered.add(read_predictions(&folder, &model.name).map_err(CommandError::data)?);
    }
    Ok(answered)
}

/// How sure a model was of its first class, 0..=1, by sample: from the plan's shards if all are committed, else from its
/// table in `predictions/`; nothing if that is of another plan or not there.
pub(super) fn confidences(
    work: &WorkFolder,
    plan: Option<&Plan>,
    zoo: &Zoo,
    model: &str,
) -> Result<HashMap<String, f32>, CommandError> {
    let mut found = HashMap::new();
    let mut add = |rows: Vec<Prediction>| {
        found.extend(rows.into_iter().filter(|row| row.model == model).map(|row| (row.sample, row.score_1)));
    };
    if let Some(plan) = plan
        && sharded(work, plan, zoo).join(&mut add)?.is_empty()
    {
        return Ok(found);
    }
    let table = table_of(&work.predictions(), model);
    if table.is_file() && check_plan(&table, plan.map(Plan::id)).is_ok() {
        add(read_predictions(&work.predictions(), model).map_err(CommandError::data)?);
    }
    Ok(found)
}
