//! One object a query: DETR, Deformable DETR, DINO, RT-DETR. Tested on tensors made by hand.

use serde::{Deserialize, Serialize};

use super::candidate::{Candidate, detections};
use super::{Activation, Best, BoxForm, DecodeError, Seen, Tensor};
use crate::agree::Detection;

/// A tensor of classes and one of boxes, a row a query; nothing needs suppression.
///
/// With a softmax a query is its best class (Carion et al., 2020), with a sigmoid any number of them (Zhu et al., 2021).
/// Columns of the classes beyond the class map, as DETR's last one, stand for no object.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Queries {
    /// Name of the classes [queries, classes or more].
    pub classes: String,
    /// Name of the boxes [queries, 4].
    pub boxes: String,
    /// What is still to be done to the classes.
    pub activation: Activation,
    /// How four numbers say a box.
    #[serde(default = "centred")]
    pub form: BoxForm,
    /// They are shares of the input's sides, not pixels.
    #[serde(default = "yes")]
    pub normalised: bool,
    /// What is kept.
    #[serde(default)]
    pub keep: Best,
}

fn centred() -> BoxForm {
    BoxForm::Cxcywh
}

fn yes() -> bool {
    true
}

/// Query, class and score of each object over the floor.
pub(super) fn objects(
    seen: &Seen,
    classes: &Tensor,
    activation: Activation,
    floor: f32,
) -> Result<Vec<(usize, u16, f32)>, DecodeError> {
    let positions = seen.classes.positions();
    let columns = match classes.shape.as_slice() {
        &[_, columns] if columns >= positions => columns,
        _ => return Err(classes.refuse(&format!("[queries, {positions} or more]"))),
    };
    let mut found = Vec::new();
    let mut scores = Vec::new();
    for (query, values) in classes.values.chunks_exact(columns.max(1)).enumerate() {
        activation.scores(values, &mut scores);
        let named =
            scores[..positions].iter().enumerate().filter_map(|(at, &score)| Some((seen.classes.class(at)?, score)));
        let over = named.filter(|(_, score)| *score > floor).map(|(class, score)| (query, class, score));
        if activation == Activation::Softmax {
            // Of equal scores the first.
            found.extend(over.reduce(|best, next| if next.2 > best.2 { next } else { best }));
        } else {
            found.extend(over);
        }
    }
    Ok(found)
}

impl Queries {
    pub(super) fn check(&self) -> Result<(), String> {
        self.keep.check()
    }

    pub(super) fn decode(&self, seen: &Seen) -> Result<Vec<Detection>, DecodeError> {
        let classes = seen.output(&self.classes)?;
        let objects = objects(seen, classes, self.activation, self.keep.floor)?;
        let boxes = seen.output(&self.boxes)?;
        let rows = boxes.rows(4)?.len();
        if Some(&rows) != classes.shape.first() {
            return Err(boxes.refuse(&format!(
                "[{:?}, 4], a row to each of `{}`",
                classes.shape.first(),
                self.classes
            )));
        }
        let candidate = |(row, class, score): (usize, u16, f32)| {
            let numbers = &boxes.values[row * 4..(row + 1) * 4];
            let corners = self.form.corners(numbers, self.normalised, seen.placement.input);
            Candidate { row, class, score, corners }
        };
        Ok(detections(&self.keep.keep(objects.into_iter().map(candidate).collect()), seen))
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]
mod tests {
    use super::*;
    use crate::label::decode::synthetic::{placement, seen, tensor};
    use crate::label::zoo::ClassMap;

    fn decode(activation: &str, logits: Vec<f32>, columns: usize) -> Result<Vec<Detection>, DecodeError> {
        let decoder: Queries =
            toml::from_str(&format!("classes = 'c'\nboxes = 'b'\nactivation = '{activation}'")).unwrap();
        let classes = ClassMap::Own(vec![5, -1, 6]);
        let placement = placement((200, 100), (50, 50));
        let outputs =
            [tensor("c", &[2, columns], logits), tensor("b", &[2, 4], vec![0.5, 0.5, 0.5, 0.5, 0.25, 0.25, 0.5, 0.5])];
        decoder.decode(&seen(&outputs, &placement, &classes))
    }

    #[test]
    fn a_query_is_its_best_class_or_any_number_of_them() {
        // Position 1 is no class; column 3 is no object.
        let found = decode("softmax", vec![0.0, 9.0, 8.0, 9.0, 1.0, 0.0, 2.0, 0.0], 4).unwrap();
        let sum = |values: [f64; 4]| values.map(f64::exp).iter().sum::<f64>();
        let score = |at: usize| f64::from(found[at].score);
        assert_eq!(found.iter().map(|f| f.class).collect::<Vec<_>>(), [6, 6]);
        assert!((score(0) - 2.0_f64.exp() / sum([1.0, 0.0, 2.0, 0.0])).abs() < 1e-6);
        assert!((score(1) - 8.0_f64.exp() / sum([0.0, 9.0, 8.0, 9.0])).abs() < 1e-6);
        assert_eq!((found[0].bbox, found[1].bbox), ([0.0, 0.0, 100.0, 50.0], [50.0, 25.0, 100.0, 50.0]));
        let found = decode("sigmoid", vec![0.0, 9.0, 1.0, -9.0, 9.0, -9.0], 3).unwrap();
        assert_eq!(found.iter().map(|f| f.class).collect::<Vec<_>>(), [6, 5]);
        assert_eq!(found[1].score, 0.5);
        assert!(decode("none", vec![0.0; 4], 2).unwrap_err().0.contains("3 or more"));
    }
}
