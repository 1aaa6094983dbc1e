//! What a scene looks like, coarsely and whatever the light: the sign by which a camera that looks elsewhere is known.
//!
//! The rows between the captions in 16 × 6 cells; of each, how far it is brighter or darker than the cells on either side, by
//! the contrast around it. So a brighter day, a grey picture, a lamp's spot and a blur change little, and another view
//! changes much.

use serde::{Deserialize, Serialize};

use super::sample::{ACROSS, BLOCK, CAPTION_ROWS, DOWN, Samples};

/// Cells across and down: two by two blocks each.
const COLUMNS: usize = ACROSS / 2;
const ROWS: usize = (DOWN - 2 * CAPTION_ROWS) / 2;

/// Contrast (coded levels) that counts as none: noise and an encoder's error stay below.
const FLOOR: f32 = 2.0;

/// What a cell is written as that stands out as much as those around it do.
const UNIT: f32 = 60.0;

/// The coarse structure of one picture, or the mean of several.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<i8>", into = "Vec<i8>")]
pub struct Signature(Box<[i8]>);

impl Signature {
    /// Numbers in a signature.
    pub const CELLS: usize = COLUMNS * ROWS;

    pub(super) fn of(samples: &Samples) -> Self {
        let sum = |block: usize| samples.block(block).iter().map(|&v| u32::from(v)).sum::<u32>();
        let mean = |i: usize| {
            let (column, row) = (i % COLUMNS, i / COLUMNS);
            let first = (CAPTION_ROWS + 2 * row) * ACROSS + 2 * column;
            let four = [first, first + 1, first + ACROSS, first + ACROSS + 1];
            four.map(sum).iter().sum::<u32>() as f32 / (4 * BLOCK) as f32
        };
        let means: Vec<f32> = (0..Self::CELLS).map(mean).collect();
        let at = |column: usize, row: usize| means[row * COLUMNS + column];
        // Second differences: what brightness and its slopes add is nothing, what a lamp's spot adds is everywhere the same.
        let bend = |i: usize| {
            let (column, row) = (i % COLUMNS, i / COLUMNS);
            let inside = |i: usize, n: usize| (1..n - 1).contains(&i);
            let mut bend = 0.0;
            if inside(column, COLUMNS) {
                bend += means[i] - f32::midpoint(at(column - 1, row), at(column + 1, row));
            }
            if inside(row, ROWS) {
                bend += means[i] - f32::midpoint(at(column, row - 1), at(column, row + 1));
            }
            bend
        };
        let mut bends: Vec<f32> = (0..Self::CELLS).map(bend).collect();
        let mut sorted = bends.clone();
        sorted.sort_by(f32::total_cmp);
        let everywhere = sorted[Self::CELLS / 2];
        bends.iter_mut().for_each(|bend| *bend -= everywhere);
        let cell = |i: usize| {
            let (column, row) = (i % COLUMNS, i / COLUMNS);
            let columns = column.saturating_sub(2)..(column + 3).min(COLUMNS);
            let rows = row.saturating_sub(1)..(row + 2).min(ROWS);
            let around = rows.flat_map(|row| columns.clone().map(move |column| row * COLUMNS + column));
            let (n, squares) = around.fold((0.0, 0.0), |(n, sum), i| (n + 1.0, sum + bends[i] * bends[i]));
            let contrast: f32 = f32::sqrt(squares / n);
            (UNIT * bends[i] / (FLOOR + contrast)).round().clamp(-127.0, 127.0) as i8
        };
        Self((0..Self::CELLS).map(cell).collect())
    }

    /// The mean of several, each with its weight; zeros without any.
    pub fn mean<'a>(of: impl IntoIterator<Item = (&'a Self, f32)>) -> Self {
        let (mut sums, mut weights) = ([0.0; Self::CELLS], 0.0);
        for (signature, weight) in of {
            weights += weight;
            sums.iter_mut().zip(&signature.0).for_each(|(sum, &v)| *sum += weight * f32::from(v));
        }
        Self(sums.iter().map(|sum| (sum / f32::max(weights, f32::EPSILON)).round() as i8).collect())
    }

    /// How alike two scenes are: the cosine of the two, from −1 to 1; two unrelated views lie within 0.3 of 0, averages
    /// of one view at two times mostly above 0.7. A picture without structure is like nothing: 0.
    pub fn likeness(&self, other: &Self) -> f32 {
        let product =
            |a: &Self, b: &Self| a.0.iter().zip(&b.0).map(|(&a, &b)| i32::from(a) * i32::from(b)).sum::<i32>();
        let length = (product(self, self) as f32 * product(other, other) as f32).sqrt();
        if length > 0.0 { product(self, other) as f32 / length } else { 0.0 }
    }
}

impl TryFrom<Vec<i8>> for Signature {
    type Error = String;

    fn try_from(cells: Vec<i8>) -> Result<Self, String> {
        let n = cells.len();
        if n == Self::CELLS {
            Ok(Self(cells.into()))
        } else {
            Err(format!("a signature has {} cells, not {n}", Self::CELLS))
        }
    }
}

impl From<Signature> for Vec<i8> {
    fn from(signature: Signature) -> Self {
        signature.0.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Frame;

    fn of(pixel: impl Fn(f32, f32) -> f32) -> Signature {
        let mut samples = Samples::new();
        let picture = image::RgbImage::from_fn(640, 360, |x, y| {
            image::Rgb([pixel(x as f32 / 640.0, y as f32 / 360.0).clamp(0.0, 255.0) as u8; 3])
        });
        assert!(samples.take(&Frame::from_rgb(picture)));
        Signature::of(&samples)
    }

    /// Blobs of some size, from 60 to 180.
    fn scene(x: f32, y: f32) -> f32 {
        120.0 + 20.0 * ((x * 31.0).sin() + (y * 23.0 + 5.0 * x).sin() + ((x + 1.7 * y) * 17.0).cos())
    }

    #[test]
    fn light_changes_little_and_another_view_everything() {
        let day = of(scene);
        for (what, other) in [
            ("darker", of(|x, y| 0.4 * scene(x, y))),
            ("a lamp on the left", of(|x, y| scene(x, y) * (1.3 - x))),
            ("hazy", of(|x, y| 0.5 * scene(x, y) + 110.0)),
        ] {
            assert!(day.likeness(&other) > 0.9, "{what}: {}", day.likeness(&other));
        }
        let moved = of(|x, y| scene(x + 0.15, y + 0.1));
        assert!(day.likeness(&moved) < 0.5, "moved: {}", day.likeness(&moved));
        let blank = of(|_, _| 90.0);
        assert_eq!((blank.likeness(&day), blank.likeness(&blank)), (0.0, 0.0));
        let mean = Signature::mean([(&day, 3.0), (&moved, 1.0)]);
        assert!(mean.likeness(&day) > mean.likeness(&moved));
    }

    #[test]
    fn it_is_kept_as_numbers_of_the_right_count() {
        let signature = of(scene);
        let text = serde_json::to_string(&signature).expect("serialises");
        assert_eq!(serde_json::from_str::<Signature>(&text).expect("reads back"), signature);
        serde_json::from_str::<Signature>("[1,2]").expect_err("too few");
    }
}
