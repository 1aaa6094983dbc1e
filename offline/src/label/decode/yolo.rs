//! Boxes in pixels with scores, one a column or a row: YOLOv5 to YOLO11.

use serde::{Deserialize, Serialize};

use super::candidate::{Candidate, Collector, detections};
use super::{Activation, BoxForm, DecodeError, Nms, Seen};
use crate::agree::Detection;

/// Boxes of which each has four numbers, perhaps an objectness, a score a class, and perhaps coefficients of masks.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Yolo {
    /// Name of the tensor.
    pub output: String,
    /// Whether a box is a column or a row.
    #[serde(default)]
    pub axes: Axes,
    /// How its four numbers say it.
    #[serde(default = "centred")]
    pub form: BoxForm,
    /// They are shares of the input's sides, not pixels.
    #[serde(default)]
    pub normalised: bool,
    /// An objectness comes before the classes (YOLOv5, YOLOv7).
    #[serde(default)]
    pub objectness: bool,
    /// What is still to be done to the scores.
    #[serde(default)]
    pub activation: Activation,
    /// Numbers after the classes: coefficients of masks.
    #[serde(default)]
    pub coefficients: usize,
    /// Suppression.
    #[serde(default)]
    pub nms: Nms,
}

/// Whether a box is a column or a row of a tensor.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Axes {
    /// [numbers, boxes], as YOLOv8 and later.
    #[default]
    Columns,
    /// [boxes, numbers], as YOLOv5.
    Rows,
}

fn centred() -> BoxForm {
    BoxForm::Cxcywh
}

impl Yolo {
    pub(super) fn check(&self) -> Result<(), String> {
        if self.activation == Activation::Softmax {
            return Err("activation is none or sigmoid".to_owned());
        }
        self.nms.check()
    }

    pub(super) fn decode(&self, seen: &Seen) -> Result<Vec<Detection>, DecodeError> {
        Ok(detections(&self.candidates(seen)?.0, seen))
    }

    /// What is left after suppression, and the output row by row; the coefficients are the last numbers of a row.
    pub(super) fn candidates(&self, seen: &Seen) -> Result<(Vec<Candidate>, Vec<Vec<f32>>), DecodeError> {
        let output = seen.output(&self.output)?;
        let first = 4 + usize::from(self.objectness);
        let classes = seen.classes.positions();
        let numbers = first + classes + self.coefficients;
        let (count, rows) = match (self.axes, output.shape.as_slice()) {
            (Axes::Columns, &[side, count]) if side == numbers => (count, false),
            (Axes::Rows, &[count, side]) if side == numbers => (count, true),
            (Axes::Columns, _) => return Err(output.refuse(&format!("[{numbers}, n]"))),
            (Axes::Rows, _) => return Err(output.refuse(&format!("[n, {numbers}]"))),
        };
        let row = |at: usize| -> Vec<f32> {
            match rows {
                true => output.values[at * numbers..(at + 1) * numbers].to_vec(),
                false => (0..numbers).map(|number| output.values[number * count + at]).collect(),
            }
        };
        let rows: Vec<Vec<f32>> = (0..count).map(row).collect();
        let mut collector = Collector::new(seen, self.activation, self.nms.floor);
        let mut objectness = vec![1.0];
        for (at, values) in rows.iter().enumerate() {
            if self.objectness {
                self.activation.scores(&values[4..5], &mut objectness);
            }
            collector.add(at, &values[first..first + classes], objectness[0], || {
                self.form.corners(values, self.normalised, seen.placement.input)
            });
        }
        Ok((self.nms.keep(collector.found), rows))
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]
mod tests {
    use super::*;
    use crate::label::decode::synthetic::{placement, seen, tensor};
    use crate::label::zoo::ClassMap;

    fn decoder(text: &str) -> Yolo {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn columns_and_rows_say_the_same() {
        let classes = ClassMap::Own(vec![7, 8]);
        let placement = placement((100, 100), (100, 100));
        let rows = [[50.0, 40.0, 20.0, 10.0, 0.0, 0.75], [50.0, 41.0, 20.0, 10.0, 0.1, 0.5]];
        let columns: Vec<f32> = (0..6).flat_map(|number| rows.iter().map(move |row| row[number])).collect();
        let columns = decoder("output = 'o'").decode(&seen(&[tensor("o", &[6, 2], columns)], &placement, &classes));
        let flat = rows.concat();
        let by_row =
            decoder("output = 'o'\naxes = 'rows'").decode(&seen(&[tensor("o", &[2, 6], flat)], &placement, &classes));
        let found = columns.unwrap();
        assert_eq!(found, by_row.unwrap());
        // The second is another view of the first, for class 8; for class 7 it stands alone.
        assert_eq!(found.iter().map(|f| (f.class, f.score)).collect::<Vec<_>>(), [(8, 0.75), (7, 0.1)]);
        assert_eq!(found[0].bbox, [40.0, 35.0, 20.0, 10.0]);
    }

    #[test]
    fn shares_objectness_and_unfinished_scores() {
        let classes = ClassMap::Own(vec![0]);
        let placement = placement((200, 100), (100, 100));
        let decoder =
            decoder("output = 'o'\naxes = 'rows'\nnormalised = true\nobjectness = true\nactivation = 'sigmoid'");
        let values = vec![0.5, 0.5, 0.5, 0.5, 0.0, 0.0];
        let found = decoder.decode(&seen(&[tensor("o", &[1, 6], values)], &placement, &classes)).unwrap();
        assert_eq!((found[0].score, found[0].bbox), (0.25, [50.0, 25.0, 100.0, 50.0]));
        let refused = decoder.decode(&seen(&[tensor("o", &[1, 7], vec![0.0; 7])], &placement, &classes)).unwrap_err().0;
        assert!(refused.contains("[n, 6]"), "{refused}");
        let refused = decoder.decode(&seen(&[tensor("p", &[1, 6], vec![0.0; 6])], &placement, &classes)).unwrap_err().0;
        assert!(refused.contains("`o`") && refused.contains("there are p"), "{refused}");
    }
}
