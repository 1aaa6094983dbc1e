//! How four numbers say a box.

use serde::{Deserialize, Serialize};

/// How four numbers say a box.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum BoxForm {
    /// Left, top, right, bottom.
    #[default]
    Xyxy,
    /// Top, left, bottom, right.
    Yxyx,
    /// Centre, width and height.
    Cxcywh,
    /// Left, top, width and height.
    Xywh,
}

impl BoxForm {
    /// Left, top, right and bottom in pixels of the input. `normalised`: the numbers are shares of the input's sides.
    pub(super) fn corners(self, numbers: &[f32], normalised: bool, input: (u32, u32)) -> [f64; 4] {
        let [a, b, c, d] = [0, 1, 2, 3].map(|at| f64::from(numbers[at]));
        let corners = match self {
            Self::Xyxy => [a, b, c, d],
            Self::Yxyx => [b, a, d, c],
            Self::Cxcywh => [a - c / 2.0, b - d / 2.0, a + c / 2.0, b + d / 2.0],
            Self::Xywh => [a, b, a + c, b + d],
        };
        let (across, down) = if normalised { (f64::from(input.0), f64::from(input.1)) } else { (1.0, 1.0) };
        [corners[0] * across, corners[1] * down, corners[2] * across, corners[3] * down]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_ways_to_say_one_box() {
        for (form, numbers) in [
            (BoxForm::Xyxy, [1.0, 2.0, 5.0, 8.0]),
            (BoxForm::Yxyx, [2.0, 1.0, 8.0, 5.0]),
            (BoxForm::Cxcywh, [3.0, 5.0, 4.0, 6.0]),
            (BoxForm::Xywh, [1.0, 2.0, 4.0, 6.0]),
        ] {
            assert_eq!(form.corners(&numbers, false, (10, 20)), [1.0, 2.0, 5.0, 8.0]);
            assert_eq!(form.corners(&numbers, true, (10, 20)), [10.0, 40.0, 50.0, 160.0]);
        }
    }
}
