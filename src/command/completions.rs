//! `miqa completions`: what a shell needs to complete this program's words, for packages.

use std::io;

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::{Cli, CommandError, Outcome};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The shell
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

pub(super) fn run(arguments: &Arguments) -> Result<Outcome, CommandError> {
    let mut text = Vec::new();
    clap_complete::generate(arguments.shell, &mut Cli::command(), "miqa", &mut text);
    // Written at once, so that a reader that is gone is an error like any other.
    io::Write::write_all(&mut io::stdout().lock(), &text)?;
    Ok(Outcome::Good)
}
