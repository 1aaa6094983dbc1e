//! `miqa-offline submit`: batch scripts for Slurm and manifests for Kubernetes, printed.

mod step;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::{Args as _, FromArgMatches};

use self::step::work_of;
use super::CommandError;
use crate::submit::Memory;
use crate::submit::kubernetes::{KubernetesJob, Mount};
use crate::submit::slurm::{SlurmJob, TimeLimit, chain};

/// Arguments of `submit`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    engine: Engine,
}

#[derive(Debug, clap::Subcommand)]
enum Engine {
    /// Print a batch script for sbatch; with several steps, a script that submits them one after the other
    Slurm(Slurm),
    /// Print an Indexed Job for `kubectl apply -f`
    Kubernetes(Kubernetes),
}

/// What both engines ask.
#[derive(Debug, clap::Args)]
struct Common {
    /// The plan as it lies here, if the tasks have it under another path
    #[arg(long, value_name = "FILE")]
    plan: Option<PathBuf>,
    /// `miqa-offline` as the tasks start it
    #[arg(long, value_name = "FILE")]
    program: Option<OsString>,
    /// Cores of a task
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    cpus: u32,
    /// GPUs of a task
    #[arg(long, default_value_t = 0, value_name = "N")]
    gpus: u32,
    /// Main memory of a task, as 512M or 8G; `--dry-run` of the step says how much it takes
    #[arg(long, value_name = "SIZE")]
    memory: Option<Memory>,
    /// Tasks at the same time
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    running: Option<u32>,
    /// Times that a task is started again after a passing fault
    #[arg(long, default_value_t = 6, value_name = "N")]
    retries: u32,
}

#[derive(Debug, clap::Args)]
struct Slurm {
    /// Write the script there instead of printing it
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    job: SlurmStep,
}

/// One job; `--then` begins the next one.
#[derive(Debug, clap::Args)]
struct SlurmStep {
    #[command(flatten)]
    common: Common,
    /// Shards that a task works off one after the other; without it as few as keep the array at 1,000 tasks
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u32).range(1..))]
    shards_per_task: Option<u32>,
    /// Time of a task as Slurm writes it: minutes, H:MM:SS, D-HH:MM
    #[arg(long, value_name = "TIME", value_parser = time)]
    time: Option<String>,
    /// Core-hours of all shards, as `--dry-run` of the step says; the time of a task follows, with a margin
    #[arg(long, value_name = "HOURS", conflicts_with = "time", value_parser = hours)]
    core_hours: Option<f64>,
    /// File with NAME=value lines that tasks read on their node: credentials; without it they come from the environment
    /// that sbatch runs in
    #[arg(long, value_name = "FILE")]
    env_file: Option<PathBuf>,
    /// A further option of sbatch, as --sbatch=--partition=gpu; may be given several times
    #[arg(long = "sbatch", value_name = "OPTION", allow_hyphen_values = true, value_parser = sbatch_option)]
    options: Vec<String>,
    /// The step and its arguments as they are run by hand, without --shard; `--then`, with options and a step of its own,
    /// begins a job that waits for this one
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true, value_name = "STEP")]
    step: Vec<OsString>,
}

#[derive(Debug, clap::Args)]
struct Kubernetes {
    /// Write the manifest there instead of printing it
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    common: Common,
    /// The container's image
    #[arg(long, value_name = "IMAGE")]
    image: String,
    /// The Job's name; without it miqa-<step>
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Its namespace
    #[arg(long, value_name = "NAME")]
    namespace: Option<String>,
    /// A Secret whose keys become environment variables (credentials); may be given several times
    #[arg(long = "secret", value_name = "NAME")]
    secrets: Vec<String>,
    /// A ConfigMap whose keys become environment variables (endpoint, region); may be given several times
    #[arg(long = "config-map", value_name = "NAME")]
    config_maps: Vec<String>,
    /// The pods' service account
    #[arg(long, value_name = "NAME")]
    service_account: Option<String>,
    /// A PersistentVolumeClaim and its path in the pods; may be given several times
    #[arg(long = "mount", value_name = "CLAIM:/PATH[:ro]")]
    mounts: Vec<Mount>,
    /// The step and its arguments as the pods run it, without --shard
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true, value_name = "STEP")]
    step: Vec<OsString>,
}

/// Runs `submit`.
///
/// # Errors
/// 2: the step's arguments are not what it takes, there is no plan to count shards in, or the engine can't take so many;
/// 65: the plan is not readable.
pub fn run(args: &Args) -> Result<(), CommandError> {
    let (text, out) = match &args.engine {
        Engine::Slurm(args) => (slurm(args)?, &args.out),
        Engine::Kubernetes(args) => (kubernetes(args)?, &args.out),
    };
    match out {
        None => print!("{text}"),
        Some(path) => std::fs::write(path, text)
            .map_err(|e| CommandError::usage(format!("can't write {}: {e}", path.display())))?,
    }
    Ok(())
}

fn slurm(args: &Slurm) -> Result<String, CommandError> {
    let mut pieces = args.job.step.split(|word| word == "--then");
    let first = pieces.next().unwrap_or_default();
    let mut jobs = vec![slurm_job(&args.job, first)?];
    for piece in pieces {
        let parser = clap::Command::new("miqa-offline submit slurm … --then").no_binary_name(true);
        let parsed = SlurmStep::augment_args(parser).try_get_matches_from(piece);
        let mut next = parsed.and_then(|matches| SlurmStep::from_arg_matches(&matches)).map_err(CommandError::usage)?;
        // Where the program and the credentials lie does not change from job to job.
        next.common.program = next.common.program.or_else(|| args.job.common.program.clone());
        next.env_file = next.env_file.or_else(|| args.job.env_file.clone());
        jobs.push(slurm_job(&next, &next.step)?);
    }
    for job in &jobs {
        // Clusters ask for GPUs in ways of their own too.
        let asked = job.options.iter().any(|option| option.contains("gpu") || option.contains("gres"));
        job.work.gpu_warning(job.gpus).filter(|_| !asked).inspect(warn);
    }
    let text = match jobs.as_slice() {
        [job] => job.script(),
        several => chain(several),
    };
    text.map_err(CommandError::usage)
}

fn slurm_job(args: &SlurmStep, step: &[OsString]) -> Result<SlurmJob, CommandError> {
    // The very file that runs here; nodes of a cluster share folders.
    let here = || std::env::current_exe().map_err(CommandError::unexpected);
    let program = args.common.program.clone().map_or_else(|| here().map(OsString::from), Ok)?;
    let work = work_of(step, program, args.common.plan.as_deref(), args.common.cpus)?;
    if work.shards.is_none() && args.shards_per_task.is_some() {
        return Err(CommandError::usage(format!("{}: --shards-per-task, but it has no shards", work.step)));
    }
    let time = match (&args.time, args.core_hours) {
        (Some(time), _) => TimeLimit::Stated(time.clone()),
        (None, Some(hours)) => TimeLimit::CoreHours(hours),
        (None, None) => TimeLimit::OfPartition,
    };
    Ok(SlurmJob {
        work,
        folder: absolute(Path::new("."))?,
        shards_per_task: args.shards_per_task,
        running: args.common.running,
        cpus: args.common.cpus,
        gpus: args.common.gpus,
        memory: args.common.memory,
        time,
        retries: args.common.retries,
        environment: args.env_file.as_deref().map(absolute).transpose()?,
        options: args.options.clone(),
    })
}

fn kubernetes(args: &Kubernetes) -> Result<String, CommandError> {
    let program = args.common.program.clone().unwrap_or_else(|| "miqa-offline".into());
    let job = KubernetesJob {
        work: work_of(&args.step, program, args.common.plan.as_deref(), args.common.cpus)?,
        name: args.name.clone(),
        namespace: args.namespace.clone(),
        image: args.image.clone(),
        secrets: args.secrets.clone(),
        config_maps: args.config_maps.clone(),
        service_account: args.service_account.clone(),
        mounts: args.mounts.clone(),
        running: args.common.running,
        cpus: args.common.cpus,
        gpus: args.common.gpus,
        memory: args.common.memory,
        retries: args.common.retries,
    };
    let manifest = job.manifest().map_err(CommandError::usage)?;
    job.unmounted().iter().chain(&job.work.gpu_warning(job.gpus)).for_each(warn);
    Ok(manifest)
}

/// The script or manifest is on standard output.
fn warn(what: &String) {
    eprintln!("submit: {what}");
}

fn absolute(path: &Path) -> Result<PathBuf, CommandError> {
    std::path::absolute(path)
        .and_then(|path| if path.is_dir() { path.canonicalize() } else { Ok(path) })
        .map_err(|e| CommandError::usage(format!("{}: {e}", path.display())))
}

fn time(text: &str) -> Result<String, String> {
    let numbers = |text: &str, most: usize| {
        let parts: Vec<&str> = text.split(':').collect();
        parts.len() <= most && parts.iter().all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()))
    };
    let right = match text.split_once('-') {
        Some((days, rest)) => numbers(days, 1) && numbers(rest, 3),
        None => numbers(text, 3),
    };
    if right { Ok(text.to_owned()) } else { Err(format!("`{text}`: give minutes, H:MM:SS or D-HH:MM:SS")) }
}

fn hours(text: &str) -> Result<f64, String> {
    let hours = text.parse().ok().filter(|hours: &f64| hours.is_finite() && *hours >= 0.0);
    hours.ok_or_else(|| format!("`{text}`: give hours, as 12.5"))
}

fn sbatch_option(text: &str) -> Result<String, String> {
    if !text.starts_with('-') || text.chars().any(char::is_control) {
        return Err(format!("`{text}`: give an option of sbatch with its hyphens, on one line"));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests;
