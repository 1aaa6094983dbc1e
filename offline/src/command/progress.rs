//! A progress bar with rate and time left, and what a step over all originals reports at its end.

use std::fmt::Display;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use super::CommandError;
use crate::parts::Outcome;

/// A bar over `count` originals; silent where standard error is no terminal.
pub(super) fn bar(count: usize, step: &'static str) -> ProgressBar {
    bar_of(count, step, "originals")
}

/// A bar over `count` things of this name.
pub(super) fn bar_of(count: usize, step: &'static str, things: &'static str) -> ProgressBar {
    let style = ProgressStyle::with_template(&format!(
        "{{msg}} {{wide_bar}} {{pos}}/{{len}} {things}  {{per_sec}}  {{eta}} left"
    ))
    .expect("the template is a constant");
    let bar = ProgressBar::new(count as u64).with_style(style).with_message(step);
    bar.enable_steady_tick(Duration::from_millis(500));
    bar
}

/// Names the originals that failed; exit code 75 for a run that was stopped, 65 when more originals failed than
/// `tolerated` allows.
pub(super) fn report<E: Display>(step: &str, outcome: &Outcome<E>, tolerated: usize) -> Result<(), CommandError> {
    for (original, error) in &outcome.failed {
        eprintln!("{step}: left out `{original}`: {error}");
    }
    if outcome.stopped {
        let done = outcome.kept + outcome.done;
        return Err(CommandError::retry(format!(
            "{step} stopped with {done} originals done; the same command goes on"
        )));
    }
    if outcome.failed.len() > tolerated {
        let failed = outcome.failed.len();
        return Err(CommandError::data(format!(
            "{step}: {failed} originals failed, {tolerated} are tolerated (--max-errors); see the lines above"
        )));
    }
    println!(
        "{step}: {} originals done, {} were done before, {} left out",
        outcome.done,
        outcome.kept,
        outcome.failed.len()
    );
    Ok(())
}
