//! One mask a query: MaskFormer, Mask2Former. Tested on tensors made by hand.

use serde::{Deserialize, Serialize};

use super::activation::sigmoid;
use super::paste::{Beyond, Map, input_area, picture_area};
use super::queries::objects;
use super::{Activation, Best, DecodeError, Seen};
use crate::agree::Detection;

/// A tensor of classes and one of masks' logits over the input, a query each. The box is the mask's.
///
/// As in Mask2Former (Cheng et al., 2022) every class over the floor makes an object, and its score is the class's times
/// the mean of the mask's probabilities where they are over a half.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct QueryMasks {
    /// Name of the classes [queries, classes or more]; columns beyond the class map stand for no object.
    pub classes: String,
    /// Name of the masks [queries, rows, columns].
    pub masks: String,
    /// What is still to be done to the classes.
    pub activation: Activation,
    /// What is kept, by the scores of classes.
    #[serde(default)]
    pub keep: Best,
}

impl QueryMasks {
    pub(super) fn check(&self) -> Result<(), String> {
        self.keep.check()
    }

    pub(super) fn decode(&self, seen: &Seen) -> Result<Vec<Detection>, DecodeError> {
        let (classes, masks) = (seen.output(&self.classes)?, seen.output(&self.masks)?);
        let (height, width) = match masks.shape.as_slice() {
            &[queries, height, width] if Some(&queries) == classes.shape.first() => (height, width),
            _ => return Err(masks.refuse(&format!("[{:?}, rows, columns]", classes.shape.first()))),
        };
        let mut objects = objects(seen, classes, self.activation, self.keep.floor)?;
        objects.sort_by(|a, b| b.2.total_cmp(&a.2).then(a.0.cmp(&b.0)).then(a.1.cmp(&b.1)));
        objects.truncate(self.keep.most);
        let object = |(query, class, score): (usize, u16, f32)| {
            let values = &masks.values[query * height * width..(query + 1) * height * width];
            let inside: Vec<f64> =
                values.iter().filter(|value| **value > 0.0).map(|value| f64::from(sigmoid(*value))).collect();
            let certainty = inside.iter().sum::<f64>() / inside.len().max(1) as f64;
            let map = Map { values, width, height };
            let mask = map.paste(seen, input_area(seen), picture_area(seen), 0.0, Beyond::Edge)?;
            let bbox = mask.bounding_box().map(|side| side as f32);
            let score = (f64::from(score) * certainty) as f32;
            let found = Detection { class, score, bbox, mask: Some(mask) };
            Ok((bbox[2] > 0.0 && score > self.keep.floor).then_some(found))
        };
        objects.into_iter().filter_map(|found| object(found).transpose()).collect()
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]
mod tests {
    use super::*;
    use crate::label::decode::synthetic::{bitmap, placement, seen, tensor};
    use crate::label::zoo::ClassMap;

    #[test]
    fn the_mask_makes_the_box_and_half_the_score() {
        let decoder: QueryMasks = toml::from_str("classes = 'c'\nmasks = 'm'\nactivation = 'sigmoid'").unwrap();
        let classes = ClassMap::Own(vec![3, 4]);
        let placement = placement((8, 4), (16, 16));
        let outputs = [
            tensor("c", &[2, 3], vec![-99.0, 0.0, 9.0, 5.0, -99.0, 9.0]),
            // The left half, ever so probable; nothing.
            tensor("m", &[2, 1, 2], vec![1.0, -1.0, -5.0, -5.0]),
        ];
        let found = decoder.decode(&seen(&outputs, &placement, &classes)).unwrap();
        assert_eq!((found.len(), found[0].class, found[0].bbox), (1, 4, [0.0, 0.0, 4.0, 4.0]));
        assert!((found[0].score - 0.5 * 0.731_058_6).abs() < 1e-6);
        assert_eq!(found[0].mask, Some(bitmap(8, 4, |x, _| x < 4)));
        let wrong = [outputs[0].clone(), tensor("m", &[1, 1, 2], vec![0.0; 2])];
        assert!(decoder.decode(&seen(&wrong, &placement, &classes)).unwrap_err().0.contains("`m`"));
    }
}
