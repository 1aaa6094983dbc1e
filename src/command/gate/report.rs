//! `miqa gate report`: what was gated, or would have been in shadow mode: when, why, for how long, and what it saved.

use std::{
    io::{self, IsTerminal, Write},
    path::PathBuf,
    time::{Duration, SystemTime},
};

use clap::{Args, ValueEnum};
use jiff::{Timestamp, tz::TimeZone};
use serde_json::json;

use crate::{
    command::{CommandError, Outcome},
    config::{Config, Detector, Period},
    event::GateState,
    ledger::{self, End, Reading, Report, Saving, Stretch, export},
};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Configuration file of the daemon
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// How far back to look, such as 90m, 12h or 7d
    #[arg(long, value_name = "TIME", default_value = "7d", value_parser = span)]
    since: Duration,
    /// Form of the output; csv and parquet have sums by day (UTC), without single stretches
    #[arg(long, value_name = "FORM", default_value = "text")]
    format: Format,
    /// Short for --format json
    #[arg(long, conflicts_with = "format")]
    json: bool,
    /// Write to this file instead of standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// One JSON object
    Json,
    /// For spreadsheets
    Csv,
    /// For data frames
    Parquet,
}

/// A length of time, days allowed.
pub(super) fn span(text: &str) -> Result<Duration, String> {
    match text.strip_suffix('d').map(str::parse::<u32>) {
        Some(Ok(days)) if days <= 3660 => Ok(Duration::from_secs(u64::from(days) * 86_400)),
        Some(_) => Err(format!("\"{text}\" is no number of days up to 3660d")),
        None => text.parse::<Period>().map(Period::get),
    }
}

pub(super) fn run(arguments: &Arguments) -> Result<Outcome, CommandError> {
    let config = Config::read(&arguments.config)?;
    let Some(keys) = &config.ledger else {
        return Err(CommandError::Gate(
            "the configuration has neither [state] nor [ledger], so nobody remembers how gates stood; add [state] folder and restart the daemon"
                .into(),
        ));
    };
    let detector = |name: &str| {
        let stream = config.streams.iter().find(|stream| stream.name == name);
        // A stream that is gone has no detector any more.
        stream.map_or_else(|| config.detector, |stream| stream.detector)
    };
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    let since = now.saturating_sub(arguments.since).as_secs_f64();
    let file = keys.file();
    let reading = ledger::read(&file, since, now.as_secs_f64(), ledger::is_kept(&file))?;
    let mut text = Vec::new();
    match if arguments.json { Format::Json } else { arguments.format } {
        Format::Text => print(&mut text, &reading, &detector)?,
        Format::Json => writeln!(text, "{}", object(&reading, &detector))?,
        Format::Csv => export::csv(&export::lines(&reading.rows, detector), &mut text)?,
        Format::Parquet if arguments.out.is_none() && io::stdout().is_terminal() => {
            return Err(CommandError::Gate("Parquet is no text; name a file with --out".into()));
        }
        Format::Parquet => text = parquet(&reading, &detector)?,
    }
    match &arguments.out {
        None => io::stdout().lock().write_all(&text)?,
        Some(path) => std::fs::write(path, &text)
            .map_err(|e| CommandError::Gate(format!("{}: {e}; name a file that can be written", path.display())))?,
    }
    Ok(Outcome::Good)
}

#[cfg(feature = "parquet")]
fn parquet(reading: &Reading, detector: &impl Fn(&str) -> Detector) -> Result<Vec<u8>, CommandError> {
    export::parquet(&export::lines(&reading.rows, detector)).map_err(|e| CommandError::Gate(format!("Parquet: {e}")))
}

#[cfg(not(feature = "parquet"))]
fn parquet(_: &Reading, _: &impl Fn(&str) -> Detector) -> Result<Vec<u8>, CommandError> {
    Err(CommandError::Gate(
        "this miqa was built without Parquet; take --format csv, or build with the feature parquet".into(),
    ))
}

fn object(reading: &Reading, detector: &impl Fn(&str) -> Detector) -> serde_json::Value {
    json!({
        "since": reading.since,
        "until": reading.until,
        "ledger_begins": reading.begins,
        "unreadable": reading.unreadable,
        "streams": Report::all(&reading.rows, &reading.stretches, detector),
    })
}

fn print(out: &mut impl Write, reading: &Reading, detector: &impl Fn(&str) -> Detector) -> io::Result<()> {
    match reading.begins {
        None => writeln!(out, "no gate has moved since the ledger began")?,
        Some(begins) if begins > reading.since => writeln!(out, "the ledger begins {}", day(begins))?,
        Some(_) => {}
    }
    if let Some((_, first)) = reading.stretches.first()
        && reading.rows.keys().next().is_some_and(|key| f64::from(key.day + 1) * 86_400.0 <= first.from)
    {
        writeln!(out, "single stretches are kept from {} on, sums of days (UTC) before", day(first.from))?;
    }
    for (stream, report) in &Report::all(&reading.rows, &reading.stretches, detector) {
        figures(out, stream, report)?;
        for stretch in &report.stretches {
            row(out, stretch)?;
        }
    }
    if reading.unreadable > 0 {
        writeln!(out, "{} entries of the ledger can't be read and were passed over", reading.unreadable)?;
    }
    Ok(())
}

fn figures(out: &mut impl Write, stream: &str, report: &Report) -> io::Result<()> {
    write!(out, "{stream}:")?;
    for state in GateState::ALL {
        if let Some(seconds) = report.seconds.get(state.name()) {
            let times = report.times.get(state.name()).copied().unwrap_or_default();
            write!(out, " {state} {times}× {},", length(*seconds))?;
        }
    }
    write!(out, " gated {}", length(report.gated))?;
    if report.would_have_gated > 0.0 {
        write!(out, ", in shadow mode would have gated {}", length(report.would_have_gated))?;
    }
    if report.let_pass > 0.0 {
        write!(out, ", let pass by hand {}", length(report.let_pass))?;
    }
    writeln!(out, ", {} flaps", report.flaps)?;
    let mut reasons: Vec<(&str, f64)> = report.gated_by_reason.iter().map(|(reason, s)| (*reason, *s)).collect();
    reasons.sort_by(|a, b| b.1.total_cmp(&a.1));
    if !reasons.is_empty() {
        let named: Vec<_> = reasons.iter().map(|(reason, seconds)| format!("{reason} {}", length(*seconds))).collect();
        writeln!(out, "  by reason: {}", named.join(", "))?;
    }
    let Detector { fps, frame_ms } = report.detector;
    let saving = |Saving { frames, seconds }| format!("{frames:.0} frames, {} of it", length(seconds));
    write!(out, "  detector ({fps} frames/s, {frame_ms} ms each): saved {}", saving(report.saved))?;
    if report.would_have_saved.frames > 0.0 {
        write!(out, "; in shadow mode would have saved {}", saving(report.would_have_saved))?;
    }
    writeln!(out)
}

fn row(out: &mut impl Write, stretch: &Stretch) -> io::Result<()> {
    let length = match stretch.end {
        End::Moved => length(stretch.length()),
        End::Lasting => format!("{} so far", length(stretch.length())),
        End::Cut => format!("at least {} (the program was killed, or the machine slept)", length(stretch.length())),
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
        assert!(span("d").is_err() && span("1.5d").is_err() && span("4000d").is_err() && span("7").is_err());
        let shown: Vec<String> = [3.25, 59.96, 190.0, 7260.0, 180_000.0].into_iter().map(length).collect();
        assert_eq!(shown, ["3.2 s", "1 min 0 s", "3 min 10 s", "2 h 1 min", "2 d 2 h"]);
    }
}
