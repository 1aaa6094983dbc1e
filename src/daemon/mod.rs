//! Wires sources, engine, monitors, gates and sinks together with threads; decides nothing.
//!
//! Threads: one a source (beside GStreamer's own), one an engine worker, one a sink, and the caller's, which looks after
//! notices, ticks, reloads and the end.

mod clock;
mod framing;
mod latency;
mod outlet;
mod roster;
mod schedule;
mod silences;
mod stream;
mod survive;
mod systemd;
mod timetable;
mod wish;
mod worker;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, bounded};

use crate::{
    config::Config,
    control::{Control, Request},
    engine::{Card, EngineError, Runtime},
    event::{Event, GateState, Seconds, Summary},
    gate::{Board, Readers, ReadersError},
    http::{self, About, HttpError, Metrics},
    ledger::Keeper,
    monitor::{Fact, SettingsError},
    sink::{self, Queue, Setting, Sink, SinkError},
    snapshot::Album,
    source::Notice,
    state::{StateError, Store},
};
use clock::Clock;
pub(crate) use framing::Framing;
use outlet::Outlet;
use roster::Roster;
use schedule::Load;
use silences::Silences;
use stream::Watched;
use survive::Survive;
use systemd::{Health, Systemd};
pub use timetable::Wall;

/// How often time passes for streams without frames.
const TICK: Duration = Duration::from_millis(50);

/// How often metrics are brought up to date.
const MEASURE: Duration = Duration::from_secs(1);

/// Wishes of people that may wait; more are refused.
const COMMANDS: usize = 64;

/// How long the sinks may take to write out what they still have, and bridges to put back what they changed.
const DRAIN: Duration = Duration::from_secs(3);

/// A worker that hasn't looked for work for so long hangs.
const HUNG: Duration = Duration::from_secs(10);

/// Why the daemon can't start.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// Model or ONNX Runtime.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// Configuration and model don't go together.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// What must survive can't be kept.
    #[error(transparent)]
    State(#[from] StateError),
    /// The readers of gates can't be served.
    #[error(transparent)]
    Readers(#[from] ReadersError),
    /// The HTTP server can't be started.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// An output can't be started.
    #[error(transparent)]
    Sink(#[from] SinkError),
    /// The folder of snapshots can't be used.
    #[error("[snapshots] folder: {0}; check its permissions")]
    Snapshots(std::io::Error),
    /// The system gives no thread.
    #[error("cannot start a thread: {0}; raise the limit on processes")]
    Thread(#[from] std::io::Error),
}

impl From<crate::engine::CardError> for DaemonError {
    fn from(error: crate::engine::CardError) -> Self {
        Self::Engine(error.into())
    }
}

/// Reads the configuration anew, or says why that fails.
pub type Read = Box<dyn Fn() -> Result<Config, String>>;

/// What a run may be told beside its configuration.
#[derive(Default)]
pub struct Options {
    /// Reads the configuration again when `reload` is set.
    pub read: Option<Read>,
    /// Set to have the configuration read again.
    pub reload: Arc<AtomicBool>,
    /// Runs repeat: ids of alerts don't name the run, as with recorded files.
    pub repeatable: bool,
    /// The time of day that schedules go by.
    pub wall: Wall,
}

/// Watches the configured streams until all of them are over or `stop` is set, whichever comes first; events go to
/// `sinks`. A stream that fails doesn't end the others: its failure stands in the summary.
///
/// # Errors
/// [`DaemonError`] if model, runtime, state or threads can't be had; nothing was scored then.
pub fn run(
    config: &Config,
    mut sinks: Vec<Box<dyn Sink>>,
    stop: &Arc<AtomicBool>,
    options: Options,
) -> Result<Summary, DaemonError> {
    let clock = Clock::start();
    let card = Card::read(&config.engine.model)?;
    let store = config.state.as_ref().map(|keys| Store::open(&keys.folder)).transpose()?.map(Arc::new);
    let album = config.snapshots.as_ref().map(Album::start).transpose().map_err(DaemonError::Snapshots)?;
    let runtime = Runtime::open(config.engine.device)?;
    if let Some(store) = &store {
        sinks.push(Box::new(Survive::new(Arc::clone(store))));
    }
    if let Some(settings) = &config.ledger {
        sinks.push(Box::new(Keeper::new(settings)));
    }
    let queues = sinks.into_iter().map(|sink| Queue::start(sink, Arc::clone(stop))).collect::<Result<Vec<_>, _>>();
    let mut queues = queues?;
    let board: Arc<Board> = Arc::default();
    let (ask, asked) = bounded(COMMANDS);
    let kept = store.as_ref().map(|store| store.get()).unwrap_or_default();
    let silences = Silences::of(kept.silences.clone(), survive::quiet(&kept, &config.rules));
    let setting = Setting {
        board: Arc::clone(&board),
        silences: silences.shared(),
        store: store.clone(),
        commands: Some(ask),
        streams: config.streams.iter().map(|s| s.name.clone()).collect(),
        distortions: card.output.distortions.clone(),
    };
    queues.extend(sink::start(&config.outputs, &setting, stop)?);
    drop(setting);
    let about = About {
        model: card.name.clone(),
        model_version: card.version.clone(),
        model_sha256: card.file.sha256.clone(),
        provider: runtime.provider().to_string(),
        distortions: card.output.distortions.clone(),
    };
    let (metrics, health) = (Arc::new(Metrics::new(&about, Arc::clone(&board))), Arc::<http::Health>::default());
    for queue in &queues {
        let tally = queue.tally();
        metrics.sink(queue.label(), move || tally.reading());
    }
    let server = config.outputs.http.as_ref();
    let server = server.map(|keys| http::Server::start(keys, Arc::clone(&metrics), Arc::clone(&health))).transpose()?;
    let readers = Readers::start(&config.readers, &board)?;
    let outlet = Arc::new(Outlet::new(queues, board, metrics, album, clock.clone()));
    *outlet.silences() = silences;
    let control = store.as_ref().and_then(|store| {
        let failed = |error| {
            outlet.say(roster::trouble(format!(
                "[state] folder {}: no control socket ({error}), so `miqa gate set` and `silence` can't reach this daemon; check the folder's permissions",
                store.folder().display()
            )));
        };
        Control::start(store.folder()).map_err(failed).ok()
    });
    let run = if options.repeatable { "" } else { clock.run() };
    let mut roster = Roster::start(config, card, runtime, outlet, run, options.wall)?;
    if let Some(store) = &store {
        roster.take_up(store);
    }
    Watch { stop, options, asked, control, store, health }.look_after(&mut roster);
    Systemd::stopping();
    let streams = roster.close();
    let summary = close(&roster.outlet, &streams);
    drop((readers, server));
    Ok(summary)
}

/// What the caller's thread looks at beside the streams.
struct Watch<'a> {
    stop: &'a AtomicBool,
    options: Options,
    asked: Receiver<Request>,
    control: Option<Control>,
    store: Option<Arc<Store>>,
    health: Arc<http::Health>,
}

impl Watch<'_> {
    /// Passes on what sources tell and lets time pass, until all streams are over or `stop` is set.
    fn look_after(&self, roster: &mut Roster) {
        let (mut systemd, mut load, mut stretch, mut measured) = (Systemd::new(), Load::default(), 1.0, Duration::ZERO);
        loop {
            let streams = roster.shared.streams();
            if self.stop.load(Ordering::Acquire) || streams.iter().all(|stream| stream.is_over()) {
                return;
            }
            for (stream, notice) in roster.notices(TICK) {
                match notice {
                    Notice::Ended => stream.ends(Fact::Ended),
                    Notice::Failed(error) => stream.ends(Fact::Failed(error.to_string())),
                    Notice::Stalled(reason) => stream.tell(roster.now(), Fact::Stalled(reason)),
                    Notice::Resumed => stream.tell(roster.now(), Fact::Resumed),
                    Notice::Trouble(reason) => stream.tell(roster.now(), Fact::Trouble(reason)),
                }
            }
            self.asked.try_iter().for_each(|request| roster.obey(request, self.store.as_deref()));
            if let Some(control) = &self.control {
                control.serve(|request| roster.answer(request, self.store.as_deref()));
            }
            let now = roster.now();
            streams.iter().for_each(|stream| stream.pass(now, || roster.shared.is_idle(stream)));
            if let Some((factor, news)) = load.measure(now, streams.iter().map(|stream| stream.work())) {
                let shown = std::mem::replace(&mut stretch, factor) != factor;
                roster.outlet.set_stretch(factor);
                if news {
                    roster.outlet.say(Event::Overload { stretch, at: Seconds(now) });
                }
                if shown {
                    streams.iter().for_each(|stream| stream.renew());
                }
            }
            if now.saturating_sub(measured) >= MEASURE {
                measured = now;
                roster.end_silences(self.store.as_deref());
                streams.iter().for_each(|stream| stream.measure(stretch));
            }
            if roster.shared.is_alive(HUNG) {
                self.health.beat();
            }
            if systemd.tell(now, || health(roster, &streams)) {
                self.health.set_ready();
            }
            if self.options.reload.swap(false, Ordering::AcqRel)
                && let Some(read) = &self.options.read
            {
                Systemd::reloading();
                roster.reload(read);
                Systemd::reloaded();
            }
        }
    }
}

fn health(roster: &Roster, streams: &[Arc<Watched>]) -> Health {
    let states: Vec<_> = streams.iter().filter(|s| !s.is_over()).map(|s| s.state()).collect();
    let count = |state| states.iter().filter(|s| **s == state).count();
    let named = GateState::ALL.map(|state| format!("{} {state}", count(state))).join(", ");
    let refused = roster.refused().map(|reason| format!("; configuration not reloaded: {reason}"));
    Health {
        judged: streams.iter().all(|stream| stream.is_judged()),
        alive: roster.shared.is_alive(HUNG),
        status: format!("{} streams: {named}{}", states.len(), refused.unwrap_or_default()),
    }
}

/// Says the summary and lets the sinks write it out.
fn close(outlet: &Outlet, streams: &[Arc<Watched>]) -> Summary {
    let streams = streams.iter().map(|stream| stream.summary()).collect();
    let summary = Summary { streams, took: Seconds(outlet.clock().now()) };
    outlet.say(Event::Summary(summary.clone()));
    outlet.board().close();
    let deadline = Instant::now() + DRAIN;
    if let Some(album) = outlet.album() {
        album.finish(deadline);
    }
    for queue in outlet.take() {
        queue.drain(deadline);
    }
    summary
}
