//! Distributions of the distances to a box's sides: NanoDet, PicoDet.

use serde::{Deserialize, Serialize};

use super::activation::exponentials;
use super::candidate::{Collector, detections};
use super::yolox::{Cell, cells, check_strides};
use super::{Activation, DecodeError, Nms, Seen, Tensor};
use crate::agree::Detection;

/// For each grid a row a cell: scores, and for each of left, top, right and bottom the logits of the distance in strides
/// over 0, 1, … (Li et al., "Generalized Focal Loss", 2020).
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Gfl {
    /// Pixels of the input to a cell.
    pub strides: Vec<u32>,
    /// Names of the scores [cells, classes], one a stride; or one name for all grids after each other.
    pub scores: Vec<String>,
    /// Names of the distributions [cells, 4 × bins] likewise; none: behind the classes in the same rows.
    #[serde(default)]
    pub boxes: Vec<String>,
    /// Bins of a distribution.
    pub bins: usize,
    /// Where in its cell a distance begins, in strides: 0.5, or 0 (NanoDet-Plus).
    #[serde(default = "middle")]
    pub centre: f64,
    /// What is still to be done to the scores.
    #[serde(default)]
    pub activation: Activation,
    /// Suppression.
    #[serde(default)]
    pub nms: Nms,
}

fn middle() -> f64 {
    0.5
}

impl Gfl {
    pub(super) fn check(&self) -> Result<(), String> {
        check_strides(&self.strides)?;
        let fits = |names: usize| names == 1 || names == self.strides.len();
        if !fits(self.scores.len()) || !(self.boxes.is_empty() || self.boxes.len() == self.scores.len()) {
            return Err("scores and boxes are one name a stride, or one for all".to_owned());
        }
        if !(2..=64).contains(&self.bins) || !(0.0..=1.0).contains(&self.centre) {
            return Err("bins are 2 to 64, the centre is 0 to 1".to_owned());
        }
        self.nms.check()
    }

    pub(super) fn decode(&self, seen: &Seen) -> Result<Vec<Detection>, DecodeError> {
        let classes = seen.classes.positions();
        let sides = 4 * self.bins;
        let mut collector = Collector::new(seen, self.activation, self.nms.floor);
        let mut first = 0;
        for (at, name) in self.scores.iter().enumerate() {
            let strides = if self.scores.len() == 1 { self.strides.as_slice() } else { &self.strides[at..=at] };
            let cells: Vec<Cell> = cells(strides, seen.placement.input).collect();
            let of_cells = |tensor: &'_ Tensor, columns: usize| -> Result<(), DecodeError> {
                let rows = tensor.rows(columns)?.len();
                if rows == cells.len() { Ok(()) } else { Err(tensor.refuse(&format!("[{}, {columns}]", cells.len()))) }
            };
            let scores = seen.output(name)?;
            let boxes = self.boxes.get(at).map(|name| seen.output(name)).transpose()?;
            let together = if boxes.is_none() { classes + sides } else { classes };
            of_cells(scores, together)?;
            boxes.map_or(Ok(()), |boxes| of_cells(boxes, sides))?;
            for (cell, values) in scores.rows(together)?.enumerate() {
                collector.add(first + cell, &values[..classes], 1.0, || {
                    let bins =
                        boxes.map_or(&values[classes..], |boxes| &boxes.values[cell * sides..(cell + 1) * sides]);
                    self.corners(bins, cells[cell])
                });
            }
            first += cells.len();
        }
        Ok(detections(&self.nms.keep(collector.found), seen))
    }

    fn corners(&self, bins: &[f32], (column, row, side): Cell) -> [f64; 4] {
        let distance = |at: usize| {
            let (weights, sum) = exponentials(&bins[at * self.bins..(at + 1) * self.bins]);
            weights.iter().enumerate().map(|(bin, weight)| bin as f64 * weight).sum::<f64>() / sum
        };
        let (x, y) = (f64::from(column) + self.centre, f64::from(row) + self.centre);
        [x - distance(0), y - distance(1), x + distance(2), y + distance(3)].map(|corner| corner * side)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]
mod tests {
    use super::*;
    use crate::label::decode::synthetic::{placement, seen, tensor};
    use crate::label::zoo::ClassMap;

    const CELL: [f32; 14] = [0.1, 0.9, 0.0, 0.0, 9e9, 9e9, 0.0, 0.0, 0.0, 9e9, 0.0, 0.0, 0.0, 0.0];

    #[test]
    fn expectations_are_distances_in_strides() {
        let classes = ClassMap::Own(vec![0, 1]);
        let placement = placement((32, 32), (32, 32));
        // Bins 0, 1, 2: left 2, top 0, right 1, bottom 1 of 16 pixels around the last cell's centre (24, 24).
        let mut rows = vec![0.0; 5 * 14];
        rows[3 * 14..4 * 14].copy_from_slice(&CELL);
        let joined: Gfl = toml::from_str("strides = [16, 32]\nscores = ['o']\nbins = 3").unwrap();
        joined.check().unwrap();
        let found = joined.decode(&seen(&[tensor("o", &[5, 14], rows.clone())], &placement, &classes)).unwrap();
        assert_eq!((found[0].class, found[0].score), (1, 0.9));
        assert_eq!(found[0].bbox, [0.0, 24.0, 32.0, 8.0]);

        let split = |columns: std::ops::Range<usize>, rows_of: std::ops::Range<usize>| -> Vec<f32> {
            rows_of.flat_map(|row| rows[row * 14..][columns.clone()].to_vec()).collect()
        };
        let outputs = [
            tensor("b2", &[1, 12], split(2..14, 4..5)),
            tensor("s1", &[4, 2], split(0..2, 0..4)),
            tensor("s2", &[1, 2], split(0..2, 4..5)),
            tensor("b1", &[4, 12], split(2..14, 0..4)),
        ];
        let apart: Gfl =
            toml::from_str("strides = [16, 32]\nscores = ['s1', 's2']\nboxes = ['b1', 'b2']\nbins = 3").unwrap();
        assert_eq!(apart.decode(&seen(&outputs, &placement, &classes)).unwrap(), found);
        let corner = Gfl { centre: 0.0, ..joined };
        let found = corner.decode(&seen(&[tensor("o", &[5, 14], rows)], &placement, &classes)).unwrap();
        assert_eq!(found[0].bbox, [0.0, 16.0, 32.0, 16.0]);
    }

    #[test]
    fn shapes_and_lists_must_fit() {
        let classes = ClassMap::Own(vec![0, 1]);
        let placement = placement((32, 32), (32, 32));
        let decoder: Gfl = toml::from_str("strides = [16]\nscores = ['s']\nboxes = ['b']\nbins = 3").unwrap();
        let outputs = [tensor("s", &[4, 2], vec![0.5; 8]), tensor("b", &[4, 8], vec![0.5; 32])];
        let refused = decoder.decode(&seen(&outputs, &placement, &classes)).unwrap_err().0;
        assert!(refused.contains("`b`") && refused.contains("12"), "{refused}");
        assert!(Gfl { strides: vec![8, 16], boxes: vec![], scores: vec![], ..decoder }.check().is_err());
        assert!(Gfl { bins: 1, ..decoder }.check().is_err());
    }
}
