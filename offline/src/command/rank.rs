//! `miqa-offline rank`: the candidates of every distortion of the recipe, scored → `rank.parquet`, or a table a shard.

use super::by_shard::{Made, ShardArgs, ShardedStep};
use super::progress::{bar, report};
use super::{CommandError, WorkFolder, stop_flag};
use crate::parts::{Outcome, Parts};
use crate::plan::positions_of;
use crate::rank::{RankRow, rank, read_rank};
use crate::recipe::Recipe;
use crate::shard::Inputs;
use crate::source::{Original, read_shards, sources_id};
use crate::store::LocalStore;
use crate::table;

/// Footer note of `rank.parquet`: the recipe's hash.
const RECIPE: &str = "miqa.recipe_hash";

/// Footer note of `rank.parquet`: the identity of the sources table.
const SOURCES: &str = "miqa.sources_id";

/// Arguments of `rank`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    work: WorkFolder,
    /// Parameters and levels: miqd, imagenet-c or a TOML file; without it that of `select`, else miqd
    #[arg(long, value_name = "RECIPE")]
    recipe: Option<String>,
    #[command(flatten)]
    shard: ShardArgs,
    /// Worker threads; 0 takes one a core
    #[arg(long, default_value_t = 0, value_name = "N")]
    threads: usize,
    /// Originals that may fail before the run counts as failed
    #[arg(long, default_value_t = 100, value_name = "N")]
    max_errors: usize,
}

/// Runs `rank`.
///
/// # Errors
/// 2: no sources, no such shard, or the recipe makes no sense; 65: too many originals failed; 75: stopped by a signal.
pub fn run(args: &Args) -> Result<(), CommandError> {
    let originals = args.work.originals()?;
    let recipe = args.work.recipe(args.recipe.as_deref())?;
    if let Some(choice) = args.shard.shard {
        let mut sorted = originals;
        sorted.sort_by(|a, b| a.id.cmp(&b.id));
        let step = sharded(&args.work, &recipe, &sources_id(&sorted))?;
        step.run(choice, args.shard.shards, |shard| {
            let mine = &sorted[positions_of(shard, sorted.len(), step.shards)];
            let (rows, outcome) = rank_originals(args, &recipe, mine)?;
            Ok(Made::of(rows, mine.len(), outcome))
        })?;
        return args.work.keep_recipe(&recipe);
    }
    let (rows, _) = rank_originals(args, &recipe, &originals)?;
    args.work.keep_recipe(&recipe)?;
    let notes = [(RECIPE, recipe.content_hash()), (SOURCES, sources_id(&originals))];
    table::write_noted(&args.work.rank(), &rows, &notes).map_err(CommandError::unexpected)
}

/// Ranks what is missing; the rows of all these originals, and which of them failed.
fn rank_originals(
    args: &Args,
    recipe: &Recipe,
    originals: &[Original],
) -> Result<(Vec<RankRow>, Outcome<String>), CommandError> {
    let parts = Parts::new(args.work.parts("rank", &recipe.key()), originals);
    let stop = stop_flag()?;
    let bar = bar(originals.len(), "rank");
    let work = |(): &mut (), original: &Original| rank_all(recipe, original);
    let threads = threads(args.threads);
    let outcome = parts.make(threads, &stop, |progress| tick(&bar, progress.kept), || Ok(()), work);
    bar.finish_and_clear();
    let outcome = outcome.map_err(CommandError::unexpected)?;
    report("rank", &outcome, args.max_errors)?;
    Ok((parts.join().map_err(CommandError::data)?, outcome))
}

/// The shards of a sources table under a recipe; other originals or another recipe, another folder.
fn sharded(work: &WorkFolder, recipe: &Recipe, sources: &str) -> Result<ShardedStep, CommandError> {
    let folder = work.parts("ranks", &format!("{}-{}", recipe.key(), &sources[..12]));
    Ok(ShardedStep {
        step: "rank",
        stage: "rank".to_owned(),
        store: LocalStore::new(folder),
        inputs: Inputs::SourcesId(sources.to_owned()),
        shards: read_shards(&work.sources()).map_err(CommandError::data)?,
    })
}

/// The ranked candidates of exactly these originals under this recipe: from the shards if all are committed, else from
/// `rank.parquet`.
pub(super) fn ranks(work: &WorkFolder, recipe: &Recipe, originals: &[Original]) -> Result<Vec<RankRow>, CommandError> {
    let sources = sources_id(originals);
    let step = sharded(work, recipe, &sources)?;
    let mut rows = Vec::new();
    let missing = step.join(|shard| rows.extend(shard))?;
    if missing.is_empty() {
        return Ok(rows);
    }
    let again = "run `miqa-offline rank` (what is ranked is kept)";
    let path = work.rank();
    if !path.exists() {
        let missing = step.missing(&missing);
        return Err(CommandError::usage(format!("{} is not there, and {missing}: {again}", path.display())));
    }
    let note = |key| table::read_note(&path, key).map_err(CommandError::data);
    if note(RECIPE)?.is_none_or(|hash| hash != recipe.content_hash()) {
        return Err(CommandError::usage(format!("{} is not of recipe {}: {again}", path.display(), recipe.key())));
    }
    if note(SOURCES)?.is_none_or(|id| id != sources) {
        return Err(CommandError::usage(format!("{} is of other originals: {again}", path.display())));
    }
    read_rank(&path).map_err(CommandError::data)
}

fn rank_all(recipe: &Recipe, original: &Original) -> Result<Vec<RankRow>, String> {
    let rgb = original.load().map_err(|e| e.to_string())?;
    let mut rows = Vec::new();
    for distortion in recipe.distortions() {
        rows.extend(rank(recipe, original, &rgb, distortion).map_err(|e| e.to_string())?);
    }
    Ok(rows)
}

/// One original more; those done before this run count once, without spoiling the rate.
pub(super) fn tick(bar: &indicatif::ProgressBar, kept: usize) {
    if bar.position() == 0 {
        bar.set_position(kept as u64);
        bar.reset_eta();
    }
    bar.inc(1);
}

/// The number of worker threads; 0 means one a core.
pub(super) fn threads(asked: usize) -> usize {
    if asked > 0 { asked } else { std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get) }
}
