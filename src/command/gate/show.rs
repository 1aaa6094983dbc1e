//! `miqa gate show`: where every gate stands now.

use std::{
    io::{self, Write},
    path::PathBuf,
};

use clap::Args;

use super::source::{self, Shown};
use crate::{
    command::{CommandError, Outcome},
    config::Config,
    event::GateState,
};

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct From {
    /// Configuration file of the daemon: its socket is asked, or its mapped file is read
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Mapped file of gates
    #[arg(long, value_name = "FILE")]
    slot: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    from: From,
    /// Print one JSON object a line instead of a table
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<Outcome, CommandError> {
    let shown = match (&arguments.from.config, &arguments.from.slot) {
        (Some(config), _) => configured(&Config::read(config)?)?,
        (None, Some(slot)) => source::mapped(slot, None)?,
        (None, None) => Vec::new(),
    };
    let mut out = io::stdout().lock();
    if arguments.json {
        for shown in &shown {
            writeln!(out, "{}", serde_json::to_string(shown).map_err(io::Error::from)?)?;
        }
    } else {
        table(&mut out, &shown)?;
    }
    let open = !shown.is_empty() && shown.iter().all(|shown| shown.line.decided == GateState::Open);
    Ok(if open { Outcome::Good } else { Outcome::Bad })
}

fn configured(config: &Config) -> Result<Vec<Shown>, CommandError> {
    let streams: Vec<String> = config.streams.iter().map(|stream| stream.name.clone()).collect();
    match (&config.readers.slot, &config.readers.socket) {
        // The socket tells more: causes, and why frames are missing. A file alone shows what a dead daemon left.
        (Some(slot), Some(socket)) => {
            source::told(&socket.path, &streams).or_else(|_| source::mapped(&slot.path, Some(&streams)))
        }
        (Some(slot), None) => source::mapped(&slot.path, Some(&streams)),
        (None, Some(socket)) => source::told(&socket.path, &streams),
        (None, None) => Err(CommandError::Gate(
            "the configuration has neither [slot] nor [socket], so gates can't be read; add one and restart the daemon"
                .into(),
        )),
    }
}

fn table(out: &mut impl Write, shown: &[Shown]) -> io::Result<()> {
    let wide = shown.iter().map(|shown| shown.line.stream.len()).max().unwrap_or(0).max("stream".len());
    writeln!(out, "{:wide$}  decided   enforced  score  smoothed  valid for  why", "stream")?;
    let number = |score: Option<f32>| score.map_or_else(|| "–".into(), |score| format!("{score:.3}"));
    for Shown { line, doubt } in shown {
        let enforced = line.enforced.map_or("shadow", GateState::name);
        write!(
            out,
            "{:wide$}  {:8}  {enforced:8}  {:5}  {:8}  {:7.1} s  {}",
            line.stream,
            line.decided.name(),
            number(line.score),
            number(line.smoothed),
            line.valid_for.0.as_secs_f64(),
            line.reason
        )?;
        for more in doubt.iter().copied().chain(line.detail.as_deref()) {
            write!(out, "; {more}")?;
        }
        writeln!(out)?;
    }
    Ok(())
}
