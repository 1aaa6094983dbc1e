use std::slice::from_ref;

use proptest::prelude::*;

use super::*;

const BOX: [f32; 4] = [100.0, 100.0, 80.0, 60.0];
const FAR: [f32; 4] = [300.0, 100.0, 80.0, 60.0];
const ONE: Precision = Precision { ap50: 1.0, ap75: 1.0, ap: 1.0 };
const NONE: Precision = Precision { ap50: 0.0, ap75: 0.0, ap: 0.0 };

fn found(class: u16, score: f32, bbox: [f32; 4]) -> Detection {
    Detection { class, score, bbox, mask: None }
}

fn object(class: u16, bbox: [f32; 4]) -> Annotation {
    Annotation::of(&found(class, 1.0, bbox))
}

fn crowd(class: u16, bbox: [f32; 4]) -> Annotation {
    Annotation { crowd: true, ..object(class, bbox) }
}

fn of_boxes(found: &[Detection], truth: &[Annotation]) -> Precision {
    precision(found, truth, Overlap::Boxes)
}

/// A rectangle of pixels in a picture of 40×30.
fn pixels([x, y, w, h]: [u32; 4]) -> Runs {
    let bitmap: Vec<bool> =
        (0..40 * 30).map(|at| (x..x + w).contains(&(at % 40)) && (y..y + h).contains(&(at / 40))).collect();
    Runs::from_bitmap(40, 30, &bitmap).expect("40×30 pixels")
}

fn covering(score: f32, mask: Runs) -> Detection {
    Detection { mask: Some(mask), ..found(0, score, BOX) }
}

#[test]
fn nothing_to_find() {
    for overlap in [Overlap::Boxes, Overlap::Masks] {
        assert_eq!(precision(&[], &[], overlap), ONE);
        assert_eq!(precision(&[found(3, 0.01, BOX)], &[], overlap), NONE);
        assert_eq!(precision(&[], &[object(3, BOX)], overlap), NONE);
    }
}

#[test]
fn crowds_alone_absorb_what_lies_in_them() {
    let truth = [crowd(3, [50.0, 50.0, 300.0, 300.0])];
    assert_eq!(of_boxes(&[], &truth), ONE);
    assert_eq!(of_boxes(&[found(3, 0.5, BOX), found(3, 0.5, BOX)], &truth), ONE);
    assert_eq!(of_boxes(&[found(3, 0.5, BOX), found(3, 0.9, [400.0, 100.0, 9.0, 9.0])], &truth), NONE);
    assert_eq!(of_boxes(&[found(4, 0.5, BOX)], &truth), NONE);
    // Six tenths of it lie inside, which three of the ten thresholds ask for at most.
    let partly = of_boxes(&[found(3, 0.5, [340.0, 60.0, 16.0, 10.0])], &truth);
    assert_eq!(partly, Precision { ap50: 1.0, ap75: 0.0, ap: 0.3 });
}

#[test]
fn classes_without_objects_are_left_out() {
    let truth = [object(3, BOX), crowd(5, FAR)];
    assert_eq!(of_boxes(&[found(3, 0.5, BOX), found(9, 0.9, FAR), found(5, 0.8, BOX)], &truth), ONE);
    assert_eq!(of_boxes(&[found(3, 0.5, BOX)], &[object(3, BOX), object(9, FAR)]).ap, 0.5);
}

#[test]
fn without_a_mask_nothing_overlaps() {
    let (some, none) = (covering(0.5, pixels([3, 3, 9, 9])), found(0, 0.5, BOX));
    assert_eq!(precision(from_ref(&none), &[Annotation::of(&some)], Overlap::Masks), NONE);
    assert_eq!(precision(from_ref(&some), &[Annotation::of(&none)], Overlap::Masks), NONE);
    assert_eq!(precision(from_ref(&some), &[Annotation::of(&some)], Overlap::Masks), ONE);
    assert_eq!(precision(from_ref(&none), &[Annotation::of(&none)], Overlap::Boxes), ONE);
}

#[test]
fn a_detection_without_area_is_false() {
    let truth = [object(0, BOX)];
    let (flat, right) = (found(0, 0.75, [100.0, 100.0, 80.0, 0.0]), found(0, 0.5, BOX));
    assert_eq!(of_boxes(from_ref(&flat), &[Annotation::of(&flat)]), NONE);
    assert_eq!(of_boxes(&[flat.clone(), right.clone()], &truth).ap, 0.5);
    // On a reference both sides leave it out.
    let reference = Reference::of(&[flat.clone(), right.clone()], 0.1, Overlap::Boxes);
    assert_eq!(reference.objects().len(), 1);
    assert_eq!(consistency(&[flat, right], &reference), ONE);
}

#[test]
fn equal_scores_keep_their_order() {
    let truth = [object(0, BOX)];
    assert_eq!(of_boxes(&[found(0, 0.5, BOX), found(0, 0.5, FAR)], &truth), ONE);
    assert_eq!(of_boxes(&[found(0, 0.5, FAR), found(0, 0.5, BOX)], &truth).ap, 0.5);
    let mut a = vec![found(0, 0.5, FAR), found(0, 0.5, BOX)];
    let mut b = vec![found(0, 0.5, BOX), found(0, 0.5, FAR)];
    canonical(&mut a);
    canonical(&mut b);
    assert_eq!(a, b);
}

#[test]
fn the_stored_order() {
    let masked = |bbox, mask| Detection { mask: Some(mask), ..found(1, 0.5, bbox) };
    let ordered = vec![
        found(7, 0.75, FAR),
        found(0, 0.5, FAR),
        found(1, 0.5, BOX),
        masked(BOX, pixels([1, 1, 2, 2])),
        masked(BOX, pixels([2, 1, 2, 2])),
        found(1, 0.5, [100.0, 100.0, 80.5, 60.0]),
        found(1, 0.5, [101.0, 0.0, 0.0, 0.0]),
        found(0, 0.25, BOX),
    ];
    let mut reversed: Vec<Detection> = ordered.iter().rev().cloned().collect();
    canonical(&mut reversed);
    assert_eq!(reversed, ordered);
}

#[test]
fn the_threshold_holds_for_both_sides() {
    let clean = [found(0, 0.9, BOX), found(1, 0.3, FAR), found(2, 0.29, BOX)];
    let reference = Reference::of(&clean, 0.3, Overlap::Boxes);
    assert_eq!(reference.objects(), [object(0, BOX), object(1, FAR)]);
    assert_eq!(consistency(&clean, &reference), ONE);
    // An object that sinks below it is lost, and what is below it is no false one.
    assert_eq!(consistency(&[found(0, 0.9, BOX), found(1, 0.29, FAR)], &reference).ap, 0.5);
    let mut with_false_ones = clean.to_vec();
    with_false_ones.extend([found(0, 0.2, FAR), found(1, 0.2, BOX)]);
    assert_eq!(consistency(&with_false_ones, &reference), ONE);
}

#[test]
fn no_more_of_a_class_are_to_be_found_than_count() {
    let score = |i: u16| 1.0 - f32::from(i) / 200.0;
    let many: Vec<Detection> = (0..130).map(|i| found(7, score(i), [f32::from(i) * 9.0, 0.0, 8.0, 8.0])).collect();
    let reference = Reference::of(&many, 0.1, Overlap::Boxes);
    assert_eq!(reference.objects().len(), 100);
    assert_eq!(consistency(&many, &reference), ONE);
    // Of annotations all are to be found, as COCO has it.
    let truth: Vec<Annotation> = many.iter().map(Annotation::of).collect();
    assert_eq!(of_boxes(&many, &truth).ap50, 77.0 / 101.0);
}

#[test]
fn a_reference_wholly_below_the_threshold() {
    let reference = Reference::of(&[found(0, 0.2, BOX)], 0.3, Overlap::Boxes);
    assert!(reference.objects().is_empty());
    assert_eq!(consistency(&[found(0, 0.29, BOX)], &reference), ONE);
    assert_eq!(consistency(&[found(0, 0.3, BOX)], &reference), NONE);
}

#[test]
fn numbers_that_are_none_find_nothing_and_break_nothing() {
    let right = found(0, 0.5, BOX);
    let truth = [object(0, BOX)];
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let broken = [found(0, bad, BOX), found(0, 0.75, [bad, 0.0, 9.0, 9.0]), found(0, 0.75, [0.0, 0.0, bad, bad])];
        for broken in &broken {
            let both = of_boxes(&[broken.clone(), right.clone()], &truth);
            assert!((0.0..=1.0).contains(&both.ap), "{broken:?}");
        }
        let clean = [broken[1].clone(), broken[2].clone(), right.clone()];
        let reference = Reference::of(&clean, 0.1, Overlap::Boxes);
        assert_eq!((reference.objects().len(), consistency(&clean, &reference)), (1, ONE));
    }
    // A score that is no number comes last.
    assert_eq!(of_boxes(&[found(0, f32::NAN, FAR), right], &truth), ONE);
}

/// Detections of a few classes on a coarse grid with few scores, so that much is equal; in a picture of 40×30.
fn detections(most: usize) -> impl Strategy<Value = Vec<Detection>> {
    let detection = (0_u16..4, 0_u8..6, 0_u32..8, 0_u32..6, 0_u32..5, 0_u32..5, any::<bool>()).prop_map(
        |(class, score, x, y, w, h, hole)| {
            let [x, y, w, h] = [x * 4, y * 4, w * 4, h * 4];
            let mut mask = pixels([x, y, w.min(40 - x), h.min(30 - y)]);
            if hole && w > 0 && h > 0 {
                mask = mask.unite(&pixels([x, y, 1, 1]));
            }
            let bbox = [x, y, w, h].map(|v| v as f32);
            Detection { class, score: f32::from(score) / 5.0, bbox, mask: Some(mask) }
        },
    );
    proptest::collection::vec(detection, 0..most)
}

proptest! {
    #[test]
    fn an_answer_is_consistent_with_itself(clean in detections(150), threshold in 0.0_f32..1.0) {
        for overlap in [Overlap::Boxes, Overlap::Masks] {
            prop_assert_eq!(consistency(&clean, &Reference::of(&clean, threshold, overlap)), ONE);
        }
    }

    #[test]
    fn a_perfect_answer_is_right(found in detections(30)) {
        for overlap in [Overlap::Boxes, Overlap::Masks] {
            let found: Vec<Detection> =
                found.iter().filter(|found| found.bbox[2] * found.bbox[3] > 0.0).cloned().collect();
            let truth: Vec<Annotation> = found.iter().map(Annotation::of).collect();
            prop_assert_eq!(precision(&found, &truth, overlap), ONE);
        }
    }

    #[test]
    fn the_stored_order_is_that_of_the_content(found in detections(20), truth in detections(8), seed in any::<u64>()) {
        let truth: Vec<Annotation> = truth.iter().map(Annotation::of).collect();
        let mut ordered = found.clone();
        canonical(&mut ordered);
        let mut shuffled = found;
        let mut state = seed | 1;
        for i in (1..shuffled.len()).rev() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            shuffled.swap(i, (state >> 33) as usize % (i + 1));
        }
        canonical(&mut shuffled);
        prop_assert_eq!(&shuffled, &ordered);
        // Which class comes first does not matter, only the order within each.
        let by_class: Vec<Detection> =
            (0..4).rev().flat_map(|class| ordered.iter().filter(move |found| found.class == class).cloned()).collect();
        for overlap in [Overlap::Boxes, Overlap::Masks] {
            prop_assert_eq!(precision(&by_class, &truth, overlap), precision(&ordered, &truth, overlap));
        }
    }

    #[test]
    fn a_false_one_with_the_lowest_score_never_helps(found in detections(20), truth in detections(8), class in 0_u16..4) {
        let truth: Vec<Annotation> = truth.iter().map(Annotation::of).collect();
        let mut more = found.clone();
        more.push(Detection { mask: Some(pixels([0, 0, 0, 0])), ..self::found(class, -1.0, [900.0, 900.0, 9.0, 9.0]) });
        for overlap in [Overlap::Boxes, Overlap::Masks] {
            let (before, after) = (precision(&found, &truth, overlap), precision(&more, &truth, overlap));
            prop_assert!(after.ap50 <= before.ap50 && after.ap75 <= before.ap75 && after.ap <= before.ap);
        }
    }

    #[test]
    fn values_lie_in_their_range_and_fall_with_the_threshold(found in detections(20), truth in detections(8)) {
        let truth: Vec<Annotation> = truth.iter().map(Annotation::of).collect();
        for overlap in [Overlap::Boxes, Overlap::Masks] {
            let Precision { ap50, ap75, ap } = precision(&found, &truth, overlap);
            prop_assert!([ap50, ap75, ap].iter().all(|value| (0.0..=1.0).contains(value)));
        }
    }
}
