//! `miqa man`: manual pages out of the command line's own description, for packages.

use std::path::PathBuf;

use clap::{Args, CommandFactory};

use super::{Cli, CommandError, Outcome};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Folder to write miqa.1, miqa-run.1 and so on into
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
}

pub(super) fn run(arguments: &Arguments) -> Result<Outcome, CommandError> {
    std::fs::create_dir_all(&arguments.folder)?;
    clap_mangen::generate_to(Cli::command(), &arguments.folder)?;
    Ok(Outcome::Good)
}
