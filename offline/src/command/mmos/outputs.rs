//! All that a run of `mmos` writes, under temporary names until it is whole: tables that contradict each other must not
//! lie beside each other.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::summary::Summary;
use crate::command::{CommandError, WorkFolder};
use crate::label::score::MODELS_NOTE;
use crate::label::zoo::Task;
use crate::table::{Closed, partial_name, read_note};

/// What will appear together.
pub(super) struct Outputs<'a> {
    work: &'a WorkFolder,
    /// The tasks of this run; tables of others are not touched.
    tasks: Vec<Task>,
    csv: Option<&'a Path>,
    tables: Vec<Closed>,
    /// Folders of the authors' tables: the temporary one, and the final one.
    folders: Vec<(Temporary, PathBuf)>,
    summaries: BTreeMap<String, Summary>,
}

/// A file or folder under a temporary name; gone with this, unless it was renamed.
struct Temporary(PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        // One of the two, or neither where it was renamed.
        let _ = fs::remove_dir_all(&self.0);
        let _ = fs::remove_file(&self.0);
    }
}

impl<'a> Outputs<'a> {
    /// Nothing yet.
    pub(super) fn new(work: &'a WorkFolder, tasks: Vec<Task>, csv: Option<&'a Path>) -> Self {
        Self { work, tasks, csv, tables: Vec::new(), folders: Vec::new(), summaries: BTreeMap::new() }
    }

    /// Takes a table that is whole.
    pub(super) fn keep(&mut self, table: Closed) {
        self.tables.push(table);
    }

    /// What `labels.json` will say of a label table.
    pub(super) fn summarise(&mut self, table: String, summary: Summary) {
        self.summaries.insert(table, summary);
    }

    /// Where a task's CSV files are to be written for the time being; none where nobody wants them.
    ///
    /// # Errors
    /// The folder can't be made.
    pub(super) fn csv_of(&mut self, task: Task) -> Result<Option<PathBuf>, CommandError> {
        let Some(folder) = self.csv else { return Ok(None) };
        let folder = folder.join(task.name());
        let partial = partial_name(&folder);
        fs::create_dir_all(&partial).map_err(|e| CommandError::writing(&partial, &e))?;
        self.folders.push((Temporary(partial.clone()), folder));
        Ok(Some(partial))
    }

    /// Puts everything in its place, takes former tables of the same tasks away that were not made again, and writes
    /// `labels.json` last.
    ///
    /// # Errors
    /// Something can't be written or renamed.
    pub(super) fn appear(self) -> Result<(), CommandError> {
        let refused = |path: &Path| {
            let path = path.to_owned();
            move |error: std::io::Error| CommandError::writing(&path, &error)
        };
        let summary = self.work.labels_summary();
        let json = serde_json::to_vec_pretty(&self.all_summaries(&summary)?).map_err(CommandError::unexpected)?;
        let partial = Temporary(partial_name(&summary));
        fs::write(&partial.0, json).map_err(refused(&summary))?;
        let mut made = Vec::new();
        for table in self.tables {
            made.push(table.path().to_owned());
            table.appear().map_err(|error| CommandError::writing_table(&error))?;
        }
        for (temporary, folder) in &self.folders {
            fs::create_dir_all(folder).map_err(refused(folder))?;
            for entry in fs::read_dir(&temporary.0).map_err(refused(folder))? {
                let entry = entry.map_err(refused(folder))?;
                let path = folder.join(entry.file_name());
                fs::rename(entry.path(), &path).map_err(refused(&path))?;
            }
        }
        for path in former(&self.work.work, &self.tasks, &made).map_err(refused(&self.work.work))? {
            fs::remove_file(&path).map_err(refused(&path))?;
            println!("mmos: removed {}: it was of a former run, and this one has no such table", path.display());
        }
        fs::rename(&partial.0, &summary).map_err(refused(&summary))
    }

    /// What `labels.json` will say: of this run's tables, and what it said before of other tasks'.
    fn all_summaries(&self, path: &Path) -> Result<serde_json::Map<String, Value>, CommandError> {
        let before = fs::read(path).ok().and_then(|json| serde_json::from_slice::<Value>(&json).ok());
        let mut all = match before {
            Some(Value::Object(tables)) => tables,
            _ => serde_json::Map::new(),
        };
        all.retain(|table, _| {
            let name = format!("{table}.parquet");
            task_of(&name).is_some_and(|task| !self.tasks.contains(&task)) && self.work.work.join(name).is_file()
        });
        for (table, summary) in &self.summaries {
            all.insert(table.clone(), serde_json::to_value(summary).map_err(CommandError::unexpected)?);
        }
        Ok(all)
    }
}

/// Label and score tables of these tasks that `mmos` wrote here before and that are not among those it `made` now.
fn former(work: &Path, tasks: &[Task], made: &[PathBuf]) -> std::io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(work)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        // Whatever else is called so: only `mmos` states its models.
        if task_of(&name).is_some_and(|task| tasks.contains(&task))
            && !made.contains(&path)
            && matches!(read_note(&path, MODELS_NOTE), Ok(Some(_)))
        {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// The task whose table `mmos` gives this name: `labels[-TASK][-without-FAMILY].parquet`, `scores-TASK.parquet`.
fn task_of(name: &str) -> Option<Task> {
    let stem = name.strip_suffix(".parquet")?;
    let named = |name: &str| Task::ALL.into_iter().find(|task| task.name() == name);
    if let Some(task) = stem.strip_prefix("scores-") {
        return named(task);
    }
    let rest = stem.strip_prefix("labels")?;
    let task = rest.split_once("-without-").map_or(rest, |(task, _)| task);
    if task.is_empty() { Some(Task::Classification) } else { named(task.strip_prefix('-')?) }
}

#[cfg(test)]
mod tests {
    use super::task_of;
    use crate::label::zoo::Task;

    #[test]
    fn names_of_tables_that_mmos_writes() {
        for (ours, task) in [
            ("labels.parquet", Task::Classification),
            ("labels-detection.parquet", Task::Detection),
            ("labels-without-vit.parquet", Task::Classification),
            ("labels-segmentation-without-a-b.parquet", Task::Segmentation),
            ("scores-classification.parquet", Task::Classification),
        ] {
            assert_eq!(task_of(ours), Some(task), "{ours}");
        }
        for other in
            ["labels-old.parquet", "labels.csv", "scores.parquet", "scores-x.parquet", "labelsdetection.parquet"]
        {
            assert_eq!(task_of(other), None, "{other}");
        }
    }
}
