//! Which streams are watched, by which workers: started, reloaded, closed.

use std::{
    sync::{Arc, atomic::Ordering},
    thread::JoinHandle,
    time::{Duration, Instant, SystemTime},
};

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};

use super::{
    DaemonError, Read,
    learn::Library,
    outlet::Outlet,
    show,
    stream::Watched,
    survive::orphan,
    timetable::Wall,
    worker::{self, Shared},
};
use crate::{
    config::{Change, Config, Stream},
    engine::{Card, Model, Provider, Runtime},
    event::{Event, Seconds},
    monitor::{Settings, SettingsError},
    source::{Notice, Source},
    state::{FiringAlert, Roll, State, Store},
};

/// How long a worker may take to finish its frame.
const LAST_FRAME: Duration = Duration::from_secs(1);

/// Rings that may wait: more than there are workers to wake are never needed, this many cores nobody has.
const RINGS: usize = 256;

pub(super) fn trouble(error: String) -> Event {
    Event::Error { stream: None, error, at: None }
}

type Told = (Arc<Watched>, Notice);

/// What earlier runs left of streams.
pub(super) struct Remembered {
    /// What differs from the configuration file.
    pub(super) roll: Roll,
    /// What was learnt of each.
    pub(super) library: Library,
}

/// The streams and the threads that serve them.
pub(super) struct Roster {
    config: Config,
    /// What differs from the configuration file.
    roll: Roll,
    card: Card,
    runtime: Runtime,
    run: String,
    wall: Wall,
    pub(super) outlet: Arc<Outlet>,
    pub(super) shared: Arc<Shared>,
    sources: Vec<(String, Source)>,
    workers: Vec<JoinHandle<()>>,
    ring: Sender<()>,
    bell: Receiver<()>,
    tell: Sender<Told>,
    told: Receiver<Told>,
    /// Why the configuration that was read last is not in force.
    refused: Option<String>,
    library: Library,
}

impl Roster {
    /// Opens the models, then starts workers and sources.
    pub(super) fn start(
        config: &Config,
        remembered: Remembered,
        card: Card,
        runtime: Runtime,
        outlet: Arc<Outlet>,
        run: &str,
        wall: Wall,
    ) -> Result<Self, DaemonError> {
        let (ring, bell) = bounded(RINGS);
        let (tell, told) = unbounded();
        let batch = *runtime.provider() == Provider::Cuda;
        let shared = Arc::new(Shared::new(Arc::clone(&outlet), batch));
        let (config, run) = (config.clone(), run.to_owned());
        let (sources, workers) = (Vec::new(), Vec::new());
        let refused = None;
        let Remembered { roll, library } = remembered;
        let mut roster = Self {
            config,
            roll,
            card,
            runtime,
            run,
            wall,
            outlet,
            shared,
            sources,
            workers,
            ring,
            bell,
            tell,
            told,
            refused,
            library,
        };
        let settings = roster.settings(&roster.config)?;
        roster.hire(roster.config.streams.len())?;
        tracing::info!(provider = %roster.runtime.provider(), workers = roster.workers.len(), model = %roster.card.name, "ready");
        let streams = roster.config.streams.iter().zip(settings);
        let streams: Vec<_> = streams.map(|(stream, settings)| roster.watched(stream, settings)).collect();
        streams.iter().for_each(|stream| roster.begin(stream));
        roster.shared.watch(streams.clone());
        for stream in &streams {
            roster.play_unless_paused(stream)?;
        }
        roster.arrange();
        Ok(roster)
    }

    fn arrange(&self) {
        if let Some(screen) = self.outlet.screen() {
            show::arrange(screen, &self.config, &self.shared.streams());
        }
    }

    pub(super) fn roll(&self) -> &Roll {
        &self.roll
    }

    pub(super) fn set_roll(&mut self, roll: Roll) {
        self.roll = roll;
    }

    pub(super) fn card(&self) -> &Card {
        &self.card
    }

    /// What begins the ids of this run's alerts.
    pub(super) fn run(&self) -> &str {
        &self.run
    }

    /// Whether every stream is over; one that rests is not, and where there is none, one may be added.
    pub(super) fn is_over(&self) -> bool {
        let streams = self.shared.streams();
        let over = |stream: &Arc<Watched>| stream.is_over() && !self.roll.paused.contains(&stream.stream.name);
        !streams.is_empty() && streams.iter().all(over)
    }

    /// The configuration in force.
    pub(super) fn config(&self) -> &Config {
        &self.config
    }

    /// Why the configuration that was read last is not in force.
    pub(super) fn refused(&self) -> Option<&str> {
        self.refused.as_deref()
    }

    pub(super) fn now(&self) -> Duration {
        self.outlet.clock().now()
    }

    /// Where sources tell; what is there is taken with [`Self::notices`].
    pub(super) fn told(&self) -> &Receiver<Told> {
        &self.told
    }

    /// What sources told by now.
    pub(super) fn notices(&self) -> Vec<Told> {
        self.told.try_iter().collect()
    }

    fn settings(&self, config: &Config) -> Result<Vec<Settings>, SettingsError> {
        let of = |s: &Stream| Settings::new(&s.name, &s.gate, &config.rules, &self.card).map(|s| s.of_run(&self.run));
        config.streams.iter().map(of).collect()
    }

    /// Workers enough for so many streams: one a core, at most one a stream since a stream has one frame in flight; one
    /// alone on a GPU.
    fn hire(&mut self, streams: usize) -> Result<(), DaemonError> {
        let wanted = match (self.config.engine.workers, self.runtime.provider()) {
            (0, Provider::Cuda) => 1,
            (0, Provider::Cpu { .. }) => std::thread::available_parallelism().map_or(1, usize::from),
            (n, _) => n,
        };
        for i in self.workers.len()..wanted.min(streams).max(1) {
            let model = Model::open(&self.runtime, &self.card, self.config.engine.threads)?;
            let (shared, bell, beat) = (Arc::clone(&self.shared), self.bell.clone(), self.shared.beat());
            let work = move || worker::work(&shared, &beat, model, &bell);
            self.workers.push(std::thread::Builder::new().name(format!("engine-{i}")).spawn(work)?);
        }
        Ok(())
    }

    /// A stream that nobody plays yet.
    pub(super) fn watched(&self, stream: &Stream, settings: Settings) -> Arc<Watched> {
        self.describe(stream);
        let ring = self.ring.clone();
        let bell = move || {
            // A full channel has enough rings in it to wake everyone.
            let _full = ring.try_send(());
        };
        Watched::new(stream.clone(), settings, &self.outlet, self.wall, bell)
    }

    /// What is learnt of a stream goes on.
    fn begin(&mut self, stream: &Watched) {
        let now = self.now();
        self.library.begin(stream, &self.card.file.sha256, now);
    }

    /// Writes down what was learnt, if it is time or `last`.
    pub(super) fn write_baselines(&mut self, last: bool) {
        let (now, streams) = (self.now(), self.shared.streams());
        let event = self.library.write(now, last, streams.iter().map(AsRef::as_ref));
        event.into_iter().for_each(|event| self.outlet.say(event));
    }

    /// Shows what a stream is.
    fn describe(&self, stream: &Stream) {
        if let Some(screen) = self.outlet.screen() {
            let (added, paused) = (!self.config.is_written(&stream.name), self.roll.paused.contains(&stream.name));
            screen.pane(&stream.name).set_about(show::about(stream, added, paused));
        }
    }

    fn play_unless_paused(&mut self, watched: &Arc<Watched>) -> std::io::Result<()> {
        if self.roll.paused.contains(&watched.stream.name) {
            watched.stop(self.now());
            return Ok(());
        }
        self.play(watched)
    }

    /// Stops a stream's source and waits until it has.
    pub(super) fn silence_source(&mut self, stream: &str) {
        self.sources.retain(|(name, source)| {
            if name == stream {
                source.stop();
            }
            name != stream
        });
    }

    pub(super) fn play(&mut self, watched: &Arc<Watched>) -> std::io::Result<()> {
        let (tell, told) = (self.tell.clone(), Arc::clone(watched));
        let notify = move |notice| drop(tell.send((Arc::clone(&told), notice)));
        let epoch = self.outlet.clock().epoch();
        let source = Source::start(&watched.stream, Arc::clone(&watched.slot), epoch, notify)?;
        watched.played_by(source.status_reader());
        self.sources.push((watched.stream.name.clone(), source));
        Ok(())
    }

    /// Takes up what an earlier run left: alerts that fire go on or are resolved, gates that were set stay set, and another
    /// model is said.
    pub(super) fn take_up(&self, store: &Store) {
        let state = store.get();
        self.shared.streams().iter().for_each(|stream| self.take_up_override(stream, &state));
        let mut orphans: Vec<String> = state.alerts.keys().cloned().collect();
        for stream in self.shared.streams().iter() {
            let of = |(id, alert): (&String, &_)| {
                let FiringAlert { stream: name, rule, .. } = alert;
                (*name == stream.stream.name).then(|| (rule.clone(), id.clone()))
            };
            let alerts: Vec<_> = state.alerts.iter().filter_map(of).collect();
            let left = stream.resume(&alerts);
            orphans.retain(|id| left.contains(id) || !alerts.iter().any(|(_, taken)| taken == id));
        }
        for id in orphans {
            self.outlet.say(orphan(&id, &state.alerts[&id]));
        }
        let sha256 = &self.card.file.sha256;
        if state.model.as_ref().is_some_and(|before| before != sha256) {
            let own = |s: &&Stream| s.gate.close_below.is_some() || s.gate.open_above.is_some();
            let tuned: Vec<_> = self.config.streams.iter().filter(own).map(|s| s.name.as_str()).collect();
            let tuned = if tuned.is_empty() { "none".into() } else { tuned.join(", ") };
            let error = format!(
                "the model is another one than in the last run ({} {}): thresholds of its card are in force; streams with thresholds of their own, to be tuned again: {tuned}",
                self.card.name, self.card.version
            );
            self.outlet.say(trouble(error));
        }
        if let Err(error) = store.change(|state| state.model = Some(sha256.clone())) {
            self.outlet.say(trouble(error.to_string()));
        }
    }

    /// Sets a gate again that was set by hand, if that still holds.
    pub(super) fn take_up_override(&self, stream: &Watched, state: &State) {
        let wall = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_secs();
        match state.overrides.get(&stream.stream.name) {
            Some(set) if set.until.is_none_or(|until| until > wall) => stream.set(self.now(), Some(*set)),
            _ => {}
        }
    }

    /// Reads the configuration again and changes what it changes; a bad one is refused and the old one stays.
    pub(super) fn reload(&mut self, read: &Read) {
        let done = read().and_then(|new| {
            let (new, left_out) = show::with_added(&new, &self.roll, Vec::new());
            left_out.into_iter().for_each(|reason| self.outlet.say(trouble(reason)));
            self.adopt(&new)
        });
        self.refused = done.as_ref().err().cloned();
        match done {
            Ok(streams) => self.outlet.say(Event::Reloaded { streams, at: Seconds(self.now()) }),
            Err(reason) => {
                let error = format!("configuration not reloaded, the old one stays in force: {reason}");
                self.outlet.say(Event::Error { stream: None, error, at: Some(Seconds(self.now())) });
            }
        }
    }

    /// These streams from now on; the names of those that something changed for.
    pub(super) fn adopt(&mut self, new: &Config) -> Result<Vec<String>, String> {
        let change = Change::between(&self.config, new);
        if !change.fixed.is_empty() {
            let sections: Vec<_> = change.fixed.iter().map(|section| format!("[{section}]")).collect();
            return Err(format!("{} can't change while miqa runs; restart it", sections.join(", ")));
        }
        let settings = self.settings(new).map_err(|e| e.to_string())?;
        let old = self.shared.streams();
        let leaves = |name: &String| change.removed.contains(name) || change.restarted.contains(name);
        // All are asked to stop before the first is waited for.
        let (leaving, staying): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.sources).into_iter().partition(|(name, _)| leaves(name));
        self.sources = staying;
        leaving.iter().for_each(|(_, source)| source.stop());
        drop(leaving);
        for stream in old.iter().filter(|s| leaves(&s.stream.name)) {
            stream.stop(self.now());
            self.library.end(stream);
        }
        for name in &change.removed {
            self.outlet.board().remove(name);
            self.outlet.metrics().remove(name);
        }
        let (mut streams, mut fresh) = (Vec::new(), Vec::new());
        self.config = new.clone();
        for (stream, settings) in new.streams.iter().zip(settings) {
            match old.iter().find(|s| s.stream.name == stream.name && !leaves(&stream.name)) {
                Some(same) => {
                    if change.regated.contains(&stream.name) {
                        same.reconfigure(&stream.gate, settings);
                        self.describe(stream);
                    }
                    streams.push(Arc::clone(same));
                }
                None => {
                    let watched = self.watched(stream, settings);
                    self.begin(&watched);
                    streams.push(Arc::clone(&watched));
                    fresh.push(watched);
                }
            }
        }
        self.shared.watch(streams);
        self.arrange();
        let started = fresh.iter().try_for_each(|stream| self.play_unless_paused(stream));
        started.map_err(|e| format!("a stream could not be started: {e}"))?;
        self.hire(self.config.streams.len()).map_err(|e| e.to_string())?;
        Ok(change.streams())
    }

    /// Stops sources, then workers; the streams, each with its last word said.
    pub(super) fn close(&mut self) -> Vec<Arc<Watched>> {
        self.sources.iter().for_each(|(_, source)| source.stop());
        self.shared.closing.store(true, Ordering::Release);
        self.sources.clear();
        let deadline = Instant::now() + LAST_FRAME;
        for worker in self.workers.drain(..) {
            while !worker.is_finished() && Instant::now() < deadline {
                std::thread::sleep(Duration::from_millis(2));
            }
            if !worker.is_finished() {
                tracing::warn!(
                    "a worker did not finish its frame within {} s and was left behind",
                    LAST_FRAME.as_secs()
                );
            } else if worker.join().is_err() {
                tracing::error!("a worker panicked; please report this");
            }
        }
        self.write_baselines(true);
        let streams = self.shared.streams();
        streams.iter().for_each(|stream| stream.stop(self.now()));
        streams.to_vec()
    }
}
