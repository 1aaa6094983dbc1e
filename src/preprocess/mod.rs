//! Planes → views → 288×288 8-bit RGB: the model's one input (paper, section 6.2).
//!
//! Training, evaluation, daemon and golden scores all come through here, so what a model saw in training is what it
//! sees in service. Everything after these bytes (normalisation, the 224×224 crop) is in the model's graph.

mod area;
mod colour;
mod cover;
mod resize;
mod view;

pub use area::{Area, AreaError, Mask};
pub use colour::to_rgb;
pub use cover::Cover;
pub use resize::{Filter, Region, resize_rgb};
pub use view::{Combine, View, ViewSet, from_frame, from_rgb};

/// Side of the model's square input in pixels.
pub const SIDE: u32 = 288;

/// Bytes of one input: 288 × 288 × 3.
pub const BYTES: usize = (SIDE * SIDE * 3) as usize;

/// Least length of a picture's side, in pixels, that is worth a score.
pub const MIN_SIDE: u32 = 32;

/// One model input: 288×288 pixels of 8-bit RGB, rows from the top, channels interleaved (HWC).
#[derive(Clone, PartialEq, Eq)]
pub struct Rgb288(Box<[u8]>);

impl Rgb288 {
    /// Takes exactly [`BYTES`] bytes in HWC order.
    ///
    /// # Errors
    /// [`PreprocessError::Length`] for any other length.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, PreprocessError> {
        if bytes.len() != BYTES {
            return Err(PreprocessError::Length(bytes.len()));
        }
        Ok(Self(bytes.into_boxed_slice()))
    }

    /// The bytes in HWC order.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl std::fmt::Debug for Rgb288 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Rgb288(..)")
    }
}

/// Why a picture can't become a model input.
#[derive(Debug, thiserror::Error)]
pub enum PreprocessError {
    /// A side is under [`MIN_SIDE`].
    #[error("picture of {width}×{height} is too small to judge; both sides need at least {MIN_SIDE} pixels")]
    TooSmall {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
    },
    /// A plane holds fewer bytes than its size and stride say.
    #[error(
        "frame of {width}×{height} has a {plane} plane of {len} bytes, shorter than its stride says; report the decoder and its caps"
    )]
    Plane {
        /// Which plane.
        plane: &'static str,
        /// Bytes it holds.
        len: usize,
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
    },
    /// No pixel of a picture of this size lies inside the area.
    #[error("the region holds no pixel of a {width}×{height} picture; make it larger")]
    EmptyArea {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
    },
    /// Views of an area were made for pictures of another size.
    #[error("picture of {width}×{height} where the region's views were made for {}×{}; make them anew", want.0, want.1)]
    OtherSize {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
        /// Width and height that they were made for.
        want: (u32, u32),
    },
    /// Not one model input's worth of bytes.
    #[error("{0} bytes are no 288×288 RGB picture ({BYTES} expected)")]
    Length(usize),
    /// Colour conversion refused the planes.
    #[error("colour conversion failed: {0}")]
    Colour(String),
    /// The resizer refused the picture.
    #[error("resize to 288 failed: {0}")]
    Resize(String),
}
