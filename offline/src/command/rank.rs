//! `miqa-offline rank`: the candidates of every distortion of the recipe, scored → `rank.parquet`, or a table a shard.

use std::path::PathBuf;

use super::progress::{bar, report};
use super::{CommandError, WorkFolder, stop_flag};
use crate::parts::{Outcome, Parts};
use crate::plan::positions_of;
use crate::rank::{RankRow, rank, read_rank};
use crate::recipe::Recipe;
use crate::shard::{
    CommitRecord, ErrorRow, Inputs, RecordError, ShardChoice, StoredFile, seconds_now, sha256_hex, tool,
};
use crate::source::{Original, read_shards, sources_id};
use crate::store::{LocalStore, Store};
use crate::table;

/// Footer note of `rank.parquet`: the recipe's hash.
const RECIPE: &str = "miqa.recipe_hash";

/// Footer note of `rank.parquet`: the identity of the sources table.
const SOURCES: &str = "miqa.sources_id";

/// Name of the stage in keys and records.
const STAGE: &str = "rank";

/// Arguments of `rank`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    work: WorkFolder,
    /// Parameters and levels: miqd, imagenet-c or a TOML file; without it that of `select`, else miqd
    #[arg(long, value_name = "RECIPE")]
    recipe: Option<String>,
    /// One shard, from 0, into a table of its own; `auto` takes it from SLURM_ARRAY_TASK_ID, JOB_COMPLETION_INDEX or
    /// SGE_TASK_ID; without it all originals
    #[arg(long, value_name = "I|auto")]
    shard: Option<ShardChoice>,
    /// How many shards there are, as a check: `select --shards` decides it
    #[arg(long, value_name = "N", requires = "shard")]
    shards: Option<u32>,
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
    if let Some(choice) = args.shard {
        return run_shard(args, choice, &recipe, originals);
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

/// The store of the shards' tables of a recipe and a sources table; other originals or another recipe, another folder.
fn shard_store(work: &WorkFolder, recipe: &Recipe, sources: &str) -> LocalStore {
    let folder: PathBuf = work.parts("ranks", &format!("{}-{}", recipe.key(), &sources[..12]));
    LocalStore::new(folder)
}

fn run_shard(
    args: &Args,
    choice: ShardChoice,
    recipe: &Recipe,
    mut originals: Vec<Original>,
) -> Result<(), CommandError> {
    let shards = read_shards(&args.work.sources()).map_err(CommandError::data)?;
    if args.shards.is_some_and(|stated| stated != shards) {
        let reason =
            format!("--shards differs from the sources table, which has {shards}: `select --shards` decides it");
        return Err(CommandError::usage(reason));
    }
    let chosen = choice.resolve(shards, |name| std::env::var(name).ok()).map_err(CommandError::usage)?;
    println!("rank: {chosen} of {shards}");
    let shard = chosen.shard;
    let sources = sources_id(&originals);
    let store = shard_store(&args.work, recipe, &sources);
    let inputs = Inputs::SourcesId(sources);
    if let Some(record) = CommitRecord::read(&store, STAGE, shard, &inputs).map_err(failure)? {
        record.table(&store).map_err(failure)?;
        println!("rank: shard {shard} was committed already: {} originals", record.originals);
        return Ok(());
    }
    let begun = seconds_now();
    originals.sort_by(|a, b| a.id.cmp(&b.id));
    let mine = &originals[positions_of(shard, originals.len(), shards)];
    let (rows, outcome) = rank_originals(args, recipe, mine)?;
    let bytes = table::encode("ranks of the shard", &rows).map_err(CommandError::unexpected)?;
    let sha256 = sha256_hex(&bytes);
    let name = format!("{STAGE}/shards/{shard}-{}.parquet", &sha256[..12]);
    let size = bytes.len() as u64;
    store.put(&name, bytes).map_err(|e| failure(e.into()))?;
    let failed = outcome.failed;
    let record = CommitRecord {
        stage: STAGE.to_owned(),
        shard,
        inputs: inputs.clone(),
        tool: tool(),
        originals: (mine.len() - failed.len()) as u64,
        rows: rows.len() as u64,
        bytes: size,
        files: vec![StoredFile { name: name.clone(), size, sha256 }],
        errors: failed.into_iter().map(|(original, reason)| ErrorRow { original, reason }).collect(),
        begun,
        ended: seconds_now(),
        made: outcome.done as u64,
    };
    if !record.commit(&store).map_err(failure)? {
        let winner = CommitRecord::read(&store, STAGE, shard, &inputs).map_err(failure)?;
        let winner = winner.ok_or_else(|| CommandError::unexpected("the commit record appeared and vanished"))?;
        winner.table(&store).map_err(failure)?;
        if winner.files[0].name != name {
            store.delete(&name).map_err(|e| failure(e.into()))?;
        }
    }
    args.work.keep_recipe(recipe)
}

/// The ranked candidates of exactly these originals under this recipe: from the shards if all are committed, else from
/// `rank.parquet`.
pub(super) fn ranks(work: &WorkFolder, recipe: &Recipe, originals: &[Original]) -> Result<Vec<RankRow>, CommandError> {
    let sources = sources_id(originals);
    let shards = read_shards(&work.sources()).map_err(CommandError::data)?;
    let store = shard_store(work, recipe, &sources);
    let (mut rows, mut missing) = (Vec::new(), Vec::new());
    for shard in 0..shards {
        let record = CommitRecord::read(&store, STAGE, shard, &Inputs::SourcesId(sources.clone())).map_err(failure)?;
        let Some(record) = record else {
            missing.push(shard.to_string());
            continue;
        };
        let bytes = record.table(&store).map_err(failure)?;
        rows.extend(table::decode::<RankRow>(&record.files[0].name, bytes).map_err(CommandError::data)?);
    }
    if missing.is_empty() {
        return Ok(rows);
    }
    let again = "run `miqa-offline rank` (what is ranked is kept)";
    let path = work.rank();
    if !path.exists() {
        let what = if missing.len() == shards as usize {
            "nothing is ranked yet".to_owned()
        } else {
            format!("shards {} of {shards} are not ranked", missing.join(", "))
        };
        return Err(CommandError::usage(format!("{what}: {again}")));
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

fn failure(error: RecordError) -> CommandError {
    match error {
        RecordError::Store(error) if error.passing => CommandError::retry(error),
        RecordError::Inputs { .. } => CommandError::plan(error),
        RecordError::Store(error) => CommandError::usage(error),
        other => CommandError::data(other),
    }
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
