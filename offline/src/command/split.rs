//! `miqa-offline split`: originals → train, validation and test (`split.parquet`).

use super::{CommandError, WorkFolder};
use crate::source::{TEST, TRAIN, VALIDATION, split};
use crate::table;

/// Arguments of `split`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    work: WorkFolder,
    /// Key of the hash that decides; another seed, another split
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

/// Runs `split`.
///
/// # Errors
/// 2: no sources.
pub fn run(args: &Args) -> Result<(), CommandError> {
    let rows = split(&args.work.originals()?, args.seed);
    table::write(&args.work.split(), &rows).map_err(CommandError::unexpected)?;
    let count = |fold: &str| rows.iter().filter(|row| row.fold == fold).count();
    println!("split: {} train, {} validation, {} test originals", count(TRAIN), count(VALIDATION), count(TEST));
    Ok(())
}
