//! Work an original at a time: in parallel, resumable, stoppable.
//!
//! Every original's rows become a small file of their own as soon as they are there; a run that is killed loses the
//! originals in hand and nothing else, and the next run goes on with what is missing. At the end the files are joined.

use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::source::{Original, PixelHash};
use crate::table::{self, Row, TableError};

/// What a part is made of: an original, or a group of them that can only be worked together.
pub trait Piece: Sync {
    /// Unique among the pieces, and fit for a file name.
    fn name(&self) -> &str;
    /// Changes with the pixels.
    fn version(&self) -> &PixelHash;
}

impl Piece for Original {
    fn name(&self) -> &str {
        &self.id
    }

    fn version(&self) -> &PixelHash {
        &self.pixel_sha256
    }
}

/// The parts of one step.
#[derive(Debug)]
pub struct Parts<'a, P = Original> {
    folder: PathBuf,
    originals: &'a [P],
}

/// How a run over the parts ended.
#[derive(Debug)]
pub struct Outcome<E> {
    /// Originals done in this run.
    pub done: usize,
    /// Originals that were done before.
    pub kept: usize,
    /// Originals that failed (id and reason); they have no part.
    pub failed: Vec<(String, E)>,
    /// The stop flag was raised before all were done.
    pub stopped: bool,
}

impl<'a, P: Piece> Parts<'a, P> {
    /// Parts of `originals` in `folder`. The folder's name must change with everything but the original that the
    /// rows depend on (the zoo, for instance); the original's pixels are in each part's name.
    #[must_use]
    pub fn new(folder: PathBuf, originals: &'a [P]) -> Self {
        Self { folder, originals }
    }

    fn path(&self, original: &P) -> PathBuf {
        self.folder.join(format!("{}.{}.parquet", original.name(), original.version().short()))
    }

    /// Whether the part of an original is there.
    #[must_use]
    pub fn has(&self, original: &P) -> bool {
        self.path(original).is_file()
    }

    /// Makes the missing parts on `threads` threads, each with a state of its own (sessions, buffers) from `start`;
    /// `tick` is called after every original. `stop` ends the run after the originals in hand.
    ///
    /// # Errors
    /// A state can't be made or a part can't be written. What fails for one original is in the outcome instead.
    pub fn make<R, S, E>(
        &self,
        threads: usize,
        stop: &AtomicBool,
        tick: impl Fn(&Progress) + Sync,
        start: impl Fn() -> Result<S, E> + Sync,
        work: impl Fn(&mut S, &P) -> Result<Vec<R>, E> + Sync,
    ) -> Result<Outcome<E>, PartsError<E>>
    where
        R: Row,
        E: Display + Send,
    {
        let missing: Vec<&P> = self.originals.iter().filter(|original| !self.has(original)).collect();
        let kept = self.originals.len() - missing.len();
        let next = AtomicUsize::new(0);
        let fatal: Mutex<Option<PartsError<E>>> = Mutex::new(None);
        let done = AtomicUsize::new(0);
        let failed = Mutex::new(Vec::new());
        let give_up = |error| {
            fatal.lock().unwrap_or_else(std::sync::PoisonError::into_inner).get_or_insert(error);
        };
        let given_up = || fatal.lock().unwrap_or_else(std::sync::PoisonError::into_inner).is_some();

        let worker = || {
            let mut state = match start() {
                Ok(state) => state,
                Err(error) => return give_up(PartsError::Start(error)),
            };
            while !stop.load(Ordering::Relaxed) && !given_up() {
                let Some(original) = missing.get(next.fetch_add(1, Ordering::Relaxed)) else { return };
                match work(&mut state, original) {
                    Ok(rows) => {
                        if let Err(error) = table::write(&self.path(original), &rows) {
                            return give_up(error.into());
                        }
                        done.fetch_add(1, Ordering::Relaxed);
                    }
                    Err(error) => {
                        let mut failed = failed.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                        failed.push((original.name().to_owned(), error));
                    }
                }
                tick(&Progress { kept, missing: missing.len() });
            }
        };
        std::thread::scope(|scope| {
            for _ in 0..threads.clamp(1, missing.len().max(1)) {
                scope.spawn(worker);
            }
        });

        if let Some(error) = fatal.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner) {
            return Err(error);
        }
        let mut failed = failed.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        failed.sort_by(|a: &(String, E), b| a.0.cmp(&b.0));
        let done = done.into_inner();
        Ok(Outcome { stopped: done + failed.len() < missing.len(), done, kept, failed })
    }

    /// The rows of all parts that are there, in the order of the originals.
    ///
    /// # Errors
    /// A part can't be read.
    pub fn join<R: Row>(&self) -> Result<Vec<R>, TableError> {
        let mut rows = Vec::new();
        for path in self.originals.iter().map(|original| self.path(original)).filter(|path| path.is_file()) {
            rows.extend(table::read::<R>(&path)?);
        }
        Ok(rows)
    }

    /// Where the parts lie.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

/// How much there is to do; handed to the tick of [`Parts::make`].
#[derive(Debug, Clone, Copy)]
pub struct Progress {
    /// Originals that were done before this run.
    pub kept: usize,
    /// Originals to do in this run.
    pub missing: usize,
}

/// Why a run over the parts ended early.
#[derive(Debug, thiserror::Error)]
pub enum PartsError<E> {
    /// A worker's state could not be made.
    #[error("{0}")]
    Start(E),
    /// A part could not be written.
    #[error(transparent)]
    Table(#[from] TableError),
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]
mod tests {
    use super::*;
    use crate::columns;
    use crate::source::PixelHash;

    #[derive(Debug, PartialEq)]
    struct Letter {
        original: String,
        length: u32,
    }

    columns!(Letter { original, length });

    fn originals(count: u32) -> Vec<Original> {
        let original = |i: u32| Original {
            id: format!("o{i:03}"),
            path: String::new(),
            class: -1,
            pixel_sha256: PixelHash([i as u8; 32]),
            width: 1,
            height: 1,
            licence: String::new(),
        };
        (0..count).map(original).collect()
    }

    fn run(parts: &Parts, stop: &AtomicBool, stop_after: usize) -> Outcome<String> {
        let seen = AtomicUsize::new(0);
        let work = |_: &mut (), original: &Original| {
            if seen.fetch_add(1, Ordering::Relaxed) + 1 == stop_after {
                stop.store(true, Ordering::Relaxed);
            }
            if original.id == "o007" {
                Err("broken".to_owned())
            } else {
                Ok(vec![Letter { original: original.id.clone(), length: 4 }])
            }
        };
        parts.make(3, stop, |_| (), || Ok(()), work).unwrap()
    }

    #[test]
    fn a_stopped_run_goes_on_and_the_join_has_the_order_of_the_originals() {
        let folder = tempfile::tempdir().unwrap();
        let originals = originals(40);
        let parts = Parts::new(folder.path().join("parts"), &originals);
        let stop = AtomicBool::new(false);
        let first = run(&parts, &stop, 10);
        assert!(first.stopped && (9..=13).contains(&(first.done + first.failed.len())), "{first:?}");

        stop.store(false, Ordering::Relaxed);
        let second = run(&parts, &stop, usize::MAX);
        assert!(!second.stopped);
        assert_eq!(second.kept, first.done);
        assert_eq!(first.done + second.done, 39);
        assert_eq!(second.failed, [("o007".to_owned(), "broken".to_owned())]);

        let expected: Vec<_> = originals.iter().map(|o| o.id.clone()).filter(|id| id != "o007").collect();
        assert_eq!(parts.join::<Letter>().unwrap().into_iter().map(|row| row.original).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn changed_pixels_are_done_again() {
        let folder = tempfile::tempdir().unwrap();
        let stop = AtomicBool::new(false);
        let mut originals = originals(3);
        run(&Parts::new(folder.path().to_owned(), &originals), &stop, usize::MAX);
        originals[1].pixel_sha256 = PixelHash([99; 32]);
        let again = run(&Parts::new(folder.path().to_owned(), &originals), &stop, usize::MAX);
        assert_eq!((again.kept, again.done), (2, 1));
    }

    #[test]
    fn a_state_that_fails_ends_the_run() {
        let folder = tempfile::tempdir().unwrap();
        let originals = originals(3);
        let parts = Parts::new(folder.path().to_owned(), &originals);
        let result = parts.make::<Letter, (), String>(
            2,
            &AtomicBool::new(false),
            |_| (),
            || Err("no library".to_owned()),
            |(), _| Ok(Vec::new()),
        );
        assert!(matches!(result, Err(PartsError::Start(text)) if text == "no library"));
    }
}
