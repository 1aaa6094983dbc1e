//! What makes scores of a model's last layer; of own elementary functions, so that the same output gives the same score
//! on every machine.

use serde::{Deserialize, Serialize};

use crate::render::elementary::exp;

/// What is still to be done to a model's scores.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Activation {
    /// Nothing: they are scores 0..=1.
    #[default]
    None,
    /// Each class by itself.
    Sigmoid,
    /// Over all classes of an object, with any that stand for none.
    Softmax,
}

/// 1 / (1 + e⁻ˣ).
pub(super) fn sigmoid(x: f32) -> f32 {
    // Beyond ±100 a 32-bit float has no other values than 0 and 1.
    (1.0 / (1.0 + exp(-f64::from(x).clamp(-100.0, 100.0)))) as f32
}

/// eˣ of a difference in logarithms of lengths; 20 is far beyond any picture.
pub(super) fn exponential(x: f32) -> f64 {
    exp(f64::from(x).clamp(-100.0, 20.0))
}

/// Hyperbolic tangent.
pub(super) fn tanh(x: f32) -> f64 {
    let square = exp(2.0 * f64::from(x).clamp(-50.0, 50.0));
    (square - 1.0) / (square + 1.0)
}

/// e to each value's difference to the largest, and their sum.
pub(super) fn exponentials(values: &[f32]) -> (Vec<f64>, f64) {
    let largest = values.iter().copied().fold(f32::MIN, f32::max);
    let exponentials: Vec<f64> = values.iter().map(|&value| exp(f64::from(value) - f64::from(largest))).collect();
    let sum = exponentials.iter().sum();
    (exponentials, sum)
}

impl Activation {
    /// The scores of one object's values.
    pub(super) fn scores(self, values: &[f32], scores: &mut Vec<f32>) {
        scores.clear();
        match self {
            Self::None => scores.extend_from_slice(values),
            Self::Sigmoid => scores.extend(values.iter().map(|&value| sigmoid(value))),
            Self::Softmax => {
                let (exponentials, sum) = exponentials(values);
                scores.extend(exponentials.into_iter().map(|value| (value / sum) as f32));
            }
        }
    }

    /// A value that a score over `floor` is certainly at or above; what lies under it needs no exponential.
    pub(super) fn least(self, floor: f32) -> f32 {
        match self {
            Self::None => floor,
            // The logarithm of the odds, a little lowered for its rounding.
            Self::Sigmoid if floor > 0.0 && floor < 1.0 => {
                let odds = f64::from(floor) / (1.0 - f64::from(floor));
                (crate::render::elementary::ln(odds) - 1e-3) as f32
            }
            Self::Sigmoid | Self::Softmax => f32::MIN,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_those_of_the_platform() {
        for i in -400..=400 {
            let x = i as f32 / 8.0;
            let wide = f64::from(x);
            assert!((f64::from(sigmoid(x)) - 1.0 / (1.0 + (-wide).exp())).abs() < 1e-7, "{x}");
            assert!((tanh(x) - wide.tanh()).abs() < 1e-12, "{x}");
            assert!((exponential(x) - wide.min(20.0).exp()).abs() <= 1e-12 * wide.min(20.0).exp(), "{x}");
        }
        assert!(sigmoid(f32::MIN) < 1e-40 && sigmoid(f32::MAX) == 1.0);
        assert!(tanh(f32::MAX) == 1.0 && exponential(f32::MAX).is_finite());
    }

    #[test]
    fn what_is_skipped_would_not_have_passed() {
        let least = Activation::Sigmoid.least(0.02);
        assert!(sigmoid(least) < 0.02 && sigmoid(least + 0.01) > 0.02);
        assert_eq!(Activation::None.least(0.3), 0.3);
        assert_eq!(Activation::Softmax.least(0.3), f32::MIN);
    }

    #[test]
    fn a_softmax_sums_to_one() {
        let mut scores = Vec::new();
        Activation::Softmax.scores(&[1.0, 3.0, -900.0], &mut scores);
        assert!((scores[0] - 0.119_202_92).abs() < 1e-7 && (scores[1] - 0.880_797_1).abs() < 1e-7 && scores[2] == 0.0);
        Activation::None.scores(&[0.5], &mut scores);
        assert_eq!(scores, [0.5]);
    }
}
