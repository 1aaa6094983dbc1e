#![expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]

use proptest::prelude::*;

use super::*;

fn drawn(rows: &[&str]) -> Runs {
    let bitmap: Vec<bool> = rows.iter().flat_map(|row| row.chars().map(|c| c == '#')).collect();
    Runs::from_bitmap(rows[0].len() as u32, rows.len() as u32, &bitmap).unwrap()
}

#[test]
fn columns_come_first() {
    let runs = Runs::from_lengths(3, 2, &[1, 2, 3]).unwrap();
    assert_eq!(runs.mask().pixels(), [0, 255, 0, 255, 0, 0]);
    assert_eq!((runs.area(), runs.bounding_box()), (2, [0, 0, 2, 2]));
    assert_eq!(runs, drawn(&[".#.", "#.."]));
    assert_eq!(Runs::from_lengths(2, 2, &[0, 4]).unwrap().area(), 4);
}

#[test]
fn one_set_of_pixels_has_one_value() {
    let plain = Runs::from_lengths(3, 4, &[2, 5, 5]).unwrap();
    for lengths in [&[2, 1, 0, 4, 5][..], &[2, 5, 4, 0, 1], &[0, 0, 2, 5, 5, 0], &[1, 0, 1, 2, 0, 3, 5, 0, 0]] {
        assert_eq!(Runs::from_lengths(3, 4, lengths).unwrap(), plain, "{lengths:?}");
    }
    assert_eq!(plain.lengths().collect::<Vec<_>>(), [2, 5, 5]);
}

#[test]
fn empty_and_full() {
    let (empty, full) = (drawn(&["...", "..."]), drawn(&["###", "###"]));
    assert_eq!(empty.lengths().collect::<Vec<_>>(), [6]);
    assert_eq!(full.lengths().collect::<Vec<_>>(), [0, 6]);
    assert_eq!((empty.bounding_box(), full.bounding_box()), ([0; 4], [0, 0, 3, 2]));
    assert_eq!((empty.iou(&empty), empty.iou(&full), full.iou(&full)), (0.0, 0.0, 1.0));
    assert_eq!(empty.unite(&full), full);
    let nothing = Runs::from_bitmap(0, 5, &[]).unwrap();
    assert_eq!((nothing.lengths().collect::<Vec<_>>(), nothing.iou(&nothing)), (vec![0], 0.0));
    assert_eq!(Runs::from_text(0, 5, &nothing.text()).unwrap(), nothing);
}

#[test]
fn pictures_of_other_sizes_share_nothing() {
    let (wide, high) = (drawn(&["######"]), drawn(&["##", "##", "##"]));
    assert_eq!((wide.intersection(&high), wide.iou(&high)), (0, 0.0));
}

#[test]
fn nonsense_is_refused() {
    for (counts, part) in [(vec![1, 2], "cover 3"), (vec![7], "cover 7"), (vec![u32::MAX, u32::MAX], "cover")] {
        assert!(Runs::from_lengths(3, 2, &counts).unwrap_err().to_string().contains(part));
    }
    // "0" is 0, "N" is −2: the fourth number is the second plus it.
    for (text, part) in [
        ("!", "'!'"),
        ("o", "end within"),
        ("é", "character"),
        ("oooooooooooooooo0", "character"),
        ("N", "-2 pixels"),
        ("111N", "-1 pixels"),
    ] {
        let error = Runs::from_text(3, 2, text).unwrap_err().to_string();
        assert!(error.contains(part), "{text}: {error}");
    }
    assert!(Runs::from_bitmap(2, 2, &[true; 3]).is_none());
    assert_eq!(Runs::from_lengths(1 << 16, 1 << 16, &[]), Err(RunsError::TooLarge { width: 1 << 16, height: 1 << 16 }));
    for corner in [f64::NAN, f64::INFINITY, -2e6] {
        let error = Runs::from_polygons(9, 9, &[vec![1.0, 1.0, 5.0, corner]]).unwrap_err();
        assert!(matches!(error, RunsError::Corner(_)), "{error}");
    }
    let other = RunLengths { size: [2, 3], counts: Counts::Plain(vec![6]) };
    let text = Runs::of_segmentation(4, 2, &Segmentation::Runs(other)).unwrap_err().to_string();
    assert!(text.contains("3×2") && text.contains("4×2"), "{text}");
}

/// Two bitmaps of one size, of pixels that stick together as objects do.
fn bitmaps() -> impl Strategy<Value = (u32, u32, Vec<bool>, Vec<bool>)> {
    (1_u32..80, 1_u32..40).prop_flat_map(|(width, height)| {
        let size = (width * height) as usize;
        let drawn = move |lengths: Vec<usize>| {
            let runs = lengths.into_iter().enumerate().flat_map(|(i, n)| std::iter::repeat_n(i % 2 == 1, n));
            runs.chain(std::iter::repeat(false)).take(size).collect::<Vec<_>>()
        };
        let bitmap = prop_oneof![
            proptest::collection::vec(0..2 * width as usize, 0..40).prop_map(drawn),
            proptest::collection::vec(any::<bool>(), size),
        ];
        (Just(width), Just(height), bitmap.clone(), bitmap)
    })
}

proptest! {
    #[test]
    fn everything_equals_the_bitmaps((width, height, a, b) in bitmaps()) {
        let (left, right) = (
            Runs::from_bitmap(width, height, &a).unwrap(),
            Runs::from_bitmap(width, height, &b).unwrap(),
        );
        let decoded: Vec<bool> = left.mask().pixels().iter().map(|&pixel| pixel == INSIDE).collect();
        prop_assert_eq!(&decoded, &a);
        prop_assert_eq!(&Runs::of_mask(&left.mask()).unwrap(), &left);
        let lengths: Vec<u32> = left.lengths().collect();
        prop_assert!(lengths[1..].iter().all(|&length| length > 0));
        prop_assert_eq!(&Runs::from_lengths(width, height, &lengths).unwrap(), &left);
        prop_assert_eq!(&Runs::from_text(width, height, &left.text()).unwrap(), &left);

        let at = |i: usize| (i as u32 % width, i as u32 / width);
        let inside: Vec<(u32, u32)> = (0..a.len()).filter(|&i| a[i]).map(at).collect();
        prop_assert_eq!(left.area(), inside.len() as u64);
        let range = |values: Vec<u32>| values.iter().min().map_or([0, 0], |low| {
            [*low, values.iter().max().unwrap() + 1 - low]
        });
        let ([x, w], [y, h]) =
            (range(inside.iter().map(|p| p.0).collect()), range(inside.iter().map(|p| p.1).collect()));
        prop_assert_eq!(left.bounding_box(), [x, y, w, h]);

        let both = a.iter().zip(&b).filter(|(a, b)| **a && **b).count() as u64;
        let any = a.iter().zip(&b).filter(|(a, b)| **a || **b).count() as u64;
        prop_assert_eq!(left.intersection(&right), both);
        prop_assert_eq!(right.intersection(&left), both);
        prop_assert!(left.boxes_intersection(&right) >= both);
        prop_assert_eq!(left.iou(&right), if any == 0 { 0.0 } else { both as f64 / any as f64 });
        let union: Vec<bool> = a.iter().zip(&b).map(|(a, b)| *a || *b).collect();
        prop_assert_eq!(left.unite(&right), Runs::from_bitmap(width, height, &union).unwrap());
    }
}
