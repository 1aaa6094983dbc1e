//! `miqa-offline status`: how far a destination of `generate` is.

use super::CommandError;
use super::generate::{failure, in_bytes, open};
use crate::shard::{Destination, ShardState, status};
use crate::store::Store;

/// Arguments of `status`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The destination of `generate` or `label`
    #[arg(long, value_name = "DEST")]
    out: String,
    /// Which of them; the one that was begun there unless given
    #[arg(long, value_name = "STAGE")]
    stage: Option<StageName>,
}

/// A stage whose workers leave a destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum StageName {
    /// Variants as files.
    Generate,
    /// Predictions of a zoo.
    Label,
}

impl StageName {
    /// As keys have it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Generate => crate::generate::STAGE,
            Self::Label => crate::label::stage::STAGE,
        }
    }

    /// The stage named, or the one that was begun at a destination.
    ///
    /// # Errors
    /// Both were begun there, or something can't be read.
    pub(super) fn at(named: Option<Self>, store: &dyn Store) -> Result<Self, CommandError> {
        if let Some(named) = named {
            return Ok(named);
        }
        let begun = |stage: Self| Ok(Destination::find(store, stage.name()).map_err(failure)?.is_some());
        match (begun(Self::Generate)?, begun(Self::Label)?) {
            (true, true) => {
                Err(CommandError::usage(format!("{} has both: give --stage generate or label", store.place())))
            }
            (false, true) => Ok(Self::Label),
            (true, false) => Ok(Self::Generate),
            (false, false) => Err(nothing(store)),
        }
    }
}

/// Why no stage was begun at a destination.
fn nothing(store: &dyn Store) -> CommandError {
    let place = store.place();
    let mut left = Vec::new();
    for stage in [StageName::Generate, StageName::Label] {
        match store.list(stage.name()) {
            Err(error) => return failure(error.into()),
            Ok(keys) if keys.is_empty() => {}
            Ok(_) => left.push(stage.name()),
        }
    }
    if let Some(stage) = left.first() {
        return CommandError::data(format!(
            "{place} is damaged: {stage}/destination.json is gone, other files of `{stage}` are there; the command that made \
             them writes it again"
        ));
    }
    CommandError::usage(format!(
        "{place}: there is nothing of `generate` or `label` yet (no generate/destination.json, no label/destination.json); \
         run one of them first"
    ))
}

/// Runs `status`.
///
/// # Errors
/// 2: nothing was begun there; 65: its files are damaged; 75: the store can't be reached.
pub fn run(args: &Args) -> Result<(), CommandError> {
    let store = open(&args.out)?;
    let stage = StageName::at(args.stage, store.as_ref())?;
    let status = status(store.as_ref(), stage.name()).map_err(failure)?;
    let there = &status.destination;
    let settings: Vec<String> = there.settings.iter().map(|(name, value)| format!(", {name} {value}")).collect();
    println!("plan      {} ({}){}", there.plan_id.short(), there.recipe, settings.concat());
    println!(
        "shards    {} of {} done, {} begun (whether somebody works on them, a store can't say), {} missing, {} failed",
        status.count(ShardState::Done),
        there.shards,
        status.count(ShardState::Begun { originals: 0 }),
        status.count(ShardState::Missing),
        status.count(ShardState::Failed)
    );
    let open = status.open();
    if !open.is_empty() {
        // As `sbatch --array` and `kubectl` users write lists.
        let list: Vec<String> = open.iter().take(50).map(ToString::to_string).collect();
        println!("not done  {}{}", list.join(","), if open.len() > list.len() { ",…" } else { "" });
    }
    let bytes = status.records.iter().map(|record| record.bytes).sum();
    println!(
        "originals {} of {} done, {} errors, {} committed",
        status.originals,
        there.originals,
        status.errors,
        in_bytes(bytes)
    );
    if let (Some(rate), Some(left)) = (status.rate, status.left) {
        println!("rate      {rate:.0} originals an hour, {:.2} hours left at that", left.as_secs_f64() / 3600.0);
    }
    Ok(())
}
