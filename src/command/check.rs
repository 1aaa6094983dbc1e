//! `miqa check`: everything that `miqa run` needs, tried without running.

use std::{
    io::{self, Write},
    path::PathBuf,
};

use clap::Args;

use super::{CommandError, Outcome, locate};
use crate::{
    config::{Config, Location},
    engine::{Card, Model, Runtime},
    monitor::Settings,
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
        write!(out, "{}", Config::effective(&arguments.config)?)?;
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
    let runtime = Runtime::open(config.engine.device)?;
    writeln!(out, "provider  {}: {}", asked(&config), runtime.provider())?;
    Model::open(&runtime, &card, config.engine.threads)?;
    writeln!(out, "session   opened, one picture scored")?;
    writeln!(out, "heads     {}", card.output.heads.join(", "))?;
    if !card.output.distortions.is_empty() {
        writeln!(out, "causes    {}", card.output.distortions.join(", "))?;
    }
    let mut outcome = Outcome::Good;
    for stream in &config.streams {
        let gate = Settings::new(&stream.name, &stream.gate, &config.rules, &card)?.gate();
        write!(out, "stream    {}: {}, {} every {}", stream.name, stream.location, stream.views, stream.interval)?;
        writeln!(out, "; gate {} closes below {}, opens from {}", stream.gate.head, gate.close_below, gate.open_above)?;
        if let Location::File(path) | Location::Images(path) | Location::Device(path) = &stream.location
            && let Err(error) = std::fs::File::open(path)
        {
            writeln!(out, "problem   stream \"{}\": {}: {error}", stream.name, path.display())?;
            outcome = Outcome::Bad;
        }
    }
    Ok(outcome)
}

/// The device as the configuration calls it.
fn asked(config: &Config) -> String {
    format!("{:?}", config.engine.device).to_lowercase()
}
