//! `miqa gate restore`: puts back what bridges changed elsewhere, from the state file, without the daemon. For after a
//! crash: a service's unit calls it once the daemon is gone.

use std::{
    io::{self, Write},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use clap::Args;

use crate::{
    command::{CommandError, Outcome},
    config::Config,
    sink,
    state::{FILE, State, Store},
};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Configuration file of the daemon
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

/// Something that changes settings elsewhere and remembers what they were.
struct Bridge {
    name: &'static str,
    /// What is changed, as people call it.
    changed: fn(&State) -> Vec<String>,
    /// Puts it back and takes each thing out of the state once it is back; the reason if something could not be.
    restore: fn(&Config, &Arc<Store>) -> Result<(), String>,
}

/// How long the broker and Frigate have to answer: a unit's ExecStopPost must end.
const LIMIT: Duration = Duration::from_secs(5);

/// Every bridge; a new one is one more line.
const BRIDGES: [Bridge; 1] =
    [Bridge { name: "Frigate", changed: |state| state.frigate.keys().cloned().collect(), restore: frigate }];

fn frigate(config: &Config, store: &Arc<Store>) -> Result<(), String> {
    let Some(settings) = &config.outputs.frigate else {
        return Err(
            "the configuration has no [frigate]; switch detection on in Frigate, or add the section again".into()
        );
    };
    let left = sink::frigate::restore(settings, store, LIMIT).map_err(|e| e.to_string())?;
    if left.is_empty() {
        return Ok(());
    }
    Err("the broker or Frigate does not answer; start them and try again".into())
}

pub(super) fn run(arguments: &Arguments) -> Result<Outcome, CommandError> {
    let config = Config::read(&arguments.config)?;
    let mut out = io::stdout().lock();
    // What was never there is not made, and needs no lock.
    let folder = config.state.as_ref().map(|keys| &keys.folder).filter(|folder| folder.join(FILE).exists());
    let Some(folder) = folder else {
        writeln!(out, "nothing to put back")?;
        return Ok(Outcome::Good);
    };
    let store = Arc::new(Store::open(folder)?);
    let (mut outcome, mut restored) = (Outcome::Good, 0);
    for bridge in &BRIDGES {
        let before = (bridge.changed)(&store.get());
        if before.is_empty() {
            continue;
        }
        let result = (bridge.restore)(&config, &store);
        let left = (bridge.changed)(&store.get());
        for thing in before.iter().filter(|thing| !left.contains(thing)) {
            writeln!(out, "put back  {} {thing}", bridge.name)?;
            restored += 1;
        }
        if !left.is_empty() {
            let reason = result.err().unwrap_or_else(|| "the reason is not known; try again".into());
            eprintln!("miqa: {} {} not put back: {reason}", bridge.name, left.join(", "));
            outcome = Outcome::Failed;
        }
    }
    if restored == 0 && outcome == Outcome::Good {
        writeln!(out, "nothing to put back")?;
    }
    Ok(outcome)
}
