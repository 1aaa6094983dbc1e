//! Whether models do what their entries in the zoo's list claim: measured on labelled pictures.

mod chance;
mod dataset_precision;

use std::path::{Path, PathBuf};

use miqa::engine::Runtime;

pub use chance::{Jackknife, below};
pub use dataset_precision::DatasetPrecision;

use super::decode::Answer;
use super::model::Models;
use super::truth::{Truth, TruthError};
use super::zoo::{Task, Zoo, ZooModel};
use crate::agree::Overlap;
use crate::recipe::Orientation;
use crate::source::{Original, SourceError, coco_folder, labelled_folder};

/// Why nothing can be measured.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// The pictures or their list.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// Their annotations.
    #[error(transparent)]
    Truth(#[from] TruthError),
    /// No pictures of a kind that the zoo needs.
    #[error(
        "{folder} has no labelled pictures for {task}: it needs {needs}", folder = folder.display()
    )]
    Nothing {
        /// The folder.
        folder: PathBuf,
        /// What the zoo's models do.
        task: Task,
        /// The list that is looked for.
        needs: &'static str,
    },
    /// A picture of the list can't be used; figures of what is left would not be comparable.
    #[error("{place}: {error}; remove it from the list or fetch it again")]
    Rejected {
        /// Where it stands.
        place: String,
        /// What is wrong with it.
        error: SourceError,
    },
}

/// Labelled pictures.
#[derive(Debug, Default)]
pub struct Pictures {
    /// With classes of ImageNet-1k.
    classes: Vec<Original>,
    /// With objects of COCO.
    objects: Vec<Original>,
    /// Whether these are fewer than listed.
    some_objects: bool,
    truth: Truth,
}

/// What one model achieved.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    /// Name of the model.
    pub model: String,
    /// What it does.
    pub task: Task,
    /// Its performance as the list claims it, 0..=1.
    pub claimed: f64,
    /// Its performance here, or why there is none.
    pub measured: Result<f64, String>,
    /// On how many pictures.
    pub pictures: usize,
    /// How far below the claim is still taken for chance.
    pub tolerance: f64,
}

/// What is said of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// As claimed.
    Ok,
    /// Above the claim by more than the tolerance: the pictures are easier, or the claim too low.
    Above,
    /// Whatever it achieved on so few pictures could be chance.
    TooFew,
    /// Below the claim by more than the tolerance, or without an answer.
    Failed,
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Ok => "ok",
            Self::Above => "above",
            Self::TooFew => "too few pictures to tell",
            Self::Failed => "FAILED",
        })
    }
}

impl Measured {
    /// What is said of it.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        match self.measured {
            Ok(value) if value.is_finite() && self.tolerance >= self.claimed => Verdict::TooFew,
            Ok(value) if (value - self.claimed).abs() <= self.tolerance => Verdict::Ok,
            Ok(value) if value > self.claimed => Verdict::Above,
            // A value that is no number is no answer either.
            Ok(_) | Err(_) => Verdict::Failed,
        }
    }

    /// The measure's name.
    #[must_use]
    pub fn measure(&self) -> &'static str {
        match self.task {
            Task::Classification => "top-1",
            Task::Detection => "box AP",
            Task::Segmentation => "mask AP",
        }
    }
}

impl Pictures {
    /// The labelled pictures in `folder` for these tasks, at most `limit` of each list: `imagenet/labels.csv` with the
    /// files beside it, `coco/instances.json` with the files in `coco/val2017/`; either may lie in `folder` itself.
    ///
    /// # Errors
    /// A list is missing or can't be understood, or a picture is broken.
    pub fn find(folder: &Path, tasks: &[Task], limit: Option<usize>) -> Result<Self, CheckError> {
        let list = |inner: &str, name: &str| {
            [folder.join(inner), folder.to_owned()].into_iter().find(|folder| folder.join(name).is_file())
        };
        let nothing = |task: Task, needs| CheckError::Nothing { folder: folder.to_owned(), task, needs };
        let mut pictures = Self::default();
        if tasks.contains(&Task::Classification) {
            let needs = "imagenet/labels.csv or labels.csv";
            let inner = list("imagenet", "labels.csv").ok_or_else(|| nothing(Task::Classification, needs))?;
            let found = labelled_folder(&inner, &inner.join("labels.csv"), "", Orientation::default())?;
            pictures.classes = usable(found, limit)?.0;
            pictures.classes.retain(|original| original.class >= 0);
        }
        if let Some(&task) = tasks.iter().find(|task| **task != Task::Classification) {
            let needs = "coco/instances.json or instances.json";
            let inner = list("coco", "instances.json").ok_or_else(|| nothing(task, needs))?;
            let files = Some(inner.join("val2017")).filter(|folder| folder.is_dir()).unwrap_or_else(|| inner.clone());
            let annotations = inner.join("instances.json");
            (pictures.objects, pictures.some_objects) =
                usable(coco_folder(&files, &annotations, Orientation::default())?, limit)?;
            pictures.truth = Truth::read(&[annotations])?;
        }
        Ok(pictures)
    }

    /// The pictures for a task.
    #[must_use]
    pub fn of(&self, task: Task) -> &[Original] {
        if task == Task::Classification { &self.classes } else { &self.objects }
    }

    /// Runs a model over the pictures of its task; `tick` is called after each.
    #[must_use]
    pub fn measure(
        &self,
        runtime: &Runtime,
        model: &ZooModel,
        folders: &[PathBuf],
        tolerance: f64,
        tick: impl Fn(),
    ) -> Measured {
        let pictures = self.of(model.task).len();
        let claimed = model.performance;
        let performance = self.performance(runtime, model, folders, tick);
        let chance = match (&performance, model.task) {
            (_, Task::Classification) => below(claimed, pictures),
            // A claim about a list of pictures is about all of them.
            (Ok((_, spread)), _) if self.some_objects => *spread,
            _ => 0.0,
        };
        let measured = performance.map(|(value, _)| value);
        let (model, task) = (model.name.clone(), model.task);
        Measured { model, task, claimed, measured, pictures, tolerance: tolerance.max(chance) }
    }

    /// What a model achieves, and how far average precision on other pictures may lie from it.
    fn performance(
        &self,
        runtime: &Runtime,
        model: &ZooModel,
        folders: &[PathBuf],
        tick: impl Fn(),
    ) -> Result<(f64, f64), String> {
        let alone = Zoo { models: vec![model.clone()] };
        let mut models = Models::open(runtime, &alone, folders).map_err(|e| e.to_string())?;
        let masks = model.task == Task::Segmentation;
        let mut precision = Jackknife::new(if masks { Overlap::Masks } else { Overlap::Boxes });
        let mut right = 0;
        for original in self.of(model.task) {
            let answers = original
                .load()
                .map_err(|e| e.to_string())
                .and_then(|rgb| models.answer(&rgb).map_err(|error| format!("`{}`: {error}", original.id)))?;
            match answers.as_slice() {
                [Answer::Classes(top)] => right += usize::from(i32::from(top[0].0) == original.class),
                [Answer::Objects(found)] => {
                    let truth = self.truth.of(original, masks).map_err(|e| e.to_string())?;
                    precision.add(found, &truth.unwrap_or_default());
                }
                _ => return Err("one model gave several answers".to_owned()),
            }
            tick();
        }
        match model.task {
            Task::Classification => Ok((right as f64 / self.classes.len() as f64, 0.0)),
            _ => Ok((precision.precision().ok_or("no picture has objects")?, precision.spread())),
        }
    }
}

/// At most `limit` of the pictures, and whether these are not all.
fn usable(found: crate::source::Selection, limit: Option<usize>) -> Result<(Vec<Original>, bool), CheckError> {
    if let Some(rejected) = found.rejected.into_iter().next() {
        return Err(CheckError::Rejected { place: rejected.place, error: rejected.error });
    }
    let mut originals = found.originals;
    let some = limit.is_some_and(|limit| limit < originals.len());
    originals.truncate(limit.unwrap_or(usize::MAX));
    Ok((originals, some))
}

#[cfg(test)]
mod tests;
