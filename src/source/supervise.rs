//! One stream kept alive: its pipeline, a watchdog of our own, and for live sources connecting again.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use gstreamer as gst;
use gstreamer_app as app;

use super::{
    Slot, SourceError,
    pipeline::{Delivery, News, Pipeline},
    sample,
};
use crate::config::{Location, Pace, Stream};

/// How often bus, watchdog and stop are looked at.
const LOOK: Duration = Duration::from_millis(50);

/// A pipeline that has shown no frame yet gets at least this long.
const FIRST_FRAME: Duration = Duration::from_secs(5);

/// Pause before the first attempt to connect again; it doubles up to the longest.
const BACKOFF: Duration = Duration::from_secs(1);
const LONGEST_BACKOFF: Duration = Duration::from_secs(30);

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
    thread: Option<JoinHandle<()>>,
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
        let supervisor = Supervisor {
            location: stream.location.clone(),
            pace: stream.pace,
            stall_after: stream.stall_after.get(),
            slot: Arc::clone(&slot),
            epoch,
            stop: Arc::clone(&stop),
            notify: Box::new(notify),
            missing: None,
        };
        let thread =
            std::thread::Builder::new().name(format!("source-{}", stream.name)).spawn(move || supervisor.run())?;
        Ok(Self { stop, slot, thread: Some(thread) })
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

/// What the streaming thread has shown so far, since the pipeline's start.
#[derive(Default)]
struct Progress {
    frames: AtomicU64,
    /// Milliseconds.
    newest: AtomicU64,
    /// A frame could not be read.
    odd: std::sync::Mutex<Option<String>>,
}

struct Supervisor {
    location: Location,
    pace: Pace,
    stall_after: Duration,
    slot: Arc<Slot>,
    epoch: Instant,
    stop: Arc<AtomicBool>,
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
        let mut backoff = BACKOFF;
        loop {
            let (outcome, frames) = self.attempt();
            if frames > 0 {
                backoff = BACKOFF;
            }
            let live = self.location.is_live();
            match outcome {
                Outcome::Stopped => return,
                Outcome::Ended if !live => return (self.notify)(Notice::Ended),
                Outcome::Failed(error) if !live || lasting(&error) => return (self.notify)(Notice::Failed(error)),
                Outcome::Ended => self.lose("the server ended the stream".into()),
                Outcome::Failed(error) => self.lose(error.to_string()),
                Outcome::Silent => {}
            }
            tracing::info!(source = %self.location, "connecting again in {} s", backoff.as_secs());
            let until = Instant::now() + backoff;
            while Instant::now() < until {
                if self.stop.load(Ordering::Acquire) {
                    return;
                }
                std::thread::sleep(LOOK);
            }
            backoff = (backoff * 2).min(LONGEST_BACKOFF);
        }
    }

    /// Plays the stream once, to its end; beside the outcome the number of frames.
    fn attempt(&mut self) -> (Outcome, u64) {
        let delivery = match (&self.location, self.pace) {
            (Location::File(_), Pace::Realtime) => Delivery::Timed,
            _ => Delivery::Prompt,
        };
        let mut pipeline = match Pipeline::new(&self.location, delivery) {
            Ok(pipeline) => pipeline,
            Err(error) => return (Outcome::Failed(error), 0),
        };
        let progress = Arc::new(Progress::default());
        self.receive(&pipeline, &progress);
        if let Err(error) = pipeline.play() {
            return (Outcome::Failed(error), 0);
        }
        let begun = self.epoch.elapsed();
        let outcome = self.watch(&mut pipeline, &progress, begun);
        let frames = progress.frames.load(Ordering::Acquire);
        // The streaming thread may wait for room in the slot; it has to be let go before the pipeline can stop.
        if matches!(outcome, Outcome::Stopped) {
            self.slot.close();
        }
        (outcome, frames)
    }

    fn watch(&mut self, pipeline: &mut Pipeline, progress: &Progress, begun: Duration) -> Outcome {
        let name = self.location.to_string();
        loop {
            if self.stop.load(Ordering::Acquire) {
                return Outcome::Stopped;
            }
            let news = pipeline.news(LOOK);
            let frames = progress.frames.load(Ordering::Acquire);
            if frames > 0 {
                self.flowing(progress);
            }
            if let Some(reason) = progress.odd.lock().ok().and_then(|mut odd| odd.take()) {
                return Outcome::Failed(SourceError::Frame { name, reason });
            }
            match news {
                News::Failed(error) => return Outcome::Failed(error),
                News::End if frames == 0 => return Outcome::Failed(SourceError::NoVideo { name }),
                News::End => return Outcome::Ended,
                News::Nothing => {}
            }
            if self.slot.is_waiting() {
                continue;
            }
            let newest = Duration::from_millis(progress.newest.load(Ordering::Acquire)).max(begun);
            let limit = if frames == 0 { self.stall_after.max(FIRST_FRAME) } else { self.stall_after };
            let silent = self.epoch.elapsed().saturating_sub(newest);
            if silent >= limit {
                self.lose(format!("no frame for {:.1} s", silent.as_secs_f32()));
                if self.location.is_live() {
                    return Outcome::Silent;
                }
            }
        }
    }

    /// Frames are missing: said once, and again only if the reason becomes another.
    fn lose(&mut self, reason: String) {
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
    fn flowing(&mut self, progress: &Progress) {
        if self.missing.is_some() {
            let newest = Duration::from_millis(progress.newest.load(Ordering::Acquire));
            if self.epoch.elapsed().saturating_sub(newest) < self.stall_after {
                self.missing = None;
                (self.notify)(Notice::Resumed);
            }
        }
    }

    /// Lets the pipeline's streaming thread put due frames into the slot.
    fn receive(&self, pipeline: &Pipeline, progress: &Arc<Progress>) {
        let (slot, progress, epoch, live) =
            (Arc::clone(&self.slot), Arc::clone(progress), self.epoch, self.location.is_live());
        let take = move |sink: &app::AppSink| {
            let sample = sink.pull_sample().map_err(|_| gst::FlowError::Eos)?;
            let arrived = epoch.elapsed();
            progress.newest.store(u64::try_from(arrived.as_millis()).unwrap_or(u64::MAX), Ordering::Release);
            progress.frames.fetch_add(1, Ordering::AcqRel);
            // A live stream's timestamps start anew with every connection; its own time is the one of arrival.
            let time = if live { None } else { sample::stream_time(&sample) }.unwrap_or(arrived);
            let offered = slot.offer(time, || {
                let mut frame = sample::frame(&sample, arrived)?;
                frame.pts = Some(time);
                Ok::<_, String>(frame)
            });
            progress.newest.store(u64::try_from(epoch.elapsed().as_millis()).unwrap_or(u64::MAX), Ordering::Release);
            match offered {
                Ok(true) => Ok(gst::FlowSuccess::Ok),
                Ok(false) => Err(gst::FlowError::Flushing),
                Err(reason) => {
                    if let Ok(mut odd) = progress.odd.lock() {
                        *odd = Some(reason);
                    }
                    Err(gst::FlowError::Error)
                }
            }
        };
        pipeline.sink().set_callbacks(app::AppSinkCallbacks::builder().new_sample(take).build());
    }
}

/// What connecting again can't mend.
fn lasting(error: &SourceError) -> bool {
    matches!(error, SourceError::Element { .. } | SourceError::Init(_) | SourceError::NoDecoder { .. })
}
