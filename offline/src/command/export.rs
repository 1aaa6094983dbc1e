//! `miqa-offline export`: weights and region graph → `model.onnx`, `card.toml` and `golden.json`.

use std::path::{Path, PathBuf};

use miqa::engine::{Device, Runtime};

use super::train::TrainingRecipe;
use super::work::needs;
use super::{CommandError, WorkFolder};
use crate::export::Attention;
use crate::export::card::{Evaluation, Facts, card, golden};
use crate::export::model::assemble;
use crate::export::onnx::Model;
use crate::export::spec::ModelSpec;
use crate::export::weights::Weights;
use crate::source::read_sources;
use crate::train::dataset::{Dataset, Layout};

/// Arguments of `export`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    work: WorkFolder,
    #[command(flatten)]
    recipe: TrainingRecipe,
    /// Folder for the model, such as models/edge
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Version of the model, for its card
    #[arg(long, default_value = "0.1.0", value_name = "TEXT")]
    model_version: String,
    /// Thresholds and metrics for the card, `card.json` of an evaluation's report; one for each task
    #[arg(long, value_name = "FILE")]
    results: Vec<PathBuf>,
    /// Picture whose scores go into golden.json; may be given several times
    #[arg(long = "golden", value_name = "FILE")]
    golden: Vec<PathBuf>,
    /// Form of attention instead of the recipe's
    #[arg(long)]
    attention: Option<Attention>,
}

/// Runs `export`.
///
/// # Errors
/// 2: nothing was trained with this recipe; 65: files that do not fit each other; 1: the folder can't be written.
pub fn run(args: &Args) -> Result<(), CommandError> {
    let mut recipe = args.recipe.read()?;
    let layout = Layout::of(&args.work.work);
    let run = layout.file(&recipe.name);
    let weights = run.join("weights.safetensors");
    needs(&weights, "train")?;
    recipe.trunk_of_run(&run).map_err(CommandError::data)?;
    let data = Dataset::open(&args.work.work).map_err(CommandError::data)?;
    let spec = ModelSpec { region: data.prepared.region, ..recipe.model.clone() };
    let weights = Weights::read(&weights).map_err(CommandError::data)?;
    let region = Model::read(&layout.region()).map_err(CommandError::data)?;
    let attention = args.attention.unwrap_or(recipe.export.attention);
    let model = assemble(&region, &spec, &weights, attention, recipe.export.storage).map_err(CommandError::data)?;
    let bytes = model.to_bytes();
    let mut evaluation = Evaluation::default();
    for path in &args.results {
        evaluation.add(json(path)?);
    }
    let facts = Facts {
        version: &args.model_version,
        recipe: &recipe,
        spec: &spec,
        model: &bytes,
        samples: &data.rows,
        originals: &read_sources(&layout.originals()).map_err(CommandError::data)?,
        prepared: &data.prepared,
        evaluation: &evaluation,
    };
    let text = toml::to_string_pretty(&card(&facts)).map_err(CommandError::unexpected)?;
    std::fs::create_dir_all(&args.out).map_err(|e| unwritable(&args.out, &e))?;
    write(&args.out.join("model.onnx"), &bytes)?;
    write(&args.out.join("card.toml"), text.as_bytes())?;

    // Opening the model also proves that the engine accepts it.
    let runtime = Runtime::open(Device::Cpu).map_err(CommandError::usage)?;
    let scores = golden(&runtime, &args.out, &args.golden).map_err(CommandError::data)?;
    if !scores.pictures.is_empty() {
        let json = serde_json::to_string_pretty(&scores).map_err(CommandError::unexpected)?;
        write(&args.out.join("golden.json"), format!("{json}\n").as_bytes())?;
    }
    println!("exported: {} ({:.1} MB)", args.out.join("model.onnx").display(), bytes.len() as f64 / 1e6);
    Ok(())
}

fn json<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, CommandError> {
    let text = std::fs::read_to_string(path).map_err(|e| CommandError::usage(format!("{}: {e}", path.display())))?;
    serde_json::from_str(&text).map_err(|e| CommandError::data(format!("{}: {e}", path.display())))
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), CommandError> {
    std::fs::write(path, bytes).map_err(|e| unwritable(path, &e))
}

fn unwritable(path: &Path, error: &std::io::Error) -> CommandError {
    CommandError::unexpected(format!("cannot write {}: {error}", path.display()))
}
