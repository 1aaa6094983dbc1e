//! From the pipeline's streaming thread into the slot.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use gstreamer as gst;
use gstreamer_app as app;

use super::{Slot, pipeline::Pipeline, sample, tap::Tap};

/// What the streaming thread has shown so far, since the pipeline's start.
#[derive(Default)]
pub(super) struct Progress {
    frames: AtomicU64,
    /// Milliseconds.
    newest: AtomicU64,
    odd: Mutex<Option<String>>,
}

impl Progress {
    /// Frames so far.
    pub(super) fn frames(&self) -> u64 {
        self.frames.load(Ordering::Acquire)
    }

    /// When the newest frame came or was taken, if there was one.
    pub(super) fn newest(&self) -> Option<Duration> {
        (self.frames() > 0).then(|| Duration::from_millis(self.newest.load(Ordering::Acquire)))
    }

    /// Why a frame could not be read, once.
    pub(super) fn odd(&self) -> Option<String> {
        self.odd.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn moved(&self, at: Duration) {
        self.newest.store(u64::try_from(at.as_millis()).unwrap_or(u64::MAX), Ordering::Release);
    }
}

/// Where frames go and what counts them.
#[derive(Clone)]
pub(super) struct Receiver {
    pub(super) slot: Arc<Slot>,
    pub(super) tap: Arc<Tap>,
    pub(super) progress: Arc<Progress>,
    pub(super) epoch: Instant,
    /// A live stream's timestamps start anew with every connection; its own time is the one of arrival.
    pub(super) live: bool,
}

impl Receiver {
    /// Lets the pipeline's streaming thread put due frames into the slot.
    pub(super) fn receive(self, pipeline: &Pipeline) {
        let take = move |sink: &app::AppSink| self.take(sink);
        pipeline.sink().set_callbacks(app::AppSinkCallbacks::builder().new_sample(take).build());
    }

    fn take(&self, sink: &app::AppSink) -> Result<gst::FlowSuccess, gst::FlowError> {
        let sample = sink.pull_sample().map_err(|_| gst::FlowError::Eos)?;
        let arrived = self.epoch.elapsed();
        self.progress.moved(arrived);
        self.progress.frames.fetch_add(1, Ordering::AcqRel);
        self.tap.frame();
        let time = if self.live { None } else { sample::stream_time(&sample) }.unwrap_or(arrived);
        let offered = self.slot.offer(time, || {
            let mut frame = sample::frame(&sample, arrived)?;
            frame.pts = Some(time);
            self.tap.mark(&mut frame);
            Ok::<_, String>(frame)
        });
        self.progress.moved(self.epoch.elapsed());
        match offered {
            Ok(true) => Ok(gst::FlowSuccess::Ok),
            Ok(false) => Err(gst::FlowError::Flushing),
            Err(reason) => {
                *self.progress.odd.lock().unwrap_or_else(PoisonError::into_inner) = Some(reason);
                Err(gst::FlowError::Error)
            }
        }
    }
}
