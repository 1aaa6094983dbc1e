//! Small maps brought to an original's size.

/// A row-major map of real values.
#[derive(Debug, Clone, PartialEq)]
pub struct Map {
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Values, row by row.
    pub values: Vec<f32>,
}

impl Map {
    /// The map stretched so that its least value is 0 and its largest 1; all 0 if they are equal.
    #[must_use]
    pub fn stretched(&self) -> Self {
        let (least, largest) =
            self.values.iter().fold((f32::INFINITY, f32::NEG_INFINITY), |(a, b), &v| (a.min(v), b.max(v)));
        let range = largest - least;
        let stretch = |&value: &f32| if range > 0.0 { (value - least) / range } else { 0.0 };
        Self { values: self.values.iter().map(stretch).collect(), ..*self }
    }

    /// The map at another size: bilinear between the centres of its cells, constant beyond the outermost.
    ///
    /// Plain sums and products in f32, so the same everywhere.
    #[must_use]
    pub fn resized(&self, width: usize, height: usize) -> Self {
        let columns = places(self.width, width);
        let rows = places(self.height, height);
        let mut values = Vec::with_capacity(width * height);
        for &(top, bottom, down) in &rows {
            let (top, bottom) = (&self.values[top * self.width..], &self.values[bottom * self.width..]);
            for &(left, right, across) in &columns {
                let above = top[left] + (top[right] - top[left]) * across;
                let below = bottom[left] + (bottom[right] - bottom[left]) * across;
                values.push(above + (below - above) * down);
            }
        }
        Self { width, height, values }
    }

    /// The mean of each cell of a grid of `columns` × `rows` over the map, in f64.
    #[must_use]
    pub fn cells(&self, columns: usize, rows: usize) -> Vec<f32> {
        let edges = |cells: usize, length: usize| -> Vec<(usize, usize)> {
            (0..cells).map(|i| (i * length / cells, ((i + 1) * length / cells).max(i * length / cells + 1))).collect()
        };
        let (across, down) = (edges(columns, self.width), edges(rows, self.height));
        let mut means = Vec::with_capacity(columns * rows);
        for &(top, bottom) in &down {
            for &(left, right) in &across {
                let cell = (top..bottom).flat_map(|y| &self.values[y * self.width + left..y * self.width + right]);
                let sum: f64 = cell.map(|&value| f64::from(value)).sum();
                means.push((sum / ((bottom - top) * (right - left)) as f64) as f32);
            }
        }
        means
    }
}

/// For each place of the long line: the two cells of the short one around it, and how far it is from the first.
fn places(cells: usize, length: usize) -> Vec<(usize, usize, f32)> {
    let step = cells as f64 / length as f64;
    let place = |i: usize| {
        let at = ((i as f64 + 0.5) * step - 0.5).clamp(0.0, (cells - 1) as f64);
        let first = at as usize;
        (first, (first + 1).min(cells - 1), (at - first as f64) as f32)
    };
    (0..length).map(place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(width: usize, values: &[f32]) -> Map {
        Map { width, height: values.len() / width, values: values.to_vec() }
    }

    #[test]
    fn bilinear_between_centres() {
        // cv2.resize(np.float32([[0, 4]]), (8, 1)) and the same downwards.
        let expected = [0.0, 0.0, 0.5, 1.5, 2.5, 3.5, 4.0, 4.0];
        assert_eq!(map(2, &[0.0, 4.0]).resized(8, 1).values, expected);
        assert_eq!(map(1, &[0.0, 4.0]).resized(1, 8).values, expected);
        let same = map(3, &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        assert_eq!(same.resized(3, 2), same);
    }

    #[test]
    fn stretching_and_cells() {
        assert_eq!(map(2, &[0.2, 0.4, 0.3, 0.6]).stretched().values[3], 1.0);
        assert_eq!(map(2, &[0.5; 4]).stretched().values, [0.0; 4]);
        assert_eq!(map(4, &[1.0, 3.0, 5.0, 7.0, 1.0, 3.0, 5.0, 7.0]).cells(2, 1), [2.0, 6.0]);
        assert_eq!(map(3, &[1.0, 2.0, 3.0]).cells(3, 1), [1.0, 2.0, 3.0]);
    }
}
