//! Run lengths: which pixels of a picture an object covers, column by column, as COCO stores them.

mod overlap;
mod text;

use super::binary::{INSIDE, Mask};
use super::polygon;
use crate::source::coco::{Counts, RunLengths, Segmentation};

/// Which pixels of a picture an object covers, as runs down its columns, column by column.
///
/// One set of pixels has one value: runs without pixels are left out. The order is that of width, height, and the
/// positions at which the inside begins and ends; it means nothing, but is the same everywhere.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Runs {
    width: u32,
    height: u32,
    /// The stretches that are inside, as positions (column × height + row) from..to; ascending, none empty, none
    /// touching the next.
    inside: Vec<[u32; 2]>,
    area: u32,
    /// x, y, width, height; all 0 if nothing is inside.
    bounding_box: [u32; 4],
}

/// Why something is no run lengths of a picture.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum RunsError {
    /// The compressed text has a character that COCO's compression doesn't use, or a number that is too long.
    #[error("run lengths contain the character {0:?} where no number can go on with it")]
    Character(char),
    /// The compressed text stops where more bits must follow.
    #[error("run lengths end within a number: the text was cut short")]
    CutShort,
    /// A run is negative or longer than any picture.
    #[error("a run is {0} pixels long")]
    Length(i64),
    /// The lengths don't add up to the picture.
    #[error("run lengths cover {covered} pixels, the picture has {width}×{height}")]
    Sum {
        /// Pixels of all runs.
        covered: u64,
        /// Width of the picture.
        width: u32,
        /// Height of the picture.
        height: u32,
    },
    /// They are those of a picture of another size.
    #[error("is {}×{} pixels, the original has {}×{}", .found[0], .found[1], .wanted[0], .wanted[1])]
    Size {
        /// Width and height that the run lengths state.
        found: [u32; 2],
        /// Width and height of the picture.
        wanted: [u32; 2],
    },
    /// More pixels than 32 bits can count.
    #[error("a picture of {width}×{height} has more pixels than run lengths can count")]
    TooLarge {
        /// Width of the picture.
        width: u32,
        /// Height of the picture.
        height: u32,
    },
    /// A corner of a polygon is nowhere near a picture.
    #[error("a polygon has a corner at {0}: coordinates are pixels")]
    Corner(f64),
}

/// Coordinates of polygons are refused beyond this: their outlines are walked step by step.
const FARTHEST_CORNER: f64 = 1e6;

impl Runs {
    /// From run lengths, outside first.
    ///
    /// # Errors
    /// [`RunsError::Sum`]: they don't add up to the picture; [`RunsError::TooLarge`].
    pub fn from_lengths(width: u32, height: u32, lengths: &[u32]) -> Result<Self, RunsError> {
        let pixels = pixels(width, height)?;
        let covered = lengths.iter().map(|&length| u64::from(length)).sum();
        if covered != u64::from(pixels) {
            return Err(RunsError::Sum { covered, width, height });
        }
        let mut inside: Vec<[u32; 2]> = Vec::with_capacity(lengths.len() / 2);
        let mut at = 0;
        for (i, &length) in lengths.iter().enumerate() {
            if i % 2 == 1 && length > 0 {
                match inside.last_mut() {
                    Some(last) if last[1] == at => last[1] += length,
                    _ => inside.push([at, at + length]),
                }
            }
            at += length;
        }
        Ok(Self::of_stretches(width, height, inside))
    }

    /// From COCO's compressed text.
    ///
    /// # Errors
    /// The text is no valid compression, or the lengths don't add up to the picture.
    pub fn from_text(width: u32, height: u32, text: &str) -> Result<Self, RunsError> {
        Self::from_lengths(width, height, &text::decompress(text)?)
    }

    /// From a bitmap: `true` is inside, row by row. `None` if the number of pixels is not width × height, or more than
    /// run lengths can count.
    #[must_use]
    pub fn from_bitmap(width: u32, height: u32, bitmap: &[bool]) -> Option<Self> {
        let fits = bitmap.len() == width as usize * height as usize && pixels(width, height).is_ok();
        fits.then(|| Self::of_flips(width, height, flips(width, height, bitmap, true)))
    }

    /// From a mask.
    ///
    /// # Errors
    /// [`RunsError::TooLarge`].
    pub fn of_mask(mask: &Mask) -> Result<Self, RunsError> {
        let (width, height) = (mask.width(), mask.height());
        pixels(width, height)?;
        Ok(Self::of_flips(width, height, flips(width, height, mask.pixels(), INSIDE)))
    }

    /// The union of closed polygons x₀ y₀ x₁ y₁ …, in pixels, equal to the COCO API's. Polygons of fewer than two
    /// corners are empty.
    ///
    /// # Errors
    /// [`RunsError::Corner`]: a coordinate is not finite or beyond ±10⁶; [`RunsError::TooLarge`].
    pub fn from_polygons(width: u32, height: u32, polygons: &[Vec<f64>]) -> Result<Self, RunsError> {
        pixels(width, height)?;
        let far = polygons.iter().flatten().find(|&&at| !(-FARTHEST_CORNER..=FARTHEST_CORNER).contains(&at));
        if let Some(&far) = far {
            return Err(RunsError::Corner(far));
        }
        let each = polygons.iter().map(|corners| Self::of_flips(width, height, polygon::flips(corners, width, height)));
        Ok(each.reduce(|union, next| union.unite(&next)).unwrap_or_else(|| Self::of_stretches(width, height, vec![])))
    }

    /// From the run lengths of an annotation, which state their size.
    ///
    /// # Errors
    /// The text is no valid compression, or the lengths don't add up to the picture.
    pub fn read(lengths: &RunLengths) -> Result<Self, RunsError> {
        let [height, width] = lengths.size;
        match &lengths.counts {
            Counts::Plain(counts) => Self::from_lengths(width, height, counts),
            Counts::Compressed(text) => Self::from_text(width, height, text),
        }
    }

    /// The outline of an annotation in a picture of this size.
    ///
    /// # Errors
    /// [`RunsError::Size`]: its run lengths are those of another picture; or they are broken.
    pub fn of_segmentation(width: u32, height: u32, outline: &Segmentation) -> Result<Self, RunsError> {
        match outline {
            Segmentation::Polygons(polygons) => Self::from_polygons(width, height, polygons),
            Segmentation::Runs(lengths) if lengths.size == [height, width] => Self::read(lengths),
            Segmentation::Runs(RunLengths { size: [rows, columns], .. }) => {
                Err(RunsError::Size { found: [*columns, *rows], wanted: [width, height] })
            }
        }
    }

    /// From the positions at which outside and inside change, ascending.
    fn of_flips(width: u32, height: u32, mut flips: Vec<u32>) -> Self {
        if flips.len() % 2 == 1 {
            flips.push(width * height);
        }
        Self::of_stretches(width, height, flips.as_chunks::<2>().0.to_vec())
    }

    /// From the stretches that are inside, in their canonical form.
    fn of_stretches(width: u32, height: u32, inside: Vec<[u32; 2]>) -> Self {
        let area = inside.iter().map(|[from, to]| to - from).sum();
        let bounding_box = bounding_box(height, &inside);
        Self { width, height, inside, area, bounding_box }
    }

    /// Width of the picture.
    #[must_use]
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Height of the picture.
    #[must_use]
    pub fn height(&self) -> u32 {
        self.height
    }

    /// Pixels inside.
    #[must_use]
    pub fn area(&self) -> u64 {
        u64::from(self.area)
    }

    /// The smallest box around the pixels inside: x, y, width, height in whole pixels; all 0 if there are none.
    #[must_use]
    pub fn bounding_box(&self) -> [u32; 4] {
        self.bounding_box
    }

    /// The run lengths, outside first; they add up to width × height.
    pub fn lengths(&self) -> impl Iterator<Item = u32> {
        let pixels = self.width * self.height;
        let ends = self.inside.iter().flatten().copied();
        let last = self.inside.last().map_or(0, |last| last[1]);
        // An empty picture has one run, of no pixels.
        let outside = (last < pixels || self.inside.is_empty()).then_some(pixels);
        ends.chain(outside).scan(0, |at, end| {
            let length = end - *at;
            *at = end;
            Some(length)
        })
    }

    /// COCO's compressed text of the run lengths.
    #[must_use]
    pub fn text(&self) -> String {
        text::compress(self.lengths())
    }

    /// The pixels that one of the two or both cover. Both must be of one size.
    #[must_use]
    pub fn unite(&self, other: &Self) -> Self {
        debug_assert_eq!((self.width, self.height), (other.width, other.height));
        let mut ordered = [self.inside.as_slice(), other.inside.as_slice()].concat();
        ordered.sort();
        let mut all: Vec<[u32; 2]> = Vec::with_capacity(ordered.len());
        for next in ordered {
            match all.last_mut() {
                Some(last) if last[1] >= next[0] => last[1] = last[1].max(next[1]),
                _ => all.push(next),
            }
        }
        Self::of_stretches(self.width, self.height, all)
    }

    /// The pixels as a mask.
    #[must_use]
    pub fn mask(&self) -> Mask {
        let (rows, columns) = (self.height as usize, self.width as usize);
        let mut pixels = vec![0; rows * columns];
        for [from, to] in &self.inside {
            (*from as usize..*to as usize).for_each(|at| pixels[at % rows * columns + at / rows] = INSIDE);
        }
        Mask::from_pixels(self.width, self.height, pixels).expect("made for this size, of 0 and 255")
    }
}

/// Pixels of a picture, if run lengths can count them.
fn pixels(width: u32, height: u32) -> Result<u32, RunsError> {
    width.checked_mul(height).ok_or(RunsError::TooLarge { width, height })
}

/// The positions at which outside and inside change, ascending, of a bitmap in rows.
///
/// Rows are compared with the ones above, most of which are equal, so that the picture is read along its rows.
fn flips<T: Copy + PartialEq>(width: u32, height: u32, bitmap: &[T], inside: T) -> Vec<u32> {
    let (columns, rows) = (width as usize, height as usize);
    let mut flips = Vec::new();
    if columns == 0 || rows == 0 {
        return flips;
    }
    let (first, last) = (&bitmap[..columns], &bitmap[(rows - 1) * columns..]);
    // What comes before a column is the end of the one to its left; before the first is outside.
    if first[0] == inside {
        flips.push(0);
    }
    flips.extend((1..columns).filter(|&x| first[x] != last[x - 1]).map(|x| (x * rows) as u32));
    for (y, pair) in bitmap.windows(2 * columns).step_by(columns).enumerate() {
        let (above, row) = pair.split_at(columns);
        for (block, (above, row)) in above.chunks(BLOCK).zip(row.chunks(BLOCK)).enumerate() {
            if above != row {
                let differing = (0..row.len()).filter(|&x| above[x] != row[x]);
                flips.extend(differing.map(|x| ((block * BLOCK + x) * rows + y + 1) as u32));
            }
        }
    }
    flips.sort_unstable();
    flips
}

/// Pixels of two rows that are compared at once.
const BLOCK: usize = 32;

/// The smallest box around stretches in columns of this height: x, y, width, height.
fn bounding_box(height: u32, inside: &[[u32; 2]]) -> [u32; 4] {
    let ([first, ..], [.., last]) = (inside, inside) else { return [0; 4] };
    let (left, right) = (first[0] / height, (last[1] - 1) / height);
    let (mut top, mut bottom) = (height, 0);
    for [from, to] in inside {
        let (row, lowest) = (from % height, (to - 1) % height);
        // One that goes on into the next column touches the lower edge and the upper.
        if lowest < row || to - from > lowest - row + 1 {
            (top, bottom) = (0, height - 1);
        } else {
            (top, bottom) = (top.min(row), bottom.max(lowest));
        }
    }
    [left, top, right + 1 - left, bottom + 1 - top]
}

#[cfg(test)]
mod tests;
