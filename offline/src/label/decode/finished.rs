//! Boxes that were already suppressed: CenterNet, YOLOv10, exports with their suppression inside.

use serde::{Deserialize, Serialize};

use super::candidate::{Candidate, detections};
use super::{Best, BoxForm, DecodeError, Seen, Tensor};
use crate::agree::Detection;

/// Boxes, scores and classes, together in one tensor or apart; rows with a class below 0 are empty.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Finished {
    /// Name of the boxes [n, 4], then perhaps scores, then perhaps classes in the same rows ([n, 5], [n, 6]).
    pub boxes: String,
    /// Name of the scores [n]; none: the fifth number of a box's row.
    pub scores: Option<String>,
    /// Name of the classes [n], positions of the class map; none: the last number of a box's row.
    pub classes: Option<String>,
    /// Name of the number of rows that count; none: all.
    pub count: Option<String>,
    /// How four numbers say a box.
    #[serde(default)]
    pub form: BoxForm,
    /// They are shares of the input's sides, not pixels.
    #[serde(default)]
    pub normalised: bool,
    /// What is kept.
    #[serde(default)]
    pub keep: Best,
}

impl Finished {
    pub(super) fn check(&self) -> Result<(), String> {
        self.keep.check()
    }

    pub(super) fn decode(&self, seen: &Seen) -> Result<Vec<Detection>, DecodeError> {
        Ok(detections(&self.candidates(seen)?, seen))
    }

    /// What is kept, the best first.
    pub(super) fn candidates(&self, seen: &Seen) -> Result<Vec<Candidate>, DecodeError> {
        let columns = 4 + usize::from(self.scores.is_none()) + usize::from(self.classes.is_none());
        let boxes = seen.output(&self.boxes)?;
        let rows = boxes.rows(columns)?;
        let of_rows = |name: &Option<String>| -> Result<Option<&Tensor>, DecodeError> {
            let Some(name) = name else { return Ok(None) };
            let tensor = seen.output(name)?;
            if tensor.values.len() == rows.len() {
                Ok(Some(tensor))
            } else {
                Err(tensor.refuse(&format!("[{}]", rows.len())))
            }
        };
        let (scores, classes) = (of_rows(&self.scores)?, of_rows(&self.classes)?);
        let count = match &self.count {
            None => rows.len(),
            Some(name) => match seen.output(name)?.values.as_slice() {
                &[count] => count as usize,
                _ => return Err(seen.output(name)?.refuse("one number")),
            },
        };
        let mut found = Vec::new();
        for (row, numbers) in rows.take(count).enumerate() {
            let score = scores.map_or_else(|| numbers[4], |scores| scores.values[row]);
            let position = classes.map_or_else(|| numbers[columns - 1], |classes| classes.values[row]);
            // A cast of a negative number would be 0, a class.
            let class = if position >= 0.0 { seen.classes.class(position.round() as usize) } else { None };
            if let Some(class) = class.filter(|_| score > self.keep.floor) {
                let corners = self.form.corners(numbers, self.normalised, seen.placement.input);
                found.push(Candidate { row, class, score, corners });
            }
        }
        Ok(self.keep.keep(found))
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]
mod tests {
    use super::*;
    use crate::label::decode::synthetic::{placement, seen, tensor};
    use crate::label::zoo::ClassMap;

    fn decode(text: &str, outputs: &[Tensor]) -> Result<Vec<Detection>, DecodeError> {
        let decoder: Finished = toml::from_str(text).unwrap();
        decoder.decode(&seen(outputs, &placement((20, 20), (10, 10)), &ClassMap::Own(vec![3, 4])))
    }

    #[test]
    fn three_ways_to_say_the_same() {
        let boxes = [[1.0, 2.0, 3.0, 4.0], [0.0, 0.0, 5.0, 5.0], [0.0; 4]];
        let (scores, classes) = ([0.3, 0.8, 0.9], [0.0, 1.0, -1.0]);
        let rows: Vec<f32> = (0..3).flat_map(|i| [&boxes[i][..], &[scores[i], classes[i]]].concat()).collect();
        let together = decode("boxes = 'b'", &[tensor("b", &[3, 6], rows)]).unwrap();
        assert_eq!(together.iter().map(|f| (f.class, f.score)).collect::<Vec<_>>(), [(4, 0.8), (3, 0.3)]);
        assert_eq!(together[1].bbox, [2.0, 4.0, 4.0, 4.0]);
        let apart = [
            tensor("s", &[3], scores.to_vec()),
            tensor("b", &[3, 4], boxes.concat()),
            tensor("c", &[3], classes.to_vec()),
            tensor("n", &[1], vec![1.0]),
        ];
        let text = "boxes = 'b'\nscores = 's'\nclasses = 'c'";
        assert_eq!(decode(text, &apart).unwrap(), together);
        assert_eq!(decode(&format!("{text}\ncount = 'n'"), &apart).unwrap(), together[1..]);
        let five: Vec<f32> = (0..3).flat_map(|i| [&boxes[i][..], &[scores[i]]].concat()).collect();
        let with_labels = [tensor("dets", &[3, 5], five), tensor("labels", &[3], classes.to_vec())];
        assert_eq!(decode("boxes = 'dets'\nclasses = 'labels'", &with_labels).unwrap(), together);
    }

    #[test]
    fn lengths_must_fit() {
        let outputs = [tensor("b", &[2, 5], vec![0.0; 10]), tensor("c", &[1], vec![0.0])];
        let refused = decode("boxes = 'b'\nclasses = 'c'", &outputs).unwrap_err().0;
        assert!(refused.contains("`c`") && refused.contains("[2]"), "{refused}");
        assert!(decode("boxes = 'b'", &outputs).unwrap_err().0.contains("6"));
    }
}
