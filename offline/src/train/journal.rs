use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use super::TrainError;

/// Which pieces of a job are done: a text file, its first line the job's key, then one line a piece. A piece is
/// entered after its data were written, so after a kill at most the pieces in hand are done again.
pub(super) struct Journal {
    path: PathBuf,
    file: File,
    done: HashSet<String>,
}

impl Journal {
    /// Opens the journal of the job `key`; what another job wrote is thrown away.
    pub(super) fn open(path: &Path, key: &str) -> Result<Self, TrainError> {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let mut lines = text.split_inclusive('\n');
        let fits = lines.next().is_some_and(|first| first.trim_end() == key);
        // A line without its end was cut by a kill: that piece is not done.
        let done: HashSet<String> = if fits {
            lines.filter(|l| l.ends_with('\n')).map(|l| l.trim_end().to_owned()).collect()
        } else {
            HashSet::new()
        };
        let mut fresh = format!("{key}\n");
        for piece in &done {
            fresh.push_str(piece);
            fresh.push('\n');
        }
        std::fs::write(path, fresh).map_err(TrainError::file(path))?;
        let file = OpenOptions::new().append(true).open(path).map_err(TrainError::file(path))?;
        Ok(Self { path: path.to_owned(), file, done })
    }

    /// Whether a piece is done.
    pub(super) fn has(&self, piece: &str) -> bool {
        self.done.contains(piece)
    }

    /// Enters a piece.
    pub(super) fn enter(&mut self, piece: &str) -> Result<(), TrainError> {
        self.file.write_all(format!("{piece}\n").as_bytes()).map_err(TrainError::file(&self.path))?;
        self.done.insert(piece.to_owned());
        Ok(())
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn remembers_whole_lines_of_its_own_job_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        Journal::open(&path, "a").unwrap().enter("one").unwrap();
        OpenOptions::new().append(true).open(&path).unwrap().write_all(b"two").unwrap();
        let journal = Journal::open(&path, "a").unwrap();
        assert!(journal.has("one"));
        assert!(!journal.has("two"), "cut by a kill");
        assert!(!Journal::open(&path, "b").unwrap().has("one"));
        assert!(!Journal::open(&path, "a").unwrap().has("one"), "thrown away by the other job");
    }
}
