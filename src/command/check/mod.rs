//! `miqa check`: everything that `miqa run` needs, tried without running.

mod made;
mod places;

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
};

use clap::Args;

use super::{CommandError, Outcome, locate};
use crate::{
    config::{Config, EffectiveThresholds, Known},
    engine::{Card, Model, Runtime},
    monitor::{GateSettings, Settings},
    secret::scrub,
    sink, source, state,
};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Configuration file (TOML)
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Only print the configuration with every default written out and secrets masked
    #[arg(long)]
    print_effective: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<Outcome, CommandError> {
    let mut out = io::stdout().lock();
    if arguments.print_effective {
        write!(out, "{}", effective(&arguments.config)?)?;
        return Ok(Outcome::Good);
    }
    let config = Config::read(&arguments.config)?;
    let (streams, rules) = (config.streams.len(), config.rules.len());
    writeln!(out, "config    {}: {streams} stream(s), {rules} rule(s)", arguments.config.display())?;
    let card = Card::read(&locate::model(&config.engine.model))?;
    writeln!(out, "model     {} {}: {}", card.name, card.version, card.description.trim())?;
    card.model_bytes()?;
    writeln!(
        out,
        "file      {}, SHA-256 verified ({}…)",
        card.model_path().display(),
        card.file.sha256.get(..12).unwrap_or_default()
    )?;
    if let Some(form) = &card.form {
        writeln!(out, "form      {form}")?;
    }
    let runtime = Runtime::open(config.engine.device)?;
    writeln!(out, "provider  {}: {}", asked(&config), runtime.provider())?;
    Model::open(&runtime, &card, config.engine.threads)?;
    writeln!(out, "session   opened, one picture scored")?;
    writeln!(out, "heads     {}", card.output.heads.join(", "))?;
    if !card.output.distortions.is_empty() {
        writeln!(out, "causes    {}", card.output.distortions.join(", "))?;
    }
    for (word, text) in made::lines(&card) {
        writeln!(out, "{word:<9} {text}")?;
    }
    for stream in &config.streams {
        let gate = Settings::new(&stream.name, &stream.gate, &config.rules, &card)?.gate();
        write!(out, "stream    {}: {}, {} every {}", stream.name, stream.location, stream.views, stream.interval)?;
        writeln!(out, "; gate {} closes below {}, opens from {}", stream.gate.head, gate.close_below, gate.open_above)?;
    }
    let problems = problems(&config);
    for (key, reason) in &problems {
        writeln!(out, "problem   {}: {key}: {}", arguments.config.display(), scrub(reason))?;
    }
    Ok(if problems.is_empty() { Outcome::Good } else { Outcome::Bad })
}

/// The configuration with every default written out. Without a readable card its thresholds are missing, which is said.
fn effective(path: &Path) -> Result<String, CommandError> {
    let config = Config::read(path)?;
    let model = locate::model(&config.engine.model);
    let mut known = Known { host: sink::host(), model: model.exists().then(|| model.clone()), ..Known::default() };
    let mut note = String::new();
    match Card::read(&model) {
        Ok(card) => {
            for stream in &config.streams {
                let gate = Settings::new(&stream.name, &stream.gate, &config.rules, &card)?.gate();
                let GateSettings { close_below, degrade_below, open_above, .. } = gate;
                known.thresholds.push(EffectiveThresholds { close_below, degrade_below, open_above });
            }
        }
        Err(error) => note = format!("# Thresholds that the model's card gives are missing: {error}\n\n"),
    }
    Ok(note + &Config::effective(path, &known)?)
}

/// What could not run: the keys' paths, and why. Nothing is connected to, and what is tried on the disk is undone.
fn problems(config: &Config) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut note = |key: String, result: Result<(), String>| found.extend(result.err().map(|reason| (key, reason)));
    for (i, stream) in config.streams.iter().enumerate() {
        let tried = source::trial(&stream.location, stream.transport);
        note(format!("stream[{i}].location"), tried.map_err(|e| e.to_string()));
    }
    if let Some(keys) = &config.state {
        let tried = places::folder(&keys.folder).and_then(|()| places::file(&keys.folder.join(state::FILE)));
        let read = || state::read(&keys.folder.join(state::FILE)).map(drop).map_err(|e| e.to_string());
        note("state.folder".into(), tried.and_then(|()| read()));
    }
    if let Some(keys) = &config.ledger {
        note("ledger.folder".into(), places::folder(&keys.folder).and_then(|()| places::file(&keys.file())));
    }
    if let Some(keys) = &config.snapshots {
        note("snapshots.folder".into(), places::folder(&keys.folder));
    }
    if let Some(settings) = &config.outputs.jsonl {
        note("jsonl.path".into(), places::file(&settings.path));
    }
    if let Some(keys) = &config.readers.socket {
        note("socket.path".into(), places::beside(&keys.path));
    }
    if let Some(keys) = &config.readers.slot {
        note("slot.path".into(), places::beside(&keys.path));
    }
    if config.outputs.frigate.is_some() && config.state.is_none() {
        note("frigate".into(), Err("there is no state folder to remember its settings in; add [state] folder".into()));
    }
    for (key, error) in sink::trial(&config.outputs) {
        note(key, Err(error.to_string()));
    }
    found
}

/// The device as the configuration calls it.
fn asked(config: &Config) -> String {
    format!("{:?}", config.engine.device).to_lowercase()
}
