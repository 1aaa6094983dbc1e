//! Stored predictions, read again original by original.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::predictions::PredictionRow;
use super::stage::STAGE;
use super::zoo::{Zoo, ZooModel};
use crate::plan::PlannedOriginal;
use crate::sample::Sample;
use crate::shard::{CommitRecord, RecordError, StageError, StoredFile, record_key};
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
    /// A shard's table is not what was committed.
    #[error(
        "{place}: {table} is not the table that was committed (another SHA-256 than in {record}); `miqa-offline verify` \
         names all such tables: delete {record} and run `miqa-offline label` for shard {shard} again"
    )]
    Altered {
        /// The store.
        place: String,
        /// The table's key.
        table: String,
        /// Key of the shard's commit record.
        record: String,
        /// The shard, from 0.
        shard: u32,
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

    /// Those of these models in a committed shard. Every table is hashed before a row of it is used: Parquet itself would
    /// take most flipped bits for other scores.
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
            Ok::<_, AnswersError>((model.name.clone(), committed(store, record, file)?))
        };
        Ok(Self { models: models.par_iter().map(open).collect::<Result<_, _>>()? })
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

/// The rows of a committed table whose hash is right.
fn committed(store: &dyn Store, record: &CommitRecord, file: &StoredFile) -> Result<Rows<PredictionRow>, AnswersError> {
    let altered = || AnswersError::Altered {
        place: store.place().to_owned(),
        table: file.name.clone(),
        record: record_key(STAGE, record.shard),
        shard: record.shard,
    };
    let Some(path) = store.file(&file.name) else {
        let bytes = record.file(store, file).map_err(|error| match error {
            RecordError::File { .. } => altered(),
            other => other.into(),
        })?;
        return Ok(Rows::of_bytes(&file.name, bytes)?);
    };
    let io = |source| TableError::Io { path: path.clone(), source };
    // What is hashed and what is read is one open file, whatever happens to its name meanwhile.
    let mut opened = File::open(&path).map_err(io)?;
    if sha256_of(&mut opened).map_err(io)? != file.sha256 {
        return Err(altered());
    }
    opened.rewind().map_err(io)?;
    Ok(Rows::of_open(&path, opened)?)
}

/// SHA-256 of what is left of a file, in hexadecimal digits; no more than a buffer of it in memory.
fn sha256_of(file: &mut File) -> io::Result<String> {
    let (mut hash, mut buffer) = (Sha256::new(), vec![0; 1 << 16]);
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()),
            read => hash.update(&buffer[..read]),
        }
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

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]
mod tests {
    use super::*;
    use crate::hex::sha256_hex;
    use crate::shard::Inputs;
    use crate::store::LocalStore;
    use crate::table::encode;

    /// Every byte of the table counts, those too that Parquet would take for another score.
    #[test]
    fn a_flipped_bit_anywhere_is_found() {
        let zoo = Zoo::read(&[]).unwrap();
        let model = &zoo.models[0];
        let row = |i: u16| PredictionRow {
            model: model.name.clone(),
            sample: format!("p{i}"),
            psnr: None,
            classes: (i..i + 5).collect(),
            scores: (1..6).map(|n| 1.0 / f32::from(i + n)).collect(),
            boxes: Vec::new(),
            masks: None,
        };
        let bytes = encode("t", &(0..50).map(row).collect::<Vec<_>>()).unwrap();
        let sha256 = sha256_hex(&bytes);
        let name = format!("{STAGE}/shards/3-{}-{}.parquet", model.name, &sha256[..12]);
        let size = bytes.len() as u64;
        let record = CommitRecord {
            stage: STAGE.to_owned(),
            shard: 3,
            inputs: Inputs::PlanId("p".to_owned()),
            tool: String::new(),
            originals: 1,
            rows: 50,
            bytes: 0,
            files: vec![StoredFile { name: name.clone(), size, sha256 }],
            errors: Vec::new(),
            begun: 0,
            ended: 0,
            made: 0,
        };
        let folder = tempfile::tempdir().unwrap();
        let store = LocalStore::new(folder.path().to_owned());
        let path = folder.path().join(&name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &bytes).unwrap();
        let mut answers = Answers::of_shard(&store, &record, &[model]).unwrap();
        assert_eq!(answers.models[0].1.next().unwrap().unwrap(), row(0));
        for at in (0..bytes.len()).step_by(37) {
            let mut spoilt = bytes.clone();
            spoilt[at] ^= 1 << (at % 8);
            std::fs::write(&path, &spoilt).unwrap();
            let Err(error) = Answers::of_shard(&store, &record, &[model]) else { panic!("byte {at}") };
            let text = error.to_string();
            for part in [&name, "label/shards/3.json", "`miqa-offline label`", "`miqa-offline verify`"] {
                assert!(text.contains(part), "{text}");
            }
        }
    }
}
