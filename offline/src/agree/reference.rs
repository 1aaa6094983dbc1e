//! What a model found on the clean picture, as what it should find on the others.

use std::collections::HashMap;

use super::detection::best_first;
use super::matching::MOST_OF_A_CLASS;
use super::{Annotation, Detection, Matching, Overlap, Precision};

/// A model's answer to the clean picture at a score threshold: what its answers to the variants are consistent with.
///
/// The threshold holds for both sides. So does that a detection must overlap itself: what has no area can't be found by
/// anything. And of each class only the best 100 are to be found, as no more count. So an answer is consistent with
/// itself, always: 1.
#[derive(Debug, Clone, PartialEq)]
pub struct Reference {
    objects: Vec<Annotation>,
    threshold: f32,
    overlap: Overlap,
}

impl Reference {
    /// Of the clean picture's detections those of at least this score.
    #[must_use]
    pub fn of(clean: &[Detection], threshold: f32, overlap: Overlap) -> Self {
        let mut reference = Self { objects: Vec::new(), threshold, overlap };
        let mut best: Vec<&Detection> = clean.iter().filter(|detection| reference.counts(detection)).collect();
        // Stable: equal scores stay in the order given, as they do when they are matched.
        best.sort_by(|a, b| best_first(a.score, b.score));
        let mut counts: HashMap<u16, usize> = HashMap::new();
        best.retain(|detection| {
            let count = counts.entry(detection.class).or_insert(0);
            *count += 1;
            *count <= MOST_OF_A_CLASS
        });
        reference.objects = best.into_iter().map(Annotation::of).collect();
        reference
    }

    /// What should be found, the best score first.
    #[must_use]
    pub fn objects(&self) -> &[Annotation] {
        &self.objects
    }

    /// What is laid over each other.
    #[must_use]
    pub fn overlap(&self) -> Overlap {
        self.overlap
    }

    /// The lowest score that counts, on both sides.
    #[must_use]
    pub fn threshold(&self) -> f32 {
        self.threshold
    }

    /// Whether a detection takes part, on either side.
    #[must_use]
    pub fn counts(&self, detection: &Detection) -> bool {
        detection.score >= self.threshold && self.overlap.of_itself(detection)
    }
}

/// [`super::precision()`] of a model's answer against its own answer to the clean picture: those detections that count
/// there and here. 1 if neither side has any, 0 if only one has.
///
/// A caller with many pictures keeps a [`Matching`].
#[must_use]
pub fn consistency(found: &[Detection], reference: &Reference) -> Precision {
    Matching::default().consistency(found, reference)
}
