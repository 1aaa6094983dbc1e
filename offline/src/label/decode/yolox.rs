//! Grids with objectness and exponential sides: YOLOX.

use serde::{Deserialize, Serialize};

use super::activation::exponential;
use super::candidate::{Collector, detections};
use super::{Activation, DecodeError, Nms, Seen};
use crate::agree::Detection;

/// Rows [cells, 5 + classes] of all grids, the finest first, each row by row: x and y from the cell's corner in strides,
/// the logarithms of width and height in strides, objectness, classes (Ge et al., 2021).
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Yolox {
    /// Name of the tensor.
    pub output: String,
    /// Pixels of the input to a cell, in the tensor's order.
    #[serde(default = "three")]
    pub strides: Vec<u32>,
    /// What is still to be done to objectness and classes.
    #[serde(default)]
    pub activation: Activation,
    /// Suppression.
    #[serde(default)]
    pub nms: Nms,
}

fn three() -> Vec<u32> {
    vec![8, 16, 32]
}

/// One cell of a grid: column, row and side in pixels of the input.
pub(super) type Cell = (u32, u32, f64);

/// The cells of grids over an input, grid by grid, row by row; partial cells at the right and lower edge count.
pub(super) fn cells(strides: &[u32], (width, height): (u32, u32)) -> impl Iterator<Item = Cell> {
    strides.iter().flat_map(move |&stride| {
        let (across, down) = (width.div_ceil(stride), height.div_ceil(stride));
        (0..down).flat_map(move |row| (0..across).map(move |column| (column, row, f64::from(stride))))
    })
}

/// Whether strides make sense.
pub(super) fn check_strides(strides: &[u32]) -> Result<(), String> {
    let sound = !strides.is_empty() && strides.iter().all(|stride| (1..=1024).contains(stride));
    if sound { Ok(()) } else { Err("strides must be 1 to 1024 pixels, and at least one".to_owned()) }
}

impl Yolox {
    pub(super) fn check(&self) -> Result<(), String> {
        check_strides(&self.strides)?;
        if self.activation == Activation::Softmax {
            return Err("objectness has no softmax: activation is none or sigmoid".to_owned());
        }
        self.nms.check()
    }

    pub(super) fn decode(&self, seen: &Seen) -> Result<Vec<Detection>, DecodeError> {
        let output = seen.output(&self.output)?;
        let rows = output.rows(5 + seen.classes.positions())?;
        let count = cells(&self.strides, seen.placement.input).count();
        if rows.len() != count {
            return Err(output.refuse(&format!("[{count}, {}]", 5 + seen.classes.positions())));
        }
        let mut collector = Collector::new(seen, self.activation, self.nms.floor);
        let mut objectness = Vec::new();
        for (at, (values, (column, row, side))) in rows.zip(cells(&self.strides, seen.placement.input)).enumerate() {
            self.activation.scores(&values[4..5], &mut objectness);
            collector.add(at, &values[5..], objectness[0], || {
                let (x, y) = (f64::from(values[0]) + f64::from(column), f64::from(values[1]) + f64::from(row));
                let (across, down) = (exponential(values[2]) / 2.0, exponential(values[3]) / 2.0);
                [x - across, y - down, x + across, y + down].map(|corner| corner * side)
            });
        }
        Ok(detections(&self.nms.keep(collector.found), seen))
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]
mod tests {
    use super::*;
    use crate::label::decode::synthetic::{placement, seen, tensor};
    use crate::label::zoo::ClassMap;

    #[test]
    fn a_cell_of_the_second_grid() {
        let classes = ClassMap::Own(vec![0, 1]);
        let placement = placement((64, 64), (32, 32));
        let decoder =
            Yolox { output: "o".into(), strides: vec![8, 16], activation: Activation::None, nms: Nms::default() };
        // 16 cells of 8 pixels, 4 of 16.
        let mut values = vec![0.0; 20 * 7];
        values[18 * 7..19 * 7].copy_from_slice(&[0.5, 0.25, 0.0, 2.0_f32.ln(), 0.5, 0.2, 0.8]);
        let found = decoder.decode(&seen(&[tensor("o", &[20, 7], values.clone())], &placement, &classes)).unwrap();
        // The lower left cell: centre (8, 20), 16×32 pixels, cut at the input's lower edge; doubled in the picture.
        assert_eq!(found.iter().map(|f| (f.class, f.score)).collect::<Vec<_>>(), [(1, 0.4), (0, 0.1)]);
        for (is, should) in found[0].bbox.iter().zip([0.0, 8.0, 32.0, 56.0]) {
            assert!((is - should).abs() < 1e-4, "{found:?}");
        }
        let text = decoder.decode(&seen(&[tensor("o", &[18, 7], vec![0.0; 126])], &placement, &classes)).unwrap_err().0;
        assert!(text.contains("[20, 7]") && text.contains("`o`"), "{text}");
        values[3] = f32::INFINITY;
        let text = decoder.decode(&seen(&[tensor("o", &[20, 7], values)], &placement, &classes)).unwrap_err().0;
        assert_eq!(text, "its output `o` holds inf at 3");
    }

    #[test]
    fn grids_cover_the_input() {
        assert_eq!(cells(&[64], (416, 100)).count(), 14);
        assert_eq!(cells(&[8, 16], (16, 16)).last(), Some((0, 0, 16.0)));
        assert!(check_strides(&[]).is_err() && check_strides(&[0]).is_err() && check_strides(&[8]).is_ok());
    }
}
