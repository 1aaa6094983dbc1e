//! What a run of `mmos` will make of a task, settled before it begins: all that can be wrong with the command line is
//! said before anything is written.

use std::path::PathBuf;

use super::Args;
use crate::command::CommandError;
use crate::label::score::{ANNOTATIONS_NOTE, MODELS_NOTE, WEIGHTS_NOTE};
use crate::label::truth::Truth;
use crate::label::zoo::{Task, ZooModel};
use crate::sample::SampleSource;

/// A task with its models and tables.
pub(super) struct Settled<'a> {
    pub(super) task: Task,
    pub(super) models: Vec<&'a ZooModel>,
    /// Of the table of scores.
    pub(super) notes: Vec<(&'static str, String)>,
    /// That of all models, then one a family left out.
    pub(super) tables: Vec<Table>,
}

/// A label table: of all models of a task, or of those outside a family.
pub(super) struct Table {
    pub(super) path: PathBuf,
    /// Weights of the task's models; 0 for those left out.
    pub(super) weights: Vec<f64>,
    pub(super) notes: Vec<(&'static str, String)>,
}

impl Table {
    /// As `labels.json` lists it.
    pub(super) fn name(&self) -> String {
        self.path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
    }
}

/// Settles a task.
///
/// # Errors
/// 2: the weights don't fit the models, or no model is left without a family.
pub(super) fn settle<'a>(
    args: &Args,
    task: Task,
    models: Vec<&'a ZooModel>,
    source: &SampleSource,
    truth: &Truth,
) -> Result<Settled<'a>, CommandError> {
    let weights = args.alpha.weights(&models).map_err(CommandError::usage)?;
    let all_notes = notes(args, task, &models, &weights, source, truth);
    let mut families: Vec<&String> = Vec::new();
    for family in &args.without_family {
        if !families.contains(&family) && models.iter().any(|model| model.family == *family) {
            families.push(family);
        }
    }
    let mut tables = Vec::new();
    for left_out in std::iter::once(None).chain(families.into_iter().map(Some)) {
        let kept: Vec<&ZooModel> =
            models.iter().filter(|model| left_out.is_none_or(|family| model.family != *family)).copied().collect();
        if kept.is_empty() {
            return Err(CommandError::usage(format!(
                "all {task} models are of one family; nothing is left without it"
            )));
        }
        let of_kept = args.alpha.weights(&kept).map_err(CommandError::usage)?;
        let notes = notes(args, task, &kept, &of_kept, source, truth);
        let mut of_kept = of_kept.into_iter();
        let is_kept = |model: &&ZooModel| kept.iter().any(|kept| kept.name == model.name);
        let weight = |model| if is_kept(model) { of_kept.next().unwrap_or_default() } else { 0.0 };
        let weights: Vec<f64> = models.iter().map(weight).collect();
        let path = args.of.work.labels_of(task, left_out.map(String::as_str));
        tables.push(Table { path, weights, notes });
    }
    Ok(Settled { task, models, notes: all_notes, tables })
}

/// What tables state about how they were made.
fn notes(
    args: &Args,
    task: Task,
    models: &[&ZooModel],
    weights: &[f64],
    source: &SampleSource,
    truth: &Truth,
) -> Vec<(&'static str, String)> {
    let names: Vec<&str> = models.iter().map(|model| model.name.as_str()).collect();
    let mut notes = source.notes();
    notes.push(("miqa.task", task.to_string()));
    notes.push((MODELS_NOTE, names.join(",")));
    notes.push((WEIGHTS_NOTE, weights.iter().map(f64::to_string).collect::<Vec<_>>().join(",")));
    notes.push(("miqa.lambda", args.lambda.to_string()));
    notes.push(("miqa.alpha", args.alpha.to_string()));
    if task != Task::Classification {
        notes.push(("miqa.tau", args.tau.to_string()));
        notes.push(("miqa.reference_score", args.reference_score.to_string()));
        let files = truth.files().iter().map(|file| format!("{}  {}", file.sha256, file.name));
        notes.push((ANNOTATIONS_NOTE, files.collect::<Vec<_>>().join("\n")));
    }
    notes
}
