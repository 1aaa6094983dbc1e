//! `miqa calibrate`: at which score does the user's own detector lose 10 %, 30 % of what it saw?

mod pictures;
mod prepare;
mod scores;

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
};

use clap::{Args, Subcommand};
use serde_json::json;

use super::{CommandError, Outcome, locate};
use crate::{
    calibrate::{self, Detections, Page, Point, Variant, Worth},
    config::{Config, Stream},
    engine::Card,
};
use pictures::Pictures;

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(super) struct Arguments {
    #[command(subcommand)]
    action: Option<Action>,
    #[command(flatten)]
    measure: Option<Measure>,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Take a clip's frames for degrading and for the detector to run on
    Prepare(prepare::Arguments),
}

#[derive(Debug, Args)]
struct Measure {
    /// Configuration whose model, stream and head are calibrated
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// The stream whose views and head count; the first one without this
    #[arg(long, value_name = "NAME")]
    stream: Option<String>,
    /// What the detector saw on the pictures: JSON lines, or COCO's form (docs/calibration.md)
    #[arg(long, value_name = "FILE")]
    detections: PathBuf,
    /// Folder of the pictures: clean/ and degraded/ in it, as `miqa calibrate prepare` makes them
    #[arg(long, value_name = "DIR")]
    frames: PathBuf,
    /// Folder for calibration.toml and calibration.html; that of the pictures without this
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Confidence from which a detection counts (0 to 1)
    #[arg(long, value_name = "SCORE", default_value_t = 0.5)]
    least_confidence: f32,
    /// Only measure the loss at this score (0 to 1), of pictures that it doesn't come from; any number of times
    #[arg(long, value_name = "SCORE")]
    at: Vec<f64>,
    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<Outcome, CommandError> {
    match (&arguments.action, &arguments.measure) {
        (Some(Action::Prepare(arguments)), _) => prepare::run(arguments),
        (None, Some(measure)) => run_measure(measure),
        (None, None) => Err(refused("give --config, --frames and --detections, or `prepare`")),
    }
}

/// One line on why it can't be done.
fn refused(reason: impl Into<String>) -> CommandError {
    CommandError::Calibrate(reason.into())
}

/// A stream of a configuration; the first without a name.
fn stream(config: &Config, name: Option<&str>) -> Result<Stream, CommandError> {
    let found = config.streams.iter().find(|stream| name.is_none_or(|name| stream.name == name));
    found.cloned().ok_or_else(|| CommandError::NoStream {
        name: name.unwrap_or_default().into(),
        known: config.streams.iter().map(|stream| stream.name.as_str()).collect::<Vec<_>>().join(", "),
    })
}

fn run_measure(arguments: &Measure) -> Result<Outcome, CommandError> {
    let config = Config::read(&arguments.config)?;
    let stream = stream(&config, arguments.stream.as_deref())?;
    let text = std::fs::read_to_string(&arguments.detections).map_err(|e| {
        refused(format!("{}: {e}; name the file that the detector wrote", arguments.detections.display()))
    })?;
    let detections =
        Detections::parse(&text).map_err(|e| refused(format!("{}: {e}", arguments.detections.display())))?;
    let card = Card::read(&locate::model(&config.engine.model))?;
    let head = card.head(&stream.gate.head).ok_or_else(|| {
        CommandError::Head(format!(
            "model {} has no head \"{}\"; it has {}",
            card.name,
            stream.gate.head,
            card.output.heads.join(", ")
        ))
    })?;
    let pictures = Pictures::find(&arguments.frames, &detections)?;
    let scored = scores::of(&pictures, &config.engine, &stream, &card, head)?;
    let variants: Vec<Variant> = pictures
        .degraded
        .iter()
        .zip(&scored.degraded)
        .map(|(picture, score)| {
            let (name, clean) = (picture.name.clone(), picture.clean.clone());
            Variant { name, clean, score: *score, segment: picture.segment }
        })
        .collect();
    let points = calibrate::points(&variants, &detections, Worth { least: arguments.least_confidence });
    if !arguments.at.is_empty() {
        return measured(arguments, &points);
    }
    let outcome = calibrate::outcome(&points).map_err(|refusal| refused(refusal.to_string()))?;
    let fragment = calibrate::fragment(&outcome, &stream.name, &stream.gate.head);
    let page = Page {
        stream: &stream.name,
        head: &stream.gate.head,
        model: &format!("{} {}", card.name, card.version),
        detections: &file_name(&arguments.detections),
        least: arguments.least_confidence,
        clean: &scored.clean,
        fragment: &fragment,
    };
    let folder = arguments.out.as_ref().unwrap_or(&arguments.frames);
    let write = |name: &str, text: &str| {
        let path = folder.join(name);
        std::fs::create_dir_all(folder)
            .and_then(|()| std::fs::write(&path, text))
            .map_err(|e| refused(format!("{}: {e}; name another folder with --out", path.display())))
    };
    write("calibration.toml", &fragment)?;
    write("calibration.html", &calibrate::page(&page, &outcome, &points))?;
    let mut out = io::stdout().lock();
    if arguments.json {
        writeln!(out, "{}", serde_json::to_string(&outcome).map_err(io::Error::from)?)?;
        return Ok(Outcome::Good);
    }
    for threshold in &outcome.thresholds {
        let [low, high] = threshold.interval;
        let percent = 100.0 * threshold.loss;
        writeln!(out, "−{percent:.0} % at {} {:.3} (95 %: {low:.3} to {high:.3})", stream.gate.head, threshold.score)?;
    }
    for half in &outcome.halves {
        let (promised, measured) = (100.0 * half.promised, 100.0 * half.measured);
        writeln!(
            out,
            "  from one half of the time: {promised:.0} % promised at {:.3}, {measured:.1} % on the other",
            half.score
        )?;
    }
    writeln!(
        out,
        "{} degraded frames, {} detections; {} and calibration.html written",
        outcome.frames,
        outcome.detections,
        folder.join("calibration.toml").display()
    )?;
    Ok(Outcome::Good)
}

/// What is lost at given scores.
fn measured(arguments: &Measure, points: &[Point]) -> Result<Outcome, CommandError> {
    let mut out = io::stdout().lock();
    for &score in &arguments.at {
        let (loss, [low, high]) =
            calibrate::measured(points, score).ok_or_else(|| refused(calibrate::Refusal::Nothing.to_string()))?;
        if arguments.json {
            writeln!(out, "{}", json!({ "score": score, "loss": loss, "interval": [low, high] }))?;
        } else {
            let [loss, low, high] = [loss, low, high].map(|share| 100.0 * share);
            writeln!(out, "at {score}: {loss:.1} % lost (95 %: {low:.1} to {high:.1})")?;
        }
    }
    Ok(Outcome::Good)
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
