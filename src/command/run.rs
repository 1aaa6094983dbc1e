//! `miqa run`: watch the configured streams.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{Arc, atomic::AtomicBool},
};

use clap::Args;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use super::{CommandError, Outcome, locate};
use crate::{
    config::{Config, ConfigError},
    daemon::{self, Options},
    event::Summary,
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

/// Watches until told to stop; SIGHUP reads the configuration again.
pub(super) fn run(arguments: &Arguments) -> Result<Outcome, CommandError> {
    let config = read(&arguments.config)?;
    let stop = until_told()?;
    let reload = Arc::new(AtomicBool::new(false));
    signal_hook::flag::register(SIGHUP, Arc::clone(&reload))?;
    let path = arguments.config.clone();
    let again = move || read(&path).map_err(|e| e.to_string());
    let options = Options { read: Some(Box::new(again)), reload, ..Options::default() };
    let summary = daemon::run(&config, vec![output(arguments.json)], &stop, options)?;
    Ok(outcome(&summary))
}

fn read(path: &Path) -> Result<Config, ConfigError> {
    let mut config = Config::read(path)?;
    config.engine.model = locate::model(&config.engine.model);
    Ok(config)
}

/// A flag that SIGINT and SIGTERM set; the second signal ends the program at once, should draining hang.
pub(super) fn until_told() -> io::Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register_conditional_default(signal, Arc::clone(&stop))?;
        signal_hook::flag::register(signal, Arc::clone(&stop))?;
    }
    Ok(stop)
}

/// Events as text, or as JSON lines, on standard output.
pub(super) fn output(json: bool) -> Box<dyn Sink> {
    if json { Box::new(JsonLines::new(io::stdout())) } else { Box::new(Log::new(io::stdout())) }
}

/// Says which streams failed.
pub(super) fn outcome(summary: &Summary) -> Outcome {
    let mut outcome = Outcome::Good;
    for stream in &summary.streams {
        if let Some(failure) = &stream.failure {
            eprintln!("miqa: stream \"{}\": {failure}", stream.stream);
            outcome = Outcome::Failed;
        }
    }
    outcome
}
