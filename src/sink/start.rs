//! Starts the outputs that a configuration asks for.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, atomic::AtomicBool},
};

use crossbeam_channel::Sender;

use super::{Frigate, JsonFile, Mqtt, Queue, Sink, SinkError, Webhook, tls};
use crate::{
    config::Outputs,
    control::Request,
    gate::Board,
    state::{Silence, Store},
};

/// What outputs hang on beside events.
#[derive(Clone, Default)]
pub struct Setting {
    /// Where gates stand.
    pub board: Arc<Board>,
    /// What survives; without it, what was announced or changed elsewhere can't be taken back by a later run.
    pub store: Option<Arc<Store>>,
    /// Where wishes of people go. Bounded: what doesn't fit is refused.
    pub commands: Option<Sender<Request>>,
    /// Which alerts are silenced; some of them may be over.
    pub silences: Arc<Mutex<Vec<Silence>>>,
    /// The configured streams.
    pub streams: Vec<String>,
    /// The distortions that the model's card names.
    pub distortions: Vec<String>,
}

/// Starts the outputs that are asked for, each with its thread and queue. `gone` is set when nobody reads any more.
///
/// # Errors
/// [`SinkError`] for what can't be started; what can't be reached is no error, since it may come back.
pub fn start(outputs: &Outputs, setting: &Setting, gone: &Arc<AtomicBool>) -> Result<Vec<Queue>, SinkError> {
    let mut sinks: Vec<Box<dyn Sink>> = Vec::new();
    if let Some(settings) = &outputs.jsonl {
        sinks.push(Box::new(JsonFile::new(settings.clone())));
    }
    for settings in &outputs.webhooks {
        sinks.push(Box::new(Webhook::new(settings.clone())?));
    }
    if let Some(settings) = &outputs.mqtt {
        sinks.push(Box::new(Mqtt::start(settings, setting)?));
    }
    if let Some(settings) = &outputs.frigate {
        sinks.push(Box::new(Frigate::start(settings, setting)?));
    }
    let start = |sink: Box<dyn Sink>| {
        let what = sink.label();
        Queue::start(sink, Arc::clone(gone)).map_err(|source| SinkError::Thread { what, source })
    };
    sinks.into_iter().map(start).collect()
}

/// What of the outputs can be tried without connecting anywhere: their certificates. The keys' paths and why they can't
/// be used.
pub fn trial(outputs: &Outputs) -> Vec<(String, SinkError)> {
    let certificates = |file: &Option<PathBuf>| tls::client(file.as_deref()).err();
    let mut found = Vec::new();
    for (i, settings) in outputs.webhooks.iter().enumerate() {
        found.extend(certificates(&settings.ca_file).map(|error| (format!("webhook[{i}].ca_file"), error)));
    }
    let brokers = [
        ("mqtt", outputs.mqtt.as_ref().map(|settings| &settings.broker)),
        ("frigate", outputs.frigate.as_ref().map(|settings| &settings.broker)),
    ];
    for (table, broker) in brokers {
        let broker = broker.filter(|broker| broker.tls);
        let error = broker.and_then(|broker| certificates(&broker.ca_file));
        found.extend(error.map(|error| (format!("{table}.broker.ca_file"), error)));
    }
    found
}

/// The machine's name.
pub(crate) fn host() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let plain: String = name.trim().chars().filter(|c| c.is_ascii_alphanumeric() || "-.".contains(*c)).collect();
    if plain.is_empty() { "unnamed".into() } else { plain }
}
