//! `miqa-offline label`: every sample through every model → `predictions/<model>.parquet`.

use std::collections::HashMap;
use std::path::PathBuf;

use miqa::engine::{Device, Runtime};

use super::progress::{bar, report};
use super::rank::{threads, tick};
use super::work::needs;
use super::{CommandError, WorkFolder, stop_flag};
use crate::label::classifier::{ClassifierError, Classifiers};
use crate::label::predictions::{LabelError, Sample, predict, write_predictions};
use crate::label::zoo::Zoo;
use crate::parts::{Parts, PartsError};
use crate::rank::{RankRow, read_rank};
use crate::source::Original;

/// Arguments of `label`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    work: WorkFolder,
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
/// 2: no ranks, or the zoo is not as listed; 65: too many originals failed; 75: stopped by a signal.
pub fn run(args: &Args) -> Result<(), CommandError> {
    let zoo = Zoo::read(args.zoo.as_deref()).map_err(CommandError::usage)?;
    let originals = args.work.originals()?;
    needs(&args.work.rank(), "rank")?;
    let ranks = by_original(read_rank(&args.work.rank()).map_err(CommandError::data)?);
    let runtime = Runtime::open(Device::Cpu).map_err(CommandError::usage)?;
    let recipe = args.work.recipe(None)?;
    let version = format!("{}-{}", recipe.key(), zoo.fingerprint());
    let parts = Parts::new(args.work.parts("label", &version), &originals);
    let stop = stop_flag()?;
    let bar = bar(originals.len(), "label");
    let start = || Classifiers::open(&runtime, &zoo, &args.zoo_dirs).map_err(LabelError::from);
    let work = |classifiers: &mut Classifiers, original: &Original| {
        let samples = Sample::of_original(ranks.get(&original.id).ok_or(LabelError::Unranked)?);
        predict(classifiers, &zoo, &recipe, original, &original.load()?, &samples)
    };
    let outcome = parts.make(threads(args.threads), &stop, |progress| tick(&bar, progress.kept), start, work);
    bar.finish_and_clear();
    let outcome = outcome.map_err(|error| match error {
        PartsError::Start(LabelError::Classifier(ClassifierError::Zoo(error))) => CommandError::usage(error),
        other => CommandError::unexpected(other),
    })?;
    report("label", &outcome, args.max_errors)?;
    let all = parts.join().map_err(CommandError::data)?;
    write_predictions(&args.work.predictions(), &zoo, all).map_err(CommandError::unexpected)
}

/// Rows of the rank table by original, in the table's order.
pub(super) fn by_original(rows: Vec<RankRow>) -> HashMap<String, Vec<RankRow>> {
    let mut map: HashMap<String, Vec<RankRow>> = HashMap::new();
    for row in rows {
        map.entry(row.original.clone()).or_default().push(row);
    }
    map
}
