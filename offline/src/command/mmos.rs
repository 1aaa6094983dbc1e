//! `miqa-offline mmos`: predictions → `labels.parquet` and how far it can be trusted (`labels.json`).

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::label::answered;
use super::work::samples_failure;
use super::{CommandError, WorkFolder};
use crate::label::LabelRow;
use crate::label::ceiling::{Ceiling, ceiling};
use crate::label::mmos::{Answers, Verdicts, judge};
use crate::label::zoo::Zoo;
use crate::sample::{Sample, SampleSource};
use crate::table;

/// Random partitions of the zoo from which the ceiling is averaged.
const SPLITS: usize = 100;

/// Arguments of `mmos`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    work: WorkFolder,
    /// Plan whose variants were labelled; without it the uniform variants of `rank`
    #[arg(long, value_name = "FILE")]
    plan: Option<PathBuf>,
    /// List of models; without it the nine classifiers that the program knows
    #[arg(long, value_name = "FILE")]
    zoo: Option<PathBuf>,
    /// Also write labels from the models outside this family; may be given several times
    #[arg(long, value_name = "FAMILY")]
    without_family: Vec<String>,
}

/// What `labels.json` holds, a label table each.
#[derive(Debug, Serialize)]
struct Summary {
    models: Vec<ModelSummary>,
    /// Split-half agreement of the labels, on all distorted samples where the score exists.
    ceiling: Ceilings,
}

#[derive(Debug, Serialize)]
struct ModelSummary {
    name: String,
    family: String,
    licence: String,
    /// α.
    weight: f64,
    /// Top-1 accuracy from which α follows.
    performance: f64,
    /// Top-1 accuracy on the clean originals of known class here; none without such originals.
    top1_clean: Option<f64>,
}

#[derive(Debug, Serialize)]
struct Ceilings {
    composite: Option<Ceiling>,
    consistency: Option<Ceiling>,
    accuracy: Option<Ceiling>,
    /// Consistency on originals of known class only: the samples that composite and accuracy are compared on.
    consistency_of_known_class: Option<Ceiling>,
}

/// Runs `mmos`.
///
/// # Errors
/// 2: a step before is missing, or the zoo has no such family; 65: predictions are incomplete.
pub fn run(args: &Args) -> Result<(), CommandError> {
    let zoo = Zoo::read(args.zoo.as_deref()).map_err(CommandError::usage)?;
    let mut tables = vec![(args.work.labels(), "labels".to_owned(), zoo.clone())];
    for family in &args.without_family {
        let rest = zoo.without_family(family).map_err(CommandError::usage)?;
        tables.push((args.work.labels_without(family), format!("labels-without-{family}"), rest));
    }
    let source = args.work.samples(args.plan.as_deref())?;
    let said = answered(&args.work, &source, &zoo)?;

    let mut summaries = BTreeMap::new();
    for (path, name, zoo) in tables {
        let models: Vec<&Answers> = zoo.models.iter().filter_map(|model| said.of(&model.name)).collect();
        let mut verdicts = Vec::new();
        for planned in source.all() {
            let planned = planned.map_err(samples_failure)?;
            let original = planned.original.clone();
            // What `label` left out (it said so) has no labels; all else must be complete.
            if models.iter().any(|answers| answers.contains_key(&original.id)) {
                let samples = Sample::of(planned);
                let judged = judge(&original, samples, &models, |sample| said.psnr(sample));
                verdicts.extend(judged.map_err(CommandError::data)?);
            }
        }
        let summary = write_labels(&path, &zoo, &verdicts, &source)?;
        println!("mmos: {}: {} samples, {}", path.display(), verdicts.len(), describe(&summary.ceiling));
        summaries.insert(name, summary);
    }
    let json = serde_json::to_vec_pretty(&summaries).map_err(CommandError::unexpected)?;
    fs::write(args.work.labels_summary(), json).map_err(CommandError::unexpected)
}

fn write_labels(path: &Path, zoo: &Zoo, verdicts: &[Verdicts], source: &SampleSource) -> Result<Summary, CommandError> {
    let weights = zoo.weights();
    let rows: Vec<LabelRow> = verdicts.iter().map(|verdict| verdict.label(&weights)).collect();
    table::write_noted(path, &rows, &source.notes()).map_err(CommandError::unexpected)?;

    let clean: Vec<&Vec<bool>> = verdicts.iter().filter(|v| v.is_clean()).filter_map(|v| v.accurate.as_ref()).collect();
    let top1 = |model: usize| {
        let right = clean.iter().filter(|accurate| accurate[model]).count();
        (!clean.is_empty()).then(|| right as f64 / clean.len() as f64)
    };
    let models = zoo.models.iter().zip(&weights).enumerate().map(|(i, (model, &weight))| ModelSummary {
        name: model.name.clone(),
        family: model.family.clone(),
        licence: model.licence.clone(),
        weight,
        performance: model.performance,
        top1_clean: top1(i),
    });
    let distorted: Vec<Verdicts> = verdicts.iter().filter(|verdict| !verdict.is_clean()).cloned().collect();
    let of = |score: &dyn Fn(&Verdicts, &[f64]) -> Option<f64>| ceiling(&distorted, &weights, SPLITS, score);
    let ceiling = Ceilings {
        composite: of(&|verdict, weights| verdict.composite(weights)),
        consistency: of(&|verdict, weights| Some(verdict.consistency(weights))),
        accuracy: of(&|verdict, weights| verdict.accuracy(weights)),
        consistency_of_known_class: of(&|verdict, weights| (verdict.class >= 0).then(|| verdict.consistency(weights))),
    };
    Ok(Summary { models: models.collect(), ceiling })
}

fn describe(ceilings: &Ceilings) -> String {
    let one = |name: &str, ceiling: &Option<Ceiling>| match ceiling {
        Some(c) => format!("{name} split-half SRCC {:.3} ± {:.3}, corrected {:.3}", c.srcc, c.deviation, c.corrected),
        None => format!("{name} has no ceiling here"),
    };
    format!("{}; {}", one("composite", &ceilings.composite), one("consistency", &ceilings.consistency))
}
