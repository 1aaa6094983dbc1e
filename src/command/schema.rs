//! `miqa schema`: the configuration's JSON schema.

use std::io::{self, Write};

use super::{CommandError, Outcome};
use crate::config::Config;

pub(super) fn run() -> Result<Outcome, CommandError> {
    let mut out = io::stdout().lock();
    serde_json::to_writer_pretty(&mut out, &Config::schema()).map_err(io::Error::from)?;
    writeln!(out)?;
    Ok(Outcome::Good)
}
