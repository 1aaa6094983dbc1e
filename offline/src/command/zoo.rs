//! `miqa-offline zoo`: lists the labelling models, and measures whether they do what their entries claim.

use std::path::PathBuf;

use miqa::engine::{Device, Runtime};
use rayon::prelude::*;

use super::CommandError;
use super::progress::bar_of;
use crate::label::check::{Measured, Pictures, Verdict};
use crate::label::model::Models;
use crate::label::zoo::{Task, Zoo, ZooModel};

/// Arguments of `zoo`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    step: Step,
}

#[derive(Debug, clap::Subcommand)]
enum Step {
    /// Print the entries of a list
    List(ListArgs),
    /// Run each model over labelled pictures and compare what it achieves with what its entry claims
    Check(CheckArgs),
}

#[derive(Debug, clap::Args)]
struct ListArgs {
    /// List of models, or builtin:cls, builtin:det, builtin:paper; may be given several times. Without it builtin:cls
    #[arg(long, value_name = "FILE")]
    zoo: Vec<PathBuf>,
}

#[derive(Debug, clap::Args)]
struct CheckArgs {
    /// List of models, or builtin:cls, builtin:det, builtin:paper; may be given several times. Without it builtin:cls
    #[arg(long, value_name = "FILE")]
    zoo: Vec<PathBuf>,
    /// Folder with the models' files; may be given several times
    #[arg(long = "zoo-dir", value_name = "DIR", required = true)]
    zoo_dirs: Vec<PathBuf>,
    /// Folder with labelled pictures: imagenet/labels.csv for classifiers, coco/instances.json and coco/val2017/ for the rest
    #[arg(long, value_name = "DIR")]
    images: PathBuf,
    /// Pictures of each list at most; what could be chance on so few is not held against a model
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// A model fails that is below its claim by more than this, 0 to 1, and by more than chance explains (99 %)
    #[arg(long, default_value_t = 0.02, value_name = "SHARE")]
    tolerance: f64,
}

/// Runs `zoo`.
///
/// # Errors
/// 2: the list, the models' files or the labelled pictures are not there or not as described, or a file is no model; 65: a
/// model fails on a picture or is below its claim.
pub fn run(args: &Args) -> Result<(), CommandError> {
    match &args.step {
        Step::List(args) => list(args),
        Step::Check(args) => check(args),
    }
}

fn list(args: &ListArgs) -> Result<(), CommandError> {
    let zoo = Zoo::read(&args.zoo).map_err(CommandError::usage)?;
    println!("{:<28} {:<14} {:<20} {:>11}  {:<14} file; licence", "model", "task", "family", "performance", "decoder");
    for model in &zoo.models {
        println!(
            "{:<28} {:<14} {:<20} {:>11.4}  {:<14} {}; {}",
            model.name,
            model.task.name(),
            model.family,
            model.performance,
            model.decoder.kind(),
            model.file,
            model.licence
        );
    }
    for task in Task::ALL {
        let count = zoo.models.iter().filter(|model| model.task == task).count();
        if count > 0 {
            println!("{count} for {task}");
        }
    }
    Ok(())
}

fn check(args: &CheckArgs) -> Result<(), CommandError> {
    if !(0.0..1.0).contains(&args.tolerance) || args.limit == Some(0) {
        return Err(CommandError::usage("--tolerance is at least 0 and under 1, --limit at least 1"));
    }
    let zoo = Zoo::read(&args.zoo).map_err(CommandError::usage)?;
    zoo.require_files(&args.zoo_dirs).map_err(CommandError::usage)?;
    let tasks: Vec<Task> = zoo.models.iter().map(|model| model.task).collect();
    let pictures = Pictures::find(&args.images, &tasks, args.limit).map_err(CommandError::usage)?;
    let runtime = Runtime::open(Device::Cpu).map_err(CommandError::usage)?;
    // What can't be opened has no accuracy: that is a mistake in the list or the folders, not a poor model.
    let openable =
        |model: &ZooModel| Models::open(&runtime, &Zoo { models: vec![model.clone()] }, &args.zoo_dirs).map(drop);
    zoo.models.iter().try_for_each(openable).map_err(CommandError::usage)?;
    let bar = bar_of(zoo.models.iter().map(|model| pictures.of(model.task).len()).sum(), "check", "pictures");
    let measure = |model| pictures.measure(&runtime, model, &args.zoo_dirs, args.tolerance, || bar.inc(1));
    let measured: Vec<Measured> = zoo.models.par_iter().map(measure).collect();
    bar.finish_and_clear();
    println!(
        "{:<28} {:<8} {:>8} {:>8} {:>10} {:>9}  verdict",
        "model", "measure", "measured", "claimed", "tolerance", "pictures"
    );
    for row in &measured {
        let value = row.measured.as_ref().map_or_else(|_| "none".to_owned(), |value| format!("{value:.4}"));
        let reason = row.measured.as_ref().err().map_or(String::new(), |reason| format!(": {reason}"));
        println!(
            "{:<28} {:<8} {value:>8} {:>8.4} {:>10.4} {:>9}  {}{reason}",
            row.model,
            row.measure(),
            row.claimed,
            row.tolerance,
            row.pictures,
            row.verdict()
        );
    }
    let failed: Vec<&str> =
        measured.iter().filter(|row| row.verdict() == Verdict::Failed).map(|row| row.model.as_str()).collect();
    if failed.is_empty() {
        return Ok(());
    }
    Err(CommandError::data(format!(
        "{} of {} models fail or are below their claims: {}; check input and decoder of their entries",
        failed.len(),
        measured.len(),
        failed.join(", ")
    )))
}
