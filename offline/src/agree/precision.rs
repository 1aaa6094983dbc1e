//! Average precision of one picture.

use super::{Annotation, Detection, Matching, Overlap};

/// How much a detection and an object must overlap: 0.50, 0.55 … 0.95, as numpy's `linspace` rounds them (0.9 is one ulp
/// less).
pub const THRESHOLDS: [f64; 10] = [0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.899_999_999_999_999_9, 0.95];

/// Average precision of one picture, each 0..=1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Precision {
    /// Where half of both must be common.
    pub ap50: f64,
    /// Where three quarters must be.
    pub ap75: f64,
    /// The mean over the ten [`THRESHOLDS`].
    pub ap: f64,
}

impl Precision {
    /// From the values at the [`THRESHOLDS`].
    pub(super) fn of(values: &[f64; 10]) -> Self {
        Self { ap50: values[0], ap75: values[5], ap: values.iter().sum::<f64>() / 10.0 }
    }
}

/// What COCOeval says of these detections in one picture with these objects; where no object other than crowds is to be
/// found, 1 if nothing was found outside crowds either, else 0.
///
/// A caller with many pictures keeps a [`Matching`].
#[must_use]
pub fn precision(found: &[Detection], truth: &[Annotation], overlap: Overlap) -> Precision {
    Matching::default().precision(found, truth, overlap)
}
