//! SIGTERM and SIGINT: finish the originals in hand, then end with exit code 75.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use signal_hook::consts::{SIGINT, SIGTERM};

use super::CommandError;

/// A flag that SIGTERM or SIGINT raises; the same signal once more ends the process at once.
///
/// # Errors
/// The handlers can't be installed.
pub fn stop_flag() -> Result<Arc<AtomicBool>, CommandError> {
    let flag = Arc::new(AtomicBool::new(false));
    for signal in [SIGTERM, SIGINT] {
        // The order matters: the first signal finds the flag down, raises it and goes on.
        signal_hook::flag::register_conditional_shutdown(signal, 75, flag.clone()).map_err(CommandError::unexpected)?;
        signal_hook::flag::register(signal, flag.clone()).map_err(CommandError::unexpected)?;
    }
    Ok(flag)
}

/// How often the flag is looked at for people to be told.
const LOOK: Duration = Duration::from_millis(100);

/// Does the work, and says once, through `tell`, when the flag is raised meanwhile: what is in hand may take a while.
pub(super) fn telling<T>(flag: &AtomicBool, tell: impl FnOnce() + Send, work: impl FnOnce() -> T) -> T {
    let (ended, end) = channel::<()>();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            while end.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout) {
                if flag.load(Ordering::Relaxed) {
                    return tell();
                }
            }
        });
        let result = work();
        drop(ended);
        result
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]
mod tests {
    use super::*;

    #[test]
    fn people_are_told_while_the_work_goes_on() {
        let flag = AtomicBool::new(false);
        let (told, heard) = channel();
        let result = telling(
            &flag,
            || told.send(()).unwrap(),
            || {
                flag.store(true, Ordering::Relaxed);
                heard.recv_timeout(Duration::from_secs(60))
            },
        );
        assert_eq!(result, Ok(()));
        let unasked = AtomicBool::new(false);
        assert_eq!(telling(&unasked, || panic!("nobody raised the flag"), || 7), 7);
    }
}
