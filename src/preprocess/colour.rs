//! A vertical strip of a frame → interleaved RGB, with the frame's own matrix and range.

use yuv::{
    YuvBiPlanarImage, YuvConversionMode, YuvGrayImage, YuvPlanarImage, YuvRange, YuvStandardMatrix, yuv_nv12_to_rgb,
    yuv400_to_rgb, yuv420_to_rgb,
};

use super::PreprocessError;
use crate::frame::{Colour, Frame, Matrix, Pixels, Plane};

/// A frame's whole picture as interleaved RGB.
///
/// # Errors
/// [`PreprocessError::Plane`] if a plane is shorter than its stride says.
pub fn to_rgb(frame: &Frame) -> Result<image::RgbImage, PreprocessError> {
    let bytes = strip(frame, 0, frame.width)?;
    image::RgbImage::from_raw(frame.width, frame.height, bytes).ok_or(PreprocessError::Plane {
        plane: "RGB",
        len: 0,
        width: frame.width,
        height: frame.height,
    })
}

/// Columns `left .. left + width` of a frame as tightly packed RGB. `left` is even, since chroma covers two columns.
pub(super) fn strip(frame: &Frame, left: u32, width: u32) -> Result<Vec<u8>, PreprocessError> {
    debug_assert!(left.is_multiple_of(2) && left + width <= frame.width);
    let (x, height) = (left as usize, frame.height);
    let mut rgb = vec![0; 3 * width as usize * height as usize];
    let stride = 3 * width;
    let failed = |e: yuv::YuvError| PreprocessError::Colour(e.to_string());
    let (range, matrix) = kind(frame.colour);
    match &frame.pixels {
        Pixels::I420 { y, u, v } => {
            let chroma = (width.div_ceil(2), height.div_ceil(2));
            let image = YuvPlanarImage {
                y_plane: part(frame, "Y", y, x, width, height)?,
                y_stride: y.stride as u32,
                u_plane: part(frame, "U", u, x / 2, chroma.0, chroma.1)?,
                u_stride: u.stride as u32,
                v_plane: part(frame, "V", v, x / 2, chroma.0, chroma.1)?,
                v_stride: v.stride as u32,
                width,
                height,
            };
            yuv420_to_rgb(&image, &mut rgb, stride, range, matrix).map_err(failed)?;
        }
        Pixels::Nv12 { y, uv } => {
            let image = YuvBiPlanarImage {
                y_plane: part(frame, "Y", y, x, width, height)?,
                y_stride: y.stride as u32,
                uv_plane: part(frame, "UV", uv, x, 2 * width.div_ceil(2), height.div_ceil(2))?,
                uv_stride: uv.stride as u32,
                width,
                height,
            };
            yuv_nv12_to_rgb(&image, &mut rgb, stride, range, matrix, YuvConversionMode::Balanced).map_err(failed)?;
        }
        Pixels::Grey(y) => {
            let image = YuvGrayImage {
                y_plane: part(frame, "grey", y, x, width, height)?,
                y_stride: y.stride as u32,
                width,
                height,
            };
            yuv400_to_rgb(&image, &mut rgb, stride, range, matrix).map_err(failed)?;
        }
        Pixels::Rgb(plane) => {
            let from = part(frame, "RGB", plane, 3 * x, 3 * width, height)?;
            let row = stride as usize;
            for (to, from) in rgb.chunks_exact_mut(row).zip(from.chunks(plane.stride)) {
                to.copy_from_slice(&from[..row]);
            }
        }
    }
    Ok(rgb)
}

/// The bytes of a plane from column `left` on, checked to hold `rows` rows of `bytes` bytes.
fn part<'a>(
    frame: &Frame,
    name: &'static str,
    plane: &'a Plane,
    left: usize,
    bytes: u32,
    rows: u32,
) -> Result<&'a [u8], PreprocessError> {
    let data = plane.data();
    let need = left + plane.stride * (rows as usize).saturating_sub(1) + bytes as usize;
    if plane.stride < left + bytes as usize || data.len() < need {
        return Err(PreprocessError::Plane { plane: name, len: data.len(), width: frame.width, height: frame.height });
    }
    Ok(&data[left..])
}

/// The same in the colour crate's words.
fn kind(colour: Colour) -> (YuvRange, YuvStandardMatrix) {
    let range = if colour.full_range { YuvRange::Full } else { YuvRange::Limited };
    let matrix = match colour.matrix {
        Matrix::Bt601 => YuvStandardMatrix::Bt601,
        Matrix::Bt709 => YuvStandardMatrix::Bt709,
        Matrix::Bt2020 => YuvStandardMatrix::Bt2020,
    };
    (range, matrix)
}
