//! Batch scripts for Slurm: an array of tasks with some shards each, and jobs that wait for one another.
//!
//! A script's last part is the same in all of them: `slurm_begin.sh`, `slurm_array.sh` or `slurm_whole.sh`, `slurm_end.sh`.

use std::fmt::Write;
use std::path::PathBuf;

use super::bash::word;
use super::{GRACE_SECONDS, Memory, SubmitError, Work};

/// Tasks of an array: Slurm's default `MaxArraySize` is 1001, which makes 1000 the highest index.
pub const MAX_TASKS: u32 = 1000;

/// A measured time is multiplied by this: nodes differ, and so do originals.
const TIME_MARGIN: f64 = 2.0;

/// Minutes on top: start, and the reading of the plan.
const TIME_BESIDES: f64 = 10.0;

/// How long a task may take.
#[derive(Debug, Clone, PartialEq)]
pub enum TimeLimit {
    /// What the partition allows.
    OfPartition,
    /// As Slurm writes it: minutes, H:MM:SS, D-HH and so on.
    Stated(String),
    /// What all shards take together on one core, in hours, as `--dry-run` says.
    CoreHours(f64),
}

/// A step of the flow as a Slurm job.
#[derive(Debug, Clone, PartialEq)]
pub struct SlurmJob {
    /// What the tasks run.
    pub work: Work,
    /// Folder that relative paths in the arguments begin at.
    pub folder: PathBuf,
    /// Shards that a task works off one after the other; none takes as few as the limit on tasks allows.
    pub shards_per_task: Option<u32>,
    /// Tasks at the same time; none leaves it to Slurm.
    pub running: Option<u32>,
    /// Cores of a task.
    pub cpus: u32,
    /// GPUs of a task.
    pub gpus: u32,
    /// Main memory of a task; none takes the partition's.
    pub memory: Option<Memory>,
    /// Time of a task.
    pub time: TimeLimit,
    /// Times that a task is started again.
    pub retries: u32,
    /// File of `NAME=value` lines that every task reads on its node, for credentials.
    pub environment: Option<PathBuf>,
    /// Further options of sbatch, as `--partition=gpu`.
    pub options: Vec<String>,
}

impl SlurmJob {
    /// Shards a task, and tasks; one task of no shards for a step that is one piece of work.
    fn tasks(&self) -> Result<Option<(u32, u32)>, SubmitError> {
        let Some(shards) = self.work.shards else { return Ok(None) };
        let enough = shards.div_ceil(MAX_TASKS).max(1);
        let per_task = self.shards_per_task.unwrap_or(enough).max(1);
        let tasks = shards.div_ceil(per_task);
        if tasks > MAX_TASKS {
            let step = self.work.step.clone();
            return Err(SubmitError::Tasks { step, shards, per_task, tasks, most: MAX_TASKS, enough });
        }
        Ok(Some((per_task, tasks)))
    }

    /// What `--time` is to be.
    fn time(&self, per_task: u32) -> Option<String> {
        match &self.time {
            TimeLimit::OfPartition => None,
            TimeLimit::Stated(time) => Some(time.clone()),
            TimeLimit::CoreHours(hours) => {
                let share = f64::from(per_task.max(1)) / f64::from(self.work.shards.unwrap_or(1).max(1));
                let minutes = hours * 60.0 * share.min(1.0) / f64::from(self.cpus.max(1));
                Some(((minutes * TIME_MARGIN + TIME_BESIDES).ceil() as u64).to_string())
            }
        }
    }

    /// The batch script.
    ///
    /// # Errors
    /// The array would be too long, or an argument holds a password.
    pub fn script(&self) -> Result<String, SubmitError> {
        self.work.check()?;
        let tasks = self.tasks()?;
        let Work { step, shards, inputs, .. } = &self.work;
        let mut out = String::from("#!/usr/bin/env bash\n");
        let mut line = |text: &str| {
            out.push_str(text);
            out.push('\n');
        };
        match (tasks, shards) {
            (Some((per_task, tasks)), Some(shards)) => {
                line(&format!("# miqa-offline {step}: {shards} shards of {inputs}, {per_task} a task, {tasks} tasks."));
                line(
                    "# Give it to sbatch; `sbatch --array=2,5` runs single tasks again. Exit codes: 0 done, 2 usage, 65 bad data,",
                );
            }
            _ => {
                line(&format!("# miqa-offline {step}, in one piece."));
                line("# Give it to sbatch. Exit codes: 0 done, 2 usage, 65 bad data,");
            }
        }
        line("# 78 another plan: final. All others are tried again.");
        line(&format!("#SBATCH --job-name=miqa-{step}"));
        if let Some((_, tasks)) = tasks {
            let running = self.running.map(|running| format!("%{running}")).unwrap_or_default();
            line(&format!("#SBATCH --array=0-{}{running}", tasks - 1));
        }
        line("#SBATCH --nodes=1");
        line("#SBATCH --ntasks=1");
        line(&format!("#SBATCH --cpus-per-task={}", self.cpus));
        if self.gpus > 0 {
            line(&format!("#SBATCH --gres=gpu:{}", self.gpus));
        }
        if let Some(memory) = self.memory {
            line(&format!("#SBATCH --mem={memory}"));
        }
        if let Some(time) = self.time(tasks.map_or(1, |(per_task, _)| per_task)) {
            line(&format!("#SBATCH --time={time}"));
        }
        line(&format!("#SBATCH --signal=B:USR1@{GRACE_SECONDS}"));
        line("#SBATCH --requeue");
        // The second run of a task must not cut what the first one wrote.
        line("#SBATCH --open-mode=append");
        for option in &self.options {
            line(&format!("#SBATCH {option}"));
        }
        let words: Vec<String> = self.work.words().map(|argument| word(&argument)).collect();
        line("");
        line(&format!("cd -- {} || exit 2", word(self.folder.as_os_str())));
        if let Some(environment) = &self.environment {
            line(&format!("set -a\n. {} || exit 2\nset +a", word(environment.as_os_str())));
        }
        line(&format!("command=({})", words.join(" ")));
        line(&format!("retries={}", self.retries));
        if let (Some((per_task, _)), Some(shards)) = (tasks, shards) {
            line(&format!("shards={shards}\nper_task={per_task}"));
        }
        line("");
        out.push_str(include_str!("slurm_begin.sh"));
        out.push_str(if tasks.is_some() { include_str!("slurm_array.sh") } else { include_str!("slurm_whole.sh") });
        out.push_str(include_str!("slurm_end.sh"));
        Ok(out)
    }
}

/// A script that submits the jobs, each to begin when all tasks of the one before have ended with 0.
///
/// # Errors
/// As [`SlurmJob::script`].
pub fn chain(jobs: &[SlurmJob]) -> Result<String, SubmitError> {
    let steps: Vec<&str> = jobs.iter().map(|job| &*job.work.step).collect();
    let mut out = format!(
        "#!/usr/bin/env bash\n\
         # Submits {} jobs, each to begin when the one before has ended well: {}.\n\
         # Run it with bash; its arguments go to every sbatch.\n\
         set -euo pipefail\n",
        jobs.len(),
        steps.join(", ")
    );
    for (number, job) in (1..).zip(jobs) {
        let end = format!("END_OF_SCRIPT_{number}");
        // A step's words are on one line each, so no line of the script can be this end.
        let _ = write!(out, "\nscript_{number}() {{\n  cat <<'{end}'\n{}{end}\n}}\n", job.script()?);
    }
    out.push('\n');
    for (number, step) in (1..).zip(&steps) {
        // A job whose condition can't come true any more is taken out of the queue instead of waiting for ever.
        let after = match number {
            1 => String::new(),
            _ => format!(" --dependency=afterok:\"$job_{}\" --kill-on-invalid-dep=yes", number - 1),
        };
        let _ = write!(
            out,
            "job_{number}=$(script_{number} | sbatch --parsable{after} \"$@\")\n\
             job_{number}=${{job_{number}%%;*}}\n\
             echo \"{step}: job $job_{number}\"\n"
        );
    }
    Ok(out)
}

#[cfg(test)]
#[path = "slurm_tests.rs"]
mod tests;
