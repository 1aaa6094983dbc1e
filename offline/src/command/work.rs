//! The work folder: where each step's table lies.

use std::path::{Path, PathBuf};

use super::{CommandError, plan};
use crate::label::labels_of;
use crate::label::score::scores_of;
use crate::label::zoo::Task;
use crate::plan::Plan;
use crate::recipe::Recipe;
use crate::sample::{SampleError, SampleSource};
use crate::source::{Original, read_sources};

/// Argument `--work`, and the files below it.
#[derive(Debug, Clone, clap::Args)]
pub struct WorkFolder {
    /// Folder for all tables; every step reads what the steps before it wrote here
    #[arg(long, value_name = "DIR")]
    pub work: PathBuf,
}

impl WorkFolder {
    /// Originals: written by `select`.
    #[must_use]
    pub fn sources(&self) -> PathBuf {
        self.work.join("sources.parquet")
    }

    /// Regions of interest: written by `mask`.
    #[must_use]
    pub fn masks(&self) -> PathBuf {
        self.work.join("masks.parquet")
    }

    /// Candidates and levels: written by `rank`.
    #[must_use]
    pub fn rank(&self) -> PathBuf {
        self.work.join("rank.parquet")
    }

    /// What is to be made: written by `plan`.
    #[must_use]
    pub fn plan(&self) -> PathBuf {
        self.work.join("plan.parquet")
    }

    /// One table a model: written by `label`.
    #[must_use]
    pub fn predictions(&self) -> PathBuf {
        self.work.join("predictions")
    }

    /// Labels for classification: written by `mmos`.
    #[must_use]
    pub fn labels(&self) -> PathBuf {
        self.labels_of(Task::Classification, None)
    }

    /// Labels for a task, perhaps from a zoo without one family: written by `mmos`.
    #[must_use]
    pub fn labels_of(&self, task: Task, without_family: Option<&str>) -> PathBuf {
        labels_of(&self.work, task, without_family)
    }

    /// What each model scored: written by `mmos`.
    #[must_use]
    pub fn scores(&self, task: Task) -> PathBuf {
        scores_of(&self.work, task)
    }

    /// Models, weights and label ceilings: written by `mmos`.
    #[must_use]
    pub fn labels_summary(&self) -> PathBuf {
        self.work.join("labels.json")
    }

    /// Folds: written by `split`.
    #[must_use]
    pub fn split(&self) -> PathBuf {
        self.work.join("split.parquet")
    }

    /// Where a resumable step keeps the results of single originals.
    #[must_use]
    pub fn parts(&self, step: &str, version: &str) -> PathBuf {
        self.work.join(step).join(version)
    }

    /// The recipe named on the command line; without one that of the steps before, at first `miqd`.
    ///
    /// # Errors
    /// It can't be read or makes no sense.
    pub fn recipe(&self, named: Option<&str>) -> Result<Recipe, CommandError> {
        named.map_or_else(|| Recipe::of_work(&self.work), Recipe::named).map_err(CommandError::usage)
    }

    /// Keeps the recipe for the steps that follow.
    ///
    /// # Errors
    /// It can't be written.
    pub fn keep_recipe(&self, recipe: &Recipe) -> Result<(), CommandError> {
        let path = Recipe::path_in(&self.work);
        std::fs::write(&path, recipe.text())
            .map_err(|e| CommandError::unexpected(format!("can't write {}: {e}", path.display())))
    }

    /// The originals.
    ///
    /// # Errors
    /// There are none yet, or the table is of another shape.
    pub fn originals(&self) -> Result<Vec<Original>, CommandError> {
        needs(&self.sources(), "select")?;
        read_sources(&self.sources()).map_err(CommandError::data)
    }

    /// The samples that a plan names; without one the uniform variants of `rank`.
    ///
    /// # Errors
    /// There is no such plan, or there are no originals or ranks yet.
    pub fn samples(&self, plan: Option<&Path>) -> Result<SampleSource, CommandError> {
        if let Some(path) = plan {
            return Ok(SampleSource::Planned(Box::new(plan::open(path)?)));
        }
        let originals = self.originals()?;
        needs(&self.rank(), "rank")?;
        SampleSource::of_ranks(self.recipe(None)?, originals, &self.rank()).map_err(samples_failure)
    }

    /// The plan of labels that are to be read, or the sources table that takes its place.
    ///
    /// # Errors
    /// There is no such plan, or without one no sources table.
    pub fn labelled_plan(&self, plan: Option<&Path>) -> Result<Option<Plan>, CommandError> {
        if !Task::ALL.into_iter().any(|task| self.labels_of(task, None).exists()) {
            needs(&self.labels(), "mmos")?;
        }
        needs(&self.split(), "split")?;
        match plan {
            Some(path) => plan::open(path).map(Some),
            None => needs(&self.sources(), "select").map(|()| None),
        }
    }
}

/// The exit code that fits the error.
pub(super) fn samples_failure(error: SampleError) -> CommandError {
    match error {
        SampleError::OtherPlan { .. } => CommandError::plan(error),
        SampleError::NoCrop(_) => CommandError::usage(error),
        other => CommandError::data(other),
    }
}

/// Says which step makes a table that is not there.
pub(super) fn needs(table: &Path, step: &str) -> Result<(), CommandError> {
    if table.exists() {
        return Ok(());
    }
    Err(CommandError::usage(format!("{} is not there: run `miqa-offline {step}` first", table.display())))
}
