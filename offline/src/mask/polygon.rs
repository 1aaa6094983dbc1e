//! COCO polygons as pixels, equal to the COCO API's.
//!
//! The API walks each outline on a grid five times as fine as the pixels, notes where it passes from one column of
//! pixel centres to the next, and fills by parity down the columns, column by column. The steps here are those that
//! its results show: halves round up, lines run along their longer axis in the positive direction.

use super::Mask;

/// Steps of the fine grid to a pixel.
const FINE: f64 = 5.0;

/// The inside of one closed polygon `x₀ y₀ x₁ y₁ …` in a picture of `width` × `height` pixels; empty for fewer than
/// two corners.
#[must_use]
pub fn fill(corners: &[f64], width: u32, height: u32) -> Mask {
    let (columns, rows) = (width as usize, height as usize);
    // Where the parity changes, as positions in the picture read column by column.
    let mut flips = vec![false; columns * rows + 1];
    let outline = outline(corners);
    for pair in outline.windows(2) {
        if let Some((x, y)) = crossing(pair[0], pair[1], columns, rows) {
            flips[x * rows + y] ^= true;
        }
    }
    let mut pixels = vec![0; columns * rows];
    let mut inside = false;
    for (at, flip) in flips[..columns * rows].iter().enumerate() {
        inside ^= flip;
        if inside {
            pixels[at % rows * columns + at / rows] = super::binary::INSIDE;
        }
    }
    Mask::from_pixels(width, height, pixels).expect("made for this size, of 0 and 255")
}

/// The points of the fine grid along the outline, ends of lines twice.
fn outline(corners: &[f64]) -> Vec<(i64, i64)> {
    let fine = |value: f64| (FINE * value + 0.5) as i64;
    let mut corners: Vec<(i64, i64)> = corners.chunks_exact(2).map(|xy| (fine(xy[0]), fine(xy[1]))).collect();
    if corners.len() < 2 {
        return Vec::new();
    }
    corners.push(corners[0]);
    let mut points = Vec::new();
    for ends in corners.windows(2) {
        line(ends[0], ends[1], &mut points);
    }
    points
}

/// The points of one line, from its start to its end.
fn line(start: (i64, i64), end: (i64, i64), points: &mut Vec<(i64, i64)>) {
    let (across, down) = ((end.0 - start.0).abs(), (end.1 - start.1).abs());
    let flat = across >= down;
    let along = |point: (i64, i64)| if flat { point } else { (point.1, point.0) };
    let (start, end) = (along(start), along(end));
    let backwards = start.0 > end.0;
    let (low, high) = if backwards { (end, start) } else { (start, end) };
    let length = high.0 - low.0;
    let slope = if length == 0 { 0.0 } else { (high.1 - low.1) as f64 / length as f64 };
    for step in 0..=length {
        let step = if backwards { length - step } else { step };
        let point = (low.0 + step, (low.1 as f64 + slope * step as f64 + 0.5) as i64);
        points.push(along(point));
    }
}

/// The pixel from which the parity changes when the outline goes from one point to the next; `None` if it does not
/// pass a column of pixel centres inside the picture.
fn crossing(from: (i64, i64), to: (i64, i64), columns: usize, rows: usize) -> Option<(usize, usize)> {
    if from.0 == to.0 {
        return None;
    }
    let pixel = |fine: i64| (fine as f64 + 0.5) / FINE - 0.5;
    let x = pixel(if to.0 < from.0 { to.0 } else { to.0 - 1 });
    if x.floor() != x || x < 0.0 || x > columns as f64 - 1.0 {
        return None;
    }
    let y = pixel(to.1.min(from.1)).clamp(0.0, rows as f64).ceil();
    Some((x as usize, y as usize))
}
