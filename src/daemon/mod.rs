//! Wires sources, engine, monitors and sinks together with threads; decides nothing.
//!
//! Threads: one a source (beside GStreamer's own), one an engine worker, one a sink, and the caller's, which looks after
//! notices, ticks and the end.

mod clock;
mod latency;
mod stream;
mod worker;

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};

use crate::{
    config::Config,
    engine::{Card, EngineError, Model, Provider, Runtime},
    event::{Event, Seconds, Summary},
    monitor::{Fact, Input, Settings, SettingsError},
    sink::{Queue, Sink},
    source::{Notice, Slot, Source},
};
use clock::Clock;
use stream::{Outlet, Watched};
use worker::Shared;

/// How often time passes for streams without frames.
const TICK: Duration = Duration::from_millis(50);

/// How long the sinks may take to write out what they still have.
const DRAIN: Duration = Duration::from_secs(1);

/// How long a worker may take to finish its frame.
const LAST_FRAME: Duration = Duration::from_secs(1);

/// Why the daemon can't start.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// Model or ONNX Runtime.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// Configuration and model don't go together.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The system gives no thread.
    #[error("cannot start a thread: {0}; raise the limit on processes")]
    Thread(#[from] std::io::Error),
}

impl From<crate::engine::CardError> for DaemonError {
    fn from(error: crate::engine::CardError) -> Self {
        Self::Engine(error.into())
    }
}

/// Watches the configured streams until all of them are over or `stop` is set, whichever comes first; events go to
/// `sinks`. A stream that fails doesn't end the others: its failure stands in the summary.
///
/// # Errors
/// [`DaemonError`] if model, runtime or threads can't be had; nothing was scored then.
pub fn run(config: &Config, sinks: Vec<Box<dyn Sink>>, stop: &Arc<AtomicBool>) -> Result<Summary, DaemonError> {
    let clock = Clock::start();
    let card = Card::read(&config.engine.model)?;
    let settings = config.streams.iter().map(|s| Settings::new(&s.name, &s.gate, &config.rules, &card));
    let settings = settings.map(|s| s.map(|s| s.of_run(clock.run()))).collect::<Result<Vec<_>, _>>()?;
    let runtime = Runtime::open(config.engine.device)?;
    let models = (0..workers(config, &runtime)).map(|_| Model::open(&runtime, &card, config.engine.threads));
    let models = models.collect::<Result<Vec<_>, _>>()?;
    tracing::info!(provider = %runtime.provider(), workers = models.len(), model = %card.name, "ready");

    let queues = sinks.into_iter().map(|sink| Queue::start(sink, Arc::clone(stop))).collect::<Result<Vec<_>, _>>()?;
    // As many rings as can matter: one for every stream's frame and one for every worker.
    let (ring, bell) = bounded(config.streams.len() + models.len());
    let streams = config.streams.iter().zip(settings).map(|(stream, settings)| {
        let ring: Sender<()> = ring.clone();
        let slot = Slot::new(
            stream.pace,
            stream.interval.get(),
            Box::new(move || {
                // A full channel has enough rings in it to wake everyone.
                let _full = ring.try_send(());
            }),
        );
        Watched::new(stream.clone(), slot, settings)
    });
    let shared = Arc::new(Shared {
        streams: streams.collect(),
        outlet: Outlet::new(queues, Arc::default(), clock.clone()),
        clock,
        batch: *runtime.provider() == Provider::Cuda,
        closing: AtomicBool::new(false),
        scheduler: Mutex::new(()),
    });
    let workers = start_workers(&shared, models, &bell)?;
    let (tell, notices) = unbounded();
    let mut sources = Vec::new();
    for (i, watched) in shared.streams.iter().enumerate() {
        let tell = tell.clone();
        let notify = move |notice| drop(tell.send((i, notice)));
        sources.push(Source::start(&watched.stream, Arc::clone(&watched.slot), shared.clock.epoch(), notify)?);
    }
    let over = look_after(&shared, &notices, stop);

    sources.iter().for_each(Source::stop);
    shared.closing.store(true, Ordering::Release);
    drop(sources);
    join(workers, Instant::now() + LAST_FRAME);
    for (watched, over) in shared.streams.iter().zip(over) {
        if !over {
            watched.tell(shared.clock.now(), Fact::Stopped, &shared.outlet);
        }
    }
    Ok(close(&shared))
}

/// One worker a core, at most one a stream since a stream has one frame in flight; one alone on a GPU.
fn workers(config: &Config, runtime: &Runtime) -> usize {
    let wanted = match (config.engine.workers, runtime.provider()) {
        (0, Provider::Cuda) => 1,
        (0, Provider::Cpu { .. }) => std::thread::available_parallelism().map_or(1, usize::from),
        (n, _) => n,
    };
    wanted.min(config.streams.len()).max(1)
}

fn start_workers(
    shared: &Arc<Shared>,
    models: Vec<Model>,
    bell: &Receiver<()>,
) -> std::io::Result<Vec<JoinHandle<()>>> {
    let start = |(i, model): (usize, Model)| {
        let (shared, bell) = (Arc::clone(shared), bell.clone());
        std::thread::Builder::new().name(format!("engine-{i}")).spawn(move || worker::work(&shared, model, &bell))
    };
    models.into_iter().enumerate().map(start).collect()
}

/// Passes on what sources tell and lets time pass, until all streams are over or `stop` is set; says which are over.
fn look_after(shared: &Arc<Shared>, notices: &Receiver<(usize, Notice)>, stop: &AtomicBool) -> Vec<bool> {
    let mut last: Vec<Option<Fact>> = vec![None; shared.streams.len()];
    let mut over = vec![false; shared.streams.len()];
    while !stop.load(Ordering::Acquire) && !over.iter().all(|over| *over) {
        let first = notices.recv_timeout(TICK).ok();
        for (i, notice) in first.into_iter().chain(notices.try_iter()) {
            let fact = match notice {
                Notice::Stalled(reason) => Fact::Stalled(reason),
                Notice::Resumed => Fact::Resumed,
                Notice::Trouble(reason) => Fact::Trouble(reason),
                Notice::Ended => Fact::Ended,
                Notice::Failed(error) => Fact::Failed(error.to_string()),
            };
            match fact {
                // What was decoded before the end is scored first.
                Fact::Ended | Fact::Failed(_) => last[i] = Some(fact),
                fact => shared.streams[i].tell(shared.clock.now(), fact, &shared.outlet),
            }
        }
        for (i, watched) in shared.streams.iter().enumerate() {
            if last[i].is_some() && shared.is_idle(watched) {
                if let Some(fact) = last[i].take() {
                    watched.tell(shared.clock.now(), fact, &shared.outlet);
                }
                over[i] = true;
            } else if watched.stream.location.is_live() && !over[i] {
                watched.step(shared.clock.now(), Input::Tick, &shared.outlet);
            }
        }
    }
    over
}

fn join(workers: Vec<JoinHandle<()>>, deadline: Instant) {
    for worker in workers {
        while !worker.is_finished() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(2));
        }
        if !worker.is_finished() {
            tracing::warn!("a worker did not finish its frame within {} s and was left behind", LAST_FRAME.as_secs());
        } else if worker.join().is_err() {
            tracing::error!("a worker panicked; please report this");
        }
    }
}

/// Says the summary and lets the sinks write it out.
fn close(shared: &Arc<Shared>) -> Summary {
    let streams = shared.streams.iter().map(Watched::summary).collect();
    let summary = Summary { streams, took: Seconds(shared.clock.now()) };
    shared.outlet.say(Event::Summary(summary.clone()));
    let deadline = Instant::now() + DRAIN;
    shared.outlet.board().close();
    for queue in shared.outlet.take() {
        queue.drain(deadline);
    }
    summary
}
