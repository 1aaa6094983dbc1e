//! What a model may have found, before it is known to be the best of its kind.

use super::{Activation, Seen, is_share};
use crate::agree::Detection;

/// One box with one class.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Candidate {
    /// Row of the model's output; what else it says of the object stands there.
    pub(super) row: usize,
    /// As the class map says.
    pub(super) class: u16,
    /// 0..=1.
    pub(super) score: f32,
    /// Left, top, right and bottom in pixels of the input.
    pub(super) corners: [f64; 4],
}

/// Candidates of the rows of an output, one for every class whose score is over the floor.
pub(super) struct Collector<'a> {
    seen: &'a Seen<'a>,
    activation: Activation,
    floor: f32,
    scores: Vec<f32>,
    /// The candidates.
    pub(super) found: Vec<Candidate>,
}

impl<'a> Collector<'a> {
    pub(super) fn new(seen: &'a Seen<'a>, activation: Activation, floor: f32) -> Self {
        Self { seen, activation, floor, scores: Vec::new(), found: Vec::new() }
    }

    /// Adds a row by its values of classes, each score times `objectness`; the box is only computed where one is over
    /// the floor.
    pub(super) fn add(&mut self, row: usize, values: &[f32], objectness: f32, corners: impl FnOnce() -> [f64; 4]) {
        let least = self.activation.least(self.floor);
        // A score is at most 1, so a product over the floor needs both over it.
        if objectness <= self.floor || !values.iter().any(|&value| value > least) {
            return;
        }
        self.activation.scores(values, &mut self.scores);
        let first = self.found.len();
        for (position, score) in self.scores.iter().map(|score| score * objectness).enumerate() {
            if score > self.floor
                && let Some(class) = self.seen.classes.class(position)
            {
                self.found.push(Candidate { row, class, score, corners: [0.0; 4] });
            }
        }
        if self.found.len() > first {
            let corners = corners();
            self.found[first..].iter_mut().for_each(|candidate| candidate.corners = corners);
        }
    }
}

impl Candidate {
    /// The object in the picture, its box clipped; none if no part of it lies there.
    pub(super) fn detection(&self, seen: &Seen) -> Option<Detection> {
        let placement = seen.placement;
        let [x1, y1, x2, y2] = self.corners;
        let ((left, top), (right, bottom)) = (placement.point(x1, y1), placement.point(x2, y2));
        let (width, height) = (f64::from(placement.picture.0), f64::from(placement.picture.1));
        let (left, right) = (left.clamp(0.0, width), right.clamp(0.0, width));
        let (top, bottom) = (top.clamp(0.0, height), bottom.clamp(0.0, height));
        let bbox = [left, top, right - left, bottom - top].map(|value| value as f32);
        let seen = bbox[2] > 0.0 && bbox[3] > 0.0;
        // Rounding may carry a score past 1; what lies further off is no score, and has to be seen.
        let score = if is_share(self.score) { self.score.min(1.0) } else { self.score };
        seen.then_some(Detection { class: self.class, score, bbox, mask: None })
    }
}

/// The objects in the picture.
pub(super) fn detections(candidates: &[Candidate], seen: &Seen) -> Vec<Detection> {
    candidates.iter().filter_map(|candidate| candidate.detection(seen)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::label::decode::synthetic::{placement, seen};
    use crate::label::zoo::ClassMap;

    #[test]
    fn one_candidate_a_class_over_the_floor() {
        let classes = ClassMap::Own(vec![4, -1, 9]);
        let placement = placement((10, 10), (10, 10));
        let seen = seen(&[], &placement, &classes);
        let mut collector = Collector::new(&seen, Activation::None, 0.1);
        collector.add(5, &[0.4, 0.9, 0.8], 0.5, || [1.0, 2.0, 3.0, 4.0]);
        collector.add(6, &[0.2, 0.9, 0.1], 0.5, || panic!("no score is over the floor"));
        collector.add(7, &[0.9; 3], 0.1, || panic!("there is no object"));
        let found: Vec<_> = collector.found.iter().map(|c| (c.row, c.class, c.score)).collect();
        assert_eq!(found, [(5, 4, 0.2), (5, 9, 0.4)]);
        assert_eq!(collector.found[1].corners, [1.0, 2.0, 3.0, 4.0]);
    }

    #[test]
    fn boxes_come_to_the_picture_and_end_at_its_edges() {
        let placement = placement((40, 20), (20, 20));
        let classes = ClassMap::Own(vec![0]);
        let seen = seen(&[], &placement, &classes);
        let at = |corners| Candidate { row: 0, class: 0, score: 0.5, corners }.detection(&seen).map(|found| found.bbox);
        assert_eq!(at([1.0, 2.0, 3.0, 5.0]), Some([2.0, 2.0, 4.0, 3.0]));
        assert_eq!(at([-5.0, -5.0, 30.0, 30.0]), Some([0.0, 0.0, 40.0, 20.0]));
        assert_eq!(
            (at([20.0, 0.0, 30.0, 5.0]), at([3.0, 3.0, 3.0, 5.0]), at([5.0, 3.0, 2.0, 5.0])),
            (None, None, None)
        );
    }
}
