//! Stored predictions, read again original by original.

use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::predictions::PredictionRow;
use super::stage::STAGE;
use super::zoo::{Zoo, ZooModel};
use crate::plan::PlannedOriginal;
use crate::sample::Sample;
use crate::shard::{CommitRecord, RecordError, StageError, StoredFile};
use crate::store::Store;
use crate::table::{Rows, TableError};

/// Why predictions can't be read.
#[derive(Debug, thiserror::Error)]
pub enum AnswersError {
    /// A table.
    #[error(transparent)]
    Table(#[from] TableError),
    /// A shard.
    #[error(transparent)]
    Stage(#[from] StageError),
    /// A model has no table there.
    #[error("{place} has no predictions of model `{model}`; run `miqa-offline label` with this zoo")]
    NoModel {
        /// Where.
        place: String,
        /// Name of the model.
        model: String,
    },
    /// A row is missing, or another one is in its place.
    #[error(
        "model `{model}`: its table has {found} where sample `{expected}` should be; run `miqa-offline label` again"
    )]
    Order {
        /// Name of the model.
        model: String,
        /// What is there.
        found: String,
        /// What should be.
        expected: String,
    },
    /// A row makes no sense.
    #[error("{0}")]
    Row(String),
}

impl From<RecordError> for AnswersError {
    fn from(error: RecordError) -> Self {
        Self::Stage(error.into())
    }
}

/// The tables of some models for the same samples, read in step.
pub struct Answers {
    models: Vec<(String, Rows<PredictionRow>)>,
}

/// The table of one model in a folder of predictions.
#[must_use]
pub fn table_of(folder: &Path, model: &str) -> PathBuf {
    folder.join(format!("{model}.parquet"))
}

impl Answers {
    /// Those of these models in a folder with a table a model.
    ///
    /// # Errors
    /// A table is missing or of another shape.
    pub fn of_folder(folder: &Path, models: &[&ZooModel]) -> Result<Self, AnswersError> {
        let open = |model: &&ZooModel| {
            let path = table_of(folder, &model.name);
            if !path.is_file() {
                return Err(AnswersError::NoModel { place: folder.display().to_string(), model: model.name.clone() });
            }
            Ok((model.name.clone(), Rows::of_file(&path)?))
        };
        Ok(Self { models: models.iter().map(open).collect::<Result<_, _>>()? })
    }

    /// Those of these models in a committed shard.
    ///
    /// # Errors
    /// A table is missing, or not what was committed.
    pub fn of_shard(store: &dyn Store, record: &CommitRecord, models: &[&ZooModel]) -> Result<Self, AnswersError> {
        let open = |model: &&ZooModel| {
            let start = format!("{STAGE}/shards/{}-{}-", record.shard, model.name);
            let is_of_model = |file: &&StoredFile| {
                let hash = file.name.strip_prefix(&start).and_then(|rest| rest.strip_suffix(".parquet"));
                hash.is_some_and(|hash| hash.len() == 12)
            };
            let file = record.files.iter().find(is_of_model).ok_or_else(|| AnswersError::NoModel {
                place: format!("{}, shard {}", store.place(), record.shard),
                model: model.name.clone(),
            })?;
            let rows = match store.file(&file.name) {
                Some(path) => Rows::of_file(&path)?,
                None => Rows::of_bytes(&file.name, record.file(store, file)?)?,
            };
            Ok::<_, AnswersError>((model.name.clone(), rows))
        };
        Ok(Self { models: models.iter().map(open).collect::<Result<_, _>>()? })
    }

    /// The rows of an original's samples, a list a model in the order of the samples; none where `label` left the
    /// original out, for every model alike.
    ///
    /// # Errors
    /// A table can't be read, or its rows are not these samples'.
    pub fn next_of(
        &mut self,
        planned: &PlannedOriginal,
        samples: &[Sample],
    ) -> Result<Option<Vec<Vec<PredictionRow>>>, AnswersError> {
        let ids: Vec<String> = samples.iter().map(|sample| sample.id(&planned.original.id)).collect();
        let mut all: Vec<Vec<PredictionRow>> = self.models.iter().map(|_| Vec::with_capacity(ids.len())).collect();
        let mut taken = 0;
        while taken < ids.len() {
            self.fill()?;
            let first = self.models.first().and_then(|(_, rows)| rows.peek());
            if taken == 0 && first.is_none_or(|row| row.sample != ids[0]) {
                return Ok(None);
            }
            // As many as lie decoded; one at least, so that the end of a table is seen.
            let ready = self.models.iter().map(|(_, rows)| rows.decoded()).min().unwrap_or(0);
            let some = &ids[taken..ids.len().min(taken + ready.max(1))];
            for ((model, rows), all) in self.models.iter_mut().zip(&mut all) {
                take(model, rows, some, all)?;
            }
            taken += some.len();
        }
        Ok(Some(all))
    }

    /// Decodes what comes next of every table that has nothing left, on all cores: most of the time goes there.
    fn fill(&mut self) -> Result<(), AnswersError> {
        if self.models.iter().any(|(_, rows)| rows.decoded() == 0) {
            self.models.par_iter_mut().try_for_each(|(_, rows)| rows.fill())?;
        }
        Ok(())
    }

    /// Whether all rows were read.
    ///
    /// # Errors
    /// Rows are left, or can't be read.
    pub fn finish(mut self) -> Result<(), AnswersError> {
        for (model, rows) in &mut self.models {
            if let Some(row) = rows.next().transpose()? {
                let (model, found) = (model.clone(), format!("`{}`", row.sample));
                return Err(AnswersError::Order { model, found, expected: "the end of the table".to_owned() });
            }
        }
        Ok(())
    }
}

/// Moves the rows of these samples, which must be the next ones.
fn take(
    model: &str,
    rows: &mut Rows<PredictionRow>,
    ids: &[String],
    all: &mut Vec<PredictionRow>,
) -> Result<(), AnswersError> {
    for id in ids {
        match rows.next().transpose()? {
            Some(row) if row.sample == *id => all.push(row),
            other => {
                let found = other.map_or("no row".to_owned(), |row| format!("`{}`", row.sample));
                return Err(AnswersError::Order { model: model.to_owned(), found, expected: id.clone() });
            }
        }
    }
    Ok(())
}

/// The models of one task, in the order of the zoo.
#[must_use]
pub fn of_task(zoo: &Zoo, task: super::zoo::Task) -> Vec<&ZooModel> {
    zoo.models.iter().filter(|model| model.task == task).collect()
}
