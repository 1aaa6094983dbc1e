//! `miqa-offline quality`: every original through no-reference quality models → `quality.parquet`.

use std::path::PathBuf;

use miqa::engine::{Device, Runtime};

use super::progress::{bar, report};
use super::rank::{threads, tick};
use super::select::all_originals;
use super::{CommandError, WorkFolder, stop_flag};
use crate::parts::Parts;
use crate::quality::QualityRow;
use crate::quality::model::{OpenedModel, QualityModel};
use crate::quality::scorer::Scorer;
use crate::source::Original;
use crate::table;

/// Arguments of `quality`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    work: WorkFolder,
    /// Description of a model, its ONNX file beside it; the paper takes HyperIQA and MANIQA. May be given several times
    #[arg(long = "model", value_name = "FILE.toml", required = true)]
    models: Vec<PathBuf>,
    /// Worker threads, each with a session of its own; 0 takes one a core
    #[arg(long, default_value_t = 0, value_name = "N")]
    threads: usize,
    /// Originals that may fail before the run counts as failed
    #[arg(long, default_value_t = 100, value_name = "N")]
    max_errors: usize,
}

/// Runs `quality`.
///
/// # Errors
/// 2: no sources, or a model is not as described; 65: too many originals failed; 75: stopped by a signal.
pub fn run(args: &Args) -> Result<(), CommandError> {
    let originals = all_originals(&args.work)?;
    let models: Vec<OpenedModel> = args
        .models
        .iter()
        .map(|path| QualityModel::open(path))
        .collect::<Result<_, _>>()
        .map_err(CommandError::usage)?;
    for (at, opened) in models.iter().enumerate() {
        if models[..at].iter().any(|earlier| earlier.model.name == opened.model.name) {
            return Err(CommandError::usage(format!(
                "--model: two descriptions have the name `{}`",
                opened.model.name
            )));
        }
    }
    let runtime = Runtime::open(Device::Cpu).map_err(CommandError::usage)?;
    let stop = stop_flag()?;
    let mut rows: Vec<QualityRow> = Vec::new();
    // Model by model: each is loaded once a worker, and another model later costs nothing for those that are done.
    for opened in &models {
        // A session that can't be opened is no fault of the originals.
        Scorer::open(&runtime, opened).map_err(CommandError::usage)?;
        let parts = Parts::new(args.work.parts("quality", &opened.fingerprint), &originals);
        let bar = bar(originals.len(), "quality");
        let outcome = parts.make(
            threads(args.threads),
            &stop,
            |progress| tick(&bar, progress.kept),
            || Scorer::open(&runtime, opened),
            |scorer, original: &Original| Ok(vec![scorer.score(original)?]),
        );
        bar.finish_and_clear();
        report(
            &format!("quality: {}", opened.model.name),
            &outcome.map_err(CommandError::unexpected)?,
            args.max_errors,
        )?;
        rows.extend(parts.join().map_err(CommandError::data)?);
    }
    table::write(&args.work.work.join("quality.parquet"), &rows).map_err(CommandError::unexpected)
}
