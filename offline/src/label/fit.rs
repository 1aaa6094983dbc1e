//! A picture at a model's size: resized as Pillow does, cropped or padded; where it then lies; and the tensor made of it.

use image::RgbImage;

use super::pillow_resize::{Window, resize};
use super::zoo::{Channels, Element, Input, Interpolation, Layout, Resize};

/// How a picture is brought to size; models of equal geometry share the result.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Geometry {
    size: u32,
    crop: Option<f64>,
    resize: Resize,
    pad: u8,
    interpolation: Interpolation,
}

/// Where the pixels of a picture lie in a model's input.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Placement {
    /// Width and height of the picture.
    pub picture: (u32, u32),
    /// Width and height of the input.
    pub input: (u32, u32),
    /// Pixels of the input to a pixel of the picture, across and down.
    pub scale: (f64, f64),
    /// Where the picture's top left corner lies in the input, in its pixels; negative where it is cropped.
    pub corner: (f64, f64),
}

impl Placement {
    /// A point of the input in pixels of the picture; it may lie outside.
    #[must_use]
    pub fn point(&self, x: f64, y: f64) -> (f64, f64) {
        ((x - self.corner.0) / self.scale.0, (y - self.corner.1) / self.scale.1)
    }

    /// The picture's part of the input: left, top, width and height in whole pixels.
    #[must_use]
    pub fn part(&self) -> [u32; 4] {
        let ((left, top), (across, down)) = (self.corner, self.scale);
        let side = |pixels: u32, scale: f64| (f64::from(pixels) * scale).round() as u32;
        [left.max(0.0) as u32, top.max(0.0) as u32, side(self.picture.0, across), side(self.picture.1, down)]
    }
}

/// A picture that can't be resized.
#[derive(Debug, thiserror::Error)]
#[error("can't resize {width}×{height} pixels to a side of {size}: {reason}")]
pub struct FitError {
    width: u32,
    height: u32,
    size: u32,
    reason: String,
}

impl Geometry {
    /// The geometry of a model's input.
    #[must_use]
    pub fn of(input: &Input) -> Self {
        let Input { size, crop, resize, pad, interpolation, .. } = *input;
        Self { size, crop, resize, pad, interpolation }
    }

    /// `size`² RGB8 pixels, or the picture itself where the model takes any size.
    ///
    /// With a crop the shorter side becomes round(size / crop) and both sides are rounded as Python's `round` does
    /// (halves to even), so that the crop is the reference's to the pixel.
    ///
    /// # Errors
    /// The picture is empty or far too elongated.
    pub fn fit(&self, rgb: &RgbImage) -> Result<RgbImage, FitError> {
        let (width, height) = rgb.dimensions();
        let refuse = |reason: String| FitError { width, height, size: self.size, reason };
        if width == 0 || height == 0 {
            return Err(refuse("it has no pixels".to_owned()));
        }
        if self.keeps() {
            return Ok(rgb.clone());
        }
        let (new_width, new_height) = self.resized(width, height);
        if new_width.max(new_height) > 65_535 {
            return Err(refuse(format!("it would become {new_width}×{new_height}")));
        }
        let to = (new_width, new_height);
        if self.crop.is_some() {
            let (left, top) = ((new_width - self.size) / 2, (new_height - self.size) / 2);
            let window = Window { left, top, width: self.size, height: self.size };
            return Ok(resize(rgb, to, window, self.interpolation));
        }
        let whole = resize(rgb, to, Window::all(to), self.interpolation);
        if to == (self.size, self.size) {
            return Ok(whole);
        }
        let mut padded = RgbImage::from_pixel(self.size, self.size, image::Rgb([self.pad; 3]));
        let (left, top) = self.margins(new_width, new_height);
        image::imageops::replace(&mut padded, &whole, left.into(), top.into());
        Ok(padded)
    }

    /// Where a picture of this size lies in the input that [`Self::fit`] makes of it.
    #[must_use]
    pub fn place(&self, width: u32, height: u32) -> Placement {
        let picture = (width, height);
        let (new_width, new_height) = self.resized(width, height);
        let ratio = |new: u32, old: u32| f64::from(new) / f64::from(old.max(1));
        let scale = (ratio(new_width, width), ratio(new_height, height));
        let input = if self.keeps() { picture } else { (self.size, self.size) };
        let corner = if self.crop.is_some() {
            (-f64::from((new_width - self.size) / 2), -f64::from((new_height - self.size) / 2))
        } else if self.keeps() {
            (0.0, 0.0)
        } else {
            let (left, top) = self.margins(new_width, new_height);
            (f64::from(left), f64::from(top))
        };
        Placement { picture, input, scale, corner }
    }

    fn keeps(&self) -> bool {
        self.crop.is_none() && self.resize == Resize::Keep
    }

    /// Grey columns and rows left of and above a letterboxed picture of this size.
    fn margins(&self, width: u32, height: u32) -> (u32, u32) {
        match self.resize {
            Resize::LetterboxCentre => ((self.size - width) / 2, (self.size - height) / 2),
            Resize::Squash | Resize::LetterboxCorner | Resize::Keep => (0, 0),
        }
    }

    fn resized(&self, width: u32, height: u32) -> (u32, u32) {
        let Some(crop) = self.crop else {
            return match self.resize {
                Resize::Squash => (self.size, self.size),
                Resize::LetterboxCorner | Resize::LetterboxCentre => {
                    // Rounded down, as those that trained with it do.
                    let scale = f64::from(self.size) / f64::from(width.max(height).max(1));
                    let side = |side: u32| ((f64::from(side) * scale) as u32).clamp(1, self.size);
                    (side(width), side(height))
                }
                Resize::Keep => (width, height),
            };
        };
        let short = (f64::from(self.size) / crop).round_ties_even();
        let scale = short / f64::from(width.min(height).max(1));
        let side = |side: u32| (f64::from(side) * scale).round_ties_even().max(short) as u32;
        (side(width), side(height))
    }
}

/// Appends the tensor's values, normalised, in the model's order of axes and channels.
pub fn normalise(input: &Input, fitted: &RgbImage, tensor: &mut Vec<f32>) {
    let order = channel_order(input.colour);
    let value = |pixel: &image::Rgb<u8>, c: usize| (f32::from(pixel.0[order[c]]) - input.mean[c]) / input.std[c];
    match input.layout {
        Layout::Nchw => (0..3).for_each(|c| tensor.extend(fitted.pixels().map(|pixel| value(pixel, c)))),
        Layout::Nhwc => tensor.extend(fitted.pixels().flat_map(|pixel| [0, 1, 2].map(|c| value(pixel, c)))),
    }
}

/// Appends the tensor's bytes in the model's order of axes and channels; signed ones with their offset of 128 taken off,
/// as two's complement.
pub fn reorder(input: &Input, fitted: &RgbImage, tensor: &mut Vec<u8>) {
    let order = channel_order(input.colour);
    let start = tensor.len();
    match input.layout {
        Layout::Nchw => order.iter().for_each(|&c| tensor.extend(fitted.pixels().map(|pixel| pixel.0[c]))),
        Layout::Nhwc => tensor.extend(fitted.pixels().flat_map(|pixel| order.map(|c| pixel.0[c]))),
    }
    if input.element == Element::I8 {
        tensor[start..].iter_mut().for_each(|byte| *byte ^= 0x80);
    }
}

fn channel_order(colour: Channels) -> [usize; 3] {
    match colour {
        Channels::Rgb => [0, 1, 2],
        Channels::Bgr => [2, 1, 0],
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]
mod tests {
    use super::*;
    use crate::distort::golden::{golden, scene};

    fn input(layout: Layout, colour: Channels) -> Input {
        Input {
            name: "x".into(),
            size: 2,
            layout,
            colour,
            element: Element::F32,
            mean: [1.0, 2.0, 3.0],
            std: [1.0, 2.0, 4.0],
            crop: None,
            resize: Resize::Squash,
            pad: 114,
            interpolation: Interpolation::Bilinear,
        }
    }

    fn geometry(size: u32, crop: Option<f64>, resize: Resize) -> Geometry {
        Geometry { size, crop, resize, pad: 114, interpolation: Interpolation::Bilinear }
    }

    #[test]
    fn letterboxes_keep_the_shape_and_say_where_the_picture_is() {
        let rgb = RgbImage::from_pixel(60, 31, image::Rgb([200; 3]));
        for (resize, top) in [(Resize::LetterboxCorner, 0), (Resize::LetterboxCentre, 10)] {
            let geometry = geometry(40, None, resize);
            let fitted = geometry.fit(&rgb).unwrap();
            assert_eq!(fitted.dimensions(), (40, 40));
            for (_, y, pixel) in fitted.enumerate_pixels() {
                assert_eq!(pixel.0, if (top..top + 20).contains(&y) { [200; 3] } else { [114; 3] }, "row {y}");
            }
            let placement = geometry.place(60, 31);
            assert_eq!(placement.part(), [0, top, 40, 20]);
            let (x, y) = placement.point(40.0, f64::from(top) + 20.0);
            assert!((x - 60.0).abs() < 1e-9 && (y - 31.0).abs() < 1e-9);
        }
        let kept = geometry(300, None, Resize::Keep);
        assert_eq!((kept.fit(&rgb).unwrap(), kept.place(60, 31).point(7.0, 8.0)), (rgb, (7.0, 8.0)));
        // 60×31 → 77×40 before the crop: the crop's left edge is 18 pixels in.
        let cropped = geometry(40, Some(1.0), Resize::Squash).place(60, 31);
        assert!((cropped.point(-18.0, 0.0).0).abs() < 1e-9);
    }

    #[test]
    fn sides_round_as_the_reference() {
        // Python: short = round(size / 0.875); max(short, round(side * short / min)).
        for (size, (width, height), expected) in [
            (224, (500, 375), (341, 256)),
            (240, (500, 375), (365, 274)),
            (260, (333, 500), (297, 446)),
            (280, (640, 427), (480, 320)),
            (192, (300, 300), (219, 219)),
            (224, (1, 1), (256, 256)),
        ] {
            let geometry = geometry(size, Some(0.875), Resize::Squash);
            assert_eq!(geometry.resized(width, height), expected);
        }
        let squash = geometry(227, None, Resize::Squash);
        assert_eq!(squash.resized(500, 375), (227, 227));
    }

    #[test]
    fn pixels_equal_pillow() {
        let scene = scene();
        for golden in golden().fit {
            let geometry =
                Geometry { interpolation: golden.interpolation, ..geometry(golden.size, golden.crop, Resize::Squash) };
            let fitted = geometry.fit(&scene).unwrap();
            let theirs: Vec<u8> = (0..golden.pixels.len())
                .step_by(2)
                .map(|at| u8::from_str_radix(&golden.pixels[at..at + 2], 16).unwrap())
                .collect();
            assert_eq!(*fitted.as_raw(), theirs, "{geometry:?}");
        }
    }

    #[test]
    fn the_crop_is_central_and_odd_pictures_are_refused_or_fit() {
        let rgb = RgbImage::from_fn(60, 20, |x, _| image::Rgb(if (20..40).contains(&x) { [200; 3] } else { [0; 3] }));
        let geometry = geometry(20, Some(1.0), Resize::Squash);
        assert!(geometry.fit(&rgb).unwrap().pixels().all(|pixel| pixel.0 == [200; 3]));
        assert_eq!(geometry.fit(&RgbImage::new(1, 1)).unwrap().dimensions(), (20, 20));
        assert!(geometry.fit(&RgbImage::new(1, 10_000)).is_err());
        assert!(geometry.fit(&RgbImage::new(0, 0)).is_err());
    }

    #[test]
    fn axes_and_channels() {
        let fitted = RgbImage::from_raw(2, 1, vec![10, 20, 30, 40, 50, 60]).unwrap();
        let mut floats = Vec::new();
        normalise(&input(Layout::Nhwc, Channels::Rgb), &fitted, &mut floats);
        assert_eq!(floats, [9.0, 9.0, 6.75, 39.0, 24.0, 14.25]);
        floats.clear();
        normalise(&input(Layout::Nchw, Channels::Bgr), &fitted, &mut floats);
        assert_eq!(floats, [29.0, 59.0, 9.0, 24.0, 1.75, 9.25]);
        let mut bytes = Vec::new();
        reorder(&input(Layout::Nhwc, Channels::Bgr), &fitted, &mut bytes);
        assert_eq!(bytes, [30, 20, 10, 60, 50, 40]);
        bytes.clear();
        reorder(&input(Layout::Nchw, Channels::Rgb), &fitted, &mut bytes);
        assert_eq!(bytes, [10, 40, 20, 50, 30, 60]);
        bytes.clear();
        let signed = Input { element: Element::I8, ..input(Layout::Nhwc, Channels::Rgb) };
        reorder(&signed, &fitted, &mut bytes);
        assert_eq!(bytes.iter().map(|byte| byte.cast_signed()).collect::<Vec<_>>(), [-118, -108, -98, -88, -78, -68]);
    }
}
