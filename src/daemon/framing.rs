//! What of a stream's pictures the model sees, and how its answers become one verdict.

use std::sync::Mutex;

use super::stream::lock;
use crate::{
    config::{Region, Stream},
    engine::Scores,
    frame::Frame,
    preprocess::{self, Combine, Cover, Rgb288, ViewSet},
};

/// The views of a stream.
pub(crate) struct Framing {
    views: ViewSet,
    regions: Vec<Region>,
    /// The regions' views, for pictures of the newest size.
    covers: Mutex<Vec<Cover>>,
}

/// One frame as the model sees it: groups of views, each with how its scores become one. Of several groups the worst
/// counts.
pub(crate) struct Framed(Vec<(Vec<Rgb288>, Combine)>);

impl Framing {
    pub(crate) fn new(stream: &Stream) -> Self {
        Self { views: stream.views, regions: stream.regions.clone(), covers: Mutex::default() }
    }

    /// The frame's views, or why there are none.
    pub(crate) fn frame(&self, frame: &Frame) -> Result<Framed, String> {
        self.groups(frame).map(Framed).map_err(|e| e.to_string())
    }

    fn groups(&self, frame: &Frame) -> Result<Vec<(Vec<Rgb288>, Combine)>, preprocess::PreprocessError> {
        if self.regions.is_empty() {
            let views = self.views.views().into_iter().map(|view| preprocess::from_frame(frame, view));
            return Ok(vec![(views.collect::<Result<_, _>>()?, self.views.combine())]);
        }
        let mut covers = lock(&self.covers);
        if covers.first().is_none_or(|cover| cover.size() != (frame.width, frame.height)) {
            let cover = |region: &Region| Cover::new(&region.area, frame.width, frame.height);
            *covers = self.regions.iter().map(cover).collect::<Result<_, _>>()?;
        }
        let group = |(cover, region): (&Cover, &Region)| Ok((cover.from_frame(frame)?, region.combine));
        covers.iter().zip(&self.regions).map(group).collect()
    }
}

impl Framed {
    /// All views, group after group.
    pub(crate) fn views(&self) -> impl Iterator<Item = &Rgb288> {
        self.0.iter().flat_map(|(views, _)| views)
    }

    /// The verdict of the scores of all views, in their order; `None` if there are fewer scores than views.
    pub(crate) fn verdict(&self, mut scores: &[Scores]) -> Option<Scores> {
        let mut groups = Vec::with_capacity(self.0.len());
        for (views, combine) in &self.0 {
            let (own, rest) = scores.split_at_checked(views.len())?;
            groups.push(Scores::combine(own, *combine)?);
            scores = rest;
        }
        Scores::worst(&groups)
    }
}
