//! How much of two objects is common to both.

use super::{Annotation, Detection, THRESHOLDS};

/// What is laid over each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overlap {
    /// Boxes, as for detection.
    Boxes,
    /// Pixels, as for segmentation. What has no mask overlaps nothing.
    Masks,
}

impl Overlap {
    /// Intersection over union of a detection and an object, 0..=1; over the detection's own area if the object is a
    /// crowd. What is below one half may be given as 0: no threshold is lower.
    pub(super) fn of(self, found: &Detection, object: &Annotation) -> f64 {
        match self {
            Self::Boxes => boxes(found.bbox.map(f64::from), object.bbox, object.crowd),
            Self::Masks => masks(found, object),
        }
    }

    /// Whether a detection overlaps itself enough for every threshold. Boxes without area, of negative sides or of numbers
    /// that are none don't, nor do empty masks.
    pub(super) fn of_itself(self, found: &Detection) -> bool {
        match self {
            Self::Boxes => {
                let bbox = found.bbox.map(f64::from);
                boxes(bbox, bbox, false) >= THRESHOLDS[THRESHOLDS.len() - 1]
            }
            Self::Masks => found.mask.as_ref().is_some_and(|mask| mask.area() > 0),
        }
    }

    /// The area of a detection in pixels; below 0 if one side of its box is.
    pub(super) fn area(self, found: &Detection) -> f64 {
        match self {
            Self::Boxes => f64::from(found.bbox[2]) * f64::from(found.bbox[3]),
            Self::Masks => found.mask.as_ref().map_or(0.0, |mask| mask.area() as f64),
        }
    }
}

/// The order of the steps is the COCO API's, so that the last bit is.
fn boxes(found: [f64; 4], object: [f64; 4], crowd: bool) -> f64 {
    let side = |axis: usize| {
        let ends = [found, object].map(|b| b[axis] + b[axis + 2]);
        ends[0].min(ends[1]) - found[axis].max(object[axis])
    };
    let (width, height) = (side(0), side(1));
    // Not a number is no overlap either.
    if !(width > 0.0 && height > 0.0) {
        return 0.0;
    }
    let common = width * height;
    let own = found[2] * found[3];
    common / if crowd { own } else { own + object[2] * object[3] - common }
}

fn masks(found: &Detection, object: &Annotation) -> f64 {
    let (Some(mask), Some(other)) = (&found.mask, &object.mask) else { return 0.0 };
    let whole = |common: u64| if object.crowd { mask.area() } else { mask.area() + other.area() - common };
    // Most pairs are far apart or of other sizes: their boxes and areas tell.
    let most = mask.boxes_intersection(other).min(mask.area()).min(other.area());
    if most == 0 || 2 * most < whole(most) {
        return 0.0;
    }
    let common = mask.intersection(other);
    common as f64 / whole(common) as f64
}
