//! What the HTTP server is given to show.

use std::{io, sync::Arc};

use super::stream::Watched;
use crate::{
    config::{Config, GateMode, Rule, Stream},
    event::Said,
    http::{PaneAbout, RuleView, Screen, Snapshot},
    sink::Sink,
    snapshot,
    state::Roll,
};

/// Shows events.
pub(super) struct Show(pub(super) Arc<Screen>);

impl Sink for Show {
    fn name(&self) -> &'static str {
        "http"
    }

    fn write(&mut self, said: &Said) -> io::Result<()> {
        self.0.take(said);
        Ok(())
    }
}

/// Finds pictures of alerts.
pub(super) fn snapshots(config: &Config) -> Arc<Snapshot> {
    let folder = config.snapshots.as_ref().map(|keys| keys.folder.clone());
    Arc::new(move |alert, good| folder.as_ref().map(|folder| snapshot::file(folder, alert, good)))
}

/// The configuration with what was added to an earlier run; what can't be is named with the reason in the list. The file
/// comes first: a name that it has now is no longer an added one's.
pub(super) fn with_added(config: &Config, roll: &Roll, mut left_out: Vec<String>) -> (Config, Vec<String>) {
    let mut taken = Vec::new();
    for addition in &roll.added {
        if config.is_written(addition.name()) {
            left_out.push(format!("added stream \"{}\" gives way to the file's of that name", addition.name()));
            continue;
        }
        taken.push(addition.clone());
        if let Err((key, reason)) = config.with(&taken) {
            left_out.push(format!("added stream \"{}\" is left out: {key}: {reason}", addition.name()));
            taken.pop();
        }
    }
    let all = if taken.is_empty() { Ok(config.clone()) } else { config.with(&taken) };
    (all.unwrap_or_else(|_| config.clone()), left_out)
}

/// What a stream is, for people.
pub(super) fn about(stream: &Stream, added: bool, paused: bool) -> PaneAbout {
    PaneAbout {
        location: stream.location.to_string(),
        added,
        paused,
        pictures: stream.snapshots,
        interval: stream.interval.get().as_secs_f64(),
        head: stream.gate.head.clone(),
        shadow: stream.gate.mode == GateMode::Shadow,
    }
}

fn rules(rules: &[Rule]) -> Vec<RuleView> {
    rules.iter().map(|rule| RuleView { name: rule.name.clone(), streams: rule.streams.clone() }).collect()
}

/// Only the configured streams are shown from now on.
pub(super) fn arrange(screen: &Screen, config: &Config, streams: &[Arc<Watched>]) {
    let names: Vec<_> = streams.iter().map(|stream| stream.stream.name.as_str()).collect();
    screen.arrange(&names, rules(&config.rules));
}
