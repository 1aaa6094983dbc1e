//! Five-number summaries: least, quartiles, greatest.

use serde::Serialize;

/// Order statistics of some values.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Quartiles {
    /// How many values.
    pub count: usize,
    /// The least.
    pub least: f64,
    /// A quarter of the values are below.
    pub lower: f64,
    /// Half are below.
    pub median: f64,
    /// Three quarters are below.
    pub upper: f64,
    /// The greatest.
    pub greatest: f64,
}

impl Quartiles {
    /// Quartiles by linear interpolation between neighbours (the default of NumPy). Infinite values count as they are; NaN
    /// is left out. `None` without values.
    #[must_use]
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut sorted: Vec<f64> = values.into_iter().filter(|value| !value.is_nan()).collect();
        sorted.sort_by(f64::total_cmp);
        let (&least, &greatest) = (sorted.first()?, sorted.last()?);
        let at = |share: f64| {
            let place = share * (sorted.len() - 1) as f64;
            let (below, above) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
            // Equal neighbours first: infinity less infinity is no number.
            if below == above { below } else { below + (above - below) * place.fract() }
        };
        Some(Self { count: sorted.len(), least, lower: at(0.25), median: at(0.5), upper: at(0.75), greatest })
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]
mod tests {
    use super::*;

    #[test]
    fn as_numpy_with_infinities() {
        // numpy.percentile([3, 1, 4, 1, 5, 9], [0, 25, 50, 75, 100]) is [1, 1.5, 3.5, 4.75, 9].
        let q = Quartiles::of([3.0, 1.0, 4.0, 1.0, 5.0, 9.0]).unwrap();
        assert_eq!((q.count, q.least, q.lower, q.median, q.upper, q.greatest), (6, 1.0, 1.5, 3.5, 4.75, 9.0));
        let one = Quartiles::of([7.0]).unwrap();
        assert_eq!((one.lower, one.upper), (7.0, 7.0));
        let inf = f64::INFINITY;
        let q = Quartiles::of([inf, 40.0, inf, f64::NAN, inf, 30.0]).unwrap();
        assert_eq!((q.count, q.lower, q.median, q.upper), (5, 40.0, inf, inf));
        assert_eq!(Quartiles::of([f64::NAN]), None);
    }
}
