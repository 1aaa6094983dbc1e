//! The step that is submitted: its arguments checked by its own parser, its shards counted.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::parser::ValueSource;
use clap::{ArgMatches, Args as _, Command};

use crate::command::work::needs;
use crate::command::{CommandError, finalize, generate, label, mask, mmos, plan, rank, split, verify};
use crate::source::{read_shards, read_sources, sources_id};
use crate::submit::Work;

/// Where a step's shards are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shards {
    OfPlan,
    OfSources,
    /// One piece of work.
    None,
}

/// A step that can be submitted.
struct Step {
    name: &'static str,
    shards: Shards,
    parser: fn(Command) -> Command,
}

const STEPS: [Step; 9] = [
    Step { name: "generate", shards: Shards::OfPlan, parser: generate::Args::augment_args },
    Step { name: "label", shards: Shards::OfPlan, parser: label::Args::augment_args },
    Step { name: "mask", shards: Shards::OfSources, parser: mask::Args::augment_args },
    Step { name: "rank", shards: Shards::OfSources, parser: rank::Args::augment_args },
    Step { name: "plan", shards: Shards::None, parser: plan::Args::augment_args },
    Step { name: "finalize", shards: Shards::None, parser: finalize::Args::augment_args },
    Step { name: "verify", shards: Shards::None, parser: verify::Args::augment_args },
    Step { name: "mmos", shards: Shards::None, parser: mmos::Args::augment_args },
    Step { name: "split", shards: Shards::None, parser: split::Args::augment_args },
];

/// The work of a step with these `words` (its name first); `plan` is where the plan lies here.
///
/// A step that takes `--threads` is told to take `cpus` if it is not told otherwise: nodes that don't bind tasks to
/// cores show a task all of theirs.
pub(super) fn work_of(
    words: &[OsString],
    program: OsString,
    plan: Option<&Path>,
    cpus: u32,
) -> Result<Work, CommandError> {
    let known = || STEPS.map(|step| step.name).join(", ");
    let Some((name, arguments)) = words.split_first() else {
        return Err(CommandError::usage(format!("name a step and its arguments: one of {}", known())));
    };
    let Some(step) = STEPS.into_iter().find(|step| name == step.name) else {
        let name = name.to_string_lossy();
        return Err(CommandError::usage(format!("`{name}` can't be submitted; these can: {}", known())));
    };
    let parser =
        (step.parser)(Command::new(step.name).bin_name(format!("miqa-offline {}", step.name)).no_binary_name(true));
    let matches = parser.try_get_matches_from(arguments).map_err(CommandError::usage)?;
    for (id, flag) in [("shard", "--shard"), ("shards", "--shards"), ("dry_run", "--dry-run")] {
        // `plan --shards` says how many there are to be, and nothing of a worker.
        if given(&matches, id) && step.name != "plan" {
            let reason = format!("{}: leave {flag} out, the tasks' shards come from the engine", step.name);
            return Err(CommandError::usage(reason));
        }
    }
    let mut arguments = arguments.to_vec();
    if matches.try_contains_id("threads").unwrap_or(false) && !given(&matches, "threads") {
        arguments.extend(["--threads".into(), cpus.to_string().into()]);
    }
    let (shards, inputs) = match step.shards {
        Shards::None => (None, String::new()),
        Shards::OfPlan => of_plan(&step, &matches, plan)?,
        Shards::OfSources => of_sources(&matches)?,
    };
    let writes = WRITTEN.iter().flat_map(|&(id, flag)| {
        let values = matches.try_get_raw(id).ok().flatten().into_iter().flatten();
        values.map(move |value| (flag, value.to_string_lossy().into_owned()))
    });
    let writes = writes.collect();
    let device = matches.try_get_raw("device").ok().flatten().and_then(|mut values| values.next());
    let on_gpu = device.is_some_and(|device| device.to_string_lossy().starts_with("cuda"));
    Ok(Work { program, step: step.name.to_owned(), arguments, shards, writes, on_gpu, inputs })
}

/// Arguments of steps that say where results go.
const WRITTEN: [(&str, &str); 2] = [("out", "--out"), ("work", "--work")];

/// Whether an argument that a step may have is on its command line.
fn given(matches: &ArgMatches, id: &str) -> bool {
    matches.try_contains_id(id).unwrap_or(false) && matches.value_source(id) == Some(ValueSource::CommandLine)
}

fn path(matches: &ArgMatches, id: &str) -> Option<PathBuf> {
    matches.try_get_one::<PathBuf>(id).ok().flatten().cloned()
}

fn of_plan(step: &Step, matches: &ArgMatches, here: Option<&Path>) -> Result<(Option<u32>, String), CommandError> {
    let named = path(matches, "plan");
    let named =
        named.ok_or_else(|| CommandError::usage(format!("{}: --plan is missing, it has the shards", step.name)))?;
    let plan = plan::open(here.unwrap_or(&named))?;
    Ok((Some(plan.shards()), format!("plan {}", plan.id().short())))
}

fn of_sources(matches: &ArgMatches) -> Result<(Option<u32>, String), CommandError> {
    let work = path(matches, "work").ok_or_else(|| CommandError::usage("--work is missing, it has the shards"))?;
    let sources = work.join("sources.parquet");
    needs(&sources, "select")?;
    let shards = read_shards(&sources).map_err(CommandError::data)?;
    let originals = read_sources(&sources).map_err(CommandError::data)?;
    Ok((Some(shards), format!("sources {}", &sources_id(&originals)[..12])))
}
