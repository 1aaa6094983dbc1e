//! Which detection finds which object, greedily by score.

use super::detection::best_first;
use super::recall::average;
use super::{Annotation, Detection, Overlap, Precision, Reference, THRESHOLDS};

/// Detections of a class that count: the best ones.
pub(super) const MOST_OF_A_CLASS: usize = 100;

/// COCO's largest area in pixels; a detection beyond it, or of a negative one, counts neither way if it finds nothing.
const LARGEST_AREA: f64 = 1e10;

/// The memory of one comparison, used again by the next.
#[derive(Debug, Default)]
pub struct Matching {
    /// Detections that take part, the best first.
    order: Vec<u32>,
    /// The classes that are averaged over.
    classes: Vec<u16>,
    /// The present class's detections, the best first.
    found: Vec<u32>,
    /// The present class's objects, crowds last.
    objects: Vec<u32>,
    /// Overlaps of at least the lowest threshold, detection by detection, object by object.
    pairs: Vec<Pair>,
    /// Where each detection's pairs end.
    ends: Vec<usize>,
    /// Objects that were found at the present threshold.
    taken: Vec<bool>,
    /// Precision after each detection that found an object.
    hits: Vec<f64>,
}

/// A detection and an object that overlap.
#[derive(Debug, Clone, Copy)]
struct Pair {
    /// Place among the class's objects.
    object: usize,
    overlap: f64,
    /// How many thresholds the overlap reaches, 1..=10.
    reached: usize,
}

impl Matching {
    /// As [`super::precision()`].
    pub fn precision(&mut self, found: &[Detection], truth: &[Annotation], overlap: Overlap) -> Precision {
        self.compare(found, truth, overlap, |_| true)
    }

    /// As [`super::consistency()`].
    pub fn consistency(&mut self, found: &[Detection], reference: &Reference) -> Precision {
        self.compare(found, reference.objects(), reference.overlap(), |detection| reference.counts(detection))
    }

    fn compare(
        &mut self,
        found: &[Detection],
        truth: &[Annotation],
        overlap: Overlap,
        counts: impl Fn(&Detection) -> bool,
    ) -> Precision {
        self.order.clear();
        self.order.extend((0..found.len() as u32).filter(|&i| counts(&found[i as usize])));
        // Stable: equal scores stay in the order given.
        self.order.sort_by(|&a, &b| best_first(found[a as usize].score, found[b as usize].score));
        self.classes.clear();
        self.classes.extend(truth.iter().filter(|object| !object.crowd).map(|object| object.class));
        let nothing_to_find = self.classes.is_empty();
        if nothing_to_find {
            self.classes.extend(self.order.iter().map(|&i| found[i as usize].class));
        }
        self.classes.sort_unstable();
        self.classes.dedup();
        if self.classes.is_empty() {
            return Precision::of(&[1.0; 10]);
        }
        let mut values = [if nothing_to_find { 1.0 } else { 0.0_f64 }; 10];
        for class in 0..self.classes.len() {
            let of_class = self.class(self.classes[class], found, truth, overlap);
            for (value, of_class) in values.iter_mut().zip(of_class) {
                // One wrong detection of any class is enough where nothing is to be found.
                *value = if nothing_to_find { value.min(of_class) } else { *value + of_class };
            }
        }
        if !nothing_to_find {
            values.iter_mut().for_each(|value| *value /= self.classes.len() as f64);
        }
        Precision::of(&values)
    }

    /// Average precision of a class at each threshold; for a class without objects other than crowds, 1 if nothing was
    /// found outside crowds, else 0.
    fn class(&mut self, class: u16, found: &[Detection], truth: &[Annotation], overlap: Overlap) -> [f64; 10] {
        let of_class = |&i: &u32| truth[i as usize].class == class;
        let crowd = |&i: &u32| truth[i as usize].crowd;
        self.objects.clear();
        self.objects.extend((0..truth.len() as u32).filter(|i| of_class(i) && !crowd(i)));
        let wanted = self.objects.len();
        self.objects.extend((0..truth.len() as u32).filter(|i| of_class(i) && crowd(i)));
        self.found.clear();
        let detections = self.order.iter().copied().filter(|&i| found[i as usize].class == class);
        self.found.extend(detections.take(MOST_OF_A_CLASS));

        self.pairs.clear();
        self.ends.clear();
        // Bit n is set if some overlap reaches exactly n thresholds.
        let mut reached_by_some = 0_u16;
        for &i in &self.found {
            for (object, &j) in self.objects.iter().enumerate() {
                let overlap = overlap.of(&found[i as usize], &truth[j as usize]);
                if overlap >= THRESHOLDS[0] {
                    let reached = THRESHOLDS.iter().filter(|&&threshold| overlap >= threshold).count();
                    self.pairs.push(Pair { object, overlap, reached });
                    reached_by_some |= 1 << reached;
                }
            }
            self.ends.push(self.pairs.len());
        }
        let mut values = [0.0; 10];
        for threshold in 0..THRESHOLDS.len() {
            // If no overlap lies between this threshold and the one before, nothing changes.
            values[threshold] = if threshold > 0 && reached_by_some >> threshold & 1 == 0 {
                values[threshold - 1]
            } else {
                self.at(threshold, wanted, |detection| {
                    !(0.0..=LARGEST_AREA).contains(&overlap.area(&found[detection as usize]))
                })
            };
        }
        values
    }

    /// Average precision of the present class, `wanted` of whose objects are no crowds, at one threshold.
    fn at(&mut self, threshold: usize, wanted: usize, off_the_range: impl Fn(u32) -> bool) -> f64 {
        self.taken.clear();
        self.taken.resize(wanted, false);
        self.hits.clear();
        let (mut right, mut wrong, mut from) = (0_u32, 0_u32, 0);
        for (&detection, &to) in self.found.iter().zip(&self.ends) {
            let mut best: Option<Pair> = None;
            for &pair in &self.pairs[from..to] {
                let crowd = pair.object >= wanted;
                if crowd && best.is_some_and(|best| best.object < wanted) {
                    // Crowds come last, and one object found is better than any crowd.
                    break;
                }
                let free = crowd || !self.taken[pair.object];
                let better = best.is_none_or(|best| pair.overlap >= best.overlap);
                if pair.reached > threshold && free && better {
                    best = Some(pair);
                }
            }
            from = to;
            match best {
                Some(Pair { object, .. }) if object < wanted => {
                    self.taken[object] = true;
                    right += 1;
                    self.hits.push(f64::from(right) / f64::from(right + wrong));
                }
                // In a crowd.
                Some(_) => {}
                None if off_the_range(detection) => {}
                None => wrong += 1,
            }
        }
        match wanted {
            0 if wrong == 0 => 1.0,
            0 => 0.0,
            _ => average(&self.hits, wanted),
        }
    }
}
