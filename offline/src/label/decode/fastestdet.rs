//! FastestDet.

use serde::{Deserialize, Serialize};

use super::activation::{sigmoid, tanh};
use super::candidate::{Collector, detections};
use super::{Activation, DecodeError, Nms, Seen};
use crate::agree::Detection;
use crate::render::elementary::{exp, ln};

/// One grid [5 + classes, rows, columns]: objectness, the centre's tanh from the cell's corner in cells, the sigmoids of
/// width and height as shares of the input, classes. Objectness and classes are finished; the score is
/// objectness^0.6 · class^0.4.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct FastestDet {
    /// Name of the tensor.
    pub output: String,
    /// Suppression.
    #[serde(default)]
    pub nms: Nms,
}

/// A value 0..=1 to a power.
fn power(value: f32, exponent: f64) -> f64 {
    if value.is_normal() && value > 0.0 { exp(exponent * ln(f64::from(value))) } else { 0.0 }
}

impl FastestDet {
    pub(super) fn check(&self) -> Result<(), String> {
        self.nms.check()
    }

    pub(super) fn decode(&self, seen: &Seen) -> Result<Vec<Detection>, DecodeError> {
        let output = seen.output(&self.output)?;
        let classes = seen.classes.positions();
        let (rows, columns) = match output.shape.as_slice() {
            &[channels, rows, columns] if channels == 5 + classes => (rows, columns),
            _ => return Err(output.refuse(&format!("[{}, rows, columns]", 5 + classes))),
        };
        let (width, height) = (f64::from(seen.placement.input.0), f64::from(seen.placement.input.1));
        let mut collector = Collector::new(seen, Activation::None, self.nms.floor);
        let mut scores = vec![0.0; classes];
        for cell in 0..rows * columns {
            let value = |channel: usize| output.values[channel * rows * columns + cell];
            let objectness = power(value(0), 0.6);
            if objectness <= f64::from(self.nms.floor) {
                continue;
            }
            for (class, score) in scores.iter_mut().enumerate() {
                *score = (objectness * power(value(5 + class), 0.4)) as f32;
            }
            collector.add(cell, &scores, 1.0, || {
                let x = (tanh(value(1)) + (cell % columns) as f64) * width / columns as f64;
                let y = (tanh(value(2)) + (cell / columns) as f64) * height / rows as f64;
                let (across, down) = (f64::from(sigmoid(value(3))) * width, f64::from(sigmoid(value(4))) * height);
                [x - across / 2.0, y - down / 2.0, x + across / 2.0, y + down / 2.0]
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
    fn one_cell_of_a_grid() {
        let classes = ClassMap::Own(vec![0, 1]);
        let placement = placement((30, 20), (30, 20));
        let decoder = FastestDet { output: "o".into(), nms: Nms::default() };
        let mut values = vec![0.0; 7 * 6];
        for (channel, value) in [(0, 0.5), (1, 0.0), (2, 0.549_306_15), (3, 0.0), (4, -50.0), (5, 0.0), (6, 0.25)] {
            values[channel * 6 + 4] = value;
        }
        values[4 * 6 + 4] = 0.0;
        let found = decoder.decode(&seen(&[tensor("o", &[7, 2, 3], values)], &placement, &classes)).unwrap();
        // Cell (1, 1) of 3×2: centre (10, 10 + tanh 0.549… · 10 = 15), half the input's sides.
        assert_eq!((found.len(), found[0].class), (1, 1));
        assert!((f64::from(found[0].score) - 0.5_f64.powf(0.6) * 0.25_f64.powf(0.4)).abs() < 1e-7);
        for (is, should) in found[0].bbox.iter().zip([2.5, 10.0, 15.0, 10.0]) {
            assert!((is - should).abs() < 1e-4, "{found:?}");
        }
        let refused = decoder.decode(&seen(&[tensor("o", &[6, 2, 3], vec![0.0; 36])], &placement, &classes));
        assert!(refused.unwrap_err().0.contains("[7, rows, columns]"));
    }
}
