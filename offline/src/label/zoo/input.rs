//! What a model takes: one picture as a tensor.

use serde::{Deserialize, Serialize};

/// What a model takes.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// Name of the tensor.
    pub name: String,
    /// Side of the square in pixels; not used where the picture keeps its own size.
    pub size: u32,
    /// Order of the axes.
    pub layout: Layout,
    /// Order of the channels.
    pub colour: Channels,
    /// Type of the elements.
    pub element: Element,
    /// Subtracted from values 0..=255, in the order of `colour`; none: nothing.
    #[serde(default)]
    pub mean: [f32; 3],
    /// Divides after that.
    #[serde(default = "ones")]
    pub std: [f32; 3],
    /// Share of the shorter side in the centre crop; none: no crop.
    pub crop: Option<f64>,
    /// How a picture that is not cropped comes to size.
    #[serde(default)]
    pub resize: Resize,
    /// Grey value 0..=255 beside a letterboxed picture.
    #[serde(default = "grey")]
    pub pad: u8,
    /// Filter of the resize.
    pub interpolation: Interpolation,
}

fn ones() -> [f32; 3] {
    [1.0; 3]
}

fn grey() -> u8 {
    114
}

/// How a whole picture comes to a model's size.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Resize {
    /// Squashed to the square.
    #[default]
    Squash,
    /// Scaled until its longer side fits; at the top left, grey right of it or below.
    LetterboxCorner,
    /// Scaled until its longer side fits; grey on both sides.
    LetterboxCentre,
    /// Not at all: the model takes any size.
    Keep,
}

/// Order of a tensor's axes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Layout {
    /// Channels first.
    Nchw,
    /// Channels last.
    Nhwc,
}

/// Order of a tensor's channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Channels {
    /// Red first.
    Rgb,
    /// Blue first.
    Bgr,
}

/// Type of a tensor's elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Element {
    /// 32-bit floats, normalised by mean and std.
    F32,
    /// The bytes themselves.
    U8,
    /// Signed bytes: each value less 128.
    I8,
}

/// Filter of a resize.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Interpolation {
    /// Triangle, antialiased as Pillow's.
    Bilinear,
    /// Cubic with a = -0.5, antialiased as Pillow's.
    Bicubic,
}
