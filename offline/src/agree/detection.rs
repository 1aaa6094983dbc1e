//! What a model found, and what should be found.

use std::cmp::Ordering;

use crate::mask::Runs;

/// One object that a model found.
#[derive(Debug, Clone, PartialEq)]
pub struct Detection {
    /// Its class: 0..80 in the order of COCO's 80 categories, or what the zoo's own map says.
    pub class: u16,
    /// How sure the model is, 0..=1.
    pub score: f32,
    /// x, y, width, height in pixels of the picture (COCO's order).
    pub bbox: [f32; 4],
    /// The pixels that it covers, if the model says so.
    pub mask: Option<Runs>,
}

/// One object that should be found.
#[derive(Debug, Clone, PartialEq)]
pub struct Annotation {
    /// Its class, numbered as in [`Detection`].
    pub class: u16,
    /// x, y, width, height in pixels of the picture.
    pub bbox: [f64; 4],
    /// The pixels that it covers.
    pub mask: Option<Runs>,
    /// A region of several objects that were not told apart: what lies in it counts neither way.
    pub crowd: bool,
}

impl Annotation {
    /// What was found, as what should be found.
    #[must_use]
    pub fn of(found: &Detection) -> Self {
        Self { class: found.class, bbox: found.bbox.map(f64::from), mask: found.mask.clone(), crowd: false }
    }
}

/// The order in which detections are matched: scores that are no numbers come last.
pub(super) fn best_first(a: f32, b: f32) -> Ordering {
    b.partial_cmp(&a).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()))
}

/// Puts detections into the order in which they are stored: the best score first, then by class, then by box, then by
/// mask (none first). The same detections give the same list, however a model ordered them.
pub fn canonical(found: &mut [Detection]) {
    found.sort_by(|a, b| {
        let boxes = || a.bbox.iter().zip(&b.bbox).map(|(a, b)| a.total_cmp(b)).find(|order| order.is_ne());
        b.score
            .total_cmp(&a.score)
            .then(a.class.cmp(&b.class))
            .then_with(|| boxes().unwrap_or(Ordering::Equal))
            .then_with(|| a.mask.cmp(&b.mask))
    });
}
