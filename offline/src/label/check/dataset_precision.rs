//! Average precision over a whole data set, as published figures mean it: all pictures' detections are ranked together.

use std::collections::BTreeMap;

use crate::agree::{Annotation, Detection, Overlap, Precision, THRESHOLDS};

/// Detections of a class and picture that count: the best ones.
const MOST: usize = 100;

/// What COCOeval gathers over the pictures of a data set, for objects of all sizes.
#[derive(Debug)]
pub struct DatasetPrecision {
    overlap: Overlap,
    classes: BTreeMap<u16, OfClass>,
}

/// One class over all pictures.
#[derive(Debug, Default)]
struct OfClass {
    /// Objects to be found, without crowds.
    objects: usize,
    found: Vec<Ranked>,
}

/// One detection: whether it found an object at each threshold; none where it counts neither way.
#[derive(Debug)]
struct Ranked {
    score: f32,
    right: [Option<bool>; THRESHOLDS.len()],
}

impl DatasetPrecision {
    /// Of no pictures yet.
    #[must_use]
    pub fn new(overlap: Overlap) -> Self {
        Self { overlap, classes: BTreeMap::new() }
    }

    /// Adds a picture: what was found, the best first, and what should be.
    pub fn add(&mut self, found: &[Detection], truth: &[Annotation]) {
        let of_both = found.iter().map(|f| f.class).chain(truth.iter().map(|t| t.class));
        let classes: std::collections::BTreeSet<u16> = of_both.collect();
        for class in classes {
            let found: Vec<&Detection> = found.iter().filter(|f| f.class == class).take(MOST).collect();
            let mut objects: Vec<&Annotation> = truth.iter().filter(|t| t.class == class).collect();
            objects.sort_by_key(|object| object.crowd);
            let of_class = self.classes.entry(class).or_default();
            of_class.objects += objects.iter().filter(|object| !object.crowd).count();
            let overlaps: Vec<Vec<f64>> = found
                .iter()
                .map(|found| objects.iter().map(|object| overlap(self.overlap, found, object)).collect())
                .collect();
            let first = of_class.found.len();
            of_class.found.extend(found.iter().map(|found| Ranked { score: found.score, right: [None; 10] }));
            for (at, &threshold) in THRESHOLDS.iter().enumerate() {
                let mut taken = vec![false; objects.len()];
                for (ranked, overlaps) in of_class.found[first..].iter_mut().zip(&overlaps) {
                    ranked.right[at] = match find(overlaps, threshold, &objects, &taken) {
                        Some(object) if objects[object].crowd => None,
                        Some(object) => {
                            taken[object] = true;
                            Some(true)
                        }
                        None => Some(false),
                    };
                }
            }
        }
    }

    /// The mean over the classes that have objects; none where no class has.
    #[must_use]
    pub fn precision(&self) -> Option<Precision> {
        let classes: Vec<&OfClass> = self.classes.values().filter(|class| class.objects > 0).collect();
        let mean = |at: usize| classes.iter().map(|class| class.average(at)).sum::<f64>() / classes.len() as f64;
        let values: Vec<f64> = (0..THRESHOLDS.len()).map(mean).collect();
        let ap = values.iter().sum::<f64>() / values.len() as f64;
        (!classes.is_empty()).then(|| Precision { ap50: values[0], ap75: values[5], ap })
    }
}

impl OfClass {
    /// The mean over the recalls 0, 0.01 … 1 of the best precision at that recall or a higher one.
    fn average(&self, threshold: usize) -> f64 {
        let mut ranked: Vec<&Ranked> = self.found.iter().filter(|found| found.right[threshold].is_some()).collect();
        // Stable: equal scores stay in the order of the pictures.
        ranked.sort_by(|a, b| b.score.total_cmp(&a.score));
        let mut right = 0;
        let curve: Vec<(f64, f64)> = ranked
            .iter()
            .enumerate()
            .map(|(at, found)| {
                right += usize::from(found.right[threshold] == Some(true));
                (right as f64 / self.objects as f64, right as f64 / (at + 1) as f64)
            })
            .collect();
        let mut sum = 0.0;
        let (mut best, mut at) = (0.0_f64, curve.len());
        for step in (0..=100).rev() {
            while at > 0 && curve[at - 1].0 >= f64::from(step) * 0.01 {
                at -= 1;
                best = best.max(curve[at].1);
            }
            sum += best;
        }
        sum / 101.0
    }
}

/// The free object that overlaps most, the later of equal ones; a crowd only where there is no other.
fn find(overlaps: &[f64], threshold: f64, objects: &[&Annotation], taken: &[bool]) -> Option<usize> {
    let (mut least, mut found) = (threshold, None);
    for (at, &overlap) in overlaps.iter().enumerate() {
        if taken[at] {
            continue;
        }
        if objects[at].crowd && found.is_some_and(|found: usize| !objects[found].crowd) {
            break;
        }
        if overlap >= least {
            (least, found) = (overlap, Some(at));
        }
    }
    found
}

/// Intersection over union; over the detection's own area if the object is a crowd.
fn overlap(of: Overlap, found: &Detection, object: &Annotation) -> f64 {
    let (common, own, other) = match of {
        Overlap::Boxes => {
            let bbox = found.bbox.map(f64::from);
            let side = |axis: usize| {
                let end = (bbox[axis] + bbox[axis + 2]).min(object.bbox[axis] + object.bbox[axis + 2]);
                (end - bbox[axis].max(object.bbox[axis])).max(0.0)
            };
            (side(0) * side(1), bbox[2] * bbox[3], object.bbox[2] * object.bbox[3])
        }
        Overlap::Masks => {
            let (Some(mask), Some(other)) = (&found.mask, &object.mask) else { return 0.0 };
            (mask.intersection(other) as f64, mask.area() as f64, other.area() as f64)
        }
    };
    let whole = if object.crowd { own } else { own + other - common };
    if whole > 0.0 { common / whole } else { 0.0 }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]
mod tests {
    use super::*;

    fn found(class: u16, score: f32, left: f32) -> Detection {
        Detection { class, score, bbox: [left, 0.0, 10.0, 10.0], mask: None }
    }

    fn object(class: u16, left: f64, crowd: bool) -> Annotation {
        Annotation { class, bbox: [left, 0.0, 10.0, 10.0], mask: None, crowd }
    }

    fn close(value: f64, expected: f64) {
        assert!((value - expected).abs() < 1e-12, "{value}, not {expected}");
    }

    #[test]
    fn pictures_are_ranked_together() {
        let mut set = DatasetPrecision::new(Overlap::Boxes);
        assert!(set.precision().is_none());
        set.add(&[found(1, 0.9, 0.0), found(1, 0.6, 50.0)], &[object(1, 0.0, false)]);
        set.add(&[found(1, 0.7, 3.0)], &[object(1, 0.0, false), object(2, 0.0, false)]);
        // Class 1: right, then right up to 0.5 (7 of 13), then wrong; of two objects. Class 2: nothing.
        let precision = set.precision().unwrap();
        close(precision.ap50, 0.5);
        // Above that the second is wrong: precision 1 up to recall 0.5, 51 of 101 points.
        close(precision.ap75, 51.0 / 202.0);
        close(precision.ap, (0.5 + 9.0 * 51.0 / 202.0) / 10.0);
    }

    #[test]
    fn crowds_count_neither_way_and_what_is_taken_is_not_found_again() {
        let mut set = DatasetPrecision::new(Overlap::Boxes);
        let crowd = Annotation { bbox: [100.0, 0.0, 90.0, 10.0], ..object(1, 0.0, true) };
        set.add(
            &[found(1, 0.9, 110.0), found(1, 0.8, 120.0), found(1, 0.7, 0.0), found(1, 0.6, 0.0)],
            &[crowd.clone(), object(1, 0.0, false)],
        );
        close(set.precision().unwrap().ap, 1.0);
        // Only a crowd: nothing to be measured; a detection of no such object counts against its class elsewhere.
        let mut only = DatasetPrecision::new(Overlap::Boxes);
        only.add(&[found(1, 0.9, 110.0)], &[crowd]);
        assert!(only.precision().is_none());
        only.add(&[found(1, 0.9, 0.0)], &[]);
        only.add(&[found(1, 0.5, 0.0)], &[object(1, 0.0, false)]);
        close(only.precision().unwrap().ap, 0.5);
    }
}
