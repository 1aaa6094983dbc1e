//! What was gated, as the HTTP server tells it: the one place that knows where that is recorded.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, SystemTime},
};

use serde_json::{Value, json};

use crate::{
    config::Config,
    gate::stretch::{self, Note},
    http::Report,
    sink::record,
};

/// Stretches of one stream that are told, the newest.
const STRETCHES: usize = 200;

/// Tells what was gated within some time before now.
pub(super) fn reporter(config: &Config) -> Arc<Report> {
    let folder = config.state.as_ref().map(|keys| keys.folder.clone());
    Arc::new(move |since| match &folder {
        Some(folder) => report(folder, since),
        None => Err("no record of gates is kept; add [state] folder to the configuration and restart miqa".into()),
    })
}

fn report(folder: &Path, since: Duration) -> Result<Value, String> {
    let lines = record::lines(folder).map_err(|e| format!("the record of gates can't be read: {e}"))?;
    let notes: Vec<Note> = lines.iter().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    let since = now.saturating_sub(since).as_secs_f64();
    let begins = notes.first().map(|note| note.time);
    let mut streams = stretch::report(&notes, since, now.as_secs_f64(), true);
    for stream in streams.values_mut() {
        let over = stream.stretches.len().saturating_sub(STRETCHES);
        stream.stretches.drain(..over);
    }
    Ok(json!({ "since": since, "until": now.as_secs_f64(), "record_begins": begins, "streams": streams }))
}
