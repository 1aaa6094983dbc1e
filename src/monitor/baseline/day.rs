//! One day of one light in numbers: histograms while it lasts, three quantiles of each measure once it is over.

use serde::{Deserialize, Serialize};

use crate::facts::Scalars;

/// What is measured, in the order of [`Day::quantiles`], with its largest value.
const LARGEST: [f32; Measure::COUNT] = [1.0, 255.0, 255.0, 128.0, 1.0, 1.0];

/// Bins of a histogram: a score is known to within a hundredth.
const BINS: usize = 100;

/// The quantiles that are kept.
const SHARES: [f32; 3] = [0.1, 0.5, 0.9];

/// Looks of a day below which it says nothing: half an hour of that light.
pub(super) const LEAST: u16 = 30;

/// A measure of which quantiles are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Measure {
    Score,
    Texture = 4,
}

impl Measure {
    /// Score, mean, median, deviation, texture, coloured.
    const COUNT: usize = 6;
}

/// A day that is over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Day {
    /// Days since 1970 (UTC).
    pub(super) number: u32,
    /// Looks.
    pub(super) looks: u16,
    /// The tenth, the half and nine tenths of each measure.
    quantiles: [[f32; SHARES.len()]; Measure::COUNT],
}

impl Day {
    /// A measure's quantiles: of a tenth, half, nine tenths.
    pub(super) fn of(&self, measure: Measure) -> [f32; SHARES.len()] {
        self.quantiles[measure as usize]
    }

    /// Whether its numbers can be some.
    pub(super) fn is_sound(&self) -> bool {
        self.quantiles.iter().zip(LARGEST).all(|(of, largest)| of.iter().all(|v| (0.0..=largest).contains(v)))
    }
}

/// A day that lasts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Today {
    number: u32,
    looks: u16,
    /// A histogram each; empty before the first look.
    bins: [Vec<u16>; Measure::COUNT],
}

impl Today {
    pub(super) fn new(number: u32) -> Self {
        Self { number, looks: 0, bins: std::array::from_fn(|_| Vec::new()) }
    }

    pub(super) fn number(&self) -> u32 {
        self.number
    }

    pub(super) fn is_sound(&self) -> bool {
        self.bins.iter().all(|bins| bins.is_empty() || bins.len() == BINS)
    }

    pub(super) fn add(&mut self, score: f32, scalars: &Scalars) {
        let Scalars { mean, median, deviation, texture, coloured } = *scalars;
        let values = [score, mean, median, deviation, texture, coloured];
        self.looks = self.looks.saturating_add(1);
        for ((bins, value), largest) in self.bins.iter_mut().zip(values).zip(LARGEST) {
            bins.resize(BINS, 0);
            let bin = (value / largest * BINS as f32).clamp(0.0, (BINS - 1) as f32) as usize;
            bins[bin] = bins[bin].saturating_add(1);
        }
    }

    /// Its numbers, if it has looks enough to say anything.
    pub(super) fn close(&self) -> Option<Day> {
        let quantiles = std::array::from_fn(|i| SHARES.map(|share| quantile(&self.bins[i], share, LARGEST[i])));
        (self.looks >= LEAST).then_some(Day { number: self.number, looks: self.looks, quantiles })
    }
}

/// The value below which this share lies; linear inside a bin, to four decimals (a state file need not hold more).
fn quantile(bins: &[u16], share: f32, largest: f32) -> f32 {
    let total: u32 = bins.iter().map(|&n| u32::from(n)).sum();
    let (wanted, mut below) = (share * total as f32, 0.0);
    for (bin, &n) in bins.iter().enumerate() {
        let n = f32::from(n);
        if n > 0.0 && below + n >= wanted {
            let value = (bin as f32 + (wanted - below) / n) / BINS as f32 * largest;
            return (value * 1e4).round() / 1e4;
        }
        below += n;
    }
    0.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_come_out_of_histograms_within_a_bin() {
        let mut today = Today::new(7);
        for i in 0..1000 {
            let v = i as f32 / 1000.0;
            today.add(0.2 + 0.5 * v, &Scalars { texture: v * v, mean: 300.0, ..Scalars::default() });
        }
        let day = today.close().expect("enough");
        assert!(day.is_sound() && (day.number, day.looks) == (7, 1000));
        for (measure, want) in [(Measure::Score, [0.25, 0.45, 0.65]), (Measure::Texture, [0.01, 0.25, 0.81])] {
            for (got, want) in day.of(measure).iter().zip(want) {
                assert!((got - want).abs() < 0.011, "{measure:?}: {got} {want}");
            }
        }
    }

    #[test]
    fn too_few_looks_say_nothing() {
        let mut today = Today::new(7);
        (1..LEAST).for_each(|_| today.add(0.5, &Scalars::default()));
        assert_eq!(today.close(), None);
        today.add(0.5, &Scalars::default());
        assert!(today.close().is_some());
    }
}
