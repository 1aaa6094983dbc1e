//! The model: its card, its file's hash, and a session that scores one picture.

use super::finding::Finding;
use crate::{
    command::locate,
    config::Config,
    engine::{Card, CardError, Model, Runtime},
    monitor::Settings,
};

/// Reads, verifies and, with a runtime, opens the model; then looks whether the streams' heads and thresholds are its.
pub(super) fn check(config: &Config, runtime: Option<&Runtime>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let folder = locate::model(&config.engine.model);
    let subject = folder.display().to_string();
    let card = match Card::read(&folder).and_then(|card| card.model_bytes().map(|_| card)) {
        Ok(card) => card,
        Err(error) => {
            let mend = match &error {
                CardError::Hash { .. } | CardError::Model { .. } => "restore the model file that belongs to its card",
                _ => "set model in [engine] to a folder with card.toml and its model",
            };
            return vec![Finding::problem("model", subject, error.to_string()).mended_by(mend)];
        }
    };
    let hash = card.file.sha256.get(..12).unwrap_or_default();
    findings.push(Finding::fine("model", subject, format!("{} {}, SHA-256 {hash}…", card.name, card.version)));
    findings.push(match runtime.map(|runtime| Model::open(runtime, &card, config.engine.threads)) {
        Some(Ok(_)) => Finding::fine("model", "session", "opened, one picture scored"),
        Some(Err(error)) => Finding::problem("model", "session", error.to_string()),
        None => Finding::note("model", "session", "not tried, since ONNX Runtime can't be used"),
    });
    for (i, stream) in config.streams.iter().enumerate() {
        if let Err(error) = Settings::new(&stream.name, &stream.gate, &config.rules, &card) {
            findings.push(Finding::problem("model", format!("stream[{i}].gate"), error.to_string()));
        }
    }
    findings
}
