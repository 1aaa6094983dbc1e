//! `miqa-offline status`: how far a destination of `generate` is.

use super::CommandError;
use super::generate::{failure, in_bytes, open};
use crate::generate::{ShardState, status};

/// Arguments of `status`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The destination of `generate`
    #[arg(long, value_name = "DEST")]
    out: String,
}

/// Runs `status`.
///
/// # Errors
/// 2: nothing was generated there; 75: the store can't be reached.
pub fn run(args: &Args) -> Result<(), CommandError> {
    let store = open(&args.out)?;
    let status = status(store.as_ref()).map_err(failure)?;
    let there = &status.destination;
    println!("plan      {} ({}), {}, {}", there.plan_id.short(), there.recipe, there.format, there.layout);
    println!(
        "shards    {} of {} done, {} begun (whether somebody works on them, a store can't say), {} missing, {} failed",
        status.count(ShardState::Done),
        there.shards,
        status.count(ShardState::Begun { originals: 0 }),
        status.count(ShardState::Missing),
        status.count(ShardState::Failed)
    );
    let open = status.open();
    if !open.is_empty() {
        // As `sbatch --array` and `kubectl` users write lists.
        let list: Vec<String> = open.iter().take(50).map(ToString::to_string).collect();
        println!("not done  {}{}", list.join(","), if open.len() > list.len() { ",…" } else { "" });
    }
    let bytes = status.records.iter().map(|record| record.bytes).sum();
    println!(
        "originals {} of {} done, {} errors, {} committed",
        status.originals,
        there.originals,
        status.errors,
        in_bytes(bytes)
    );
    if let (Some(rate), Some(left)) = (status.rate, status.left) {
        println!("rate      {rate:.0} originals an hour, {:.2} hours left at that", left.as_secs_f64() / 3600.0);
    }
    Ok(())
}
