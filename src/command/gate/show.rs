//! `miqa gate show`: where every gate stands now.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
    time::SystemTime,
};

use clap::Args;

use super::source::{self, Shown};
use crate::{
    command::{CommandError, Outcome},
    config::Config,
    control::{self, Request},
    event::GateState,
    gate::Line,
    state,
};

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct From {
    /// Configuration file of the daemon: its socket is asked, or its mapped file read if it has none
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
        if let Some(config) = &arguments.from.config {
            notes(&mut out, &Config::read(config)?)?;
        }
    }
    if shown.iter().any(|shown| shown.dead) {
        eprintln!("miqa: no daemon keeps these gates, so every gate is unknown; start `miqa run`");
        return Ok(Outcome::Failed);
    }
    // In shadow mode nothing is enforced: whoever obeys works as if there were no gate.
    let passable = |shown: &Shown| shown.line.enforced.is_none_or(|enforced| enforced == GateState::Open);
    Ok(if !shown.is_empty() && shown.iter().all(passable) { Outcome::Good } else { Outcome::Bad })
}

/// The socket says more, the mapped file outlives its daemon.
fn configured(config: &Config) -> Result<Vec<Shown>, CommandError> {
    let streams: Vec<String> = config.streams.iter().map(|stream| stream.name.clone()).collect();
    match (&config.readers.slot, &config.readers.socket) {
        // The socket tells more: causes, and why frames are missing. A file alone shows what a dead daemon left.
        (Some(slot), Some(socket)) => source::told(&socket.path, &streams).or_else(|_| {
            let mut shown = source::mapped(&slot.path, Some(&streams))?;
            if !source::is_heard(&socket.path) {
                shown.iter_mut().for_each(Shown::bury);
            }
            Ok(shown)
        }),
        (None, Some(socket)) => source::told(&socket.path, &streams),
        (Some(slot), None) => {
            let mut shown = source::mapped(&slot.path, Some(&streams))?;
            if let Some(keys) = &config.state {
                recall(&mut shown, &keys.folder)?;
            }
            Ok(shown)
        }
        (None, None) => Err(CommandError::Gate(
            "the configuration has neither [slot] nor [socket], so gates can't be read; add one and restart the daemon"
                .into(),
        )),
    }
}

/// The mapped file has no room for what was set by hand; the state file knows.
fn recall(shown: &mut [Shown], folder: &Path) -> Result<(), CommandError> {
    let overrides = state::read(&folder.join(state::FILE))?.overrides;
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_secs();
    for Shown { line, doubt, .. } in shown {
        let set = overrides.get(&line.stream).filter(|set| state::in_force(Some(set), now) == line.enforced);
        if doubt.is_none() {
            line.by_hand = set.copied();
        }
    }
    Ok(())
}

/// Who set what, as far as the reading tells: a mapped file without a state folder shows only that it differs.
fn by_hand(line: &Line) -> Option<String> {
    let expected = if line.decided == GateState::Unknown { line.when_unknown } else { line.decided };
    match line.by_hand {
        Some(by_hand) => Some(by_hand.to_string()),
        None => line.enforced.filter(|enforced| *enforced != expected).map(|enforced| format!("{enforced} by hand")),
    }
}

/// What a running daemon tells beside its gates.
fn notes(out: &mut impl Write, config: &Config) -> io::Result<()> {
    let answer = config.state.as_ref().map(|keys| control::ask(&keys.folder, &Request::Standing));
    // Without a daemon there is nothing to tell.
    let Some(Ok(answer)) = answer else { return Ok(()) };
    for silence in &answer.silences {
        writeln!(out, "{silence}")?;
    }
    if let Some(reason) = answer.configuration {
        writeln!(out, "configuration not reloaded, the old one is in force: {reason}")?;
    }
    Ok(())
}

fn table(out: &mut impl Write, shown: &[Shown]) -> io::Result<()> {
    let wide = shown.iter().map(|shown| shown.line.stream.len()).max().unwrap_or(0).max("stream".len());
    writeln!(out, "{:wide$}  decided   enforced  score  smoothed  valid for  why", "stream")?;
    let number = |score: Option<f32>| score.map_or_else(|| "–".into(), |score| format!("{score:.3}"));
    for Shown { line, doubt, .. } in shown {
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
        let by_hand = by_hand(line);
        for more in doubt.iter().copied().chain(line.detail.as_deref()).chain(by_hand.as_deref()) {
            write!(out, "; {more}")?;
        }
        writeln!(out)?;
    }
    for line in shown.iter().map(|shown| &shown.line) {
        if let Some(baseline) = &line.baseline {
            writeln!(out, "baseline of {}: {baseline}", line.stream)?;
        }
    }
    // Nobody can tell from a file whether its writer has just been killed.
    if let Some((age, limit)) = shown.iter().filter(|shown| !shown.dead).find_map(|shown| shown.heard) {
        writeln!(
            out,
            "read from the mapped file, which the daemon last wrote {:.1} s ago: should it have died since, this counts for as long as \"valid for\" says, at most {:.1} s more",
            age.as_secs_f64(),
            limit.saturating_sub(age).as_secs_f64()
        )?;
    }
    Ok(())
}
