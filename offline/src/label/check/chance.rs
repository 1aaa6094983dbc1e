//! How far a measure of few pictures may lie from that of all, by chance.

use super::DatasetPrecision;
use crate::agree::{Annotation, Detection, Overlap};

/// Share of results that chance alone puts beyond either end of an interval.
const BEYOND: f64 = 0.005;

/// Half the interval of a normal distribution with [`BEYOND`] beyond either end, in standard deviations.
const DEVIATIONS: f64 = 2.576;

/// Parts that pictures are dealt into.
const PARTS: usize = 10;

/// How far below `share` the share of right answers among `pictures` may lie: 99 % of the binomial distribution lie inside.
#[must_use]
pub fn below(share: f64, pictures: usize) -> f64 {
    if share <= 0.0 || pictures == 0 {
        return share;
    }
    // From all wrong upwards, as logarithms: the first terms are too small for a number.
    let (right, wrong) = (share.ln(), (1.0 - share).max(f64::MIN_POSITIVE).ln());
    let n = pictures as f64;
    let (mut term, mut sum, mut least) = (n * wrong, 0.0, 0);
    for k in 0..pictures {
        sum += term.exp();
        if sum > BEYOND {
            break;
        }
        least = k + 1;
        term += ((n - k as f64) / (k as f64 + 1.0)).ln() + right - wrong;
    }
    (share - least as f64 / n).max(0.0)
}

/// Average precision over pictures, with what it is without each tenth of them.
#[derive(Debug)]
pub struct Jackknife {
    whole: DatasetPrecision,
    without: Vec<DatasetPrecision>,
    pictures: usize,
}

impl Jackknife {
    /// Of no pictures yet.
    #[must_use]
    pub fn new(overlap: Overlap) -> Self {
        let without = (0..PARTS).map(|_| DatasetPrecision::new(overlap)).collect();
        Self { whole: DatasetPrecision::new(overlap), without, pictures: 0 }
    }

    /// Adds a picture, see [`DatasetPrecision::add`].
    pub fn add(&mut self, found: &[Detection], truth: &[Annotation]) {
        self.whole.add(found, truth);
        let part = self.pictures % PARTS;
        let others = self.without.iter_mut().enumerate().filter(|(at, _)| *at != part);
        others.for_each(|(_, without)| without.add(found, truth));
        self.pictures += 1;
    }

    /// Average precision over all pictures; none where no class has objects.
    #[must_use]
    pub fn precision(&self) -> Option<f64> {
        self.whole.precision().map(|precision| precision.ap)
    }

    /// How far from it average precision over other pictures, as many, may lie: 99 %, by the grouped jackknife. Infinite for
    /// fewer than ten pictures, or where a tenth of them holds all objects.
    #[must_use]
    pub fn spread(&self) -> f64 {
        let values: Option<Vec<f64>> =
            self.without.iter().map(|without| without.precision().map(|precision| precision.ap)).collect();
        let Some(values) = values.filter(|_| self.pictures >= PARTS) else { return f64::INFINITY };
        let parts = PARTS as f64;
        let mean = values.iter().sum::<f64>() / parts;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        DEVIATIONS * ((parts - 1.0) / parts * squares).sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lower ends as `scipy.stats.binom.ppf(0.005, n, p)` has them.
    #[test]
    fn the_interval_is_the_binomials() {
        for (share, pictures, least) in [
            (0.9, 1, 0),
            (0.9, 3, 1),
            (0.9, 20, 14),
            (0.75, 20, 10),
            (0.6, 300, 158),
            (0.91, 300, 260),
            (0.4, 50_000, 19_718),
            (1.0, 300, 300),
        ] {
            let expected = share - f64::from(least) / pictures as f64;
            let found = below(share, pictures);
            assert!((found - expected).abs() < 1e-9, "{share} of {pictures}: {found}, not {expected}");
        }
        assert!(below(0.0, 20) <= 0.0);
    }

    fn object(class: u16, score: f32, x: f32) -> Detection {
        Detection { class, score, bbox: [x, 0.0, 10.0, 10.0], mask: None }
    }

    #[test]
    fn the_spread_is_none_for_a_model_that_is_always_right_and_shrinks_with_more_pictures() {
        // Right on all pictures but those that `wrong` names.
        let of = |pictures: usize, wrong: &dyn Fn(usize) -> bool| {
            let mut jackknife = Jackknife::new(Overlap::Boxes);
            for picture in 0..pictures {
                let truth = [Annotation::of(&object(3, 1.0, 0.0))];
                let x = if wrong(picture) { 50.0 } else { 0.0 };
                jackknife.add(&[object(3, 0.5 + (picture * 7 % 10) as f32 / 100.0, x)], &truth);
            }
            (jackknife.precision().unwrap_or(-1.0), jackknife.spread())
        };
        let (value, spread) = of(40, &|_| false);
        assert!((value - 1.0).abs() < 1e-9 && spread < 1e-9, "{value} ± {spread}");
        let third = |picture: usize| picture.wrapping_mul(2_654_435_761) >> 16 & 3 == 0;
        let (few, many) = (of(30, &third), of(600, &third));
        assert!(few.1 > 2.0 * many.1 && many.1 > 0.0, "{few:?}, {many:?}");
        assert!((few.0 - many.0).abs() < few.1, "{few:?}, {many:?}");
        assert!(of(9, &third).1.is_infinite());
    }
}
