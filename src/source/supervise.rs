//! One stream kept alive: its pipeline, a watchdog of our own, and for live sources connecting again.

use std::{
    hash::{BuildHasher, RandomState},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use super::{
    Slot, SourceError, Status,
    abandoned::{self, Abandoned},
    backoff::Backoff,
    images::Images,
    pipeline::{Delivery, News, Pipeline},
    receive::{Progress, Receiver},
    tap::Tap,
    watchdog::{self, Limits, Silence},
};
use crate::{
    config::{Location, Period, Stream, Transport},
    secret,
};

/// How often watchdog and stop are looked at; the bus is waited for in between.
const LOOK: Duration = Duration::from_millis(100);

/// How long a pipeline may take to be built and started, before its first frame.
const START: Period = Period::from_millis(10_000);

/// A pipeline that has shown no frame yet gets at least this long.
const FIRST_FRAME: Duration = Duration::from_secs(5);

/// As long again where datagrams are tried before the connection.
const SECOND_TRY: Duration = Duration::from_secs(7);

/// HLS fetches a list, perhaps another, and some seconds of video first.
const FIRST_OF_HTTP: Duration = Duration::from_secs(15);

/// What a source tells beside its frames.
#[derive(Debug)]
pub enum Notice {
    /// Frames stopped; why, as far as known. A live source is being connected again.
    Stalled(String),
    /// Frames arrive again.
    Resumed,
    /// Something else is wrong now, while frames are missing anyway.
    Trouble(String),
    /// The stream is over.
    Ended,
    /// The source failed for good.
    Failed(SourceError),
}

/// A running source; stops when dropped.
pub struct Source {
    stop: Arc<AtomicBool>,
    slot: Arc<Slot>,
    known: Arc<Known>,
    thread: Option<JoinHandle<()>>,
}

/// What a source knows of itself, for its status.
struct Known {
    tap: Arc<Tap>,
    abandoned: Arc<Abandoned>,
    restarts: AtomicU64,
    last_error: Mutex<Option<String>>,
}

/// Reads a source's [`Status`], from any thread and even after the source has ended.
#[derive(Clone)]
pub struct StatusReader(Arc<Known>);

impl StatusReader {
    /// The status at this moment.
    pub fn read(&self) -> Status {
        let known = &self.0;
        Status {
            restarts: known.restarts.load(Ordering::Relaxed),
            abandoned: known.abandoned.ever(),
            hanging: known.abandoned.now(),
            last_error: known.last_error.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            ..known.tap.status()
        }
    }
}

impl Source {
    /// Starts a thread that plays the stream into `slot` and tells `notify` the rest. Times count from `epoch`.
    ///
    /// # Errors
    /// The system's, if it gives no thread.
    pub fn start(
        stream: &Stream,
        slot: Arc<Slot>,
        epoch: Instant,
        notify: impl Fn(Notice) + Send + 'static,
    ) -> std::io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let live = stream.location.is_live();
        let of_slot = Arc::clone(&slot);
        let tap = Tap::new(epoch, live, stream.decode_now(), Box::new(move || of_slot.interval()));
        let known = Arc::new(Known {
            tap: Arc::new(tap),
            abandoned: Arc::default(),
            restarts: AtomicU64::new(0),
            last_error: Mutex::default(),
        });
        let supervisor = Supervisor {
            stream: stream.clone(),
            slot: Arc::clone(&slot),
            epoch,
            stop: Arc::clone(&stop),
            known: Arc::clone(&known),
            notify: Box::new(notify),
            missing: None,
        };
        let thread =
            std::thread::Builder::new().name(format!("source-{}", stream.name)).spawn(move || supervisor.run())?;
        Ok(Self { stop, slot, known, thread: Some(thread) })
    }

    /// How it is doing.
    pub fn status(&self) -> Status {
        self.status_reader().read()
    }

    /// Reads its status without holding the source.
    pub fn status_reader(&self) -> StatusReader {
        StatusReader(Arc::clone(&self.known))
    }

    /// Asks it to stop, without waiting; dropping it waits.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Release);
        self.slot.close();
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        self.stop();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("a source's thread panicked; please report this");
        }
    }
}

struct Supervisor {
    stream: Stream,
    slot: Arc<Slot>,
    epoch: Instant,
    stop: Arc<AtomicBool>,
    known: Arc<Known>,
    notify: Box<dyn Fn(Notice) + Send>,
    /// Why frames are missing, if they are and it was said.
    missing: Option<String>,
}

/// How a pipeline came to its end.
enum Outcome {
    Stopped,
    Ended,
    Failed(SourceError),
    Silent,
}

impl Supervisor {
    fn run(mut self) {
        if let Location::Images(folder) = &self.stream.location {
            return self.images(folder).play(&self.notify);
        }
        let mut backoff = Backoff::default();
        while self.has_room() {
            let (outcome, flowed) = self.attempt();
            let live = self.stream.location.is_live();
            let refused = matches!(outcome, Outcome::Failed(SourceError::Login { .. }));
            match outcome {
                Outcome::Stopped => return,
                Outcome::Ended if !live => return (self.notify)(Notice::Ended),
                Outcome::Failed(error) if !live || lasting(&error) => {
                    self.remember(&error.to_string());
                    return (self.notify)(Notice::Failed(error));
                }
                Outcome::Ended => self.lose("the stream ended at its other end"),
                Outcome::Failed(error) => self.lose(&error.to_string()),
                Outcome::Silent => {}
            }
            let pause = backoff.pause(flowed, refused, chance());
            tracing::info!(source = %self.stream.location, "connecting again in {:.1} s", pause.as_secs_f32());
            if !self.wait(pause) {
                return;
            }
            self.known.restarts.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn images(&self, folder: &std::path::Path) -> Images {
        Images {
            folder: folder.into(),
            interval: self.stream.interval.get(),
            pace: self.stream.pace,
            repeat: self.stream.repeat,
            slot: Arc::clone(&self.slot),
            tap: Arc::clone(&self.known.tap),
            epoch: self.epoch,
            stop: Arc::clone(&self.stop),
        }
    }

    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }

    /// Waits; false if it is to stop.
    fn wait(&self, pause: Duration) -> bool {
        let until = Instant::now() + pause;
        while !self.stopped() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return true;
            }
            std::thread::sleep(left.min(LOOK));
        }
        false
    }

    /// Waits until no more than a few old pipelines hang; false if it is to stop.
    fn has_room(&mut self) -> bool {
        let hanging = self.known.abandoned.now();
        if hanging >= abandoned::MOST {
            let name = &self.stream.location;
            self.lose(&format!(
                "{name}: {hanging} old pipelines hang in GStreamer, so no new one is made until one of them ends; check the device, disk or driver, then restart miqa"
            ));
        }
        while self.known.abandoned.now() >= abandoned::MOST {
            if !self.wait(LOOK) {
                return false;
            }
        }
        !self.stopped()
    }

    /// Plays the stream once, to its end; beside the outcome for how long frames came.
    fn attempt(&mut self) -> (Outcome, Duration) {
        let progress = Arc::new(Progress::default());
        let begun = self.epoch.elapsed();
        let opened = self.known.abandoned.within(
            &format!("open-{}", self.stream.name),
            START.get(),
            || self.stopped(),
            self.opening(&progress),
        );
        let outcome = match opened {
            Some(Ok(mut pipeline)) => self.watch(&mut pipeline, &progress),
            Some(Err(error)) => Outcome::Failed(error),
            None if self.stopped() => Outcome::Stopped,
            None => {
                let name = self.stream.location.to_string();
                Outcome::Failed(SourceError::Hangs { name, after: START })
            }
        };
        // The streaming thread may wait for room in the slot; it has to be let go before the pipeline can stop.
        if matches!(outcome, Outcome::Stopped) {
            self.slot.close();
        }
        (outcome, progress.newest().map_or(Duration::ZERO, |newest| newest.saturating_sub(begun)))
    }

    /// What makes and starts a pipeline, on a thread of its own.
    fn opening(&self, progress: &Arc<Progress>) -> impl FnOnce() -> Result<Pipeline, SourceError> + Send + 'static {
        let Stream { location, transport, pace, .. } = self.stream.clone();
        let (tap, abandoned) = (Arc::clone(&self.known.tap), Arc::clone(&self.known.abandoned));
        let receiver = Receiver {
            slot: Arc::clone(&self.slot),
            tap: Arc::clone(&tap),
            progress: Arc::clone(progress),
            epoch: self.epoch,
            live: location.is_live(),
        };
        move || {
            let delivery = Delivery::of(&location, pace);
            let mut pipeline = Pipeline::new(&location, transport, delivery, Some(tap), abandoned)?;
            receiver.receive(&pipeline);
            pipeline.play()?;
            Ok(pipeline)
        }
    }

    fn watch(&mut self, pipeline: &mut Pipeline, progress: &Progress) -> Outcome {
        let name = self.stream.location.to_string();
        loop {
            if self.stopped() {
                return Outcome::Stopped;
            }
            let news = pipeline.news(LOOK);
            let silent = self.silence(progress);
            if progress.frames() > 0 && silent.is_none() {
                self.flowing();
            }
            if let Some(reason) = progress.odd() {
                return Outcome::Failed(SourceError::Frame { name, reason });
            }
            match news {
                News::Failed(error) => return Outcome::Failed(error),
                News::End if progress.frames() == 0 => return Outcome::Failed(SourceError::NoVideo { name }),
                News::End => return Outcome::Ended,
                News::Nothing => {}
            }
            if let Some(silent) = silent {
                self.lose(&format!("no frame for {:.1} s", silent.lasted.as_secs_f32()));
                if silent.dead && self.stream.location.is_live() {
                    return Outcome::Silent;
                }
            }
        }
    }

    /// For how long no frame came, if that is too long.
    fn silence(&self, progress: &Progress) -> Option<Silence> {
        // The streaming thread waits for the engine: no frames is no fault of the source.
        if self.slot.is_waiting() {
            return None;
        }
        let (mut seen, patience) = self.known.tap.seen();
        seen.frame = progress.newest();
        let stall_after = self.stream.stall_after.get();
        let first_frame = stall_after.max(match (&self.stream.location, self.stream.transport) {
            (Location::Http(_), _) => FIRST_OF_HTTP,
            (_, Transport::Auto) => FIRST_FRAME + SECOND_TRY,
            _ => FIRST_FRAME,
        });
        watchdog::silence(self.epoch.elapsed(), &seen, &Limits { stall_after, first_frame, patience })
    }

    fn remember(&self, reason: &str) {
        let mut last = self.known.last_error.lock().unwrap_or_else(PoisonError::into_inner);
        *last = Some(secret::scrub(reason).into_owned());
    }

    /// Frames are missing: said once, and again only if the reason becomes another.
    fn lose(&mut self, reason: &str) {
        let reason = secret::scrub(reason).into_owned();
        self.remember(&reason);
        match &self.missing {
            None => (self.notify)(Notice::Stalled(reason.clone())),
            // How long it has been silent changes all the time; that it is silent was said.
            Some(_) if reason.starts_with("no frame") => return,
            Some(said) if *said == reason => return,
            Some(_) => (self.notify)(Notice::Trouble(reason.clone())),
        }
        self.missing = Some(reason);
    }

    /// Frames flow.
    fn flowing(&mut self) {
        if self.missing.take().is_some() {
            (self.notify)(Notice::Resumed);
        }
    }
}

/// What connecting again can't mend.
fn lasting(error: &SourceError) -> bool {
    matches!(
        error,
        SourceError::Element { .. }
            | SourceError::Init(_)
            | SourceError::NoDecoder { .. }
            | SourceError::Pattern { .. }
            | SourceError::Fragment { .. }
    )
}

/// A number in 0–1 that differs from stream to stream and from time to time.
fn chance() -> f64 {
    // Every hasher is seeded anew.
    RandomState::new().hash_one(()) as f64 / u64::MAX as f64
}
