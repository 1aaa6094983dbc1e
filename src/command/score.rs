//! `miqa score`: score images and video files by the centre crop.

use std::{
    collections::BTreeMap,
    io::{self, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use clap::Args;
use serde::Serialize;

use super::{CommandError, Outcome, locate};
use crate::{
    config::{GateBound, GateKeys, Period},
    engine::{Card, Device, Model, Runtime, Scores},
    event::{Cause, GateState, Seconds},
    picture::{self, Orientation},
    preprocess::{self, Rgb288, View},
    source,
};

/// Probability from which a distortion is named as a likely cause.
const LIKELY: f32 = 0.5;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Images (PNG, JPEG) and video files
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Print one JSON object a file instead of a table
    #[arg(long)]
    json: bool,
    /// Folder of the model and its card
    #[arg(long, value_name = "DIR", default_value = "models/edge")]
    model: PathBuf,
    /// Score that decides [default: cls_consistency, else the model's first]
    #[arg(long, value_name = "NAME")]
    head: Option<String>,
    /// Time between scored frames of a video; 0s for every frame
    #[arg(long, value_name = "DURATION", default_value = "1s")]
    every: Period,
    /// The gate is closed below this score, 0 to 1, or where models have lost a share, as in auto:-10% [default: the model's card]
    #[arg(long, value_name = "SCORE")]
    close_below: Option<GateBound>,
}

/// What came out for one file.
#[derive(Debug, Serialize)]
struct Report {
    file: String,
    /// Scored frames; 1 for an image.
    frames: usize,
    /// Scores; of a video the mean over its scored frames.
    heads: BTreeMap<String, f32>,
    /// The worst frame by the deciding head.
    worst: Option<Worst>,
    gate: GateState,
    /// Likely causes in the worst frame, if the gate is closed.
    causes: Vec<Cause>,
}

#[derive(Debug, Serialize)]
struct Worst {
    score: f32,
    at: Seconds,
}

/// The model and what its scores mean.
struct Scorer {
    model: Model,
    card: Card,
    head: usize,
    close_below: f32,
    every: Duration,
}

pub(super) fn run(arguments: &Arguments) -> Result<Outcome, CommandError> {
    let mut scorer = Scorer::open(arguments)?;
    let mut out = io::stdout().lock();
    let width = arguments.files.iter().map(|f| f.display().to_string().chars().count()).max().unwrap_or(0).clamp(4, 60);
    if !arguments.json {
        scorer.heading(&mut out, width)?;
    }
    let mut outcome = Outcome::Good;
    for file in &arguments.files {
        match scorer.file(file) {
            Ok(report) => {
                if report.gate != GateState::Open && outcome == Outcome::Good {
                    outcome = Outcome::Bad;
                }
                if arguments.json {
                    serde_json::to_writer(&mut out, &report).map_err(io::Error::from)?;
                    writeln!(out)?;
                } else {
                    scorer.row(&mut out, width, &report)?;
                }
                out.flush()?;
            }
            // One bad file doesn't keep the others from being scored.
            Err(error) => {
                eprintln!("miqa: {error}");
                outcome = Outcome::Failed;
            }
        }
    }
    Ok(outcome)
}

impl Scorer {
    fn open(arguments: &Arguments) -> Result<Self, CommandError> {
        let card = Card::read(&locate::model(&arguments.model))?;
        let wanted = arguments.head.as_deref();
        let head = match wanted {
            Some(name) => card.head(name).ok_or_else(|| {
                CommandError::Head(format!(
                    "model {} has no head \"{name}\"; it has {}",
                    card.name,
                    card.output.heads.join(", ")
                ))
            })?,
            None => card.head(GateKeys::HEAD).unwrap_or(0),
        };
        let name = &card.output.heads[head];
        let close_below = match (arguments.close_below, card.thresholds.get(name)) {
            (Some(GateBound::Score(score)), _) if (0.0..=1.0).contains(&score) => score,
            (Some(bound @ GateBound::Fall(share)), _) => card.fall(name, share).ok_or_else(|| {
                CommandError::Head(format!(
                    "the card of model {} doesn't say at which score of {name} {bound} is",
                    card.name
                ))
            })?,
            (Some(score), _) => return Err(CommandError::Head(format!("--close-below {score}: a score is 0 to 1"))),
            (None, Some(threshold)) => threshold.close_below,
            (None, None) => {
                return Err(CommandError::Head(format!(
                    "the card of model {} has no threshold for {name}; give --close-below",
                    card.name
                )));
            }
        };
        let runtime = Runtime::open(Device::Auto)?;
        let model = Model::open(&runtime, &card, 1)?;
        Ok(Self { model, card, head, close_below, every: arguments.every.get() })
    }

    fn file(&mut self, path: &Path) -> Result<Report, CommandError> {
        let wrong = |source| CommandError::Preprocess { path: path.into(), source };
        let mut tally = Tally::default();
        if picture::kind(path).is_some() {
            let input = preprocess::from_rgb(&picture::read(path, Orientation::Apply)?, View::Centre).map_err(wrong)?;
            tally.add(Duration::ZERO, self.score(path, &input)?, self.head);
            return Ok(self.report(path, tally, false));
        }
        let mut due = Duration::ZERO;
        for frame in source::frames(path)? {
            let frame = frame?;
            let at = frame.pts.unwrap_or(due);
            if at < due {
                continue;
            }
            due = at + self.every;
            let input = preprocess::from_frame(&frame, View::Centre).map_err(wrong)?;
            tally.add(at, self.score(path, &input)?, self.head);
        }
        Ok(self.report(path, tally, true))
    }

    fn score(&mut self, path: &Path, input: &Rgb288) -> Result<Scores, CommandError> {
        let scores = self
            .model
            .score(std::slice::from_ref(input))?
            .pop()
            .unwrap_or(Scores { heads: vec![], distortions: vec![] });
        match self.card.output.heads.iter().zip(&scores.heads).find(|(_, value)| !value.is_finite()) {
            Some((head, &value)) => Err(CommandError::NoScore { path: path.into(), head: head.clone(), value }),
            None => Ok(scores),
        }
    }

    /// The gate is the worst frame's: it would have closed there.
    fn report(&self, path: &Path, tally: Tally, video: bool) -> Report {
        let heads = self
            .card
            .output
            .heads
            .iter()
            .zip(&tally.sums)
            .map(|(name, sum)| (name.clone(), (sum / tally.frames as f64) as f32));
        let mut report = Report {
            file: path.display().to_string(),
            frames: tally.frames,
            heads: heads.collect(),
            worst: None,
            gate: GateState::Unknown,
            causes: Vec::new(),
        };
        if let Some((at, scores)) = tally.worst {
            let score = scores.heads[self.head];
            report.gate = if score < self.close_below { GateState::Closed } else { GateState::Open };
            report.worst = video.then_some(Worst { score, at: Seconds(at) });
            if report.gate == GateState::Closed {
                let named = self.card.output.distortions.iter().zip(scores.distortions);
                report.causes.extend(
                    named
                        .filter(|(_, p)| *p >= LIKELY)
                        .map(|(name, probability)| Cause::new(name.as_str(), probability)),
                );
                report.causes.sort_by(|a, b| b.probability.total_cmp(&a.probability));
            }
        }
        report
    }

    fn heading(&self, out: &mut impl Write, width: usize) -> io::Result<()> {
        write!(out, "{:<width$}", "file")?;
        for head in &self.card.output.heads {
            write!(out, "  {head:>6}")?;
        }
        writeln!(
            out,
            "  {:<7}  causes (closed below {} {})",
            "gate", self.card.output.heads[self.head], self.close_below
        )
    }

    fn row(&self, out: &mut impl Write, width: usize, report: &Report) -> io::Result<()> {
        write!(out, "{:<width$}", report.file)?;
        for head in &self.card.output.heads {
            let columns = head.chars().count().max(6);
            write!(out, "  {:>columns$.3}", report.heads.get(head).copied().unwrap_or(f32::NAN))?;
        }
        write!(out, "  {:<7}", report.gate)?;
        for cause in &report.causes {
            write!(out, "  {} {:.0} %", cause.distortion, 100.0 * cause.probability)?;
        }
        if let Some(worst) = &report.worst {
            write!(out, "  worst {:.3} at {} s of {} frames", worst.score, worst.at, report.frames)?;
        }
        writeln!(out)
    }
}

/// A file's scores so far.
#[derive(Default)]
struct Tally {
    frames: usize,
    sums: Vec<f64>,
    worst: Option<(Duration, Scores)>,
}

impl Tally {
    fn add(&mut self, at: Duration, scores: Scores, head: usize) {
        self.frames += 1;
        self.sums.resize(scores.heads.len(), 0.0);
        for (sum, value) in self.sums.iter_mut().zip(&scores.heads) {
            *sum += f64::from(*value);
        }
        if self.worst.as_ref().is_none_or(|(_, worst)| scores.heads[head] < worst.heads[head]) {
            self.worst = Some((at, scores));
        }
    }
}
