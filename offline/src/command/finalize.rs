//! `miqa-offline finalize`: manifest and tables of a finished destination.

use std::path::PathBuf;

use super::generate::{failure, in_bytes, open};
use super::status::StageName;
use super::{CommandError, plan};
use crate::generate::finalize;
use crate::label::finish;

/// Arguments of `finalize`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The plan
    #[arg(long, value_name = "FILE")]
    plan: PathBuf,
    /// The destination of `generate` or `label`
    #[arg(long, value_name = "DEST")]
    out: String,
    /// Which of them; the one that was begun there unless given
    #[arg(long, value_name = "STAGE")]
    stage: Option<StageName>,
}

/// Runs `finalize`.
///
/// # Errors
/// 2: no plan, nothing made; 65: a shard is not committed, or its files are gone; 75: the store can't be reached;
/// 78: another plan.
pub fn run(args: &Args) -> Result<(), CommandError> {
    let opened = plan::open(&args.plan)?;
    let store = open(&args.out)?;
    if StageName::at(args.stage, store.as_ref())? == StageName::Label {
        let manifest = finish::finalize(store.as_ref(), &opened).map_err(failure)?;
        println!(
            "finalize: {} originals, {} predictions, {}, {} errors: label/manifest.json in {}",
            manifest.labelled_originals,
            manifest.predictions,
            in_bytes(manifest.bytes),
            manifest.errors,
            store.place()
        );
        return Ok(());
    }
    let bytes = std::fs::read(&args.plan)
        .map_err(|e| CommandError::unexpected(format!("can't read {}: {e}", args.plan.display())))?;
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
