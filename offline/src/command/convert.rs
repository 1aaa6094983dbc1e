//! `miqa-offline convert`: an exported model in 16-bit floats or 8-bit integers, with what that costs and gains.

use std::path::{Path, PathBuf};

use miqa::engine::{Card, Device, Form, Runtime};
use miqa::preprocess::Rgb288;

use super::work::{needs, samples_failure};
use super::{CommandError, WorkFolder, stop_flag};
use crate::evaluate::{Drawn, EvaluateError, Judging, Verdict, drawn, labels_by_sample};
use crate::export::card::{Golden, golden};
use crate::export::convert::{self, FormKind};
use crate::export::model::spec_of;
use crate::export::onnx::Model;
use crate::hex::sha256_hex;
use crate::label::labelled::Folds;
use crate::recipe::Recipe;
use crate::source::{TEST, TRAIN};

/// Arguments of `convert`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    work: WorkFolder,
    /// Plan whose variants calibrate and judge; without it the uniform variants of `rank`
    #[arg(long, value_name = "FILE")]
    plan: Option<PathBuf>,
    /// Folder of the model to convert, with card.toml
    #[arg(long, value_name = "DIR")]
    model: PathBuf,
    /// Numbers to compute with
    #[arg(long, value_name = "FORM")]
    form: Numbers,
    /// Folder for the converted model
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Samples of training originals that the ranges of int8 are fitted to
    #[arg(long, default_value_t = 200, value_name = "N")]
    calibrate: usize,
    /// Samples of test originals to judge on; all unless given
    #[arg(long, value_name = "N")]
    judge: Option<usize>,
    /// Worker threads, each with one-thread sessions; with more than one, times say less
    #[arg(long, default_value_t = 1, value_name = "N")]
    workers: usize,
}

/// The forms as words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Numbers {
    Fp16,
    Int8,
}

/// Differences that another processor's arithmetic may make in golden scores: where a value lies at the edge between two
/// steps it may fall to either side.
const TOLERANCE: f32 = 0.02;

/// Runs `convert`.
///
/// # Errors
/// 2: a step before is missing, or the folders are the same; 65: the model is not of `export`, or pictures do not fit; 75:
/// stopped; 78: the labels were made with another plan.
pub fn run(args: &Args) -> Result<(), CommandError> {
    let card = Card::read(&args.model).map_err(CommandError::data)?;
    let bytes = card.model_bytes().map_err(CommandError::data)?;
    let model = Model::from_bytes(&card.model_path(), &bytes).map_err(CommandError::data)?;
    spec_of(&model).map_err(|error| CommandError::data(format!("{}: {error}", args.model.display())))?;
    if same(&args.model, &args.out) {
        return Err(CommandError::usage("--out is the folder of the model itself; name another one"));
    }
    needs(&args.work.split(), "split")?;
    let source = args.work.samples(args.plan.as_deref())?;
    let folds = Folds::read(&args.work.work).map_err(samples_failure)?;
    let draw = |fold, most| drawn(&source, &folds, fold, most).map_err(samples_failure);
    let judged = draw(TEST, args.judge.unwrap_or(usize::MAX))?;
    if judged.is_empty() {
        return Err(CommandError::usage(EvaluateError::NoTestFold));
    }
    let plan = source.plan().map(|plan| plan.id().clone());
    let labels = labels_by_sample(&args.work.work, plan.as_ref()).map_err(failure)?;
    let runtime = Runtime::open(Device::Cpu).map_err(CommandError::usage)?;
    let stop = stop_flag()?;

    let (kind, converted, calibrated_on) = match args.form {
        Numbers::Fp16 => {
            let plain = convert::plain(&model).map_err(CommandError::data)?;
            (FormKind::Fp16, convert::half(&plain).map_err(CommandError::data)?, String::new())
        }
        Numbers::Int8 => {
            let seen = draw(TRAIN, args.calibrate)?;
            let pictures = views(source.recipe(), &seen)?;
            let fitted = convert::fit(&runtime, &model, &pictures, args.workers).map_err(CommandError::data)?;
            println!("int8: {} products in 8 bits, ranges by {}", fitted.products, fitted.rule);
            for (rule, apart) in &fitted.tried {
                println!("  ranges by {rule}: outputs {apart:.5} apart in the mean");
            }
            let on = format!("{}; ranges by {}", counted(pictures.len(), seen.len(), "training"), fitted.rule);
            (FormKind::Int8, fitted.model, on)
        }
    };
    let bytes = converted.to_bytes();
    let mut after = card.clone();
    after.name = format!("{}-{kind}", card.name);
    after.file.sha256 = sha256_hex(&bytes);
    after.file.bytes = bytes.len() as u64;
    std::fs::create_dir_all(&args.out).map_err(|e| CommandError::writing(&args.out, &e))?;
    write(&args.out.join(&after.file.name), &bytes)?;
    after.folder.clone_from(&args.out);

    let judging = Judging { runtime: &runtime, before: &card, after: &after, workers: args.workers, stop: &stop };
    let pairs = judging.run(source.recipe(), &judged).map_err(failure)?;
    let verdict = judging.verdict(&pairs, &labels);
    // A part of the test fold compares two models well, since they see the same pictures; for thresholds it is too little.
    for head in verdict.heads.iter().filter(|_| args.judge.is_none()) {
        if let Some(threshold) = &head.threshold {
            after.thresholds.insert(head.head.clone(), *threshold);
        }
        if !head.falls.is_empty() {
            after.falls.insert(head.head.clone(), head.falls.clone());
        }
    }
    after.form = Some(Form {
        kind,
        made_from: card.file.sha256.clone(),
        calibrated_on,
        judged_on: counted(verdict.samples, verdict.originals, "test"),
        max_difference: places(verdict.max_difference, 6),
        mean_difference: places(verdict.mean_difference, 6),
        speed: places(verdict.speed, 2),
        processor: processor(),
        srcc_loss: verdict.heads.iter().map(|head| (head.head.clone(), rounded(head.loss))).collect(),
    });
    let text = toml::to_string_pretty(&after).map_err(CommandError::unexpected)?;
    write(&args.out.join("card.toml"), text.as_bytes())?;
    let scores = golden_again(&runtime, args)?;
    print!("{}", summary(&verdict, bytes.len(), scores));
    println!("converted: {}", args.out.join(&after.file.name).display());
    Ok(())
}

/// Golden scores of the converted model on the pictures of the other one's that are there; how many they were.
fn golden_again(runtime: &Runtime, args: &Args) -> Result<usize, CommandError> {
    let path = args.model.join("golden.json");
    let Ok(text) = std::fs::read_to_string(&path) else { return Ok(0) };
    let known: Golden =
        serde_json::from_str(&text).map_err(|e| CommandError::data(format!("{}: {e}", path.display())))?;
    let pictures = known.pictures.iter().map(|picture| args.model.join(&picture.file));
    let pictures: Vec<PathBuf> = pictures.filter(|picture| picture.is_file()).collect();
    if pictures.is_empty() {
        return Ok(0);
    }
    let scores = golden(runtime, &args.out, &pictures).map_err(CommandError::data)?;
    let scores = Golden { tolerance: TOLERANCE, ..scores };
    let json = serde_json::to_string_pretty(&scores).map_err(CommandError::unexpected)?;
    write(&args.out.join("golden.json"), format!("{json}\n").as_bytes())?;
    Ok(pictures.len())
}

fn views(recipe: &Recipe, drawn: &[Drawn]) -> Result<Vec<Rgb288>, CommandError> {
    let mut views = Vec::new();
    for original in drawn {
        views.extend(original.views(recipe).map_err(samples_failure)?.into_iter().map(|(_, view)| view));
    }
    Ok(views)
}

/// The verdict as text.
fn summary(verdict: &Verdict, bytes: usize, golden: usize) -> String {
    let [before, after] = verdict.seconds.map(|seconds| seconds * 1e3);
    let mut out = format!(
        "{}: {:.1} MB; {before:.1} ms before, {after:.1} ms after, {:.2} times as fast; scores {:.4} apart in the mean, {:.4} at most\n",
        counted(verdict.samples, verdict.originals, "test"),
        bytes as f64 / 1e6,
        verdict.speed,
        verdict.mean_difference,
        verdict.max_difference,
    );
    for head in &verdict.heads {
        out += &format!(
            "  {:<18} SRCC {:.4} before, {:.4} after on {} samples: loss {:.4} [{:.4}, {:.4}]\n",
            head.head, head.before, head.after, head.samples, head.loss.value, head.loss.low, head.loss.high
        );
    }
    if verdict.heads.is_empty() {
        out += "  no labels of the model's heads in the work folder: the loss of SRCC is not measured, thresholds stay the float model's\n";
    }
    match golden {
        0 => out += "  no golden pictures at hand: golden.json is not written\n",
        n => out += &format!("  golden scores of {n} pictures made anew\n"),
    }
    out
}

fn counted(samples: usize, originals: usize, fold: &str) -> String {
    format!("{samples} samples of {originals} {fold} originals")
}

fn rounded(loss: miqa::engine::Loss) -> miqa::engine::Loss {
    miqa::engine::Loss { value: places(loss.value, 5), low: places(loss.low, 5), high: places(loss.high, 5) }
}

fn places(value: f64, count: i32) -> f64 {
    let unit = 10.0_f64.powi(count);
    (value * unit).round() / unit
}

/// What the system calls its processor.
fn processor() -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = text.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    name.map_or_else(|| std::env::consts::ARCH.to_owned(), |(_, name)| name.trim().to_owned())
}

fn same(a: &Path, b: &Path) -> bool {
    matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

fn failure(error: EvaluateError) -> CommandError {
    match error {
        EvaluateError::Stopped => CommandError::retry(error),
        EvaluateError::Sample(error) => samples_failure(error),
        other => CommandError::data(other),
    }
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), CommandError> {
    std::fs::write(path, bytes).map_err(|e| CommandError::writing(path, &e))
}

#[cfg(test)]
mod tests;
