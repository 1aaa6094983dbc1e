//! The engine's workers: each has a session of its own, takes the most urgent due frames and scores them.

use std::{
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use crossbeam_channel::Receiver;

use super::{
    framing::Framed,
    outlet::Outlet,
    schedule::urgency,
    stream::{Watched, lock},
};
use crate::{
    engine::{Model, Scores},
    frame::Frame,
    monitor::Input,
    preprocess::Rgb288,
};

/// A lost wake-up would cost no more than this.
const NAP: Duration = Duration::from_millis(100);

/// Frames of different streams that a GPU scores in one batch, at most.
const BATCH: usize = 32;

/// What all workers share.
pub(super) struct Shared {
    streams: RwLock<Arc<Vec<Arc<Watched>>>>,
    pub(super) outlet: Arc<Outlet>,
    /// Views of several frames go to the model in one batch: worth it on a GPU only.
    batch: bool,
    pub(super) closing: AtomicBool,
    scheduler: Mutex<()>,
    /// When each worker last looked for work, in milliseconds of program time.
    beats: Mutex<Vec<Arc<AtomicU64>>>,
}

type Job = (Arc<Watched>, Frame);

impl Shared {
    pub(super) fn new(outlet: Arc<Outlet>, batch: bool) -> Self {
        let (closing, scheduler) = (AtomicBool::new(false), Mutex::new(()));
        Self { streams: RwLock::default(), outlet, batch, closing, scheduler, beats: Mutex::default() }
    }

    /// One more worker's heart.
    pub(super) fn beat(&self) -> Arc<AtomicU64> {
        let beat = Arc::new(AtomicU64::new(self.millis()));
        lock(&self.beats).push(Arc::clone(&beat));
        beat
    }

    fn millis(&self) -> u64 {
        u64::try_from(self.outlet.clock().now().as_millis()).unwrap_or(u64::MAX)
    }

    /// The streams watched now.
    pub(super) fn streams(&self) -> Arc<Vec<Arc<Watched>>> {
        Arc::clone(&self.streams.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Other streams from now on.
    pub(super) fn watch(&self, streams: Vec<Arc<Watched>>) {
        *self.streams.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(streams);
    }

    /// Takes frames of the most urgent streams of which no worker has one: so overload stretches all intervals alike.
    fn next(&self) -> Vec<Job> {
        let now = self.outlet.clock().now();
        let streams = self.streams();
        let _order = lock(&self.scheduler);
        let waiting = |s: &&Arc<Watched>| !s.busy.load(Ordering::Acquire) && s.slot.waiting_since().is_some();
        let urgent = |s: &Arc<Watched>| urgency(now, *lock(&s.served), s.stream.interval.get());
        let mut due: Vec<_> = streams.iter().filter(waiting).map(|s| (urgent(s), s)).collect();
        due.sort_by(|a, b| b.0.total_cmp(&a.0));
        let mut jobs = Vec::new();
        for (_, stream) in due.into_iter().take(if self.batch { BATCH } else { 1 }) {
            if let Some(frame) = stream.slot.take() {
                stream.busy.store(true, Ordering::Release);
                *lock(&stream.served) = Some(now);
                jobs.push((Arc::clone(stream), frame));
            }
        }
        jobs
    }

    /// Whether nothing of this stream waits or is being scored.
    pub(super) fn is_idle(&self, stream: &Watched) -> bool {
        let _order = lock(&self.scheduler);
        !stream.busy.load(Ordering::Acquire) && stream.slot.waiting_since().is_none()
    }

    /// Whether every worker looked for work within `limit`.
    pub(super) fn is_alive(&self, limit: Duration) -> bool {
        let (now, limit) = (self.millis(), limit.as_millis());
        lock(&self.beats).iter().all(|beat| u128::from(now.saturating_sub(beat.load(Ordering::Acquire))) <= limit)
    }

    fn handle(&self, model: &mut Model, jobs: Vec<Job>) {
        let framed: Vec<_> = jobs.iter().map(|(stream, frame)| stream.framing.frame(frame)).collect();
        let mut answers = self.score(model, &framed).into_iter();
        for ((stream, frame), framed) in jobs.into_iter().zip(&framed) {
            let at = frame.pts.unwrap_or(frame.arrived);
            let scores = match framed {
                Err(trouble) => Err(trouble.clone()),
                Ok(_) => answers.next().unwrap_or_else(|| Err(NO_ANSWER.into())),
            };
            let outcome = scores.map(|scores| stream.step(at, Input::Scores(&scores), Some(&frame)));
            let latency = self.outlet.clock().now().saturating_sub(frame.arrived);
            stream.done(at, latency, outcome);
            // The buffer goes back to the decoder before the source may go on.
            drop(frame);
            stream.busy.store(false, Ordering::Release);
            stream.slot.done();
        }
    }

    /// The verdict of each frame that has views, in order.
    fn score(&self, model: &mut Model, frames: &[Result<Framed, String>]) -> Vec<Result<Scores, String>> {
        let frames = || frames.iter().flatten();
        if !self.batch {
            let mut one = |framed: &Framed| {
                let scores: Result<Vec<_>, _> =
                    framed.views().map(|view| score(model, std::slice::from_ref(view))).collect();
                framed.verdict(&scores?.concat()).ok_or_else(|| NO_ANSWER.to_owned())
            };
            return frames().map(&mut one).collect();
        }
        let views: Vec<_> = frames().flat_map(Framed::views).cloned().collect();
        let scores = match score(model, &views) {
            Ok(scores) => scores,
            Err(error) => return frames().map(|_| Err(error.clone())).collect(),
        };
        let mut rest = &scores[..];
        let mut split = |framed: &Framed| {
            let (own, others) = rest.split_at_checked(framed.views().count()).ok_or_else(|| NO_ANSWER.to_owned())?;
            rest = others;
            framed.verdict(own).ok_or_else(|| NO_ANSWER.to_owned())
        };
        frames().map(&mut split).collect()
    }
}

const NO_ANSWER: &str = "the model gave no answer; run `miqa check`";

fn score(model: &mut Model, views: &[Rgb288]) -> Result<Vec<Scores>, String> {
    model.score(views).map_err(|e| e.to_string())
}

/// Scores until the daemon closes.
pub(super) fn work(shared: &Shared, beat: &AtomicU64, mut model: Model, bell: &Receiver<()>) {
    while !shared.closing.load(Ordering::Acquire) {
        beat.store(shared.millis(), Ordering::Release);
        let jobs = shared.next();
        if jobs.is_empty() {
            let _rung = bell.recv_timeout(NAP);
        } else {
            shared.handle(&mut model, jobs);
        }
    }
}
