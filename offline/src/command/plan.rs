//! `miqa-offline plan`: sources, masks and ranks → `plan.parquet`; plans compared and merged.

use std::path::{Path, PathBuf};

use super::work::needs;
use super::{CommandError, WorkFolder, mask, rank};
use crate::mask::read_masks;
use crate::plan::{Inputs, LeftOut, Plan, PlanError, PlanWriter, PlanWritten, compare, join, merge};
use crate::source::read_shards;

/// Arguments of `plan`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folder for all tables; every step reads what the steps before it wrote here
    #[arg(long, value_name = "DIR", required_unless_present_any = ["diff", "merge"], conflicts_with_all = ["diff", "merge"])]
    work: Option<PathBuf>,
    /// Parameters, levels and patterns: miqd, imagenet-c or a TOML file; without it that of the steps before
    #[arg(long, value_name = "RECIPE", requires = "work")]
    recipe: Option<String>,
    /// Parts that workers take one by one; without it as many as the sources have
    #[arg(long, value_name = "N", conflicts_with = "diff")]
    shards: Option<u32>,
    /// The plan's file; without it plan.parquet in the work folder
    #[arg(long, value_name = "FILE", required_unless_present_any = ["work", "diff"], conflicts_with = "diff")]
    out: Option<PathBuf>,
    /// Replace a plan of another identity that is there already
    #[arg(long)]
    replace: bool,
    /// Originals that may be left out before the run counts as failed
    #[arg(long, default_value_t = 100, value_name = "N")]
    max_errors: usize,
    /// Say what differs between two plans; exit code 78 if their identities do
    #[arg(long, num_args = 2, value_names = ["FILE", "FILE"], conflicts_with = "merge")]
    diff: Vec<PathBuf>,
    /// Make one plan of two of the same recipe
    #[arg(long, num_args = 2, value_names = ["FILE", "FILE"], requires = "out")]
    merge: Vec<PathBuf>,
}

/// Runs `plan`.
///
/// # Errors
/// 2: a table is missing or the recipe makes no sense; 65: too many originals are left out, tables or plans contradict
/// each other; 78: the plans differ, or another plan lies there.
pub fn run(args: &Args) -> Result<(), CommandError> {
    match (args.diff.as_slice(), args.merge.as_slice(), &args.work) {
        ([first, second], _, _) => run_diff(first, second),
        (_, [first, second], _) => run_merge(args, first, second),
        (_, _, Some(work)) => run_join(args, &WorkFolder { work: work.clone() }),
        _ => Err(CommandError::usage("give --work, --diff or --merge")),
    }
}

/// A plan, opened for a command.
pub(super) fn open(path: &Path) -> Result<Plan, CommandError> {
    needs(path, "plan")?;
    Plan::open(path).map_err(CommandError::data)
}

fn run_join(args: &Args, work: &WorkFolder) -> Result<(), CommandError> {
    let originals = work.originals()?;
    let recipe = work.recipe(args.recipe.as_deref())?;
    mask::joined(work, &originals)?;
    let ranks = rank::ranks(work, &recipe, &originals)?;
    let masks = if work.masks().exists() { read_masks(&work.masks()).map_err(CommandError::data)? } else { Vec::new() };
    let inputs = Inputs { recipe: &recipe, originals: &originals, masks: &masks, ranks: &ranks, work: &work.work };
    let planned = join(&inputs).map_err(data)?;
    for LeftOut { original, reason } in &planned.left_out {
        eprintln!("plan: left out `{original}`: {reason}");
    }
    if planned.left_out.len() > args.max_errors {
        let left_out = planned.left_out.len();
        let reason = format!("plan: {left_out} originals are left out, {} may be (--max-errors)", args.max_errors);
        return Err(CommandError::data(reason));
    }
    if planned.without_mask > 0 {
        eprintln!(
            "plan: {} originals have no usable mask: uniform variants only; `miqa-offline mask` makes masks",
            planned.without_mask
        );
    }
    let shards = match args.shards {
        Some(shards) => shards,
        // Originals that were left out may leave fewer than the sources had shards.
        None => read_shards(&work.sources()).map_err(CommandError::data)?.min(planned.originals.len() as u32),
    };
    let out = args.out.clone().unwrap_or_else(|| work.plan());
    let mut writer = PlanWriter::create(&out, &recipe, planned.originals.len(), shards).map_err(data)?;
    planned.originals.iter().try_for_each(|original| writer.push(original)).map_err(data)?;
    let written = writer.finish(|written| may_write(args, &out, written)).map_err(|refusal| refusal.0)?;
    println!("plan: {}, {shards} shards: {}", summary(&written), out.display());
    Ok(())
}

fn run_diff(first: &Path, second: &Path) -> Result<(), CommandError> {
    let (a, b) = (open(first)?, open(second)?);
    let findings = compare(&a, &b).map_err(data)?;
    print!("{findings}");
    if findings.same_identity() {
        println!("plan: both have the identity {}", a.id());
        return Ok(());
    }
    Err(CommandError::plan(format!(
        "the plans differ: {} is {}, {} is {}",
        first.display(),
        a.id().short(),
        second.display(),
        b.id().short()
    )))
}

fn run_merge(args: &Args, first: &Path, second: &Path) -> Result<(), CommandError> {
    let (a, b) = (open(first)?, open(second)?);
    let out = args.out.clone().ok_or_else(|| CommandError::usage("--merge needs --out"))?;
    let shards = args.shards.unwrap_or_else(|| a.shards().max(b.shards()));
    let written = merge(&a, &b, &out, shards, |written| may_write(args, &out, written)).map_err(|refusal| refusal.0)?;
    println!("plan: {}, {shards} shards: {}", summary(&written), out.display());
    Ok(())
}

fn summary(written: &PlanWritten) -> String {
    format!("{} originals, {} variants, plan_id {}", written.originals, written.variants, written.id)
}

/// A refusal to keep a plan, or an error on the way to it.
struct Refusal(CommandError);

impl From<PlanError> for Refusal {
    fn from(error: PlanError) -> Self {
        Self(data(error))
    }
}

/// Plans don't change: one of another identity is not replaced unless asked for.
fn may_write(args: &Args, out: &Path, new: &PlanWritten) -> Result<(), Refusal> {
    if args.replace || !out.exists() {
        return Ok(());
    }
    let old = Plan::open(out)?;
    if *old.id() == new.id {
        return Ok(());
    }
    Err(Refusal(CommandError::plan(format!(
        "{} holds plan {}, this one would be {}: give another --out, or --replace",
        out.display(),
        old.id().short(),
        new.id.short()
    ))))
}

/// The exit code that fits the error.
pub(super) fn data(error: PlanError) -> CommandError {
    match error {
        PlanError::Shards { .. } | PlanError::Unknown { .. } => CommandError::usage(error),
        PlanError::Recipes { .. } | PlanError::Changed { .. } => CommandError::plan(error),
        other => CommandError::data(other),
    }
}
