//! `miqa gate watch`: every change, as the socket tells it.

use std::{
    io::{self, BufRead, Write},
    path::PathBuf,
};

use clap::Args;

use super::source;
use crate::{
    command::{CommandError, Outcome},
    config::Config,
    event::GateState,
    gate::{Kind, Line},
};

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct From {
    /// Configuration file of the daemon
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The daemon's socket
    #[arg(long, value_name = "FILE")]
    socket: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    from: From,
    /// Print the lines as they come, renewals of leases among them
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<Outcome, CommandError> {
    let path = match (&arguments.from.config, &arguments.from.socket) {
        (Some(config), _) => Config::read(config)?.readers.socket.map(|keys| keys.path),
        (None, socket) => socket.clone(),
    };
    let path = path.ok_or_else(|| {
        CommandError::Gate("the configuration has no [socket] to watch; add one and restart the daemon".into())
    })?;
    let mut out = io::stdout().lock();
    for line in source::connect(&path, None)?.lines() {
        let line = line?;
        if arguments.json {
            writeln!(out, "{line}")?;
        } else {
            print(&mut out, &source::parse(&line)?)?;
        }
        out.flush()?;
    }
    Err(CommandError::Gate(format!("{}: the daemon ended; every gate is unknown", path.display())))
}

fn print(out: &mut impl Write, line: &Line) -> io::Result<()> {
    if line.kind == Kind::Renewal {
        return Ok(());
    }
    if line.gone {
        return writeln!(out, "{}  removed", line.stream);
    }
    let enforced = match (line.by_hand, line.enforced) {
        (Some(by_hand), _) => format!(" (enforced: {by_hand})"),
        (None, Some(state)) if state == line.decided => String::new(),
        (None, Some(state)) => format!(" (enforced: {state})"),
        (None, None) => " (shadow, not enforced)".into(),
    };
    write!(out, "{}  {}{enforced}: {}", line.stream, line.decided.name().to_uppercase(), line.reason)?;
    if let (Some(score), Some(smoothed), true) = (line.score, line.smoothed, line.decided != GateState::Unknown) {
        write!(out, ", score {score:.3} (smoothed {smoothed:.3})")?;
    }
    for (i, cause) in line.causes.iter().flatten().enumerate() {
        let before = if i == 0 { ", likely" } else { "," };
        write!(out, "{before} {} {:.0} %", cause.distortion, 100.0 * cause.probability)?;
    }
    writeln!(out)
}
