//! Boxes with coefficients of common masks: YOLOv8-seg, YOLACT.

use serde::{Deserialize, Serialize};

use super::paste::{Beyond, Map, input_area};
use super::{DecodeError, Seen, Yolo};
use crate::agree::Detection;

/// Boxes as [`Yolo`] says with coefficients behind the classes, and prototypes over the whole input: an object's mask is
/// where the sum of the prototypes, each times its coefficient, is over 0, within its box (Bolya et al., 2019).
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Prototypes {
    /// Boxes, scores and coefficients.
    pub boxes: Yolo,
    /// Name of the prototypes.
    pub prototypes: String,
    /// Order of their axes.
    pub axes: PrototypeAxes,
}

/// Order of the axes of prototypes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum PrototypeAxes {
    /// [rows, columns, prototypes].
    Hwc,
    /// [prototypes, rows, columns].
    Chw,
}

impl Prototypes {
    pub(super) fn check(&self) -> Result<(), String> {
        self.boxes.check()?;
        if self.boxes.coefficients == 0 { Err("boxes.coefficients must be over 0".to_owned()) } else { Ok(()) }
    }

    pub(super) fn decode(&self, seen: &Seen) -> Result<Vec<Detection>, DecodeError> {
        let count = self.boxes.coefficients;
        let prototypes = seen.output(&self.prototypes)?;
        let (height, width) = match (self.axes, prototypes.shape.as_slice()) {
            (PrototypeAxes::Hwc, &[height, width, last]) if last == count => (height, width),
            (PrototypeAxes::Chw, &[first, height, width]) if first == count => (height, width),
            (PrototypeAxes::Hwc, _) => return Err(prototypes.refuse(&format!("[rows, columns, {count}]"))),
            (PrototypeAxes::Chw, _) => return Err(prototypes.refuse(&format!("[{count}, rows, columns]"))),
        };
        let (candidates, rows) = self.boxes.candidates(seen)?;
        let mut sums = vec![0.0_f32; width * height];
        let mut with_mask = |candidate: &super::candidate::Candidate| {
            let Some(mut found) = candidate.detection(seen) else { return Ok(None) };
            let row = &rows[candidate.row];
            let coefficients = &row[row.len() - count..];
            match self.axes {
                PrototypeAxes::Hwc => {
                    for (sum, values) in sums.iter_mut().zip(prototypes.values.chunks_exact(count)) {
                        *sum = values.iter().zip(coefficients).map(|(value, coefficient)| value * coefficient).sum();
                    }
                }
                PrototypeAxes::Chw => {
                    sums.fill(0.0);
                    for (values, coefficient) in prototypes.values.chunks_exact(width * height).zip(coefficients) {
                        sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += value * coefficient);
                    }
                }
            }
            let map = Map { values: &sums, width, height };
            let [left, top, width, height] = found.bbox.map(f64::from);
            let within = [left, top, left + width, top + height];
            found.mask = Some(map.paste(seen, input_area(seen), within, 0.0, Beyond::Edge)?);
            Ok(Some(found))
        };
        candidates.iter().filter_map(|candidate| with_mask(candidate).transpose()).collect()
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]
mod tests {
    use super::*;
    use crate::label::decode::synthetic::{bitmap, seen, tensor};
    use crate::label::fit::Placement;
    use crate::label::zoo::ClassMap;

    #[test]
    fn masks_are_sums_of_prototypes_within_boxes() {
        let classes = ClassMap::Own(vec![0]);
        // 40×20 pixels above grey of a square of 20.
        let placement = Placement { picture: (40, 20), input: (20, 20), scale: (0.5, 0.5), corner: (0.0, 0.0) };
        // Two prototypes on 2×2: left minus right, above minus below.
        let (across, down) = ([1.0, -1.0, 1.0, -1.0], [1.0, 1.0, -1.0, -1.0]);
        let boxes = |coefficients: [f32; 2]| {
            let numbers = [10.0, 5.0, 16.0, 4.0, 0.9, coefficients[0], coefficients[1]];
            tensor("b", &[7, 1], numbers.to_vec())
        };
        let chw: Prototypes =
            toml::from_str("prototypes = 'p'\naxes = 'chw'\nboxes = { output = 'b', coefficients = 2 }").unwrap();
        let flat = [across, down].concat();
        let mask = |decoder: &Prototypes, coefficients, prototypes| {
            let found = decoder.decode(&seen(&[boxes(coefficients), prototypes], &placement, &classes)).unwrap();
            assert_eq!(found[0].bbox, [4.0, 6.0, 32.0, 8.0]);
            found[0].mask.clone().unwrap()
        };
        let left = mask(&chw, [2.0, 0.0], tensor("p", &[2, 2, 2], flat.clone()));
        let expected = bitmap(40, 20, |x, y| (4..20).contains(&x) && (6..14).contains(&y));
        assert_eq!(left, expected);
        // The lower half of the input is grey, so nothing above its middle is below.
        assert_eq!(mask(&chw, [0.0, -1.0], tensor("p", &[2, 2, 2], flat)), bitmap(40, 20, |_, _| false));
        let hwc = Prototypes { axes: PrototypeAxes::Hwc, ..chw };
        let interleaved: Vec<f32> = (0..4).flat_map(|at| [across[at], down[at]]).collect();
        assert_eq!(mask(&hwc, [2.0, 0.0], tensor("p", &[2, 2, 2], interleaved)), expected);
        let wrong = [boxes([1.0, 1.0]), tensor("p", &[2, 2, 3], vec![0.0; 12])];
        assert!(hwc.decode(&seen(&wrong, &placement, &classes)).unwrap_err().0.contains("[rows, columns, 2]"));
        let none = Prototypes { boxes: Yolo { coefficients: 0, ..hwc.boxes.clone() }, ..hwc };
        assert!(none.check().is_err());
    }
}
