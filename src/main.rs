//! The `miqa` program: parse the command line, dispatch, turn an error into one line and an exit code.

use std::{
    io::{IsTerminal, stderr},
    process::ExitCode,
};

use clap::Parser;
use miqa::{
    command::Cli,
    secret::{Scrubbed, scrub},
};
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    let cli = Cli::parse();
    // Who asks GStreamer for its log wants to see it.
    let gstreamer = if std::env::var_os("GST_DEBUG").is_some() { ",gstreamer=trace" } else { "" };
    let filter =
        EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(format!("warn,ort=error{gstreamer}")));
    // A journal or a file shows the codes of colours as rubbish.
    let colour = stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    tracing_subscriber::fmt().with_env_filter(filter).with_ansi(colour).with_writer(|| Scrubbed(stderr())).init();
    match cli.run() {
        Ok(outcome) => outcome.into(),
        Err(error) if error.is_broken_pipe() => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("miqa: {}", scrub(&error.to_string()));
            ExitCode::from(2)
        }
    }
}
