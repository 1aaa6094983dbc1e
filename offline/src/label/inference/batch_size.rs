//! How many pictures a model takes at once.

use std::time::Instant;

use image::RgbImage;

use crate::label::batch::Batch;
use crate::label::decode::Tensor;
use crate::label::picture_session::PictureSession;
use crate::label::zoo::{Input, Resize};

/// Most pictures that are tried at once.
const MOST: usize = 64;

/// What twice as many pictures must at least add to the pictures a second, to be worth their memory.
const GAIN: f64 = 1.05;

/// What outputs in a batch may differ by from those of a picture alone, as a share of their size: kernels for other shapes
/// sum in another order, some in 10 bits of fraction.
const NOISE: f64 = 0.02;

/// Who says how many pictures a model takes at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BatchSize {
    /// A short probe of each model.
    Probed,
    /// So many, but for models that take one only.
    Of(usize),
}

impl BatchSize {
    pub(super) fn of(self, session: &mut PictureSession, input: &Input) -> usize {
        match self {
            Self::Probed => probe(session, input),
            Self::Of(size) => {
                if session.fixed_batch(input).is_some() {
                    1
                } else {
                    size.max(1)
                }
            }
        }
    }
}

/// Doubles the pictures in a batch until the model fails, says something else of them than of each alone, or the pictures a
/// second stop rising; the last number before. Models of one picture by their file stay at 1.
pub fn probe(session: &mut PictureSession, input: &Input) -> usize {
    let mut best = 1;
    if session.fixed_batch(input).is_some() {
        return best;
    }
    let Ok((alone, mut rate)) = run(session, input, 1) else { return best };
    let mut last = Vec::new();
    while 2 * best <= MOST {
        let Ok((outputs, faster)) = run(session, input, 2 * best) else { break };
        // The last picture of the batch before is amid this one.
        let before = last.first().unwrap_or(&alone[0]);
        let known = [(&alone[0], 0), (before, best - 1)];
        if !known.iter().all(|(known, at)| is_like(known, &outputs[*at])) || faster < GAIN * rate {
            break;
        }
        (best, rate) = (2 * best, faster);
        last = outputs.into_iter().rev().take(1).collect();
    }
    best
}

/// What the model gives for so many pictures, and pictures a second at the second go.
fn run(session: &mut PictureSession, input: &Input, count: usize) -> Result<(Vec<Vec<Tensor>>, f64), String> {
    let mut batch = Batch::default();
    for number in 0..count as u32 {
        let (width, height) = if input.resize == Resize::Keep { (640, 480) } else { (input.size, input.size) };
        let pixel = |x: u32, y: u32| {
            image::Rgb([(x + 29 * number) as u8, (y + 53 * number) as u8, ((x * y) / 64 + 71 * number) as u8])
        };
        let _ = batch.push(input, &RgbImage::from_fn(width, height, pixel));
    }
    // The first time kernels are chosen and memory is taken.
    session.outputs_of_each(input, &batch)?;
    let start = Instant::now();
    let outputs = session.outputs_of_each(input, &batch)?;
    Ok((outputs, count as f64 / start.elapsed().as_secs_f64().max(1e-9)))
}

fn is_like(one: &[Tensor], other: &[Tensor]) -> bool {
    let alike = |(a, b): (&Tensor, &Tensor)| {
        let pairs = || a.values.iter().zip(&b.values).map(|(a, b)| (f64::from(*a), f64::from(*b)));
        let apart: f64 = pairs().map(|(a, b)| (a - b).abs()).sum();
        let size: f64 = pairs().map(|(a, b)| a.abs().max(b.abs())).sum();
        // Not a number is not alike.
        a.shape == b.shape && apart <= NOISE * size
    };
    one.len() == other.len() && one.iter().zip(other).all(alike)
}
