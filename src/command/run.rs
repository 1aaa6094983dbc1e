//! `miqa run`: watch the configured streams.

use std::{
    io,
    path::PathBuf,
    sync::{Arc, atomic::AtomicBool},
};

use clap::Args;
use signal_hook::consts::{SIGINT, SIGTERM};

use super::{CommandError, Outcome, locate};
use crate::{
    config::Config,
    daemon,
    sink::{JsonLines, Log, Sink},
};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Configuration file (TOML)
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Print one JSON object a line instead of text
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<Outcome, CommandError> {
    let mut config = Config::read(&arguments.config)?;
    config.engine.model = locate::model(&config.engine.model);
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        // The second signal ends the program at once, should draining hang.
        signal_hook::flag::register_conditional_default(signal, Arc::clone(&stop))?;
        signal_hook::flag::register(signal, Arc::clone(&stop))?;
    }
    let sink: Box<dyn Sink> =
        if arguments.json { Box::new(JsonLines::new(io::stdout())) } else { Box::new(Log::new(io::stdout())) };
    let summary = daemon::run(&config, vec![sink], &stop)?;
    let mut outcome = Outcome::Good;
    for stream in &summary.streams {
        if let Some(failure) = &stream.failure {
            eprintln!("miqa: stream \"{}\": {failure}", stream.stream);
            outcome = Outcome::Failed;
        }
    }
    Ok(outcome)
}
