//! `miqa-offline verify`: whether the files of a destination are what the plan says.

use std::path::PathBuf;

use super::generate::{failure, open};
use super::progress::bar_of;
use super::{CommandError, plan};
use crate::generate::verify;

/// Wrong files that are named one by one.
const NAMED: usize = 20;

/// Arguments of `verify`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The plan
    #[arg(long, value_name = "FILE")]
    plan: PathBuf,
    /// The destination of `generate`
    #[arg(long, value_name = "DEST")]
    out: String,
    /// Variants to render again and compare
    #[arg(long, default_value_t = 100, value_name = "N")]
    sample: usize,
    /// Which ones: another seed, another sample
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

/// Runs `verify`.
///
/// # Errors
/// 2: no plan, nothing generated; 65: something is wrong; 75: the store can't be reached; 78: another plan.
pub fn run(args: &Args) -> Result<(), CommandError> {
    let plan = plan::open(&args.plan)?;
    let store = open(&args.out)?;
    let bar = bar_of(plan.shards() as usize, "verify", "shards");
    let verified = verify(store.as_ref(), &plan, args.sample, args.seed, &|| bar.inc(1));
    bar.finish_and_clear();
    let verified = verified.map_err(failure)?;
    println!(
        "verify: {} of {} shards, {} files hashed, {} variants rendered again (seed {}), {} wrong",
        verified.shards,
        plan.shards(),
        verified.hashed,
        verified.rendered,
        args.seed,
        verified.wrong.len()
    );
    for wrong in verified.wrong.iter().take(NAMED) {
        eprintln!("verify: {wrong}");
    }
    match verified.wrong.first() {
        None => Ok(()),
        Some(first) => {
            let count = verified.wrong.len();
            Err(CommandError::data(format!(
                "verify: {count} things are wrong, the first: {first}; delete the shard's record generate/shards/<shard>.json and generate it again"
            )))
        }
    }
}
