//! One decoded picture with its times: the one thing passed from a source onwards.

use std::{fmt, sync::Arc, time::Duration};

/// Bytes that a frame's planes lie in: a mapped decoder buffer or plain memory, kept alive by the frame.
pub type Bytes = Arc<dyn AsRef<[u8]> + Send + Sync>;

/// One plane of a picture inside a byte buffer.
#[derive(Clone)]
pub struct Plane {
    /// The buffer that holds the plane.
    pub bytes: Bytes,
    /// Where the plane begins in `bytes`.
    pub offset: usize,
    /// Bytes from one row to the next.
    pub stride: usize,
}

impl Plane {
    /// A plane that fills a buffer of its own.
    pub fn owned(bytes: Vec<u8>, stride: usize) -> Self {
        Self { bytes: Arc::new(bytes), offset: 0, stride }
    }

    /// The plane's bytes from its first row to the end of its buffer; empty if the offset lies outside.
    pub fn data(&self) -> &[u8] {
        (*self.bytes).as_ref().get(self.offset..).unwrap_or_default()
    }
}

impl fmt::Debug for Plane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plane").field("offset", &self.offset).field("stride", &self.stride).finish_non_exhaustive()
    }
}

/// The picture's samples as the decoder gave them, 8 bits each.
#[derive(Clone, Debug)]
pub enum Pixels {
    /// Planar 4:2:0: luma, then both chroma planes at half size (rounded up).
    I420 {
        /// Luma.
        y: Plane,
        /// Blue difference.
        u: Plane,
        /// Red difference.
        v: Plane,
    },
    /// Semi-planar 4:2:0: luma, then one plane of interleaved U and V.
    Nv12 {
        /// Luma.
        y: Plane,
        /// Interleaved chroma, U first.
        uv: Plane,
    },
    /// Interleaved red, green, blue.
    Rgb(Plane),
    /// Luma only.
    Grey(Plane),
}

/// The matrix between RGB and YUV (ITU-T H.273, matrix coefficients).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Matrix {
    /// ITU-R BT.601.
    Bt601,
    /// ITU-R BT.709.
    Bt709,
    /// ITU-R BT.2020, non-constant luminance.
    Bt2020,
}

/// How samples map to colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Colour {
    /// Matrix between RGB and YUV; means nothing for RGB pixels.
    pub matrix: Matrix,
    /// Luma runs over 0–255 instead of 16–235.
    pub full_range: bool,
}

impl Colour {
    /// What to take where the stream doesn't say: BT.601 up to 576 lines, BT.709 above, limited range.
    ///
    /// A wrong matrix costs about seven levels of 255 on average, so the choice is made here and nowhere else.
    pub fn assumed(height: u32) -> Self {
        Self { matrix: if height > 576 { Matrix::Bt709 } else { Matrix::Bt601 }, full_range: false }
    }
}

/// One decoded picture.
#[derive(Clone, Debug)]
pub struct Frame {
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// The samples.
    pub pixels: Pixels,
    /// How samples map to colour.
    pub colour: Colour,
    /// Presentation time in the stream, if the stream has one.
    pub pts: Option<Duration>,
    /// When the frame reached us: monotonic, since the program's start.
    pub arrived: Duration,
    /// The decoder marked the picture as damaged.
    pub corrupt: bool,
}

impl Frame {
    /// A frame of interleaved RGB in memory.
    pub fn from_rgb(image: image::RgbImage) -> Self {
        let (width, height) = image.dimensions();
        Self {
            width,
            height,
            pixels: Pixels::Rgb(Plane::owned(image.into_raw(), 3 * width as usize)),
            colour: Colour::assumed(height),
            pts: None,
            arrived: Duration::ZERO,
            corrupt: false,
        }
    }
}
