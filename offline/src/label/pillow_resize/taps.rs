//! Which samples make a resized sample, and how much each weighs.

use std::ops::Range;

use crate::label::zoo::Interpolation;

/// Fractional bits of a weight: 8 of 32 are the sample's, 2 are left for overshoot.
pub(super) const BITS: u32 = 32 - 8 - 2;

/// What a sum starts with, so that shifting it by [`BITS`] rounds to the nearest, halves up.
pub(super) const HALF: i32 = 1 << (BITS - 1);

/// Bits of a weight's lower part; it and the signed rest fit 16 bits each.
const LOW: u32 = 11;

/// The samples under some of the resized samples of a line.
pub(super) struct Taps {
    under: Vec<Range<usize>>,
    /// Where the weights of each begin; those of an odd number are followed by a zero.
    starts: Vec<usize>,
    weights: Vec<i32>,
    pairs: Vec<Pair>,
    /// Whether the line keeps its length.
    keep: bool,
}

/// Two weights, cut into two parts each: weight = high · 2¹¹ + low.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pair {
    /// The upper parts, the first weight's in the lower half.
    pub high: i32,
    /// The lower parts.
    pub low: i32,
}

impl Pair {
    /// What a sum of products with the upper parts is shifted by.
    pub(super) const SHIFT: i32 = LOW.cast_signed();

    fn of(first: i32, second: i32) -> Self {
        let join = |first: i32, second: i32| (first & 0xffff) | (second << 16);
        let low = |weight: i32| weight & ((1 << LOW) - 1);
        Self { high: join(first >> LOW, second >> LOW), low: join(low(first), low(second)) }
    }
}

impl Taps {
    /// Of `length` samples in a line that becomes `resized` long, those under the samples `wanted` of it.
    pub(super) fn new(length: usize, resized: usize, wanted: Range<usize>, filter: Interpolation) -> Self {
        let (kernel, reach): (fn(f64) -> f64, f64) = match filter {
            Interpolation::Bilinear => (triangle, 1.0),
            Interpolation::Bicubic => (cubic, 2.0),
        };
        let scale = length as f64 / resized as f64;
        let stretch = scale.max(1.0);
        let reach = reach * stretch;
        let inverse = 1.0 / stretch;
        let mut taps = Self {
            under: Vec::new(),
            starts: Vec::new(),
            weights: Vec::new(),
            pairs: Vec::new(),
            keep: length == resized,
        };
        let mut values: Vec<f64> = Vec::new();
        for at in wanted {
            let centre = (at as f64 + 0.5) * scale;
            // Negative numbers become 0.
            let reached = (centre - reach + 0.5) as usize..((centre + reach + 0.5) as usize).min(length);
            let under = if taps.keep { at..at + 1 } else { reached };
            values.clear();
            values.extend(under.clone().map(|sample| kernel((sample as f64 - centre + 0.5) * inverse)));
            let sum: f64 = values.iter().fold(0.0, |sum, value| sum + value);
            taps.starts.push(taps.weights.len());
            taps.weights.extend(values.iter().map(|&value| rounded(if sum == 0.0 { value } else { value / sum })));
            if values.len() % 2 == 1 {
                taps.weights.push(0);
            }
            taps.under.push(under);
        }
        taps.pairs = taps.weights.as_chunks().0.iter().map(|&[first, second]| Pair::of(first, second)).collect();
        taps
    }

    /// All samples under any of the resized ones; from here on they are counted from the first of these.
    pub(super) fn rebase(&mut self) -> Range<usize> {
        let first = self.under.iter().map(|under| under.start).min().unwrap_or(0);
        let end = self.under.iter().map(|under| under.end).max().unwrap_or(first);
        self.under.iter_mut().for_each(|under| *under = under.start - first..under.end - first);
        first..end
    }

    /// Whether the resized samples are the samples themselves.
    pub(super) fn keep(&self) -> bool {
        self.keep
    }

    /// How many resized samples these are for.
    pub(super) fn len(&self) -> usize {
        self.under.len()
    }

    /// The first sample under the one at `at`.
    pub(super) fn first(&self, at: usize) -> usize {
        self.under[at].start
    }

    /// The number of samples under the one at `at`.
    pub(super) fn count(&self, at: usize) -> usize {
        self.under[at].len()
    }

    /// A weight for each of them.
    #[cfg(any(test, not(target_arch = "x86_64")))]
    pub(super) fn weights(&self, at: usize) -> &[i32] {
        &self.weights[self.starts[at]..][..self.count(at)]
    }

    /// The same weights in pairs; the last may be filled up with a zero.
    #[cfg(target_arch = "x86_64")]
    pub(super) fn pairs(&self, at: usize) -> &[Pair] {
        &self.pairs[self.starts[at] / 2..][..self.count(at).div_ceil(2)]
    }
}

/// To [`BITS`] fractional bits, halves away from zero.
fn rounded(weight: f64) -> i32 {
    let scaled = weight * f64::from(1 << BITS);
    (if weight < 0.0 { scaled - 0.5 } else { scaled + 0.5 }) as i32
}

fn triangle(x: f64) -> f64 {
    (1.0 - x.abs()).max(0.0)
}

/// Keys' cubic with a = -1/2.
fn cubic(x: f64) -> f64 {
    const A: f64 = -0.5;
    let x = x.abs();
    if x < 1.0 {
        ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0
    } else if x < 2.0 {
        (((x - 5.0) * x + 8.0) * x - 4.0) * A
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_weight_make_it_up() {
        for (first, second) in [(0, 0), (1 << BITS, -1), (-400_000, 5_600_000), (2_047, -2_048)] {
            let Pair { high, low } = Pair::of(first, second);
            let whole = |high: i32, low: i32| (high << LOW) + low;
            let lower = |parts: i32| i32::from(parts as i16);
            assert_eq!(whole(lower(high), lower(low)), first);
            assert_eq!(whole(high >> 16, low >> 16), second);
        }
    }

    #[test]
    fn weights_sum_to_one_within_a_rounding_each() {
        for filter in [Interpolation::Bilinear, Interpolation::Bicubic] {
            for (length, resized) in [(640, 416), (1, 9), (9, 1), (64, 64), (64, 65), (2, 3)] {
                let mut taps = Taps::new(length, resized, 0..resized, filter);
                assert_eq!((taps.len(), taps.rebase()), (resized, 0..length));
                for at in 0..resized {
                    let sum: i32 = taps.weights(at).iter().sum();
                    assert!(sum.abs_diff(1 << BITS) as usize <= taps.count(at), "{length} to {resized}, {at}: {sum}");
                }
            }
        }
    }
}
