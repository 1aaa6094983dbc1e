//! All frames of a video file, one after the other, for those who score files rather than streams.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use gstreamer as gst;

use super::{
    SourceError,
    pipeline::{Delivery, News, Pipeline},
    sample,
};
use crate::{
    config::{Location, Period, Transport},
    frame::Frame,
};

/// A file that gives no frame for so long is given up.
const LIMIT: Period = Period::from_millis(20_000);

/// The frames of a file in order of presentation.
pub struct Frames {
    pipeline: Option<Pipeline>,
    location: Location,
    epoch: Instant,
    any: bool,
}

/// Opens a video file. Frames come as fast as they are taken.
///
/// # Errors
/// [`SourceError`], which names the file and the next step; errors that show only while decoding come from the iterator.
pub fn frames(path: &Path) -> Result<Frames, SourceError> {
    let location = Location::File(path.into());
    let mut pipeline = Pipeline::new(&location, Transport::Tcp, Delivery::Prompt, None, Arc::default())?;
    pipeline.play()?;
    Ok(Frames { pipeline: Some(pipeline), location, epoch: Instant::now(), any: false })
}

impl Iterator for Frames {
    type Item = Result<Frame, SourceError>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.pull();
        if !matches!(next, Some(Ok(_))) {
            self.pipeline = None;
        }
        next
    }
}

impl Frames {
    fn pull(&mut self) -> Option<Result<Frame, SourceError>> {
        let name = self.location.to_string();
        let pipeline = self.pipeline.as_mut()?;
        let begun = Instant::now();
        while begun.elapsed() < LIMIT.get() {
            if let Some(sample) = pipeline.sink().try_pull_sample(gst::ClockTime::from_mseconds(100)) {
                self.any = true;
                return Some(
                    sample::frame(&sample, self.epoch.elapsed()).map_err(|reason| SourceError::Frame { name, reason }),
                );
            }
            match pipeline.news(Duration::ZERO) {
                News::Failed(error) => return Some(Err(error)),
                News::End if self.any => return None,
                News::End => return Some(Err(SourceError::NoVideo { name })),
                News::Nothing => {}
            }
        }
        Some(Err(SourceError::Silent { name, after: LIMIT }))
    }
}
