//! From a range of floats to 8 bits and back.

use super::Histogram;
use crate::export::onnx::{Element, Node, Tensor};

/// x ≈ scale · (q − zero), q a byte.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quantiser {
    /// Width of a step; above 0.
    pub scale: f32,
    /// The byte that stands for 0.
    pub zero: u8,
}

impl Quantiser {
    /// The finest steps that reach from `low` to `high`, with 0 among them.
    #[must_use]
    pub fn of_range(low: f32, high: f32) -> Self {
        let (low, high) = (low.min(0.0), high.max(0.0));
        let scale = (high - low) / 255.0;
        if !scale.is_normal() {
            return Self { scale: 1.0, zero: 0 };
        }
        Self { scale, zero: (-low / scale).round().clamp(0.0, 255.0) as u8 }
    }

    /// The largest value that a byte stands for.
    #[must_use]
    pub fn high(&self) -> f32 {
        self.scale * (255.0 - f32::from(self.zero))
    }

    /// x after quantising and back.
    #[must_use]
    pub fn rounded(&self, x: f32) -> f32 {
        let zero = f32::from(self.zero);
        self.scale * ((x / self.scale + zero).round_ties_even().clamp(0.0, 255.0) - zero)
    }

    /// The operation that makes bytes of floats.
    pub(super) fn quantise(&self, constants: &mut Vec<Tensor>, floats: &str, bytes: &str) -> Node {
        self.operation("QuantizeLinear", constants, floats, bytes)
    }

    /// The operation that makes floats of bytes.
    pub(super) fn dequantise(&self, constants: &mut Vec<Tensor>, bytes: &str, floats: &str) -> Node {
        self.operation("DequantizeLinear", constants, bytes, floats)
    }

    fn operation(&self, op: &str, constants: &mut Vec<Tensor>, from: &str, to: &str) -> Node {
        let (scale, zero) = (format!("{to}.scale"), format!("{to}.zero"));
        constants.push(Tensor::floats(&scale, &[], &[self.scale]));
        constants.push(Tensor {
            element: Element::U8 as i32,
            name: zero.clone(),
            raw: vec![self.zero],
            ..Tensor::default()
        });
        Node::single(op, &[from, &scale, &zero], to, vec![])
    }
}

/// How a range is chosen from the values that were seen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum RangeRule {
    /// From the smallest to the largest.
    Whole,
    /// This share of the values at each end may lie outside.
    Tails(f64),
    /// The range with the smallest mean squared error.
    SquaredError,
}

impl RangeRule {
    /// The rules that [`fit`](super::fit()) tries.
    pub const ALL: [Self; 4] = [Self::Whole, Self::Tails(1e-5), Self::Tails(1e-4), Self::SquaredError];

    /// The quantiser for values that were seen.
    #[must_use]
    pub fn quantiser(self, seen: &Histogram) -> Quantiser {
        match self {
            Self::Whole => Quantiser::of_range(seen.low(), seen.high()),
            Self::Tails(share) => {
                let (low, high) = seen.without_tails(share);
                Quantiser::of_range(low, high)
            }
            Self::SquaredError => {
                // Ends are drawn in together by hundredths; the optimum is flat, so finer steps gain nothing.
                let candidates = (30..=100).map(|hundredths| {
                    let part = hundredths as f32 / 100.0;
                    Quantiser::of_range(seen.low() * part, seen.high() * part)
                });
                let scored = candidates.map(|quantiser| (seen.squared_error(&quantiser), quantiser));
                scored
                    .min_by(|a, b| a.0.total_cmp(&b.0))
                    .map_or_else(|| Quantiser::of_range(seen.low(), seen.high()), |(_, quantiser)| quantiser)
            }
        }
    }
}

impl std::fmt::Display for RangeRule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Whole => f.write_str("all values"),
            Self::Tails(share) => write!(f, "all but {share:e} of the values at each end"),
            Self::SquaredError => f.write_str("least squared error"),
        }
    }
}
