//! The area under precision over recall, at COCO's 101 points.

/// Recall is looked at in steps of a hundredth.
const STEPS: usize = 100;

/// Average precision, 0..=1: the mean over the recalls 0, 0.01 … 1 of the best precision at that recall or a higher one,
/// 0 where that recall is never reached.
///
/// `hits` holds the precision right after each correct detection, in their order; `objects` is how many there were to
/// find, at least 1 and at least as many.
pub(super) fn average(hits: &[f64], objects: usize) -> f64 {
    let (mut best, mut sum) = (0.0_f64, 0.0);
    let mut above = if hits.is_empty() { 0 } else { points(hits.len(), objects) };
    for (before, &precision) in hits.iter().enumerate().rev() {
        // Precision is best right after a hit, and the first hit serves recall 0 too.
        best = best.max(precision);
        let below = if before == 0 { 0 } else { points(before, objects) };
        sum += (above - below) as f64 * best;
        above = below;
    }
    sum / (STEPS + 1) as f64
}

/// How many of the 101 recalls are at most `found` of `objects`: numpy's `linspace` and the quotient are compared as they
/// round: 35 times 0.01 is more than 35 of 100.
fn points(found: usize, objects: usize) -> usize {
    let recall = found as f64 / objects as f64;
    let step = |i: usize| i as f64 * 0.01;
    let near = (recall * STEPS as f64) as usize;
    let last = if near < STEPS && step(near + 1) <= recall {
        near + 1
    } else if step(near) > recall {
        near - 1
    } else {
        near
    };
    last + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_are_those_counted_one_by_one() {
        for objects in 1..=300 {
            for found in 1..=objects {
                let recall = found as f64 / objects as f64;
                let counted = (0..=100).filter(|&i| f64::from(i) * 0.01 <= recall).count();
                assert_eq!(points(found, objects), counted, "{found} of {objects}");
            }
        }
        // They reach the recalls 0 to 0.34; the next is 0.35000000000000003.
        assert_eq!(points(35, 100), 35);
    }

    #[test]
    fn averages() {
        assert_eq!(average(&[], 3), 0.0);
        assert_eq!(average(&[1.0, 1.0, 1.0], 3), 1.0);
        assert_eq!(average(&[1.0], 2), 51.0 / 101.0);
        // The first is wrong, then two are right: the better precision counts from the start.
        assert_eq!(average(&[1.0 / 2.0, 2.0 / 3.0], 2), 2.0 / 3.0);
    }
}
