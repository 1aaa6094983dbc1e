//! All that a run of `mmos` writes, under temporary names until it is whole: tables that contradict each other must not
//! lie beside each other.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::summary::Summary;
use crate::command::{CommandError, WorkFolder};
use crate::label::score::MODELS_NOTE;
use crate::label::zoo::Task;
use crate::table::{Closed, partial_name, read_note};

/// What will appear together.
pub(super) struct Outputs<'a> {
    work: &'a WorkFolder,
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
    pub(super) fn new(work: &'a WorkFolder, csv: Option<&'a Path>) -> Self {
        Self { work, csv, tables: Vec::new(), folders: Vec::new(), summaries: BTreeMap::new() }
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

    /// Puts everything in its place, takes former tables away that were not made again, and writes `labels.json` last.
    ///
    /// # Errors
    /// Something can't be written or renamed.
    pub(super) fn appear(self) -> Result<(), CommandError> {
        let refused = |path: &Path| {
            let path = path.to_owned();
            move |error: std::io::Error| CommandError::writing(&path, &error)
        };
        let summary = self.work.labels_summary();
        let json = serde_json::to_vec_pretty(&self.summaries).map_err(CommandError::unexpected)?;
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
        for path in former(&self.work.work, &made).map_err(refused(&self.work.work))? {
            fs::remove_file(&path).map_err(refused(&path))?;
            println!("mmos: removed {}: it was of a former run, and this one has no such table", path.display());
        }
        fs::rename(&partial.0, &summary).map_err(refused(&summary))
    }
}

/// Label and score tables that `mmos` wrote here before and that are not among those it `made` now.
fn former(work: &Path, made: &[PathBuf]) -> std::io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(work)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        // Whatever else is called so: only `mmos` states its models.
        if is_ours(&name) && !made.contains(&path) && matches!(read_note(&path, MODELS_NOTE), Ok(Some(_))) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// Whether `mmos` gives a table this name: `labels[-TASK][-without-FAMILY].parquet`, `scores-TASK.parquet`.
fn is_ours(name: &str) -> bool {
    let Some(stem) = name.strip_suffix(".parquet") else { return false };
    let is_task = |name: &str| Task::ALL.into_iter().any(|task| task.name() == name);
    if let Some(task) = stem.strip_prefix("scores-") {
        return is_task(task);
    }
    let Some(rest) = stem.strip_prefix("labels") else { return false };
    let task = rest.split_once("-without-").map_or(rest, |(task, _)| task);
    task.is_empty() || task.strip_prefix('-').is_some_and(is_task)
}

#[cfg(test)]
mod tests {
    use super::is_ours;

    #[test]
    fn names_of_tables_that_mmos_writes() {
        for ours in [
            "labels.parquet",
            "labels-detection.parquet",
            "labels-without-vit.parquet",
            "labels-segmentation-without-a-b.parquet",
            "scores-classification.parquet",
        ] {
            assert!(is_ours(ours), "{ours}");
        }
        for other in
            ["labels-old.parquet", "labels.csv", "scores.parquet", "scores-x.parquet", "labelsdetection.parquet"]
        {
            assert!(!is_ours(other), "{other}");
        }
    }
}
