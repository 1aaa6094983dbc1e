//! A frame as tightly packed I420, which is what the encoder takes.

use image::RgbImage;
use miqa::frame::{Colour, Frame, Matrix, Pixels, Plane};
use miqa::preprocess;
use yuv::{BufferStoreMut, YuvConversionMode, YuvPlanarImageMut, YuvRange, YuvStandardMatrix, rgb_to_yuv420};

use super::ClipError;

/// Luma and the two chroma planes (half size, rounded up), without padding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Planes {
    pub(super) width: u32,
    pub(super) height: u32,
    /// Y, U, V.
    pub(super) data: [Vec<u8>; 3],
}

impl Planes {
    /// The frame's own samples where it has I420, so that untouched frames stay untouched; else by way of RGB.
    pub(super) fn of_frame(frame: &Frame) -> Result<Self, ClipError> {
        let Pixels::I420 { y, u, v } = &frame.pixels else {
            let rgb = preprocess::to_rgb(frame).map_err(|e| ClipError::Colour(e.to_string()))?;
            return Self::of_rgb(&rgb, frame.colour);
        };
        let (width, height) = (frame.width, frame.height);
        let (chroma_width, chroma_height) = (width.div_ceil(2), height.div_ceil(2));
        Ok(Self {
            width,
            height,
            data: [
                tight(y, width, height)?,
                tight(u, chroma_width, chroma_height)?,
                tight(v, chroma_width, chroma_height)?,
            ],
        })
    }

    /// Converts a picture with the matrix and range that its frame had.
    pub(super) fn of_rgb(rgb: &RgbImage, colour: Colour) -> Result<Self, ClipError> {
        let (width, height) = rgb.dimensions();
        let luma = (width * height) as usize;
        let chroma = (width.div_ceil(2) * height.div_ceil(2)) as usize;
        let [mut y, mut u, mut v] = [vec![0; luma], vec![0; chroma], vec![0; chroma]];
        let mut image = YuvPlanarImageMut {
            y_plane: BufferStoreMut::Borrowed(&mut y),
            y_stride: width,
            u_plane: BufferStoreMut::Borrowed(&mut u),
            u_stride: width.div_ceil(2),
            v_plane: BufferStoreMut::Borrowed(&mut v),
            v_stride: width.div_ceil(2),
            width,
            height,
        };
        let range = if colour.full_range { YuvRange::Full } else { YuvRange::Limited };
        let matrix = match colour.matrix {
            Matrix::Bt601 => YuvStandardMatrix::Bt601,
            Matrix::Bt709 => YuvStandardMatrix::Bt709,
            Matrix::Bt2020 => YuvStandardMatrix::Bt2020,
        };
        rgb_to_yuv420(&mut image, rgb.as_raw(), 3 * width, range, matrix, YuvConversionMode::Balanced)
            .map_err(|e| ClipError::Colour(e.to_string()))?;
        Ok(Self { width, height, data: [y, u, v] })
    }
}

/// The plane's samples without the padding of its rows.
fn tight(plane: &Plane, width: u32, height: u32) -> Result<Vec<u8>, ClipError> {
    let (width, height) = (width as usize, height as usize);
    let rows: Vec<u8> =
        plane.data().chunks(plane.stride.max(1)).take(height).flat_map(|row| row.iter().take(width)).copied().collect();
    if rows.len() == width * height {
        Ok(rows)
    } else {
        Err(ClipError::Colour(format!("a plane of {width}×{height} holds {} samples", rows.len())))
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]
mod tests {
    use super::*;

    #[test]
    fn planes_keep_the_colour_of_a_picture_under_every_matrix_and_range() {
        let picture = RgbImage::from_fn(34, 18, |x, y| image::Rgb([60 + x as u8 * 4, 50 + y as u8 * 8, 120]));
        for matrix in [Matrix::Bt601, Matrix::Bt709, Matrix::Bt2020] {
            for full_range in [false, true] {
                let colour = Colour { matrix, full_range };
                let planes = Planes::of_rgb(&picture, colour).unwrap();
                let [y, u, v] = planes.data;
                let pixels = Pixels::I420 { y: Plane::owned(y, 34), u: Plane::owned(u, 17), v: Plane::owned(v, 17) };
                let frame = Frame { pixels, colour, ..Frame::from_rgb(picture.clone()) };
                let back = preprocess::to_rgb(&frame).unwrap();
                let worst = back.iter().zip(picture.iter()).map(|(a, b)| a.abs_diff(*b)).max();
                // Chroma is shared by 2×2 pixels whose colours differ by up to 8 levels here.
                assert!(worst.is_some_and(|worst| worst <= 12), "{colour:?}: off by {worst:?}");
            }
        }
    }

    #[test]
    fn padding_is_dropped_and_short_planes_are_refused() {
        let y: Vec<u8> = (0..6 * 4).map(|i| if i % 6 < 5 { i as u8 } else { 255 }).collect();
        let plane = |stride| Plane::owned(vec![7; 2 * stride], stride);
        let frame =
            |y| Frame { pixels: Pixels::I420 { y, u: plane(8), v: plane(3) }, ..Frame::from_rgb(RgbImage::new(5, 4)) };
        let planes = Planes::of_frame(&frame(Plane::owned(y, 6))).unwrap();
        assert_eq!(planes.data.each_ref().map(Vec::len), [20, 6, 6]);
        assert!(!planes.data[0].contains(&255));
        assert!(Planes::of_frame(&frame(Plane::owned(vec![0; 12], 6))).is_err());
    }
}
