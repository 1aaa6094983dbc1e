//! What of a clean frame's detections is still there on its degraded copy.

use std::collections::BTreeMap;

use super::{Detection, Detections, Point};

/// From this overlap (intersection over union) on two boxes are of one thing.
const OVERLAP: f32 = 0.5;

/// Which detections count.
#[derive(Clone, Copy, Debug)]
pub struct Worth {
    /// Confidence from which the detector's user acts on a detection (0–1).
    pub least: f32,
}

/// A degraded copy of a frame.
#[derive(Clone, Debug, PartialEq)]
pub struct Variant {
    /// Its picture's name, as detections have it.
    pub name: String,
    /// The clean picture's name.
    pub clean: String,
    /// miqa's score of it (0–1).
    pub score: f64,
    /// The stretch of time that its frame belongs to; frames next to each other are alike.
    pub segment: usize,
}

/// How many of a clean frame's detections there are, and how many of them are kept on a degraded copy: same class,
/// boxes overlapping by half, each counted once, the surest first.
pub fn kept(clean: &[Detection], degraded: &[Detection], worth: Worth) -> (u32, u32) {
    let mut left: Vec<&Detection> = degraded.iter().filter(|d| d.score >= worth.least).collect();
    let mut wanted: Vec<&Detection> = clean.iter().filter(|d| d.score >= worth.least).collect();
    wanted.sort_by(|a, b| b.score.total_cmp(&a.score));
    let mut kept = 0;
    for one in &wanted {
        let overlap = |other: &Detection| if other.class == one.class { one.overlap(other) } else { 0.0 };
        let best = left.iter().enumerate().map(|(i, other)| (i, overlap(other))).max_by(|a, b| a.1.total_cmp(&b.1));
        if let Some((i, _)) = best.filter(|(_, overlap)| *overlap >= OVERLAP) {
            left.swap_remove(i);
            kept += 1;
        }
    }
    (wanted.len() as u32, kept)
}

/// One point of the curve for each degraded copy of a frame on which the detector saw anything. Frames that the detector
/// wasn't run on are left out; a frame that it saw nothing on has to be named with an empty list.
pub fn points(variants: &[Variant], detections: &Detections, worth: Worth) -> Vec<Point> {
    let by_name: &BTreeMap<String, Vec<Detection>> = &detections.pictures;
    let point = |variant: &Variant| {
        let (seen, kept) = kept(by_name.get(&variant.clean)?, by_name.get(&variant.name)?, worth);
        let (share, weight) = (f64::from(kept) / f64::from(seen.max(1)), f64::from(seen));
        (seen > 0).then_some(Point { score: variant.score, share, weight, segment: variant.segment })
    };
    variants.iter().filter_map(point).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn car(score: f32, left: f32) -> Detection {
        Detection { class: "car".into(), score, bbox: [left, 0.0, 10.0, 10.0] }
    }

    #[test]
    fn each_detection_is_found_again_once_by_class_and_place() {
        let worth = Worth { least: 0.5 };
        let clean = [car(0.9, 0.0), car(0.8, 50.0), car(0.4, 90.0)];
        assert_eq!(kept(&clean, &[car(0.6, 2.0), car(0.6, 51.0)], worth), (2, 2));
        assert_eq!(kept(&clean, &[car(0.6, 2.0), car(0.6, 1.0)], worth), (2, 1));
        assert_eq!(kept(&clean, &[car(0.6, 6.0), car(0.3, 50.0)], worth), (2, 0));
        let truck = Detection { class: "truck".into(), ..car(0.9, 0.0) };
        assert_eq!(kept(&clean, &[truck], worth), (2, 0));
        assert_eq!(kept(&clean[2..], &[], worth), (0, 0));
    }

    #[test]
    fn a_frame_that_was_not_run_is_left_out_and_an_empty_one_counts() {
        let variant = |name: &str| Variant { name: name.into(), clean: "a".into(), score: 0.5, segment: 3 };
        let mut detections = Detections::default();
        detections.pictures.insert("a".into(), vec![car(0.9, 0.0), car(0.9, 40.0)]);
        detections.pictures.insert("a_fog_1".into(), vec![car(0.9, 0.0)]);
        detections.pictures.insert("a_fog_2".into(), vec![]);
        let points = points(&["a_fog_1", "a_fog_2", "a_fog_3"].map(variant), &detections, Worth { least: 0.5 });
        assert_eq!(
            points.iter().map(|p| (p.share, p.weight, p.segment)).collect::<Vec<_>>(),
            [(0.5, 2.0, 3), (0.0, 2.0, 3)]
        );
    }
}
