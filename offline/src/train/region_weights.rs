//! How much a sample's labels count, by which part of the picture is degraded more.

use serde::{Deserialize, Serialize};

use super::dataset::SampleRow;
use crate::recipe::Pattern;

/// Weights of a sample's labels in the loss, by its pattern; 1 each unless given.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RegionWeights {
    /// Of clean pictures and those of one level all over (UD).
    pub uniform: f32,
    /// Of pictures whose region of interest is worse (ROI-DD).
    pub roi_dominated: f32,
    /// Of pictures whose background is worse (BG-DD).
    pub background_dominated: f32,
}

impl Default for RegionWeights {
    fn default() -> Self {
        Self { uniform: 1.0, roi_dominated: 1.0, background_dominated: 1.0 }
    }
}

impl RegionWeights {
    /// Whether all patterns count the same, 1.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// The weight of a sample's labels.
    #[must_use]
    pub fn of(&self, row: &SampleRow) -> f32 {
        match row.pattern() {
            Pattern::Uniform => self.uniform,
            Pattern::RoiDominated => self.roi_dominated,
            Pattern::BackgroundDominated => self.background_dominated,
        }
    }

    /// Says which weight makes no sense.
    pub(super) fn check(&self) -> Result<(), String> {
        let weights = [
            (Pattern::Uniform, self.uniform),
            (Pattern::RoiDominated, self.roi_dominated),
            (Pattern::BackgroundDominated, self.background_dominated),
        ];
        match weights.iter().find(|(_, weight)| !weight.is_finite() || *weight < 0.0) {
            Some((pattern, weight)) => {
                Err(format!("train.region_weights.{} = {weight}: must be 0 or above", pattern.name()))
            }
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worse_part_decides() {
        let weights = RegionWeights { uniform: 1.0, roi_dominated: 2.0, background_dominated: 3.0 };
        for (level, background_level, expected) in
            [(0, None, 1.0), (4, None, 1.0), (3, Some(3), 1.0), (5, Some(1), 2.0), (1, Some(2), 3.0)]
        {
            let row = SampleRow { level, background_level, ..SampleRow::default() };
            assert_eq!(weights.of(&row), expected, "{level} {background_level:?}");
            assert_eq!(RegionWeights::default().of(&row), 1.0);
        }
        assert!(weights.check().is_ok());
        assert!(RegionWeights { uniform: f32::NAN, ..weights }.check().is_err());
    }
}
