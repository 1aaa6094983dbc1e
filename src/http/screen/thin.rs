//! A frame with only every n-th sample of each plane: small enough to be shown, made without touching the rest.

use crate::frame::{Frame, Pixels, Plane};

/// Every `step`-th sample in both directions. Chroma is thinned alike, so colours stay where they are.
pub(super) fn thin(frame: &Frame, step: u32) -> Frame {
    if step <= 1 {
        return frame.clone();
    }
    // Even sizes: chroma covers two pixels, and the part of one that would be left isn't worth a row.
    let side = |length: u32| (length / step).max(2) & !1;
    let (width, height) = (side(frame.width), side(frame.height));
    let luma = |plane: &Plane| take(plane, step, width, height, 1);
    let chroma = |plane: &Plane, bytes| take(plane, step, width / 2, height / 2, bytes);
    let pixels = match &frame.pixels {
        Pixels::I420 { y, u, v } => Pixels::I420 { y: luma(y), u: chroma(u, 1), v: chroma(v, 1) },
        Pixels::Nv12 { y, uv } => Pixels::Nv12 { y: luma(y), uv: chroma(uv, 2) },
        Pixels::Grey(y) => Pixels::Grey(luma(y)),
        Pixels::Rgb(rgb) => Pixels::Rgb(take(rgb, step, width, height, 3)),
    };
    Frame { width, height, pixels, ..frame.clone() }
}

/// What lies outside the plane is black: the decoder promised more than it gave.
fn take(plane: &Plane, step: u32, width: u32, height: u32, bytes: usize) -> Plane {
    let (data, step) = (plane.data(), step as usize);
    let stride = width as usize * bytes;
    let mut out = Vec::with_capacity(stride * height as usize);
    for row in 0..height as usize {
        let row = data.get(row * step * plane.stride..).unwrap_or_default();
        for column in 0..width as usize {
            let at = column * step * bytes;
            match row.get(at..at + bytes) {
                Some(sample) => out.extend_from_slice(sample),
                None => out.resize(out.len() + bytes, 0),
            }
        }
    }
    Plane::owned(out, stride)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{frame::Colour, preprocess};

    #[test]
    fn a_thinned_frame_shows_the_same_picture() {
        let rgb = image::RgbImage::from_fn(64, 48, |x, y| image::Rgb([(x * 4) as u8, (y * 5) as u8, 90]));
        let thinned = preprocess::to_rgb(&thin(&Frame::from_rgb(rgb.clone()), 3)).expect("a picture");
        assert_eq!(thinned.dimensions(), (20, 16));
        assert_eq!(thinned.get_pixel(5, 4), rgb.get_pixel(15, 12));
        let plane = |width: usize, height: usize| {
            let samples = (0..height).flat_map(|y| (0..width).map(move |x| (100 + x + y) as u8)).collect();
            Plane::owned(samples, width)
        };
        let frame = |width: u32, height: u32| Frame {
            width,
            height,
            pixels: Pixels::I420 { y: plane(64, 48), u: plane(32, 24), v: plane(32, 24) },
            colour: Colour::assumed(48),
            ..Frame::from_rgb(image::RgbImage::new(1, 1))
        };
        let Pixels::I420 { y, u, .. } = thin(&frame(64, 48), 2).pixels else { panic!("I420") };
        assert_eq!((y.data()[33], u.data()[17]), (100 + 2 + 2, 100 + 2 + 2));
        // A decoder that promised more.
        let short = thin(&frame(640, 480), 4);
        preprocess::to_rgb(&short).expect("black where nothing is");
    }
}
