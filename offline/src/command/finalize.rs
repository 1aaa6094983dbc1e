//! `miqa-offline finalize`: manifest, index, error table and statistics of a finished destination.

use std::path::PathBuf;

use super::generate::{failure, in_bytes, open};
use super::{CommandError, plan};
use crate::generate::finalize;

/// Arguments of `finalize`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The plan
    #[arg(long, value_name = "FILE")]
    plan: PathBuf,
    /// The destination of `generate`
    #[arg(long, value_name = "DEST")]
    out: String,
}

/// Runs `finalize`.
///
/// # Errors
/// 2: no plan, nothing generated; 65: a shard is not committed, or its files are gone; 75: the store can't be reached;
/// 78: another plan.
pub fn run(args: &Args) -> Result<(), CommandError> {
    let opened = plan::open(&args.plan)?;
    let bytes = std::fs::read(&args.plan)
        .map_err(|e| CommandError::unexpected(format!("can't read {}: {e}", args.plan.display())))?;
    let store = open(&args.out)?;
    let manifest = finalize(store.as_ref(), &opened, bytes).map_err(failure)?;
    println!(
        "finalize: {} originals, {} variants, {}, {} errors: manifest.json and tables in {}",
        manifest.generated_originals,
        manifest.generated_variants,
        in_bytes(manifest.bytes),
        manifest.errors,
        store.place()
    );
    Ok(())
}
