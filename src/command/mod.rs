//! The `miqa` program's command line: one file a subcommand.

mod calibrate;
mod check;
mod error;
mod gate;
mod locate;
mod probe;
mod replay;
mod run;
mod score;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

pub use error::CommandError;

/// Is this picture still good enough for the models behind it?
///
/// Exit codes: 0 every gate open, or done; 1 a gate closed, or problems found; 2 could not.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Watch the streams of a configuration and print what happens
    Run(run::Arguments),
    /// Put a recorded file through a stream's rules and thresholds
    Replay(replay::Arguments),
    /// Score images and video files
    Score(score::Arguments),
    /// Find at which scores a detector of your own loses what it saw
    Calibrate(calibrate::Arguments),
    /// Check a configuration, its model and the execution provider
    Check(check::Arguments),
    /// Connect to a camera or file and say what it is like
    Probe(probe::Arguments),
    /// Where gates stand and stood, and back to how things were
    Gate(gate::Arguments),
}

/// How a command that could do its work came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Done, and every gate is open.
    Good,
    /// Done, and a gate is closed or a problem was found.
    Bad,
    /// A part of it could not be done; which was said.
    Failed,
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Good => Self::SUCCESS,
            Outcome::Bad => Self::from(1),
            Outcome::Failed => Self::from(2),
        }
    }
}

impl Cli {
    /// Does what the command line asks.
    ///
    /// # Errors
    /// [`CommandError`], to be printed as one line with exit code 2.
    pub fn run(&self) -> Result<Outcome, CommandError> {
        match &self.command {
            Command::Run(arguments) => run::run(arguments),
            Command::Replay(arguments) => replay::run(arguments),
            Command::Score(arguments) => score::run(arguments),
            Command::Calibrate(arguments) => calibrate::run(arguments),
            Command::Check(arguments) => check::run(arguments),
            Command::Probe(arguments) => probe::run(arguments),
            Command::Gate(arguments) => gate::run(arguments),
        }
    }
}
