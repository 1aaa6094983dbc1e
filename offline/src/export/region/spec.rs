use miqa::preprocess::SIDE;
use serde::{Deserialize, Serialize};

use crate::export::ExportError;

/// What the region features are made of: a frozen classifier, the views it sees and the maps that are pooled.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegionSpec {
    /// File name of the encoder's ONNX model; searched in the folders given on the command line.
    pub encoder: String,
    /// SHA-256 of that file, in lower-case hexadecimal.
    pub sha256: String,
    /// Licence of its weights, for the model card.
    pub licence: String,
    /// Its input, or any tensor behind it that pictures can be given as: float NCHW, RGB.
    pub input: String,
    /// Its class scores before the softmax, [N, classes]; a class more for the background does no harm.
    pub logits: String,
    /// Subtracted from each channel, in 0..255.
    pub mean: [f32; 3],
    /// Divides each channel after that.
    pub std: [f32; 3],
    /// Standardised features are clipped to plus and minus this (default 8).
    #[serde(default = "default_clip")]
    pub clip: f32,
    /// The pictures the encoder sees, the first being the reference for the comparisons between views.
    #[serde(rename = "view")]
    pub views: Vec<ViewSpec>,
    /// Frozen detectors beside the classifier.
    #[serde(default, rename = "detector", skip_serializing_if = "Vec::is_empty")]
    pub detectors: Vec<DetectorSpec>,
}

/// A frozen detector: how sure it is of what it finds is to the detection heads what the classifier's belief is to the others.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DetectorSpec {
    /// Short name, used in feature names.
    pub name: String,
    /// File name of its ONNX model; searched like the encoder's.
    pub encoder: String,
    /// SHA-256 of that file, in lower-case hexadecimal.
    pub sha256: String,
    /// Licence of its weights, for the model card.
    pub licence: String,
    /// Its input, or any tensor behind it that pictures can be given as: float NCHW.
    pub input: String,
    /// Order of its colour channels (default RGB).
    #[serde(default)]
    pub colour: Colour,
    /// Its places, before non-maximum suppression: [N, places, 4 + classes] or, with `objectness`, [N, places, 5 + classes]; four
    /// numbers of a box, perhaps the probability of an object, then a probability a class. The number of places may depend on
    /// the view.
    pub rows: String,
    /// Whether the fifth number is the probability of an object, by which those of the classes are multiplied.
    #[serde(default)]
    pub objectness: bool,
    /// Subtracted from each channel, in 0..255 and in the order of `colour`.
    pub mean: [f32; 3],
    /// Divides each channel after that.
    pub std: [f32; 3],
    /// The pictures it sees, all of one side, so that its places are the same; `belief` stands for what it finds.
    #[serde(rename = "view")]
    pub views: Vec<ViewSpec>,
}

/// Order of colour channels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Colour {
    /// Red first.
    #[default]
    Rgb,
    /// Blue first.
    Bgr,
}

fn default_clip() -> f32 {
    8.0
}

/// One picture for the encoder, made from the 288×288 crop: crop, then shrink or resize, then blur, then flip.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ViewSpec {
    /// Short name, used in feature names.
    pub name: String,
    /// Side of a centre crop in pixels (default: the whole crop).
    #[serde(default)]
    pub crop: Option<u32>,
    /// Mean over blocks of this side (default 1: none).
    #[serde(default = "default_shrink")]
    pub shrink: u32,
    /// Side in pixels to resize to, bilinear without antialiasing (default: none).
    #[serde(default)]
    pub resize: Option<u32>,
    /// Mean over 3×3 neighbours.
    #[serde(default)]
    pub blur: bool,
    /// Left and right exchanged.
    #[serde(default)]
    pub flip: bool,
    /// Whether the classifier's belief about this view is part of the features.
    #[serde(default)]
    pub belief: bool,
    /// Multiplies the standardised belief features (default 1).
    #[serde(default = "default_gain")]
    pub belief_gain: f32,
    /// Maps to pool.
    #[serde(default, rename = "tap")]
    pub taps: Vec<TapSpec>,
}

fn default_shrink() -> u32 {
    1
}

fn default_gain() -> f32 {
    1.0
}

/// One map [N, C, H, W] of the encoder, pooled over H and W.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TapSpec {
    /// The tensor's name in the encoder's file.
    pub tensor: String,
    /// Whether the standard deviation over H and W is taken beside the mean.
    #[serde(default)]
    pub deviation: bool,
    /// Multiplies the standardised features: below 1, wide maps do not drown the narrow belief (default 1).
    #[serde(default = "default_gain")]
    pub gain: f32,
}

/// A stretch of the feature vector.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FeatureGroup {
    /// `view/tensor/mean`, `view/tensor/deviation`, `view/belief` or `view/agreement`; of detectors `findings` in place of
    /// `belief`, all after `detector/`.
    pub name: String,
    /// Number of features.
    pub width: usize,
    /// Factor on them after standardisation.
    pub gain: f32,
}

/// Mean and divisor of every feature, fitted on the training part: f = clip((raw − mean) / divisor).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Standard {
    /// Means.
    pub mean: Vec<f32>,
    /// Standard deviations over gains.
    pub divisor: Vec<f32>,
}

impl Standard {
    /// Fits means and divisors to rows of raw features; a feature that never changes gets the divisor 1 over gain.
    ///
    /// # Errors
    /// [`ExportError::Recipe`] without rows or if the groups' widths do not add up to the rows'.
    pub fn fit<'a>(rows: impl Iterator<Item = &'a [f32]>, groups: &[FeatureGroup]) -> Result<Self, ExportError> {
        let width: usize = groups.iter().map(|g| g.width).sum();
        let (mut count, mut sum, mut squares) = (0.0_f64, vec![0.0_f64; width], vec![0.0_f64; width]);
        for row in rows {
            if row.len() != width {
                let why = format!("region features have {} values, the recipe describes {width}", row.len());
                return Err(ExportError::Recipe(why));
            }
            count += 1.0;
            for (i, &value) in row.iter().enumerate() {
                let value = f64::from(value);
                sum[i] += value;
                squares[i] += value * value;
            }
        }
        if count == 0.0 {
            return Err(ExportError::Recipe("no training sample to standardise the features on".to_owned()));
        }
        let gains = groups.iter().flat_map(|g| std::iter::repeat_n(g.gain, g.width));
        let mean: Vec<f32> = sum.iter().map(|s| (s / count) as f32).collect();
        let divisor = gains
            .enumerate()
            .map(|(i, gain)| {
                let m = sum[i] / count;
                let deviation = (squares[i] / count - m * m).max(0.0).sqrt() as f32;
                if deviation > 1e-6 { deviation / gain } else { 1.0 / gain }
            })
            .collect();
        Ok(Self { mean, divisor })
    }

    /// Standardises one row as the graph does.
    pub fn apply(&self, row: &mut [f32], clip: f32) {
        for ((value, mean), divisor) in row.iter_mut().zip(&self.mean).zip(&self.divisor) {
            *value = ((*value - mean) / divisor).clamp(-clip, clip);
        }
    }
}

impl RegionSpec {
    /// Checks what the graph builder relies on.
    ///
    /// # Errors
    /// [`ExportError::Recipe`] naming the key.
    pub fn check(&self) -> Result<(), ExportError> {
        let wrong = |why: String| Err(ExportError::Recipe(why));
        if self.clip.is_nan() || self.clip <= 0.0 {
            return wrong(format!("region.clip = {}: must be above 0", self.clip));
        }
        check_views("region.view", &self.views)?;
        for (i, detector) in self.detectors.iter().enumerate() {
            let key = format!("region.detector {}", detector.name);
            if self.detectors[..i].iter().any(|d| d.name == detector.name) {
                return wrong(format!("{key}: name used twice"));
            }
            check_views(&format!("{key}.view"), &detector.views)?;
            let first = &detector.views[0];
            if let Some(other) = detector.views.iter().find(|v| v.side() != first.side() || v.flip != first.flip) {
                return wrong(format!(
                    "{key}.view {}: must be of the side of {} and flipped like it",
                    other.name, first.name
                ));
            }
        }
        Ok(())
    }
}

impl ViewSpec {
    /// Side of the picture in pixels.
    fn side(&self) -> u32 {
        self.resize.unwrap_or(self.crop.unwrap_or(SIDE) / self.shrink)
    }
}

/// Checks the views of one model; `key` stands in messages.
fn check_views(key: &str, views: &[ViewSpec]) -> Result<(), ExportError> {
    let wrong = |why: String| Err(ExportError::Recipe(why));
    if views.is_empty() {
        return wrong(format!("{key}: at least one view is needed"));
    }
    if !views.iter().any(|view| view.belief || !view.taps.is_empty()) {
        return wrong(format!("{key}: neither taps nor belief, so there is no feature"));
    }
    let believed = views.iter().any(|view| view.belief);
    if let Some(first) = views.first().filter(|first| believed && !first.belief) {
        return wrong(format!("{key} {}: the first needs belief = true, others are compared with it", first.name));
    }
    for (i, view) in views.iter().enumerate() {
        let key = format!("{key} {}", view.name);
        if views[..i].iter().any(|v| v.name == view.name) {
            return wrong(format!("{key}: name used twice"));
        }
        if view.crop.is_some_and(|c| !(32..=SIDE).contains(&c)) {
            return wrong(format!("{key}: crop must be 32 to {SIDE}"));
        }
        if !(1..=8).contains(&view.shrink) {
            return wrong(format!("{key}: shrink must be 1 to 8"));
        }
        if view.resize.is_some_and(|r| !(32..=1024).contains(&r)) {
            return wrong(format!("{key}: resize must be 32 to 1024"));
        }
        let gains = view.taps.iter().map(|t| t.gain).chain([view.belief_gain]);
        if gains.into_iter().any(|g| g.is_nan() || g <= 0.0) {
            return wrong(format!("{key}: gains must be above 0"));
        }
    }
    Ok(())
}
