//! Raw differences to anchors: SSD, RetinaNet, EfficientDet. Tested on tensors made by hand.

use serde::{Deserialize, Serialize};

use super::activation::exponential;
use super::candidate::{Collector, detections};
use super::{Activation, DecodeError, Nms, Seen};
use crate::agree::Detection;
use crate::render::elementary::exp;

/// A tensor of differences and one of classes, a row an anchor: level by level, cell by cell, shape by shape.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Anchors {
    /// Name of the differences [n, 4].
    pub boxes: String,
    /// Name of the classes [n, classes].
    pub scores: String,
    /// The anchors' places and shapes.
    pub shapes: Shapes,
    /// The differences come as y, x, height, width.
    #[serde(default)]
    pub vertical_first: bool,
    /// The differences' unit: for the centre, as a share of the anchor's sides; for the logarithms of the sides.
    #[serde(default = "whole")]
    pub unit: [f64; 2],
    /// What is still to be done to the classes.
    #[serde(default)]
    pub activation: Activation,
    /// Suppression.
    #[serde(default)]
    pub nms: Nms,
}

fn whole() -> [f64; 2] {
    [1.0; 2]
}

/// The anchors' places and shapes.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Shapes {
    /// As EfficientDet and RetinaNet make them: strides of powers of two.
    Pyramid {
        /// Exponents of the first and the last stride.
        levels: [u32; 2],
        /// The basic side in strides.
        scale: f64,
        /// Sides grow by the root of this order of 2, this many times.
        octaves: u32,
        /// Factors of width and height.
        aspects: Vec<[f64; 2]>,
    },
    /// One by one.
    Levels(Vec<Level>),
}

/// A grid whose cells have the same anchors at their centres.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Level {
    /// Cells across and down; together they cover the input.
    pub cells: [u32; 2],
    /// Width and height of each anchor in pixels of the input.
    pub sides: Vec<[f64; 2]>,
}

/// Cells across and down, width and height of a cell, and the sides of the anchors at each centre; all in pixels.
struct Grid {
    cells: [u32; 2],
    cell: [f64; 2],
    sides: Vec<[f64; 2]>,
}

impl Shapes {
    /// Grid by grid for an input of this size.
    fn grids(&self, (width, height): (u32, u32)) -> Vec<Grid> {
        let (&[first, last], &scale, &octaves, aspects) = match self {
            Self::Pyramid { levels, scale, octaves, aspects } => (levels, scale, octaves, aspects),
            Self::Levels(levels) => {
                let grid = |Level { cells, sides }: &Level| {
                    let cell = [f64::from(width) / f64::from(cells[0]), f64::from(height) / f64::from(cells[1])];
                    Grid { cells: *cells, cell, sides: sides.clone() }
                };
                return levels.iter().map(grid).collect();
            }
        };
        let grid = |exponent: u32| {
            let stride = 1_u32 << exponent;
            let growth = |octave: u32| exp(std::f64::consts::LN_2 * f64::from(octave) / f64::from(octaves));
            let sides = (0..octaves).flat_map(|octave| {
                let side = f64::from(stride) * scale * growth(octave);
                aspects.iter().map(move |[x, y]| [side * x, side * y])
            });
            // The last cells may end beyond the input.
            let cells = [width.div_ceil(stride), height.div_ceil(stride)];
            Grid { cells, cell: [f64::from(stride); 2], sides: sides.collect() }
        };
        (first..=last).map(grid).collect()
    }

    /// Centre and sides of each anchor in pixels of the input, in the tensors' order.
    fn anchors(&self, input: (u32, u32)) -> Vec<[f64; 4]> {
        let mut anchors = Vec::new();
        for Grid { cells: [across, down], cell, sides } in self.grids(input) {
            for (row, column) in (0..down).flat_map(|row| (0..across).map(move |column| (row, column))) {
                let (x, y) = ((f64::from(column) + 0.5) * cell[0], (f64::from(row) + 0.5) * cell[1]);
                anchors.extend(sides.iter().map(|[width, height]| [x, y, *width, *height]));
            }
        }
        anchors
    }
}

impl Anchors {
    pub(super) fn check(&self) -> Result<(), String> {
        let positive = |sides: &[[f64; 2]]| !sides.is_empty() && sides.iter().flatten().all(|side| *side > 0.0);
        let sound = match &self.shapes {
            Shapes::Pyramid { levels: [first, last], scale, octaves, aspects } => {
                first <= last && *last <= 10 && *scale > 0.0 && (1..=8).contains(octaves) && positive(aspects)
            }
            Shapes::Levels(levels) => {
                let sound = |level: &Level| {
                    level.cells.iter().all(|cells| (1..=1024).contains(cells)) && positive(&level.sides)
                };
                !levels.is_empty() && levels.iter().all(sound)
            }
        };
        if !sound || !self.unit.iter().all(|unit| *unit > 0.0) {
            return Err("anchors need levels, sides and units over 0, exponents up to 10, cells up to 1024".to_owned());
        }
        self.nms.check()
    }

    pub(super) fn decode(&self, seen: &Seen) -> Result<Vec<Detection>, DecodeError> {
        let (boxes, scores) = (seen.output(&self.boxes)?, seen.output(&self.scores)?);
        let (boxes_of, scores_of) = (boxes.rows(4)?, scores.rows(seen.classes.positions())?);
        let anchors = self.shapes.anchors(seen.placement.input);
        for (tensor, rows, columns) in [(boxes, boxes_of.len(), 4), (scores, scores_of.len(), seen.classes.positions())]
        {
            if rows != anchors.len() {
                return Err(tensor.refuse(&format!("[{}, {columns}], one a generated anchor", anchors.len())));
            }
        }
        let mut collector = Collector::new(seen, self.activation, self.nms.floor);
        for (row, ((numbers, values), anchor)) in boxes_of.zip(scores_of).zip(anchors).enumerate() {
            collector.add(row, values, 1.0, || self.corners(numbers, anchor));
        }
        Ok(detections(&self.nms.keep(collector.found), seen))
    }

    fn corners(&self, numbers: &[f32], [x, y, width, height]: [f64; 4]) -> [f64; 4] {
        let [dx, dy, across, down] =
            if self.vertical_first { [1, 0, 3, 2] } else { [0, 1, 2, 3] }.map(|at| numbers[at]);
        let (x, y) = (x + f64::from(dx) * self.unit[0] * width, y + f64::from(dy) * self.unit[0] * height);
        let half = |side: f64, difference: f32| side * exponential((f64::from(difference) * self.unit[1]) as f32) / 2.0;
        let (across, down) = (half(width, across), half(height, down));
        [x - across, y - down, x + across, y + down]
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]
mod tests {
    use super::*;
    use crate::label::decode::synthetic::{placement, seen, tensor};
    use crate::label::zoo::ClassMap;

    /// EfficientDet-D0's anchors, and some of its published figures for an input of 512.
    #[test]
    fn a_pyramid_has_its_anchors() {
        let shapes = Shapes::Pyramid {
            levels: [3, 7],
            scale: 4.0,
            octaves: 3,
            aspects: vec![[1.0, 1.0], [1.4, 0.7], [0.7, 1.4]],
        };
        let anchors = shapes.anchors((512, 512));
        assert_eq!(anchors.len(), 49_104);
        assert_eq!(anchors[0], [4.0, 4.0, 32.0, 32.0]);
        let close = |anchor: [f64; 4], expected: [f64; 4]| {
            assert!(anchor.iter().zip(expected).all(|(is, should)| (is - should).abs() < 1e-3), "{anchor:?}");
        };
        close(anchors[4], [4.0, 4.0, 56.4437, 28.2219]);
        close(anchors[9], [12.0, 4.0, 32.0, 32.0]);
        close(anchors[49_103], [448.0, 448.0, 568.9245, 1137.849]);
        // 100 pixels have 13 cells of 8, the last one partial: its centre is still a stride further.
        let odd = shapes.anchors((100, 100));
        assert_eq!(odd[12 * 9][..2], [100.0, 4.0]);
    }

    #[test]
    fn differences_move_and_stretch_an_anchor() {
        let decoder: Anchors = toml::from_str(
            "boxes = 'b'\nscores = 's'\nvertical_first = true\nunit = [0.1, 0.2]\nactivation = 'sigmoid'\n\
             shapes = { levels = [{ cells = [2, 1], sides = [[40.0, 20.0]] }] }",
        )
        .unwrap();
        decoder.check().unwrap();
        let classes = ClassMap::Own(vec![-1, 5]);
        let placement = placement((100, 50), (100, 50));
        // Second anchor: centre (75, 25), 40×20; down 0.1 · 5 · 20, right 0.1 · −5 · 40, twice as high.
        let doubled = 2.0_f32.ln() / 0.2;
        let outputs = [
            tensor("b", &[2, 4], vec![0.0, 0.0, 0.0, 0.0, 5.0, -5.0, doubled, 0.0]),
            tensor("s", &[2, 2], vec![-9.0, -9.0, 3.0, 0.0]),
        ];
        let found = decoder.decode(&seen(&outputs, &placement, &classes)).unwrap();
        assert_eq!((found.len(), found[0].class, found[0].score), (1, 5, 0.5));
        for (is, should) in found[0].bbox.iter().zip([35.0, 15.0, 40.0, 35.0]) {
            assert!((is - should).abs() < 1e-4, "{found:?}");
        }
        let short = [outputs[0].clone(), tensor("s", &[1, 2], vec![0.0; 2])];
        let refused = decoder.decode(&seen(&short, &placement, &classes)).unwrap_err().0;
        assert!(refused.contains("`s`") && refused.contains("[2, 2]"), "{refused}");
        let nonsense = Anchors { unit: [0.0, 1.0], ..decoder };
        assert!(nonsense.check().is_err());
    }
}
