//! `miqa-offline verify`: whether the files of a destination are what the plan says.

use std::path::PathBuf;

use super::generate::{failure, open};
use super::progress::bar_of;
use super::status::StageName;
use super::{CommandError, plan};
use crate::generate::verify;
use crate::label::finish;
use crate::plan::Plan;
use crate::shard::Wrong;
use crate::store::Store;

/// Wrong files that are named one by one.
const NAMED: usize = 20;

/// Arguments of `verify`.
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
    if StageName::at(args.stage, store.as_ref())? == StageName::Label {
        return of_label(store.as_ref(), &plan);
    }
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
        verified.wrong.found.len()
    );
    judge(&verified.wrong, "generate")
}

fn of_label(store: &dyn Store, plan: &Plan) -> Result<(), CommandError> {
    let bar = bar_of(plan.shards() as usize, "verify", "shards");
    let verified = finish::verify(store, plan, &|| bar.inc(1));
    bar.finish_and_clear();
    let verified = verified.map_err(failure)?;
    println!(
        "verify: {} of {} shards, {} tables hashed, {} wrong",
        verified.shards,
        plan.shards(),
        verified.hashed,
        verified.wrong.found.len()
    );
    judge(&verified.wrong, "label")
}

fn judge(wrong: &Wrong, stage: &str) -> Result<(), CommandError> {
    for line in wrong.found.iter().take(NAMED) {
        eprintln!("verify: {line}");
    }
    if wrong.is_empty() {
        return Ok(());
    }
    let things = if wrong.found.len() == 1 { "thing is" } else { "things are" };
    Err(CommandError::data(format!("verify: {} {things} wrong, see above; {}", wrong.found.len(), wrong.advice(stage))))
}
