//! The engine's workers: each has a session of its own, takes the due frame that waits longest and scores it.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use crossbeam_channel::Receiver;

use super::{
    clock::Clock,
    stream::{Outlet, Watched},
};
use crate::{
    engine::{Model, Scores},
    frame::Frame,
    monitor::{Fact, Input},
    preprocess,
};

/// A lost wake-up would cost no more than this.
const NAP: Duration = Duration::from_millis(100);

/// What all workers share.
pub(super) struct Shared {
    pub(super) streams: Vec<Watched>,
    pub(super) outlet: Outlet,
    pub(super) clock: Clock,
    /// Views of a frame go to the model in one batch: worth it on a GPU only.
    pub(super) batch: bool,
    pub(super) closing: AtomicBool,
    pub(super) scheduler: Mutex<()>,
}

impl Shared {
    /// Takes the frame that waits longest, of a stream that no worker has a frame of: so overload stretches every
    /// stream's interval evenly.
    fn next(&self) -> Option<(&Watched, Frame)> {
        let _order = self.scheduler.lock().unwrap_or_else(PoisonError::into_inner);
        let idle = self.streams.iter().filter(|s| !s.busy.load(Ordering::Acquire));
        let (_, stream) = idle.filter_map(|s| Some((s.slot.waiting_since()?, s))).min_by_key(|(since, _)| *since)?;
        let frame = stream.slot.take()?;
        stream.busy.store(true, Ordering::Release);
        Some((stream, frame))
    }

    /// Whether nothing of this stream waits or is being scored.
    pub(super) fn is_idle(&self, stream: &Watched) -> bool {
        let _order = self.scheduler.lock().unwrap_or_else(PoisonError::into_inner);
        !stream.busy.load(Ordering::Acquire) && stream.slot.waiting_since().is_none()
    }

    fn handle(&self, model: &mut Model, stream: &Watched, frame: &Frame) {
        let at = frame.pts.unwrap_or(frame.arrived);
        if stream.is_fresh() {
            let (width, height) = (frame.width, frame.height);
            stream.step(at, Input::Fact(Fact::Started { width, height }), &self.outlet);
        }
        let outcome = self.score(model, stream, frame).map(|scores| {
            stream.evidence(frame.arrived);
            stream.step(at, Input::Scores(&scores), &self.outlet);
        });
        let latency = self.clock.now().saturating_sub(frame.arrived);
        stream.done(at, latency, outcome, &self.outlet);
        stream.busy.store(false, Ordering::Release);
    }

    fn score(&self, model: &mut Model, stream: &Watched, frame: &Frame) -> Result<Scores, String> {
        let views = stream.stream.views.views();
        let inputs = views.into_iter().map(|view| preprocess::from_frame(frame, view)).collect::<Result<Vec<_>, _>>();
        let inputs = inputs.map_err(|e| e.to_string())?;
        let step = if self.batch { inputs.len().max(1) } else { 1 };
        let mut scores = Vec::with_capacity(inputs.len());
        for inputs in inputs.chunks(step) {
            scores.extend(model.score(inputs).map_err(|e| e.to_string())?);
        }
        Scores::worst(&scores).ok_or_else(|| "a stream without views".into())
    }
}

/// Scores until the daemon closes.
pub(super) fn work(shared: &Arc<Shared>, mut model: Model, bell: &Receiver<()>) {
    while !shared.closing.load(Ordering::Acquire) {
        match shared.next() {
            Some((stream, frame)) => shared.handle(&mut model, stream, &frame),
            None => drop(bell.recv_timeout(NAP)),
        }
    }
}
