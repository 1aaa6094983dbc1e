//! COCO polygons as pixels, equal to the COCO API's.
//!
//! The API walks each outline on a grid five times as fine as the pixels, notes where it passes from one column of
//! pixel centres to the next, and fills by parity down the columns, column by column. The steps here are those that
//! its results show: halves round up, lines run along their longer axis in the positive direction.

/// Steps of the fine grid to a pixel.
const FINE: f64 = 5.0;

/// Where outside and inside of one closed polygon `x₀ y₀ x₁ y₁ …` change in a picture of `width` × `height` pixels read
/// column by column, ascending; none for fewer than two corners. If their number is odd, the inside lasts to the end.
///
/// The picture must have at most 2³² − 1 pixels and the corners must be at most some millions.
#[must_use]
pub(super) fn flips(corners: &[f64], width: u32, height: u32) -> Vec<u32> {
    let (columns, rows) = (width as usize, height as usize);
    let pairs = outline(corners);
    let crossings = pairs.windows(2).filter_map(|pair| crossing(pair[0], pair[1], columns, rows));
    let mut positions: Vec<u32> = crossings.map(|(x, y)| (x * rows + y) as u32).collect();
    positions.sort_unstable();
    let mut flips = Vec::with_capacity(positions.len());
    for position in positions.into_iter().filter(|&position| position < width * height) {
        // Two at one place are none.
        if flips.last() == Some(&position) {
            flips.pop();
        } else {
            flips.push(position);
        }
    }
    flips
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
