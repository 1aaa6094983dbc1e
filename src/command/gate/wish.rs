//! `miqa gate set` and `miqa gate silence`: asked of the daemon over its control socket, or written into the state file for
//! its next start.

use std::{
    io::{self, Write},
    path::PathBuf,
    time::{Duration, SystemTime},
};

use clap::Args;

use super::report::span;
use crate::{
    command::{CommandError, Outcome},
    config::{Config, nearest},
    control::{self, Request},
    event::{ByHand, GateState},
    state::{Silence, State, Store},
};

#[derive(Debug, Args)]
pub(super) struct Set {
    /// The stream
    stream: String,
    /// open or closed; auto takes back what was set
    #[arg(value_name = "STATE", value_parser = state)]
    state: Wanted,
    /// For how long, such as 30m, 8h or 2d
    #[arg(long = "for", value_name = "TIME", default_value = "8h", value_parser = span)]
    length: Duration,
    /// Configuration file of the daemon
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

#[derive(Debug, Args)]
pub(super) struct Silencing {
    /// The stream
    stream: String,
    /// The rule; all of the stream's without one
    rule: Option<String>,
    /// For how long, such as 30m, 2h or 7d
    #[arg(long = "for", value_name = "TIME", value_parser = span, required_unless_present = "end")]
    length: Option<Duration>,
    /// End an earlier silence now
    #[arg(long, conflicts_with = "length")]
    end: bool,
    /// Configuration file of the daemon
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

/// What a gate is set to; `None` is nothing any more.
#[derive(Clone, Copy, Debug)]
struct Wanted(Option<GateState>);

fn state(text: &str) -> Result<Wanted, String> {
    match text {
        "auto" => Ok(Wanted(None)),
        "open" => Ok(Wanted(Some(GateState::Open))),
        "closed" => Ok(Wanted(Some(GateState::Closed))),
        _ => Err(format!("\"{text}\" must be open, closed or auto")),
    }
}

fn today() -> u64 {
    SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_secs()
}

pub(super) fn set(arguments: &Set) -> Result<Outcome, CommandError> {
    let config = Config::read(&arguments.config)?;
    known(&config, &arguments.stream, None)?;
    let (stream, Wanted(state)) = (arguments.stream.clone(), arguments.state);
    let until = state.map(|_| today().saturating_add(arguments.length.as_secs()));
    let said = match state {
        Some(state) => format!("{stream}: {}", ByHand { state, until }),
        None => format!("{stream}: no longer set by hand"),
    };
    carry_out(&config, &Request::Gate { stream, state, until }, &said)
}

pub(super) fn silence(arguments: &Silencing) -> Result<Outcome, CommandError> {
    let config = Config::read(&arguments.config)?;
    let (stream, rule) = (arguments.stream.clone(), arguments.rule.clone());
    known(&config, &stream, rule.as_deref())?;
    let length = arguments.length.filter(|_| !arguments.end);
    let until = length.map(|length| today().saturating_add(length.as_secs()));
    let said = match until {
        Some(until) => Silence { stream: stream.clone(), rule: rule.clone(), until }.to_string(),
        None => format!(
            "alerts of {stream}{} no longer silenced",
            rule.as_ref().map(|r| format!(", rule {r},")).unwrap_or_default()
        ),
    };
    carry_out(&config, &Request::Silence { stream, rule, until }, &said)
}

/// Refuses names that the configuration doesn't have.
fn known(config: &Config, stream: &str, rule: Option<&str>) -> Result<(), CommandError> {
    let streams: Vec<&str> = config.streams.iter().map(|s| s.name.as_str()).collect();
    let wrong = |kind: &str, name: &str, all: &[&str]| {
        let next = match nearest(name, all) {
            Some(near) => format!("did you mean \"{near}\"?"),
            None if all.is_empty() => "there is none".into(),
            None => format!("there is {}", all.join(", ")),
        };
        Err(CommandError::Gate(format!("no {kind} \"{name}\"; {next}")))
    };
    if !streams.contains(&stream) {
        return wrong("stream", stream, &streams);
    }
    let rules: Vec<&str> = config.rules.iter().filter(|r| r.watches(stream)).map(|r| r.name.as_str()).collect();
    match rule {
        Some(rule) if !rules.contains(&rule) => wrong("rule that watches this stream:", rule, &rules),
        _ => Ok(()),
    }
}

fn carry_out(config: &Config, request: &Request, said: &str) -> Result<Outcome, CommandError> {
    let Some(keys) = &config.state else {
        return Err(CommandError::Gate(
            "the configuration has no [state], where a running daemon is reached; add [state] folder and restart the daemon"
                .into(),
        ));
    };
    let mut out = io::stdout().lock();
    match control::ask(&keys.folder, request) {
        Ok(answer) => match answer.refused {
            Some(reason) => Err(CommandError::Gate(reason)),
            None => Ok(writeln!(out, "{said}").map(|()| Outcome::Good)?),
        },
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {
            let store = Store::open(&keys.folder)?;
            store.change(|state| write(state, request))?;
            writeln!(out, "{said}; no daemon runs, so it holds from the next start on")?;
            Ok(Outcome::Good)
        }
        Err(e) => Err(CommandError::Gate(format!(
            "{}: {e}; run this as the daemon's user",
            keys.folder.join(control::FILE).display()
        ))),
    }
}

fn write(kept: &mut State, request: &Request) {
    match request {
        Request::Gate { stream, state, until } => {
            kept.set_by_hand(stream, state.map(|state| ByHand { state, until: *until }));
        }
        Request::Silence { stream, rule, until } => kept.silence(stream, rule.as_deref(), *until, today()),
        // These are asked of a running daemon only.
        Request::Add(_)
        | Request::Remove { .. }
        | Request::Pause { .. }
        | Request::Acknowledge { .. }
        | Request::Standing => {}
    }
}
