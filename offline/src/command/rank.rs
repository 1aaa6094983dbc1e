//! `miqa-offline rank`: the candidates of every distortion of the recipe, scored → `rank.parquet`.

use super::progress::{bar, report};
use super::{CommandError, WorkFolder, stop_flag};
use crate::parts::Parts;
use crate::rank::{RankRow, rank};
use crate::recipe::Recipe;
use crate::source::Original;
use crate::table;

/// Arguments of `rank`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    work: WorkFolder,
    /// Parameters and levels: miqd, imagenet-c or a TOML file; without it that of `select`, else miqd
    #[arg(long, value_name = "RECIPE")]
    recipe: Option<String>,
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
/// 2: no sources, or the recipe makes no sense; 65: too many originals failed; 75: stopped by a signal.
pub fn run(args: &Args) -> Result<(), CommandError> {
    let originals = args.work.originals()?;
    let recipe = args.work.recipe(args.recipe.as_deref())?;
    let parts = Parts::new(args.work.parts("rank", &recipe.key()), &originals);
    let stop = stop_flag()?;
    let bar = bar(originals.len(), "rank");
    let work = |(): &mut (), original: &Original| rank_all(&recipe, original);
    let threads = threads(args.threads);
    let outcome = parts.make(threads, &stop, |progress| tick(&bar, progress.kept), || Ok(()), work);
    bar.finish_and_clear();
    report("rank", &outcome.map_err(CommandError::unexpected)?, args.max_errors)?;
    let rows: Vec<RankRow> = parts.join().map_err(CommandError::data)?;
    args.work.keep_recipe(&recipe)?;
    table::write(&args.work.rank(), &rows).map_err(CommandError::unexpected)
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
