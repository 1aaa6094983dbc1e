use serde::{Deserialize, Serialize};

use super::spec::TrunkSpec;
use crate::export::ExportError;

/// A convolutional network on pictures of one size, as steps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trunk {
    /// Which file it was read from, and how pictures go in.
    pub source: TrunkSpec,
    /// Side of the pictures in pixels.
    pub side: u32,
    /// What is done, in order. Value 0 is the normalised picture, value i + 1 what step i gives; the last one is the map.
    pub steps: Vec<Step>,
    /// The trained tensors, in the order of their first use.
    pub tensors: Vec<TensorShape>,
    /// Channels C of the map.
    pub channels: usize,
}

/// A trained tensor of a trunk.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TensorShape {
    /// [`PREFIX`](super::PREFIX) and the name that the file has for it.
    pub name: String,
    /// A kernel [out, in / groups, height, width] or a bias [out].
    pub shape: Vec<usize>,
}

/// One operation on values [N, C, H, W]; ONNX's operator of the same name, with all padding explicit. `pads` are pixels
/// above, left, below and right; pairs are (down, across).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case", deny_unknown_fields)]
pub enum Step {
    /// A convolution with trained weights.
    Conv {
        /// The value it reads.
        input: usize,
        /// Name of its kernel.
        weight: String,
        /// Name of its bias.
        bias: Option<String>,
        /// Pixels from window to window.
        strides: [i64; 2],
        /// Zeros around the picture.
        pads: [i64; 4],
        /// Pixels from tap to tap.
        dilations: [i64; 2],
        /// Groups of channels.
        groups: i64,
    },
    /// max(x, 0).
    Relu {
        /// The value it reads.
        input: usize,
    },
    /// Limits.
    Clip {
        /// The value it reads.
        input: usize,
        /// Lower limit.
        min: Option<f32>,
        /// Upper limit.
        max: Option<f32>,
    },
    /// 1 / (1 + exp(−x)).
    Sigmoid {
        /// The value it reads.
        input: usize,
    },
    /// max(0, min(1, alpha · x + beta)).
    HardSigmoid {
        /// The value it reads.
        input: usize,
        /// Slope.
        alpha: f32,
        /// Value at 0.
        beta: f32,
    },
    /// x · max(0, min(1, x / 6 + 1/2)).
    HardSwish {
        /// The value it reads.
        input: usize,
    },
    /// Sum.
    Add {
        /// First operand.
        left: Operand,
        /// Second operand.
        right: Operand,
    },
    /// Difference.
    Sub {
        /// What is subtracted from.
        left: Operand,
        /// What is subtracted.
        right: Operand,
    },
    /// Product.
    Mul {
        /// First operand.
        left: Operand,
        /// Second operand.
        right: Operand,
    },
    /// Quotient.
    Div {
        /// What is divided.
        left: Operand,
        /// What it is divided by.
        right: Operand,
    },
    /// Channels of several values, one after the other.
    Concat {
        /// The values.
        inputs: Vec<usize>,
    },
    /// Largest value of a window; pixels beyond the border never count.
    MaxPool {
        /// The value it reads.
        input: usize,
        /// Size of the window.
        kernel: [i64; 2],
        /// Pixels from window to window.
        strides: [i64; 2],
        /// Pixels around the picture.
        pads: [i64; 4],
    },
    /// Mean of a window.
    AveragePool {
        /// The value it reads.
        input: usize,
        /// Size of the window.
        kernel: [i64; 2],
        /// Pixels from window to window.
        strides: [i64; 2],
        /// Zeros around the picture.
        pads: [i64; 4],
        /// Whether those zeros count.
        count_pads: bool,
    },
    /// Mean over height and width, which become 1.
    GlobalAveragePool {
        /// The value it reads.
        input: usize,
    },
    /// Zeros around the picture.
    Pad {
        /// The value it reads.
        input: usize,
        /// How many.
        pads: [i64; 4],
    },
    /// Axes in another order, the batch first.
    Transpose {
        /// The value it reads.
        input: usize,
        /// Which axis comes where.
        order: [i64; 4],
    },
}

/// One side of an arithmetic step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Operand {
    /// A value.
    Value(usize),
    /// A constant of the file, which is not trained.
    Constant {
        /// Its shape, right-aligned with that of the other operand; empty for a scalar.
        shape: Vec<usize>,
        /// Its values, row-major.
        values: Vec<f32>,
    },
}

impl Step {
    /// The values it reads.
    pub(crate) fn reads(&self) -> Vec<usize> {
        let of = |operand: &Operand| match operand {
            Operand::Value(value) => Some(*value),
            Operand::Constant { .. } => None,
        };
        match self {
            Self::Conv { input, .. }
            | Self::Relu { input }
            | Self::Clip { input, .. }
            | Self::Sigmoid { input }
            | Self::HardSigmoid { input, .. }
            | Self::HardSwish { input }
            | Self::MaxPool { input, .. }
            | Self::AveragePool { input, .. }
            | Self::GlobalAveragePool { input }
            | Self::Pad { input, .. }
            | Self::Transpose { input, .. } => vec![*input],
            Self::Add { left, right }
            | Self::Sub { left, right }
            | Self::Mul { left, right }
            | Self::Div { left, right } => [left, right].into_iter().filter_map(of).collect(),
            Self::Concat { inputs } => inputs.clone(),
        }
    }
}

impl Trunk {
    /// Checks that every step reads what was made before it, and trained tensors that are listed.
    ///
    /// # Errors
    /// [`ExportError::Trunk`] naming the step.
    pub fn check(&self) -> Result<(), ExportError> {
        for (at, step) in self.steps.iter().enumerate() {
            if step.reads().iter().any(|&value| value > at) {
                return Err(self.source.wrong(format!("step {at} reads a value that is not made yet")));
            }
            let Step::Conv { weight, bias, .. } = step else { continue };
            let listed = |name: &String| self.tensors.iter().any(|tensor| tensor.name == *name);
            if let Some(name) = std::iter::once(weight).chain(bias).find(|name| !listed(name)) {
                return Err(self.source.wrong(format!("step {at} reads the tensor {name}, which is not listed")));
            }
        }
        Ok(())
    }

    /// Whether a parameter of this name stays as it is: one of the convolutions that [`TrunkSpec::frozen`] counts.
    #[must_use]
    pub fn is_frozen(&self, name: &str) -> bool {
        let convolutions = self.steps.iter().filter_map(|step| match step {
            Step::Conv { weight, bias, .. } => Some((weight, bias)),
            _ => None,
        });
        convolutions
            .take(self.source.frozen)
            .any(|(weight, bias)| weight == name || bias.as_deref().is_some_and(|bias| bias == name))
    }
}
