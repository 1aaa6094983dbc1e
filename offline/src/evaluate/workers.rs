//! Work an original at a time on several threads, each with sessions of its own.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use indicatif::ProgressBar;

use super::EvaluateError;

/// Does `work` on each of `count` originals and gives what came of them in their order. `open` makes what a thread keeps.
///
/// # Errors
/// The first thread's that failed, or [`EvaluateError::Stopped`] if `stop` was set.
pub(super) fn each_original<S, T: Send>(
    count: usize,
    workers: usize,
    stop: &AtomicBool,
    open: impl Fn() -> Result<S, EvaluateError> + Sync,
    work: impl Fn(&mut S, usize) -> Result<Vec<T>, EvaluateError> + Sync,
) -> Result<Vec<T>, EvaluateError> {
    let bar = ProgressBar::new(count as u64).with_message("originals");
    let next = AtomicUsize::new(0);
    let run = || -> Result<Vec<(usize, Vec<T>)>, EvaluateError> {
        let mut sessions = open()?;
        let mut done = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if index >= count {
                return Ok(done);
            }
            if stop.load(Ordering::Relaxed) {
                return Err(EvaluateError::Stopped);
            }
            done.push((index, work(&mut sessions, index)?));
            bar.inc(1);
        }
    };
    let parts: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> = (0..workers.max(1)).map(|_| scope.spawn(run)).collect();
        let joined = threads.into_iter().map(thread::ScopedJoinHandle::join);
        joined.map(|part| part.unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
    });
    bar.finish_and_clear();
    let mut parts: Vec<_> = parts.into_iter().collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect();
    parts.sort_unstable_by_key(|(index, _)| *index);
    Ok(parts.into_iter().flat_map(|(_, results)| results).collect())
}
