//! How often which values were seen, in one pass, without knowing their range before.

use super::Quantiser;

/// At most so many bins; when values come that do not fit, pairs of bins become one.
const BINS: usize = 4096;

/// Counts of values in bins whose edges are multiples of a power of two.
#[derive(Clone, Debug)]
pub struct Histogram {
    /// Number of the first bin: it begins at `first · width`.
    first: i64,
    width: f64,
    counts: Vec<u64>,
    low: f32,
    high: f32,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { first: 0, width: 2.0_f64.powi(-40), counts: Vec::new(), low: f32::INFINITY, high: f32::NEG_INFINITY }
    }
}

impl Histogram {
    /// Counts values; what is no number is left out.
    pub fn add(&mut self, values: &[f32]) {
        let finite = || values.iter().copied().filter(|value| value.is_finite());
        let (low, high) = finite().fold((self.low, self.high), |(low, high), value| (low.min(value), high.max(value)));
        if low > high {
            return;
        }
        (self.low, self.high) = (low, high);
        self.reach(f64::from(low), f64::from(high));
        for value in finite() {
            let bin = (f64::from(value) / self.width).floor() as i64 - self.first;
            self.counts[bin as usize] += 1;
        }
    }

    /// The smallest value; 0 if none was seen.
    #[must_use]
    pub fn low(&self) -> f32 {
        if self.counts.is_empty() { 0.0 } else { self.low }
    }

    /// The largest value; 0 if none was seen.
    #[must_use]
    pub fn high(&self) -> f32 {
        if self.counts.is_empty() { 0.0 } else { self.high }
    }

    /// Number of values.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// The range that is left when at most `share` of the values is cut off at each end, to a bin's width.
    #[must_use]
    pub fn without_tails(&self, share: f64) -> (f32, f32) {
        let allowed = (self.count() as f64 * share) as u64;
        let outside = |counts: &mut dyn Iterator<Item = &u64>| {
            let mut sum = 0;
            counts
                .take_while(|count| {
                    sum += **count;
                    sum <= allowed
                })
                .count()
        };
        let (below, above) = (outside(&mut self.counts.iter()), outside(&mut self.counts.iter().rev()));
        let edge = |bin: usize| ((self.first + bin as i64) as f64 * self.width) as f32;
        let (low, high) = (edge(below), edge(self.counts.len().saturating_sub(above)));
        (low.max(self.low()), high.min(self.high()))
    }

    /// Mean squared error of quantising what was seen, each value taken as its bin's middle.
    #[must_use]
    pub fn squared_error(&self, quantiser: &Quantiser) -> f64 {
        let error = |(bin, count): (usize, &u64)| {
            let middle = (self.first + bin as i64) as f64 * self.width + self.width / 2.0;
            *count as f64 * (f64::from(quantiser.rounded(middle as f32)) - middle).powi(2)
        };
        self.counts.iter().enumerate().filter(|(_, count)| **count > 0).map(error).sum::<f64>()
            / self.count().max(1) as f64
    }

    /// Makes room for values from `low` to `high`.
    fn reach(&mut self, low: f64, high: f64) {
        loop {
            let bin = |value: f64| (value / self.width).floor();
            let (mut first, mut last) = (bin(low), bin(high));
            if !self.counts.is_empty() {
                first = first.min(self.first as f64);
                last = last.max((self.first + self.counts.len() as i64 - 1) as f64);
            }
            if last - first < BINS as f64 {
                let (first, last) = (first as i64, last as i64);
                let before = if self.counts.is_empty() { 0 } else { (self.first - first) as usize };
                let mut counts = vec![0; (last - first + 1) as usize];
                counts[before..before + self.counts.len()].copy_from_slice(&self.counts);
                (self.first, self.counts) = (first, counts);
                return;
            }
            self.halve();
        }
    }

    /// Doubles the width of the bins.
    fn halve(&mut self) {
        let first = self.first.div_euclid(2);
        let last = (self.first + self.counts.len() as i64 - 1).div_euclid(2);
        let mut counts = vec![0; if self.counts.is_empty() { 0 } else { (last - first + 1) as usize }];
        for (bin, count) in self.counts.iter().enumerate() {
            counts[((self.first + bin as i64).div_euclid(2) - first) as usize] += count;
        }
        (self.first, self.counts, self.width) = (first, counts, self.width * 2.0);
    }
}
