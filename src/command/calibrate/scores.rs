//! Scores of a calibration's pictures as the stream's gate would see them. They are kept in a file beside the pictures: a
//! second detector's calibration finds them there.

use std::{
    collections::HashMap,
    fs::OpenOptions,
    io::{BufRead, BufReader, Write},
    path::Path,
};

use serde_json::json;

use super::{Pictures, refused};
use crate::{
    command::CommandError,
    config::{EngineKeys, Stream},
    daemon::Framing,
    engine::{Card, Model, Runtime},
    frame::Frame,
    picture::{self, Orientation},
};

const FILE: &str = "scores.jsonl";

/// Scores in the pictures' order.
pub(super) struct Scored {
    pub(super) clean: Vec<f64>,
    pub(super) degraded: Vec<f64>,
}

pub(super) fn of(
    pictures: &Pictures,
    engine: &EngineKeys,
    stream: &Stream,
    card: &Card,
    head: usize,
) -> Result<Scored, CommandError> {
    let mut scorer = Scorer::new(pictures, engine, stream, card, head)?;
    let clean = pictures.clean.iter().map(|(name, path)| scorer.score(name, path)).collect::<Result<_, _>>()?;
    let degraded = pictures.degraded.iter().map(|p| scorer.score(&p.name, &p.path)).collect::<Result<_, _>>()?;
    Ok(Scored { clean, degraded })
}

struct Scorer<'a> {
    /// Says what the scores depend on beside the picture.
    key: String,
    known: HashMap<String, f64>,
    file: std::fs::File,
    engine: &'a EngineKeys,
    card: &'a Card,
    framing: Framing,
    head: usize,
    /// Opened with the first picture that needs it.
    model: Option<Model>,
}

impl<'a> Scorer<'a> {
    fn new(
        pictures: &Pictures,
        engine: &'a EngineKeys,
        stream: &Stream,
        card: &'a Card,
        head: usize,
    ) -> Result<Self, CommandError> {
        let key = format!("{} {} {:?} {:?}", card.file.sha256, stream.gate.head, stream.views, stream.regions);
        let path = pictures.folder.join(FILE);
        let wrong = |e| refused(format!("{}: {e}; let miqa write in the folder of the pictures", path.display()));
        let file = OpenOptions::new().create(true).append(true).read(true).open(&path).map_err(wrong)?;
        let mut known = HashMap::new();
        for line in BufReader::new(&file).lines() {
            // A line that was cut short is scored again.
            let Ok(line) = serde_json::from_str::<serde_json::Value>(&line.map_err(wrong)?) else { continue };
            let of = |name: &str| line.get(name).and_then(serde_json::Value::as_str).unwrap_or_default().to_owned();
            if let Some(score) = line.get("score").and_then(serde_json::Value::as_f64).filter(|_| of("of") == key) {
                known.insert(of("picture"), score);
            }
        }
        Ok(Self { key, known, file, engine, card, framing: Framing::new(stream), head, model: None })
    }

    fn score(&mut self, name: &str, path: &Path) -> Result<f64, CommandError> {
        if let Some(score) = self.known.get(name) {
            return Ok(*score);
        }
        let model = match &mut self.model {
            Some(model) => model,
            none => {
                let threads = std::thread::available_parallelism().map_or(1, usize::from);
                none.insert(Model::open(&Runtime::open(self.engine.device)?, self.card, threads)?)
            }
        };
        let frame = Frame::from_rgb(picture::read(path, Orientation::Apply)?);
        let named = |reason: String| refused(format!("{}: {reason}", path.display()));
        let framed = self.framing.frame(&frame).map_err(named)?;
        let views: Vec<_> = framed.views().cloned().collect();
        let verdict = framed.verdict(&model.score(&views)?);
        let value = verdict.and_then(|scores| scores.heads.get(self.head).copied()).unwrap_or(f32::NAN);
        if !value.is_finite() {
            let head = self.card.output.heads[self.head].clone();
            return Err(CommandError::NoScore { path: path.into(), head, value });
        }
        let line = json!({ "picture": name, "score": value, "of": self.key });
        writeln!(self.file, "{line}")?;
        Ok(f64::from(value))
    }
}
