//! `miqa replay`: a recorded file through a stream's settings, with the same verdicts on every machine.

use std::path::PathBuf;

use clap::Args;

use super::{CommandError, Outcome, locate, run};
use crate::{
    config::{Config, GateReaders, Location, Outputs, Pace},
    daemon::{self, Options, Wall},
};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Recorded video file
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Configuration file (TOML) whose rules and thresholds are applied
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// The stream whose settings are applied; the first one without this
    #[arg(long, value_name = "NAME")]
    stream: Option<String>,
    /// Time of day of the file's beginning, such as 2026-11-23T22:00:00Z; without it schedules don't apply
    #[arg(long, value_name = "TIME", value_parser = moment)]
    at: Option<jiff::Timestamp>,
    /// Print one JSON object a line instead of text
    #[arg(long)]
    json: bool,
}

/// A moment; a time of day alone is none.
fn moment(text: &str) -> Result<jiff::Timestamp, String> {
    text.parse().map_err(|error: jiff::Error| match text.parse::<jiff::civil::DateTime>() {
        Ok(_) => format!("it lacks the distance from UTC; write {text}Z for UTC, or {text}+01:00"),
        Err(_) => format!("{error}; write it as 2026-11-23T22:00:00Z"),
    })
}

/// Every due frame is scored, times are the file's own, so verdicts don't depend on the machine's speed. Nothing is
/// commanded and nothing is kept: outputs, bridges, snapshots and state of the configuration stay out of it.
pub(super) fn run(arguments: &Arguments) -> Result<Outcome, CommandError> {
    let Config { mut engine, streams, detector, rules, .. } = Config::read(&arguments.config)?;
    engine.model = locate::model(&engine.model);
    let known: Vec<_> = streams.iter().map(|s| s.name.clone()).collect();
    let asked = arguments.stream.as_ref();
    let Some(mut stream) = streams.into_iter().find(|s| asked.is_none_or(|name| s.name == *name)) else {
        let name = arguments.stream.clone().unwrap_or_default();
        return Err(CommandError::NoStream { name, known: known.join(", ") });
    };
    let file = arguments.file.to_string_lossy();
    let kind = if file.contains("://") && !file.starts_with("file://") { file.split("://").next() } else { None };
    if let Some(kind) = kind.filter(|_| !arguments.file.exists()) {
        return Err(CommandError::Location(format!(
            "{kind}:// is no recorded file; record it first, watch it with `miqa run`, or look at it with `miqa probe`"
        )));
    }
    stream.location = Location::File(arguments.file.clone());
    stream.pace = Pace::Asap;
    let rules = rules
        .into_iter()
        .filter(|rule| rule.watches(&stream.name))
        .map(|rule| crate::config::Rule { streams: None, ..rule })
        .collect();
    let (readers, outputs) = (GateReaders::default(), Outputs::default());
    let config = Config {
        engine,
        streams: vec![stream],
        detector,
        rules,
        snapshots: None,
        state: None,
        ledger: None,
        readers,
        outputs,
    };
    let wall = arguments.at.map_or(Wall::Unknown, Wall::From);
    let options = Options { repeatable: true, wall, ..Options::default() };
    let summary = daemon::run(&config, vec![run::output(arguments.json)], &run::until_told()?, options)?;
    Ok(run::outcome(&summary))
}
