//! SIGTERM and SIGINT: finish the original in hand, then end with exit code 75.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

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
