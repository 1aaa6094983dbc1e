//! A small map of values over an input or a box, enlarged to the pixels of the picture.

use std::ops::Range;

use super::{DecodeError, Seen};
use crate::agree::Runs;

/// Values of a mask on a grid, row by row.
pub(super) struct Map<'a> {
    pub(super) values: &'a [f32],
    pub(super) width: usize,
    pub(super) height: usize,
}

/// What lies beyond a map's outermost values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Beyond {
    /// They go on.
    Edge,
    /// 0: the map ends in nothing.
    Nothing,
}

/// Along one axis: which two values of the map a pixel lies between (with a border of one value before and after), and
/// the second one's weight.
struct Between {
    first: usize,
    weight: f32,
}

impl Map<'_> {
    /// The picture's pixels where the map, interpolated linearly at their centres, is above `threshold`.
    ///
    /// The map covers `area` (left, top, right, bottom in pixels of the picture); only pixels whose centres lie in
    /// `within` (likewise) can be inside.
    pub(super) fn paste(
        &self,
        seen: &Seen,
        area: [f64; 4],
        within: [f64; 4],
        threshold: f32,
        beyond: Beyond,
    ) -> Result<Runs, DecodeError> {
        let (width, height) = seen.placement.picture;
        let (columns, rows) = (span(within[0], within[2], width), span(within[1], within[3], height));
        let across = axis(&columns, area[0], area[2], self.width);
        let down = axis(&rows, area[1], area[3], self.height);
        // One row more on each side, so that no pixel asks for a value that is not there.
        let value = |row: usize, column: usize| {
            let outside = row == 0 || column == 0 || row > self.height || column > self.width;
            if outside && beyond == Beyond::Nothing {
                return 0.0;
            }
            let (row, column) = (row.clamp(1, self.height) - 1, column.clamp(1, self.width) - 1);
            self.values[row * self.width + column]
        };
        let bordered: Vec<f32> = (0..self.height + 2)
            .flat_map(|row| (0..self.width + 2).map(move |column| (row, column)))
            .map(|(row, column)| value(row, column))
            .collect();
        let stride = self.width + 2;
        let mut inside = vec![false; across.len() * down.len()];
        let mut blended = vec![0.0; stride];
        for (Between { first, weight }, inside) in down.iter().zip(inside.chunks_exact_mut(across.len().max(1))) {
            let (above, below) = (&bordered[first * stride..][..stride], &bordered[(first + 1) * stride..][..stride]);
            for ((blended, above), below) in blended.iter_mut().zip(above).zip(below) {
                *blended = above + (below - above) * weight;
            }
            for (inside, between) in inside.iter_mut().zip(&across) {
                let (left, right) = (blended[between.first], blended[between.first + 1]);
                *inside = left + (right - left) * between.weight > threshold;
            }
        }
        runs((width, height), &columns, &rows, &inside)
    }
}

/// The runs of a picture whose pixels in these columns and rows are as given, row by row, and outside elsewhere.
fn runs(
    (width, height): (u32, u32),
    columns: &Range<u32>,
    rows: &Range<u32>,
    inside: &[bool],
) -> Result<Runs, DecodeError> {
    let (across, height_there) = (columns.len(), rows.len() as u32);
    // Runs go down the columns, outside first; they are as long as they have become when the next begins.
    let mut lengths = vec![columns.start * height];
    let mut within = false;
    let mut add = |length: u32, inside: bool| {
        if inside != within {
            lengths.push(0);
            within = inside;
        }
        if let Some(last) = lengths.last_mut() {
            *last += length;
        }
    };
    for column in 0..across {
        add(rows.start, false);
        inside.iter().skip(column).step_by(across).for_each(|&inside| add(1, inside));
        add(height - rows.start - height_there, false);
    }
    add((width - columns.start - across as u32) * height, false);
    Runs::from_lengths(width, height, &lengths).map_err(|e| DecodeError(format!("a mask of its answer: {e}")))
}

/// The pixels whose centres lie in from..to.
fn span(from: f64, to: f64, pixels: u32) -> Range<u32> {
    // Casts of negative numbers give 0, of large ones the largest.
    let edge = |position: f64| ((position - 0.5).ceil() as u32).min(pixels);
    edge(from)..edge(to).max(edge(from))
}

/// Between which of `count` values, whose cells share from..to evenly, the pixels' centres lie.
fn axis(pixels: &Range<u32>, from: f64, to: f64, count: usize) -> Vec<Between> {
    let cells = count as f64 / (to - from).max(1e-6);
    pixels
        .clone()
        .map(|pixel| {
            // 0 is the value of the border, 1 the first one of the map.
            let position = ((f64::from(pixel) + 0.5 - from) * cells + 0.5).clamp(0.0, count as f64 + 1.0);
            let first = (position as usize).min(count);
            Between { first, weight: (position - first as f64) as f32 }
        })
        .collect()
}

/// The whole input in pixels of the picture: left, top, right, bottom.
pub(super) fn input_area(seen: &Seen) -> [f64; 4] {
    let (width, height) = seen.placement.input;
    let ((left, top), (right, bottom)) =
        (seen.placement.point(0.0, 0.0), seen.placement.point(f64::from(width), f64::from(height)));
    [left, top, right, bottom]
}

/// The whole picture: left, top, right, bottom.
pub(super) fn picture_area(seen: &Seen) -> [f64; 4] {
    let (width, height) = seen.placement.picture;
    [0.0, 0.0, f64::from(width), f64::from(height)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::label::decode::synthetic::{bitmap, placement, seen};
    use crate::label::zoo::ClassMap;

    fn paste(map: &Map, picture: (u32, u32), area: [f64; 4], within: [f64; 4], beyond: Beyond) -> Runs {
        let (classes, placement) = (ClassMap::Own(vec![0]), placement(picture, (8, 8)));
        map.paste(&seen(&[], &placement, &classes), area, within, 0.5, beyond).expect("a small picture")
    }

    #[test]
    fn values_are_interpolated_between_the_cells_centres() {
        let map = Map { values: &[0.0, 1.0, 0.0, 1.0], width: 2, height: 2 };
        // Cells of 4 pixels: 0 up to x = 2, 1 from x = 6, over a half beyond x = 4.
        let all = [0.0, 0.0, 8.0, 8.0];
        let half = paste(&map, (8, 8), all, all, Beyond::Edge);
        assert_eq!(half, bitmap(8, 8, |x, _| x >= 4));
        // Falling to 0 within a cell: over a half up to the map's edge, but not at its corners.
        let ends = paste(&map, (16, 16), [4.0, 4.0, 12.0, 12.0], [0.0, 0.0, 16.0, 16.0], Beyond::Nothing);
        assert_eq!(
            ends,
            bitmap(16, 16, |x, y| {
                let corner = (x == 8 || x == 11) && (y == 4 || y == 11);
                (8..12).contains(&x) && (4..12).contains(&y) && !corner
            })
        );
        let within = paste(&map, (8, 8), all, [0.0, 2.5, 5.4, 4.51], Beyond::Edge);
        assert_eq!(within, bitmap(8, 8, |x, y| x == 4 && (2..5).contains(&y)));
    }

    #[test]
    fn spans_hold_pixel_centres() {
        assert_eq!(span(0.5, 2.5, 9), 0..2);
        assert_eq!(span(0.51, 2.51, 9), 1..3);
        assert_eq!((span(-4.0, 99.0, 9), span(5.0, 2.0, 9), span(20.0, 30.0, 9)), (0..9, 5..5, 9..9));
    }

    #[test]
    fn a_map_of_one_value_fills_its_area() {
        let map = Map { values: &[1.0], width: 1, height: 1 };
        let all = [0.0, 0.0, 3.0, 2.0];
        assert_eq!(paste(&map, (3, 2), all, all, Beyond::Edge), bitmap(3, 2, |_, _| true));
        let empty = paste(&map, (3, 2), [1.0, 1.0, 1.0, 1.0], [1.0, 1.0, 1.0, 1.0], Beyond::Edge);
        assert_eq!(empty, bitmap(3, 2, |_, _| false));
    }
}
