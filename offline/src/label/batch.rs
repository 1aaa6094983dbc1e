//! Pictures that a model takes at once.

use image::RgbImage;

use super::fit::{normalise, reorder};
use super::zoo::{Element, Input, Layout};

/// Pictures of one size as one tensor, in a model's order of axes and channels. The first axis counts them.
#[derive(Debug, Default)]
pub struct Batch {
    count: usize,
    width: usize,
    height: usize,
    pub(super) floats: Vec<f32>,
    pub(super) bytes: Vec<u8>,
}

impl Batch {
    /// Pictures in it.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Forgets the pictures and keeps the memory.
    pub fn clear(&mut self) {
        self.count = 0;
        self.floats.clear();
        self.bytes.clear();
    }

    /// Adds a picture of the input's size, normalised or as bytes as `input` says. False, and nothing added, if those before
    /// are of another size.
    #[must_use]
    pub fn push(&mut self, input: &Input, picture: &RgbImage) -> bool {
        let (width, height) = (picture.width() as usize, picture.height() as usize);
        if !self.is_empty() && (width, height) != (self.width, self.height) {
            return false;
        }
        (self.count, self.width, self.height) = (self.count + 1, width, height);
        match input.element {
            Element::F32 => normalise(input, picture, &mut self.floats),
            Element::U8 | Element::I8 => reorder(input, picture, &mut self.bytes),
        }
        true
    }

    /// Lengths of the tensor's axes.
    #[must_use]
    pub fn shape(&self, layout: Layout) -> [usize; 4] {
        match layout {
            Layout::Nchw => [self.count, 3, self.height, self.width],
            Layout::Nhwc => [self.count, self.height, self.width, 3],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::label::zoo::{Channels, Interpolation, Resize};

    #[test]
    fn pictures_of_one_size_become_one_tensor() {
        let input = Input {
            name: "x".into(),
            size: 2,
            layout: Layout::Nhwc,
            colour: Channels::Rgb,
            element: Element::U8,
            mean: [0.0; 3],
            std: [1.0; 3],
            crop: None,
            resize: Resize::Keep,
            pad: 114,
            interpolation: Interpolation::Bilinear,
        };
        let mut batch = Batch::default();
        assert!(batch.is_empty());
        assert!(batch.push(&input, &RgbImage::from_pixel(2, 1, image::Rgb([1, 2, 3]))));
        assert!(!batch.push(&input, &RgbImage::new(1, 2)), "of another size");
        assert!(batch.push(&input, &RgbImage::from_pixel(2, 1, image::Rgb([4, 5, 6]))));
        assert_eq!(
            (batch.len(), batch.shape(input.layout), batch.shape(Layout::Nchw)),
            (2, [2, 1, 2, 3], [2, 3, 1, 2])
        );
        assert_eq!(batch.bytes, [1, 2, 3, 1, 2, 3, 4, 5, 6, 4, 5, 6]);
        batch.clear();
        assert!(batch.push(&input, &RgbImage::new(1, 2)) && batch.len() == 1);
    }
}
