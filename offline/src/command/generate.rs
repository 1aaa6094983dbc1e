//! `miqa-offline generate`: the variants of a plan, written by shard.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use indicatif::ProgressBar;

use super::progress::bar;
use super::rank::threads;
use super::stop::telling;
use super::{CommandError, plan, stop_flag};
use crate::generate::{Format, Layout, Variants, estimate};
use crate::plan::Plan;
use crate::shard::{Ended, GRACE, Losses, RecordError, ShardChoice, Stage, StageError, Tick, Worker, record_key};
use crate::store::{self, Store, StoreError};

/// Arguments of `generate`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The plan
    #[arg(long, value_name = "FILE")]
    plan: PathBuf,
    /// A folder, or an object store's URL (s3://bucket/prefix, gs://…, az://…); endpoint and credentials come from the
    /// environment
    #[arg(long, value_name = "DEST")]
    out: String,
    /// One shard, from 0; `auto` takes it from SLURM_ARRAY_TASK_ID, JOB_COMPLETION_INDEX or SGE_TASK_ID; without it
    /// all shards, one after the other
    #[arg(long, value_name = "I|auto")]
    shard: Option<ShardChoice>,
    /// png, webp (both lossless) or jpeg:Q
    #[arg(long, default_value = "png", value_name = "FORMAT")]
    format: Format,
    /// folders (images/<id>/<file>) or webdataset (a tar archive an original, and an index)
    #[arg(long, default_value = "folders", value_name = "LAYOUT")]
    layout: Layout,
    /// Originals in work at the same time; 0 takes one a core
    #[arg(long, default_value_t = 0, value_name = "N")]
    threads: usize,
    #[command(flatten)]
    losses: Losses,
    /// Only say how many files, bytes, hours and how much memory it will take, and whether the disk holds them
    #[arg(long)]
    dry_run: bool,
    /// Originals that --dry-run renders to know
    #[arg(long, default_value_t = 4, value_name = "N", requires = "dry_run")]
    sample: usize,
}

/// Runs `generate`.
///
/// # Errors
/// 2: no plan, no such shard, an unusable destination; 65: too many originals failed or are not there; 75: stopped by a signal, or the
/// store can't be reached; 78: the destination belongs to another plan.
pub fn run(args: &Args) -> Result<(), CommandError> {
    let plan = plan::open(&args.plan)?;
    let store = open(&args.out)?;
    if args.dry_run {
        return dry_run(args, &plan, store.as_ref());
    }
    let stage = Variants { recipe: plan.recipe(), format: args.format, layout: args.layout };
    let stop = stop_flag()?;
    let (threads, losses) = (threads(args.threads), args.losses);
    let worker = Worker { plan: &plan, stage, store: store.as_ref(), threads, losses, stop: &stop, grace: GRACE };
    work(&worker, args.shard, "variants", |_| Ok(()))
}

/// Makes the chosen shard, or all of them one after the other; `rows` is what the stage's rows are called. `check` is
/// called before anything is written, with the shards, if one of them is still to be made.
pub(super) fn work<S: Stage>(
    worker: &Worker<S>,
    choice: Option<ShardChoice>,
    rows: &str,
    check: impl FnOnce(Range<u32>) -> Result<(), CommandError>,
) -> Result<(), CommandError> {
    let (plan, stage) = (worker.plan, worker.stage.name());
    let shards = match choice {
        None => 0..plan.shards(),
        Some(choice) => {
            let chosen = choice.resolve(plan.shards(), |name| std::env::var(name).ok()).map_err(CommandError::usage)?;
            println!("{stage}: {chosen} of {}", plan.shards());
            chosen.shard..chosen.shard + 1
        }
    };
    worker.destination().is_claimed(worker.store, stage).map_err(failure)?;
    for shard in shards.clone() {
        if worker.store.size(&record_key(stage, shard)).map_err(|error| failure(error.into()))?.is_none() {
            check(shards.clone())?;
            break;
        }
    }
    worker.destination().claim(worker.store, stage).map_err(failure)?;
    let originals: usize = shards.clone().map(|shard| plan.positions(shard).len()).sum();
    let bar = bar(originals, stage);
    let failed = AtomicUsize::new(0);
    let tick = |tick: Tick| {
        if tick.kept > 0 {
            bar.inc(tick.kept as u64);
            bar.reset_eta();
        }
        bar.inc((tick.made + tick.errors) as u64);
        let errors = failed.fetch_add(tick.errors, Ordering::Relaxed) + tick.errors;
        if errors > 0 {
            bar.set_message(format!("{stage}, {errors} errors"));
        }
    };
    let tell = || {
        bar.suspend(|| {
            eprintln!(
                "{stage}: stopping; originals in hand are finished, for {} s at most; the signal once more ends at once",
                worker.grace.as_secs()
            );
        });
    };
    let made =
        telling(worker.stop, tell, || shards.into_iter().try_for_each(|shard| one(worker, shard, rows, &bar, &tick)));
    bar.finish_and_clear();
    made
}

/// Makes a shard and says what came of it.
fn one<S: Stage>(
    worker: &Worker<S>,
    shard: u32,
    rows: &str,
    bar: &ProgressBar,
    tick: &(dyn Fn(Tick) + Sync),
) -> Result<(), CommandError> {
    let stage = worker.stage.name();
    let ended = worker.run(shard, tick).map_err(failure)?;
    let record = ended.record();
    bar.suspend(|| {
        for error in &record.errors {
            eprintln!("{stage}: left out `{}`: {}", error.original, error.reason);
        }
        let how = if matches!(ended, Ended::Committed(_)) { "committed" } else { "was committed already" };
        println!(
            "{stage}: shard {shard} {how}: {} originals, {} {rows}, {}, {} errors",
            record.originals,
            record.rows,
            in_bytes(record.bytes),
            record.errors.len()
        );
    });
    Ok(())
}

fn dry_run(args: &Args, plan: &Plan, store: &dyn Store) -> Result<(), CommandError> {
    let estimate = estimate(plan, args.format, args.sample, plan.recipe().seed()).map_err(failure)?;
    let threads = threads(args.threads);
    let core_hours = estimate.core_time.as_secs_f64() / 3600.0;
    println!(
        "generate: {} originals, {} variants in {} shards, plan_id {}",
        estimate.originals,
        estimate.variants,
        plan.shards(),
        plan.id()
    );
    println!(
        "generate: about {} as {}, from {} variants of {} originals",
        in_bytes(estimate.bytes),
        args.format,
        estimate.sampled_variants,
        estimate.sampled
    );
    println!(
        "generate: about {core_hours:.2} core-hours, {:.2} hours with {threads} threads",
        core_hours / threads as f64
    );
    if let Some(memory) = estimate.memory {
        println!("generate: about {} of memory with {threads} threads", in_bytes(memory.with(threads)));
    }
    match store.free() {
        None => println!("generate: {} does not say how much it holds", store.place()),
        Some(free) if free >= estimate.bytes => {
            println!("generate: {} has room: {} free", store.place(), in_bytes(free));
        }
        Some(free) => {
            let place = store.place();
            return Err(CommandError::usage(format!(
                "{place} has no room: {} free; render on demand, or choose another --format or --out",
                in_bytes(free)
            )));
        }
    }
    Ok(())
}

/// Opens a destination.
pub(super) fn open(destination: &str) -> Result<Box<dyn Store>, CommandError> {
    store::open(destination).map_err(CommandError::usage)
}

/// The exit code that fits.
pub(super) fn failure(error: StageError) -> CommandError {
    let of_store = |error: StoreError| {
        if error.passing { CommandError::retry(error) } else { CommandError::usage(error) }
    };
    match error {
        StageError::Store(error) | StageError::Record(RecordError::Store(error)) => of_store(error),
        StageError::OtherPlan { .. } | StageError::Record(RecordError::Inputs { .. }) => CommandError::plan(error),
        StageError::Stopped { .. } => CommandError::retry(error),
        StageError::Nothing { .. } | StageError::Start(_) => CommandError::usage(error),
        StageError::Plan(error) => plan::data(error),
        other => CommandError::data(other),
    }
}

/// Bytes for people: `1.5 GB`.
pub(super) fn in_bytes(bytes: u64) -> String {
    let units = ["kB", "MB", "GB", "TB"];
    if bytes < 1000 {
        return format!("{bytes} bytes");
    }
    let mut value = bytes as f64 / 1000.0;
    let mut unit = units[0];
    for next in &units[1..] {
        if value < 999.95 {
            break;
        }
        value /= 1000.0;
        unit = next;
    }
    format!("{value:.1} {unit}")
}

#[cfg(test)]
mod tests {
    use super::in_bytes;

    #[test]
    fn bytes_for_people() {
        for (bytes, text) in [
            (0, "0 bytes"),
            (999, "999 bytes"),
            (1000, "1.0 kB"),
            (999_949, "999.9 kB"),
            (999_960, "1.0 MB"),
            (916_200_000_000, "916.2 GB"),
            (5_000_000_000_000_000, "5000.0 TB"),
        ] {
            assert_eq!(in_bytes(bytes), text);
        }
    }
}
