//! A folder of pictures as a stream: one picture an interval, in the order of their names.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use super::{Notice, Slot, SourceError, tap::Tap};
use crate::{
    config::Pace,
    frame::Frame,
    picture::{self, Orientation},
};

/// How often a wait looks whether it should end.
const LOOK: Duration = Duration::from_millis(50);

/// A folder that is played.
pub(super) struct Images {
    pub(super) folder: PathBuf,
    pub(super) interval: Duration,
    pub(super) pace: Pace,
    pub(super) repeat: bool,
    pub(super) slot: Arc<Slot>,
    pub(super) tap: Arc<Tap>,
    pub(super) epoch: Instant,
    pub(super) stop: Arc<AtomicBool>,
}

impl Images {
    /// Plays to the end, or until it is stopped. A picture that can't be read is told and left out.
    pub(super) fn play(&self, notify: &dyn Fn(Notice)) {
        let begun = Instant::now();
        let mut number = 0;
        loop {
            let before = number;
            let pictures = match pictures(&self.folder) {
                Ok(pictures) => pictures,
                Err(error) => return notify(Notice::Failed(error)),
            };
            for path in pictures {
                let time = self.interval * number;
                if self.pace == Pace::Realtime && !self.wait(begun + time) || self.stopped() {
                    return;
                }
                match picture::read(&path, Orientation::Apply) {
                    Ok(picture) => {
                        number += 1;
                        let (pts, arrived) = (Some(time), self.epoch.elapsed());
                        let mut frame = Frame { pts, arrived, ..Frame::from_rgb(picture) };
                        self.tap.frame();
                        self.tap.mark(&mut frame);
                        if let Ok(false) = self.slot.offer(time, || Ok::<_, std::convert::Infallible>(frame)) {
                            return;
                        }
                    }
                    Err(error) => notify(Notice::Trouble(error.to_string())),
                }
            }
            if number == before {
                let folder = self.folder.clone();
                return notify(Notice::Failed(SourceError::NoPictures { folder }));
            }
            if !self.repeat {
                return notify(Notice::Ended);
            }
        }
    }

    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }

    /// Waits until `time`; false if it is to stop.
    fn wait(&self, time: Instant) -> bool {
        while !self.stopped() {
            let left = time.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return true;
            }
            std::thread::sleep(left.min(LOOK));
        }
        false
    }
}

/// The PNG and JPEG files of a folder, by name.
///
/// # Errors
/// [`SourceError::Missing`] if the folder can't be read.
pub(super) fn pictures(folder: &Path) -> Result<Vec<PathBuf>, SourceError> {
    let missing = |e: std::io::Error| SourceError::Missing { path: folder.into(), reason: e.to_string() };
    let mut pictures = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(missing)? {
        let path = entry.map_err(missing)?.path();
        let extension = path.extension().and_then(|e| e.to_str()).unwrap_or_default().to_ascii_lowercase();
        if matches!(extension.as_str(), "png" | "jpg" | "jpeg") {
            pictures.push(path);
        }
    }
    pictures.sort();
    Ok(pictures)
}
