//! A picture at a classifier's size: resize as Pillow does, then the centre crop; and the tensor made of it.

use image::RgbImage;
use miqa::preprocess::{Filter, resize_rgb};

use super::zoo::{Channels, Input, Interpolation, Layout};

/// How a picture is brought to size; models of equal geometry share the result.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Geometry {
    size: u32,
    crop: Option<f64>,
    interpolation: Interpolation,
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
        Self { size: input.size, crop: input.crop, interpolation: input.interpolation }
    }

    /// `size`² RGB8 pixels.
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
        let (new_width, new_height) = self.resized(width, height);
        if new_width.max(new_height) > 65_535 {
            return Err(refuse(format!("it would become {new_width}×{new_height}")));
        }
        let filter = match self.interpolation {
            Interpolation::Bilinear => Filter::Bilinear,
            Interpolation::Bicubic => Filter::Bicubic,
        };
        let whole = resize_rgb(rgb.as_raw(), (width, height), None, (new_width, new_height), filter);
        let whole = whole.map_err(|e| refuse(e.to_string()))?;
        let whole = RgbImage::from_raw(new_width, new_height, whole).expect("the buffer was made for this size");
        let (left, top) = ((new_width - self.size) / 2, (new_height - self.size) / 2);
        Ok(image::imageops::crop_imm(&whole, left, top, self.size, self.size).to_image())
    }

    fn resized(&self, width: u32, height: u32) -> (u32, u32) {
        let Some(crop) = self.crop else { return (self.size, self.size) };
        let short = (f64::from(self.size) / crop).round_ties_even();
        let scale = short / f64::from(width.min(height).max(1));
        let side = |side: u32| (f64::from(side) * scale).round_ties_even().max(short) as u32;
        (side(width), side(height))
    }
}

/// Values of the tensor, normalised, in the model's order of axes and channels; replaces what is in `tensor`.
pub fn normalise(input: &Input, fitted: &RgbImage, tensor: &mut Vec<f32>) {
    let order = channel_order(input.colour);
    let value = |pixel: &image::Rgb<u8>, c: usize| (f32::from(pixel.0[order[c]]) - input.mean[c]) / input.std[c];
    tensor.clear();
    match input.layout {
        Layout::Nchw => (0..3).for_each(|c| tensor.extend(fitted.pixels().map(|pixel| value(pixel, c)))),
        Layout::Nhwc => tensor.extend(fitted.pixels().flat_map(|pixel| [0, 1, 2].map(|c| value(pixel, c)))),
    }
}

/// Bytes of the tensor in the model's order of axes and channels; replaces what is in `tensor`.
pub fn reorder(input: &Input, fitted: &RgbImage, tensor: &mut Vec<u8>) {
    let order = channel_order(input.colour);
    tensor.clear();
    match input.layout {
        Layout::Nchw => order.iter().for_each(|&c| tensor.extend(fitted.pixels().map(|pixel| pixel.0[c]))),
        Layout::Nhwc => tensor.extend(fitted.pixels().flat_map(|pixel| order.map(|c| pixel.0[c]))),
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
    use crate::label::zoo::Element;

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
            interpolation: Interpolation::Bilinear,
        }
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
            let geometry = Geometry { size, crop: Some(0.875), interpolation: Interpolation::Bicubic };
            assert_eq!(geometry.resized(width, height), expected);
        }
        let squash = Geometry { size: 227, crop: None, interpolation: Interpolation::Bilinear };
        assert_eq!(squash.resized(500, 375), (227, 227));
    }

    #[test]
    fn pixels_equal_pillow() {
        let scene = scene();
        for golden in golden().fit {
            let geometry = Geometry { size: golden.size, crop: golden.crop, interpolation: golden.interpolation };
            let fitted = geometry.fit(&scene).unwrap();
            let theirs = (0..golden.pixels.len())
                .step_by(2)
                .map(|at| u8::from_str_radix(&golden.pixels[at..at + 2], 16).unwrap());
            let differences: Vec<u8> =
                fitted.as_raw().iter().zip(theirs).map(|(ours, theirs)| ours.abs_diff(theirs)).collect();
            assert_eq!(2 * differences.len(), golden.pixels.len());
            let beyond = differences.iter().filter(|&&difference| difference > 1).count();
            // Pillow goes along the rows first, fast_image_resize down the columns: where a cubic overshoots 0 or 255,
            // the clipping in between falls elsewhere. The scene has hard edges on purpose.
            let tolerated = if golden.interpolation == Interpolation::Bicubic { differences.len() / 100 } else { 0 };
            assert!(beyond <= tolerated, "{geometry:?}: {beyond} of {} differ by more than a level", differences.len());
            assert!(differences.iter().all(|&difference| difference <= 8), "{geometry:?}");
        }
    }

    #[test]
    fn the_crop_is_central_and_odd_pictures_are_refused_or_fit() {
        let rgb = RgbImage::from_fn(60, 20, |x, _| image::Rgb(if (20..40).contains(&x) { [200; 3] } else { [0; 3] }));
        let geometry = Geometry { size: 20, crop: Some(1.0), interpolation: Interpolation::Bilinear };
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
        normalise(&input(Layout::Nchw, Channels::Bgr), &fitted, &mut floats);
        assert_eq!(floats, [29.0, 59.0, 9.0, 24.0, 1.75, 9.25]);
        let mut bytes = Vec::new();
        reorder(&input(Layout::Nhwc, Channels::Bgr), &fitted, &mut bytes);
        assert_eq!(bytes, [30, 20, 10, 60, 50, 40]);
        reorder(&input(Layout::Nchw, Channels::Rgb), &fitted, &mut bytes);
        assert_eq!(bytes, [10, 40, 20, 50, 30, 60]);
    }
}
