//! Which candidates are kept: the best of those that overlap, class by class.

use serde::{Deserialize, Serialize};

use super::candidate::Candidate;

/// At most this many candidates of a picture enter suppression, the best ones.
const MOST_CANDIDATES: usize = 2000;

/// Non-maximum suppression, class by class.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Nms {
    /// Only scores above count.
    pub floor: f32,
    /// A candidate goes if it overlaps a better one of its class by more than this intersection over union.
    pub iou: f64,
    /// Objects a picture at most, the best ones.
    pub most: usize,
}

/// The best objects, where the model itself has suppressed what overlaps.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Best {
    /// Only scores above count.
    pub floor: f32,
    /// Objects a picture at most.
    pub most: usize,
}

impl Default for Nms {
    fn default() -> Self {
        Self { floor: 0.02, iou: 0.6, most: 100 }
    }
}

impl Default for Best {
    fn default() -> Self {
        Self { floor: 0.02, most: 100 }
    }
}

impl Nms {
    pub(super) fn check(&self) -> Result<(), String> {
        Best { floor: self.floor, most: self.most }.check()?;
        if self.iou > 0.0 && self.iou <= 1.0 { Ok(()) } else { Err("nms iou must be over 0 and at most 1".to_owned()) }
    }

    /// What is left, the best first; of equal scores the earlier row, then the lower class.
    pub(super) fn keep(&self, mut candidates: Vec<Candidate>) -> Vec<Candidate> {
        sort(&mut candidates);
        candidates.truncate(MOST_CANDIDATES);
        let mut kept: Vec<Candidate> = Vec::new();
        for candidate in candidates {
            let rivals = kept.iter().filter(|better| better.class == candidate.class);
            if !rivals.map(|better| overlap(&better.corners, &candidate.corners)).any(|iou| iou > self.iou) {
                kept.push(candidate);
                if kept.len() == self.most {
                    break;
                }
            }
        }
        kept
    }
}

impl Best {
    pub(super) fn check(&self) -> Result<(), String> {
        if !(0.0..1.0).contains(&self.floor) {
            return Err("floor must be at least 0 and under 1".to_owned());
        }
        if (1..=1000).contains(&self.most) { Ok(()) } else { Err("most must be 1 to 1000 objects".to_owned()) }
    }

    /// The best ones, in order.
    pub(super) fn keep(&self, mut candidates: Vec<Candidate>) -> Vec<Candidate> {
        sort(&mut candidates);
        candidates.truncate(self.most);
        candidates
    }
}

fn sort(candidates: &mut [Candidate]) {
    candidates.sort_unstable_by(|a, b| b.score.total_cmp(&a.score).then(a.row.cmp(&b.row)).then(a.class.cmp(&b.class)));
}

/// Intersection over union of two boxes.
fn overlap(a: &[f64; 4], b: &[f64; 4]) -> f64 {
    let side = |low: usize| (a[low + 2].min(b[low + 2]) - a[low].max(b[low])).max(0.0);
    let area = |corners: &[f64; 4]| (corners[2] - corners[0]).max(0.0) * (corners[3] - corners[1]).max(0.0);
    let inner = side(0) * side(1);
    let union = area(a) + area(b) - inner;
    if union > 0.0 { inner / union } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(row: usize, class: u16, score: f32, left: f64) -> Candidate {
        Candidate { row, class, score, corners: [left, 0.0, left + 10.0, 10.0] }
    }

    fn rows(kept: &[Candidate]) -> Vec<usize> {
        kept.iter().map(|candidate| candidate.row).collect()
    }

    #[test]
    fn the_best_of_those_that_overlap() {
        let nms = Nms::default();
        // Overlap by 9 of 11, 7.5 of 12.5 (exactly 0.6: kept) and none; another class is not in the way.
        let all = vec![
            candidate(0, 1, 0.5, 1.0),
            candidate(1, 1, 0.9, 0.0),
            candidate(2, 1, 0.4, 2.5),
            candidate(3, 1, 0.3, 40.0),
            candidate(4, 2, 0.8, 0.0),
        ];
        assert_eq!(rows(&nms.keep(all.clone())), [1, 4, 2, 3]);
        assert_eq!(rows(&Nms { most: 2, ..nms }.keep(all.clone())), [1, 4]);
        assert_eq!(rows(&Best::default().keep(all)), [1, 4, 0, 2, 3]);
        assert!(nms.keep(Vec::new()).is_empty());
    }

    #[test]
    fn ties_have_one_order_and_empty_boxes_no_overlap() {
        let tied = vec![candidate(2, 1, 0.5, 0.0), candidate(1, 3, 0.5, 0.0), candidate(1, 1, 0.5, 0.5)];
        let mut turned = tied.clone();
        turned.reverse();
        let kept = Nms::default().keep(tied);
        assert_eq!(kept, Nms::default().keep(turned));
        assert_eq!(kept.iter().map(|c| (c.row, c.class)).collect::<Vec<_>>(), [(1, 1), (1, 3)]);
        let point = Candidate { corners: [3.0; 4], ..candidate(0, 1, 0.5, 0.0) };
        assert_eq!(rows(&Nms::default().keep(vec![point.clone(), Candidate { row: 1, ..point }])), [0, 1]);
    }

    #[test]
    fn nonsense_is_refused() {
        for nms in [
            Nms { floor: 1.0, ..Nms::default() },
            Nms { iou: 0.0, ..Nms::default() },
            Nms { iou: f64::NAN, ..Nms::default() },
            Nms { most: 0, ..Nms::default() },
        ] {
            assert!(nms.check().is_err(), "{nms:?}");
        }
        assert!(Nms::default().check().is_ok() && Best { floor: -0.1, most: 1 }.check().is_err());
    }
}
