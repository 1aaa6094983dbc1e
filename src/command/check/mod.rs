//! `miqa check`: everything that `miqa run` needs, tried without running.

mod made;
pub(super) mod places;

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
};

use clap::Args;

use super::{CommandError, Outcome, locate};
use crate::{
    config::{Config, EffectiveThresholds, GateBound, Known},
    engine::{Card, Model, Runtime},
    monitor::{GateSettings, Settings},
    secret::scrub,
    sink, source,
};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Configuration file (TOML)
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Only print the configuration with every default written out and secrets masked
    #[arg(long)]
    print_effective: bool,
    /// Streams whose files, folders or devices aren't there are said, but are no problem: a camera may come later
    #[arg(long)]
    sources_may_be_away: bool,
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
        write!(out, "; gate {} closes below {}, opens from {}", stream.gate.head, gate.close_below, gate.open_above)?;
        let relative = |bound: &Option<GateBound>| matches!(bound, Some(GateBound::UnderNormal(_)));
        if relative(&stream.gate.close_below) || relative(&stream.gate.open_above) {
            write!(out, " until the camera's normal is learnt")?;
        }
        writeln!(out)?;
    }
    let file = arguments.config.display();
    let mut problems = problems(&config);
    let away = sources(&config);
    let word = if arguments.sources_may_be_away { "away" } else { "problem" };
    for (key, reason) in &away {
        writeln!(out, "{word:<9} {file}: {key}: {}", scrub(reason))?;
    }
    for (key, reason) in &problems {
        writeln!(out, "problem   {file}: {key}: {}", scrub(reason))?;
    }
    if !arguments.sources_may_be_away {
        problems.extend(away);
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

/// The streams that could not run now: the keys' paths, and why. Nothing is connected to.
fn sources(config: &Config) -> Vec<(String, String)> {
    let tried = config.streams.iter().map(|stream| source::trial(&stream.location, stream.transport));
    let failed = tried.enumerate().filter_map(|(i, tried)| Some((i, tried.err()?)));
    failed.map(|(i, error)| (format!("stream[{i}].location"), error.to_string())).collect()
}

/// What else could not run. Nothing is connected to, and what is tried on the disk is undone.
fn problems(config: &Config) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut note = |key: String, result: Result<(), String>| found.extend(result.err().map(|reason| (key, reason)));
    for place in places::all(config) {
        note(place.key.into(), place.tried);
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
