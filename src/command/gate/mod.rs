//! `miqa gate`: where gates stand and stood, and back to how things were.

mod report;
mod restore;
mod show;
mod source;
mod watch;
mod wish;

use clap::{Args, Subcommand};

use super::{CommandError, Outcome};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Print where every gate stands; exit code 0 if all let pass, 1 if not, 2 without a daemon
    Show(show::Arguments),
    /// Print every change until the daemon ends
    Watch(watch::Arguments),
    /// Print what was gated, or would have been in shadow mode: when, why, for how long
    Report(report::Arguments),
    /// Set a gate by hand for a while
    Set(wish::Set),
    /// Silence a stream's alerts for a while: they are recorded, and sent to nobody
    Silence(wish::Silencing),
    /// Put back everything that the daemon changed elsewhere; the daemon must not run
    Restore(restore::Arguments),
}

pub(super) fn run(arguments: &Arguments) -> Result<Outcome, CommandError> {
    match &arguments.action {
        Action::Show(arguments) => show::run(arguments),
        Action::Watch(arguments) => watch::run(arguments),
        Action::Report(arguments) => report::run(arguments),
        Action::Set(arguments) => wish::set(arguments),
        Action::Silence(arguments) => wish::silence(arguments),
        Action::Restore(arguments) => restore::run(arguments),
    }
}
