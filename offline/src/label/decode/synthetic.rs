//! Outputs made for tests.

use super::{Seen, Tensor};
use crate::agree::Runs;
use crate::label::fit::Placement;
use crate::label::zoo::ClassMap;

/// A picture squashed to an input.
pub(super) fn placement(picture: (u32, u32), input: (u32, u32)) -> Placement {
    let ratio = |new: u32, old: u32| f64::from(new) / f64::from(old);
    let scale = (ratio(input.0, picture.0), ratio(input.1, picture.1));
    Placement { picture, input, scale, corner: (0.0, 0.0) }
}

/// What a decoder gets.
pub(super) fn seen<'a>(outputs: &'a [Tensor], placement: &'a Placement, classes: &'a ClassMap) -> Seen<'a> {
    Seen { outputs, placement, classes }
}

/// An output.
pub(super) fn tensor(name: &str, shape: &[usize], values: Vec<f32>) -> Tensor {
    assert_eq!(shape.iter().product::<usize>(), values.len(), "{name}");
    Tensor { name: name.into(), shape: shape.to_vec(), values }
}

/// The runs of the pixels of which `inside` says so.
pub(super) fn bitmap(width: u32, height: u32, inside: impl Fn(u32, u32) -> bool) -> Runs {
    let pixels = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
    let bitmap: Vec<bool> = pixels.map(|(x, y)| inside(x, y)).collect();
    Runs::from_bitmap(width, height, &bitmap).expect("a small picture")
}
