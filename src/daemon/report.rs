//! What was gated, as the HTTP server tells it: the one place that knows where that is recorded.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, SystemTime},
};

use crate::{config::Config, http::Report, ledger};

/// Stretches of one stream that are told, the newest.
const STRETCHES: usize = 200;

/// Tells what was gated within some time before now.
pub(super) fn reporter(config: &Config) -> Arc<Report> {
    let file = config.ledger.as_ref().map(|keys| keys.file());
    let detectors: HashMap<_, _> = config.streams.iter().map(|s| (s.name.clone(), s.detector)).collect();
    let usual = config.detector;
    Arc::new(move |since: Duration| {
        let Some(file) = &file else {
            return Err("no ledger of gates is kept; add [state] folder to the configuration and restart miqa".into());
        };
        let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
        let since = now.saturating_sub(since).as_secs_f64();
        let reading = ledger::read(file, since, now.as_secs_f64(), true)
            .map_err(|e| format!("the ledger of gates can't be read: {e}"))?;
        let detector = |name: &str| detectors.get(name).copied().unwrap_or(usual);
        Ok(reading.object(&detector, STRETCHES))
    })
}
