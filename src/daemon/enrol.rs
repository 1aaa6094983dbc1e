//! Streams that are added, removed, paused and resumed while the daemon runs. What the user wrote into the file is never changed:
//! the roll in the state folder remembers what differs.

use std::sync::Arc;

use super::{roster::Roster, show};
use crate::{
    config::Addition,
    event::{Event, Seconds},
    monitor::Settings,
    source,
    state::{Roll, Store},
};

/// Streams that may be added.
const MOST: usize = 256;

impl Roster {
    /// Watches one more stream.
    pub(super) fn add(&mut self, addition: Addition, store: Option<&Store>) -> Result<(), String> {
        let name = addition.name().to_owned();
        if self.config().streams.iter().any(|stream| stream.name == name) {
            return Err(format!("there is a stream \"{name}\" already; choose another name"));
        }
        if self.roll().added.len() >= MOST {
            return Err(format!(
                "{MOST} streams were added already; write those that stay into the configuration file"
            ));
        }
        let mut roll = self.roll().clone();
        roll.added.push(addition);
        roll.paused.remove(&name);
        let config = self.config().with(&roll.added).map_err(|(_, reason)| reason)?;
        if let Some(stream) = config.streams.iter().find(|stream| stream.name == name) {
            source::trial(&stream.location, stream.transport).map_err(|e| e.to_string())?;
        }
        self.enrol(roll, store)
    }

    /// Watches a stream no longer that was added.
    pub(super) fn remove(&mut self, name: &str, store: Option<&Store>) -> Result<(), String> {
        if self.config().is_written(name) {
            return Err(format!(
                "stream \"{name}\" stands in the configuration file; pause it, or remove it there and reload miqa (SIGHUP)"
            ));
        }
        let mut roll = self.roll().clone();
        roll.added.retain(|addition| addition.name() != name);
        roll.paused.remove(name);
        if let Some(Err(error)) = store.map(|store| store.change(|kept| kept.set_by_hand(name, None))) {
            tracing::warn!("a gate that was set by hand is remembered although its stream is gone: {error}");
        }
        self.enrol(roll, store)
    }

    /// The streams of the file and those of this roll from now on.
    fn enrol(&mut self, roll: Roll, store: Option<&Store>) -> Result<(), String> {
        let config = self.config().with(&roll.added).map_err(|(_, reason)| reason)?;
        self.set_roll(roll);
        let streams = self.adopt(&config)?;
        self.outlet.say(Event::Reloaded { streams, at: Seconds(self.now()) });
        self.keep_roll(store)
    }

    fn keep_roll(&self, store: Option<&Store>) -> Result<(), String> {
        let kept = store.map_or(Ok(()), |store| self.roll().write(store.folder()));
        kept.map_err(|error| format!("done, but a restart will forget it: {error}"))
    }

    /// Lets a stream's source rest, or plays it again.
    pub(super) fn pause(&mut self, name: &str, paused: bool, store: Option<&Store>) -> Result<(), String> {
        let streams = self.shared.streams();
        let Some(place) = streams.iter().position(|stream| stream.stream.name == name) else {
            return Err(format!("there is no stream \"{name}\""));
        };
        let stream = &streams[place];
        if paused == self.roll().paused.contains(name) {
            return Ok(());
        }
        let mut roll = self.roll().clone();
        if paused {
            roll.paused.insert(name.into());
            self.set_roll(roll);
            self.silence_source(name);
            if !stream.is_over() {
                stream.stop(self.now());
            }
        } else {
            roll.paused.remove(name);
            self.set_roll(roll);
            let (gate, rules) = (&stream.stream.gate, &self.config().rules);
            let settings = Settings::new(name, gate, rules, self.card()).map_err(|e| e.to_string())?;
            let again = self.watched(&stream.stream, settings.of_run(self.run()));
            let mut streams = streams.to_vec();
            streams[place] = Arc::clone(&again);
            self.shared.watch(streams);
            if let Some(store) = store {
                self.take_up_override(&again, &store.get());
            }
            self.play(&again).map_err(|e| format!("the stream could not be started: {e}"))?;
        }
        if let Some(screen) = self.outlet.screen() {
            screen.pane(name).set_paused(paused);
            show::arrange(screen, self.config(), &self.shared.streams());
        }
        self.keep_roll(store)
    }
}
