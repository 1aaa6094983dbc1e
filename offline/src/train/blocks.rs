//! A file of rows of one size, a block an original, that keeps what is done when originals come or go.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::TrainError;

/// Blocks of rows in a file, with a journal beside it: a first line with the size of a row, then a line a block that is
/// done, its key and its first row. A block is entered after its rows were written, so after a kill at most the blocks in
/// hand are made again. A key says all that the rows depend on; blocks that are not wanted any more give their room to
/// others.
pub(super) struct Blocks {
    path: PathBuf,
    file: File,
    row_bytes: usize,
    pieces: Vec<Piece>,
    rows: usize,
    journal: Mutex<File>,
}

/// A block that is wanted.
struct Piece {
    key: String,
    rows: Range<usize>,
    was_done: bool,
}

impl Blocks {
    /// Opens the file for the wanted blocks: their keys, all different, and numbers of rows.
    pub(super) fn open(path: &Path, row_bytes: usize, wanted: &[(String, usize)]) -> Result<Self, TrainError> {
        let journal = path.with_extension("journal");
        let title = format!("rows of {row_bytes} bytes\n");
        let done = read(&journal, &title);
        let mut taken: Vec<Range<usize>> =
            wanted.iter().filter_map(|(key, rows)| done.get(key.as_str()).map(|&first| first..first + rows)).collect();
        taken.sort_unstable_by_key(|range| range.start);
        let mut room = Room::between(&taken);
        let pieces: Vec<Piece> = wanted
            .iter()
            .map(|(key, rows)| match done.get(key.as_str()) {
                Some(&first) => Piece { key: key.clone(), rows: first..first + rows, was_done: true },
                None => Piece { key: key.clone(), rows: room.take(*rows), was_done: false },
            })
            .collect();
        let rows = pieces.iter().map(|piece| piece.rows.end).max().unwrap_or(0);
        let mut text = title;
        for piece in pieces.iter().filter(|piece| piece.was_done) {
            text += &piece.line();
        }
        // What is forgotten here may be overwritten from now on.
        super::checkpoint::replace(&journal, text.as_bytes())?;
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
        let file = file.map_err(TrainError::file(path))?;
        file.set_len((rows * row_bytes) as u64).map_err(TrainError::file(path))?;
        let journal = OpenOptions::new().append(true).open(&journal).map_err(TrainError::file(&journal))?;
        Ok(Self { path: path.to_owned(), file, row_bytes, pieces, rows, journal: Mutex::new(journal) })
    }

    /// Rows of the file, gaps included.
    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// First row of a wanted block in the file.
    pub(super) fn first(&self, block: usize) -> usize {
        self.pieces[block].rows.start
    }

    /// Whether the block was done when the file was opened.
    pub(super) fn was_done(&self, block: usize) -> bool {
        self.pieces[block].was_done
    }

    /// Writes a row of a block; `row` counts from the block's first.
    pub(super) fn write(&self, block: usize, row: usize, bytes: &[u8]) -> Result<(), TrainError> {
        debug_assert_eq!(bytes.len(), self.row_bytes, "a row has the size of a row");
        let at = (self.first(block) + row) * self.row_bytes;
        self.file.write_all_at(bytes, at as u64).map_err(TrainError::file(&self.path))
    }

    /// Enters a block whose rows are all written.
    pub(super) fn enter(&self, block: usize) -> Result<(), TrainError> {
        let line = self.pieces[block].line();
        let mut journal = self.journal.lock().unwrap_or_else(PoisonError::into_inner);
        journal.write_all(line.as_bytes()).map_err(TrainError::file(&self.path))
    }
}

impl Piece {
    fn line(&self) -> String {
        format!("{} {}\n", self.key, self.rows.start)
    }
}

/// First rows by key; none of another title's.
fn read(journal: &Path, title: &str) -> HashMap<String, usize> {
    let text = std::fs::read_to_string(journal).unwrap_or_default();
    let Some(lines) = text.strip_prefix(title) else { return HashMap::new() };
    // A line without its end was cut by a kill: that block is not done.
    let whole = lines.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n'));
    whole
        .filter_map(|line| line.split_once(' '))
        .filter_map(|(k, first)| Some((k.to_owned(), first.parse().ok()?)))
        .collect()
}

/// Rows that are free: gaps, and all behind the last block.
struct Room {
    gaps: Vec<Range<usize>>,
    end: usize,
}

impl Room {
    /// What is left between ranges in order.
    fn between(taken: &[Range<usize>]) -> Self {
        let (mut gaps, mut end) = (Vec::new(), 0);
        for range in taken {
            if range.start > end {
                gaps.push(end..range.start);
            }
            end = end.max(range.end);
        }
        Self { gaps, end }
    }

    /// The first room for so many rows.
    fn take(&mut self, rows: usize) -> Range<usize> {
        if let Some(at) = self.gaps.iter().position(|gap| gap.len() >= rows) {
            let start = self.gaps[at].start;
            self.gaps[at].start += rows;
            if self.gaps[at].is_empty() {
                self.gaps.remove(at);
            }
            return start..start + rows;
        }
        let start = self.end;
        self.end += rows;
        start..self.end
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn open(path: &Path, wanted: &[(&str, usize)]) -> Blocks {
        let wanted: Vec<(String, usize)> = wanted.iter().map(|(key, rows)| ((*key).to_owned(), *rows)).collect();
        Blocks::open(path, 2, &wanted).unwrap()
    }

    /// Makes what is not done; the letters stand for the rows.
    fn make(blocks: &Blocks) {
        for (block, piece) in blocks.pieces.iter().enumerate().filter(|(_, piece)| !piece.was_done) {
            for row in 0..piece.rows.len() {
                blocks.write(block, row, piece.key.repeat(2).as_bytes()).unwrap();
            }
            blocks.enter(block).unwrap();
        }
    }

    #[test]
    fn originals_come_and_go_and_the_rest_stays_where_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows.u8");
        let text = || std::fs::read_to_string(&path).unwrap();
        let state = |blocks: &Blocks| -> Vec<(usize, bool)> {
            (0..blocks.pieces.len()).map(|block| (blocks.first(block), blocks.was_done(block))).collect()
        };
        let first = open(&path, &[("a", 2), ("b", 3), ("c", 1)]);
        assert_eq!(state(&first), [(0, false), (2, false), (5, false)]);
        make(&first);
        assert_eq!(text(), "aaaabbbbbbcc");

        // b is gone, d fits into its place, e does not fit into what is left.
        let second = open(&path, &[("a", 2), ("d", 2), ("c", 1), ("e", 2)]);
        assert_eq!(state(&second), [(0, true), (2, false), (5, true), (6, false)]);
        assert_eq!(second.rows(), 8);
        make(&second);
        assert!(text().starts_with("aaaadddd") && text().ends_with("cceeee"));

        // Fewer at the end: the file shrinks.
        let third = open(&path, &[("d", 2), ("a", 2)]);
        assert_eq!((state(&third), third.rows()), (vec![(2, true), (0, true)], 4));
        assert_eq!(state(&open(&path, &[("c", 1)])), [(0, false)], "what was forgotten is not done any more");
    }

    #[test]
    fn a_line_that_a_kill_cut_and_rows_of_another_size_do_not_count() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows.u8");
        make(&open(&path, &[("a", 1)]));
        let journal = path.with_extension("journal");
        OpenOptions::new().append(true).open(&journal).unwrap().write_all(b"b 1").unwrap();
        let blocks = open(&path, &[("a", 1), ("b", 1)]);
        assert!(blocks.was_done(0) && !blocks.was_done(1));
        let other = Blocks::open(&path, 3, &[("a".to_owned(), 1)]).unwrap();
        assert!(!other.was_done(0));
    }
}
