//! A source on its own, without an engine: what it gives and what it tells.

use std::{
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use miqa::{
    config::{Config, Stream},
    frame::{Frame, Pixels},
    source::{Notice, Slot, Source, Status},
};

/// A running source, all whose due frames are remembered in short.
pub(crate) struct Watched {
    pub(crate) source: Source,
    pub(crate) slot: Arc<Slot>,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) frames: Vec<Short>,
    pub(crate) notices: Vec<String>,
}

/// What is remembered of a frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Short {
    pub(crate) at: Duration,
    pub(crate) pts: Duration,
    pub(crate) size: (u32, u32),
    pub(crate) corrupt: bool,
    /// The sample in its middle: luma, or red.
    pub(crate) middle: u8,
}

fn short(frame: &Frame) -> Short {
    let (x, y) = (frame.width as usize / 2, frame.height as usize / 2);
    let middle = match &frame.pixels {
        Pixels::I420 { y: luma, .. } | Pixels::Nv12 { y: luma, .. } | Pixels::Grey(luma) => {
            luma.data()[y * luma.stride + x]
        }
        Pixels::Rgb(rgb) => rgb.data()[y * rgb.stride + 3 * x],
    };
    let (pts, size) = (frame.pts.unwrap_or_default(), (frame.width, frame.height));
    Short { at: frame.arrived, pts, size, corrupt: frame.corrupt, middle }
}

/// The stream of these keys; relative paths start at the working folder.
pub(crate) fn stream(keys: &str) -> Stream {
    let text = format!("[gate]\nstale_after = \"1m\"\n[[stream]]\nname = \"cam\"\n{keys}\n");
    Config::parse(&text, Path::new("test.toml")).expect(keys).streams.remove(0)
}

impl Watched {
    /// Starts the stream of these keys.
    pub(crate) fn start(keys: &str) -> Self {
        let stream = stream(keys);
        let epoch = Instant::now();
        let seen = Arc::new(Mutex::new(Seen::default()));
        let place: Arc<Mutex<Option<Arc<Slot>>>> = Arc::default();
        let bell = {
            let (seen, place) = (Arc::clone(&seen), Arc::clone(&place));
            move || {
                let slot = place.lock().unwrap().clone();
                if let Some(frame) = slot.and_then(|slot| slot.take()) {
                    seen.lock().unwrap().frames.push(short(&frame));
                }
            }
        };
        let slot = Arc::new(Slot::new(stream.pace, stream.interval.get(), Box::new(bell)));
        *place.lock().unwrap() = Some(Arc::clone(&slot));
        let told = Arc::clone(&seen);
        let notify = move |notice: Notice| {
            let text = match notice {
                Notice::Stalled(reason) => format!("stalled: {reason}"),
                Notice::Trouble(reason) => format!("trouble: {reason}"),
                Notice::Resumed => "resumed".into(),
                Notice::Ended => "ended".into(),
                Notice::Failed(error) => format!("failed: {error}"),
            };
            told.lock().unwrap_or_else(PoisonError::into_inner).notices.push(text);
        };
        let source = Source::start(&stream, Arc::clone(&slot), epoch, notify).expect("a thread");
        Self { source, slot, seen }
    }

    pub(crate) fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn status(&self) -> Status {
        self.source.status()
    }

    /// How many frames and notices there are.
    pub(crate) fn mark(&self) -> (usize, usize) {
        let seen = self.seen();
        (seen.frames.len(), seen.notices.len())
    }

    /// Waits until this holds.
    #[track_caller]
    pub(crate) fn until(&self, what: &str, limit_s: u64, holds: impl Fn(&Seen, &Status) -> bool) {
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(limit_s) {
            let status = self.status();
            if holds(&self.seen(), &status) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let (status, seen) = (self.status(), self.seen());
        panic!("no {what} within {limit_s} s: {:?}, {} frames, {status:#?}", seen.notices, seen.frames.len());
    }

    /// Waits for a notice after the first `from` that holds this text.
    #[track_caller]
    pub(crate) fn told(&self, from: usize, text: &str, limit_s: u64) {
        self.until(text, limit_s, |seen, _| seen.notices.iter().skip(from).any(|notice| notice.contains(text)));
    }

    /// Waits for so many frames after the first `from`.
    #[track_caller]
    pub(crate) fn gives(&self, from: usize, count: usize, limit_s: u64) {
        self.until(&format!("{count} frames"), limit_s, |seen, _| seen.frames.len() >= from + count);
    }

    /// The longest time without a frame since the first.
    pub(crate) fn longest_gap(&self) -> Duration {
        let frames = &self.seen().frames;
        frames.windows(2).map(|two| two[1].at - two[0].at).max().unwrap_or_default()
    }
}
