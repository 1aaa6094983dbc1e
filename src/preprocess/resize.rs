//! Antialiased resize of interleaved RGB, as Pillow's.

use fast_image_resize::{
    FilterType, ResizeAlg, ResizeOptions, Resizer,
    images::{TypedImage, TypedImageRef},
    pixels::U8x3,
};

use super::PreprocessError;

/// The filter of a resize; its support grows with the factor of reduction (antialiasing).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filter {
    /// Triangle, Pillow's BILINEAR.
    Bilinear,
    /// Catmull-Rom (a = −0.5), Pillow's BICUBIC.
    Bicubic,
}

/// The part of a picture that is resized, in pixels of the source; fractions count.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Region {
    /// Left edge.
    pub left: f64,
    /// Top edge.
    pub top: f64,
    /// Width.
    pub width: f64,
    /// Height.
    pub height: f64,
}

/// Resizes tightly packed 8-bit RGB of `size` (width, height) to `out`; `region` cuts the source first.
///
/// # Errors
/// [`PreprocessError::Resize`] if the bytes don't hold `size` or the region lies outside.
pub fn resize_rgb(
    rgb: &[u8],
    size: (u32, u32),
    region: Option<Region>,
    out: (u32, u32),
    filter: Filter,
) -> Result<Vec<u8>, PreprocessError> {
    let failed = |e: &dyn std::fmt::Display| PreprocessError::Resize(e.to_string());
    let filter = match filter {
        Filter::Bilinear => FilterType::Bilinear,
        Filter::Bicubic => FilterType::CatmullRom,
    };
    let mut options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(filter)).use_alpha(false);
    if let Some(r) = region {
        options = options.crop(r.left, r.top, r.width, r.height);
    }
    let mut bytes = vec![0; 3 * out.0 as usize * out.1 as usize];
    let source = TypedImageRef::<U8x3>::from_buffer(size.0, size.1, rgb).map_err(|e| failed(&e))?;
    let mut target = TypedImage::<U8x3>::from_buffer(out.0, out.1, &mut bytes).map_err(|e| failed(&e))?;
    // The typed call: the untyped one compiles the kernels of every pixel type into this crate.
    Resizer::new().resize_typed(&source, &mut target, &options).map_err(|e| failed(&e))?;
    Ok(bytes)
}
