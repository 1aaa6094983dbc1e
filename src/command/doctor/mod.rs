//! `miqa doctor`: what this machine lacks for a configuration, and the command that mends it. Nothing is connected to, and
//! what is tried on the disk is undone.

mod clocks;
mod finding;
mod model;
mod permissions;
mod plugins;
mod ports;
mod runtime;

use std::{
    io::{self, Write},
    path::PathBuf,
};

use clap::{Args, ValueEnum};
use serde::Serialize;

use self::finding::{Finding, Verdict};
use super::{CommandError, Outcome};
use crate::{config::Config, secret::scrub};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Configuration file (TOML)
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Text for people, or one JSON object
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    Text,
    Json,
}

/// What `--format json` prints.
#[derive(Serialize)]
struct Report<'a> {
    /// No problem was found.
    fine: bool,
    findings: &'a [Finding],
}

pub(super) fn run(arguments: &Arguments) -> Result<Outcome, CommandError> {
    let config = Config::read(&arguments.config)?;
    let mut findings = plugins::check(&config)?;
    let runtime = runtime::check(config.engine.device);
    findings.extend(runtime.findings);
    findings.extend(model::check(&config, runtime.opened.as_ref()));
    findings.extend(clocks::check());
    findings.extend(permissions::check(&config, &arguments.config));
    findings.extend(ports::check(&config));
    for finding in &mut findings {
        finding.said = scrub(&finding.said).into_owned();
    }
    let fine = findings.iter().all(|finding| finding.verdict != Verdict::Problem);
    let mut out = io::stdout().lock();
    match arguments.format {
        Format::Text => findings.iter().try_for_each(|finding| writeln!(out, "{finding}"))?,
        Format::Json => {
            serde_json::to_writer_pretty(&mut out, &Report { fine, findings: &findings }).map_err(io::Error::from)?;
            writeln!(out)?;
        }
    }
    Ok(if fine { Outcome::Good } else { Outcome::Bad })
}
