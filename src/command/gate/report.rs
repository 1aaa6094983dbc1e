//! `miqa gate report`: what was gated, or would have been in shadow mode: when, why and for how long.

use std::{
    collections::BTreeMap,
    io::{self, Write},
    path::PathBuf,
    time::{Duration, SystemTime},
};

use clap::Args;
use jiff::{Timestamp, tz::TimeZone};
use serde_json::json;

use crate::{
    command::{CommandError, Outcome},
    config::{Config, Period},
    event::GateState,
    gate::stretch::{self, End, Note, StreamReport, Stretch},
    sink::record,
};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Configuration file of the daemon
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// How far back to look, such as 90m, 12h or 7d
    #[arg(long, value_name = "TIME", default_value = "7d", value_parser = span)]
    since: Duration,
    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
}

/// A length of time, days allowed.
pub(super) fn span(text: &str) -> Result<Duration, String> {
    match text.strip_suffix('d').map(str::parse::<u32>) {
        Some(Ok(days)) if days <= 366 => Ok(Duration::from_secs(u64::from(days) * 86_400)),
        Some(_) => Err(format!("\"{text}\" is no number of days up to 366d")),
        None => text.parse::<Period>().map(Period::get),
    }
}

pub(super) fn run(arguments: &Arguments) -> Result<Outcome, CommandError> {
    let config = Config::read(&arguments.config)?;
    let Some(keys) = &config.state else {
        return Err(CommandError::Gate(
            "the configuration has no [state], so no record of gates is kept; add [state] folder and restart the daemon"
                .into(),
        ));
    };
    let lines = record::lines(&keys.folder).map_err(|e| {
        CommandError::Gate(format!("{}: the record of gates can't be read: {e}", keys.folder.display()))
    })?;
    let notes: Vec<Note> = lines.iter().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let torn = lines.len() - notes.len();
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    let since = now.saturating_sub(arguments.since).as_secs_f64();
    let begins = notes.first().map(|note| note.time);
    let streams = stretch::report(&notes, since, now.as_secs_f64(), record::is_written(&keys.folder));
    let mut out = io::stdout().lock();
    if arguments.json {
        let report = json!({
            "since": since,
            "until": now.as_secs_f64(),
            "record_begins": begins,
            "unreadable_lines": torn,
            "streams": streams,
        });
        writeln!(out, "{report}")?;
        return Ok(Outcome::Good);
    }
    match begins {
        None => writeln!(out, "no gate has moved since the record began")?,
        Some(begins) if begins > since => writeln!(out, "the record begins {}", day(begins))?,
        Some(_) => {}
    }
    print(&mut out, &streams)?;
    if torn > 0 {
        writeln!(out, "{torn} line(s) of the record can't be read and were passed over")?;
    }
    Ok(Outcome::Good)
}

fn print(out: &mut impl Write, streams: &BTreeMap<String, StreamReport>) -> io::Result<()> {
    for (stream, report) in streams {
        write!(out, "{stream}:")?;
        for state in GateState::ALL {
            let (times, seconds) = (report.times.get(state.name()), report.seconds.get(state.name()));
            if let (Some(times), Some(seconds)) = (times, seconds) {
                write!(out, " {state} {times}× {},", length(*seconds))?;
            }
        }
        write!(out, " gated {}", length(report.gated))?;
        if report.would_have_gated > 0.0 {
            write!(out, ", in shadow mode would have gated {}", length(report.would_have_gated))?;
        }
        writeln!(out)?;
        for stretch in &report.stretches {
            row(out, stretch)?;
        }
    }
    Ok(())
}

fn row(out: &mut impl Write, stretch: &Stretch) -> io::Result<()> {
    let length = match stretch.end {
        End::Moved => length(stretch.length()),
        End::Lasting => format!("{} so far", length(stretch.length())),
        End::Cut => format!("at least {} (the program was killed)", length(stretch.length())),
    };
    write!(out, "  {}  {:8}  {length}  {}", day(stretch.from), stretch.state.name(), stretch.reason)?;
    for (i, cause) in stretch.causes.iter().enumerate() {
        write!(
            out,
            "{} {} {:.0} %",
            if i == 0 { ", likely" } else { "," },
            cause.distortion,
            100.0 * cause.probability
        )?;
    }
    match stretch.enforced {
        None => writeln!(out, "  (shadow)"),
        Some(state) if state == stretch.state => writeln!(out),
        Some(state) => writeln!(out, "  (enforced: {state})"),
    }
}

/// A time of day in the machine's own time zone.
fn day(seconds: f64) -> String {
    Timestamp::from_millisecond((seconds * 1000.0) as i64)
        .map(|time| time.to_zoned(TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S %Z").to_string())
        .unwrap_or_else(|_| format!("{seconds:.3}"))
}

/// A length of time for people.
fn length(seconds: f64) -> String {
    let whole = seconds.round() as u64;
    match whole {
        0..60 => format!("{seconds:.1} s"),
        60..3600 => format!("{} min {} s", whole / 60, whole % 60),
        3600..86_400 => format!("{} h {} min", whole / 3600, whole % 3600 / 60),
        _ => format!("{} d {} h", whole / 86_400, whole % 86_400 / 3600),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_and_lengths() {
        assert_eq!(span("7d"), Ok(Duration::from_secs(604_800)));
        assert_eq!(span("90m"), Ok(Duration::from_secs(5400)));
        assert!(span("d").is_err() && span("1.5d").is_err() && span("400d").is_err() && span("7").is_err());
        let shown: Vec<String> = [3.25, 59.96, 190.0, 7260.0, 180_000.0].into_iter().map(length).collect();
        assert_eq!(shown, ["3.2 s", "1 min 0 s", "3 min 10 s", "2 h 1 min", "2 d 2 h"]);
    }
}
