//! A step's samples as flat arrays.

use miqa::preprocess::SIDE;
use rayon::prelude::*;

use super::TrainError;
use super::dataset::{Dataset, label_of};
use super::draws::Augmentation;
use super::region_weights::RegionWeights;
use crate::export::spec::ModelSpec;

/// Samples of one step, row-major.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch {
    /// Number B of samples.
    pub count: usize,
    /// u8 [B, crop, crop, 3].
    pub images: Vec<u8>,
    /// Standardised region features, [B, Dr].
    pub features: Vec<f32>,
    /// Labels, [B, heads]; 0 where there is none.
    pub labels: Vec<f32>,
    /// The weight of the sample's pattern where there is a label, else 0, [B, heads].
    pub mask: Vec<f32>,
    /// The teacher's scores, [B, heads]; 0 where there is none.
    pub taught: Vec<f32>,
    /// The same weight where there is a teacher's score, else 0, [B, heads].
    pub taught_mask: Vec<f32>,
    /// 1 for the distortion a sample has, [B, distortions]; all 0 for a clean one.
    pub distortions: Vec<f32>,
}

impl Batch {
    /// Collects samples, each with its augmentation; `None` takes the centre crop unturned.
    ///
    /// The region features come from the whole 288 crop: from its mirror image if the sample is flipped
    /// horizontally, unflipped if vertically (only two views are cached; the encoder's map is pooled, so place
    /// does not matter, but it never saw scenes upside down).
    ///
    /// # Errors
    /// A crop is not stored and can't be made.
    pub fn collect(
        data: &Dataset,
        spec: &ModelSpec,
        weights: &RegionWeights,
        samples: &[(usize, Option<Augmentation>)],
    ) -> Result<Self, TrainError> {
        let side = spec.crop as usize;
        let centre = (SIDE as usize - side) / 2;
        let still = Augmentation { top: centre, left: centre, flip_horizontal: false, flip_vertical: false };
        let mut batch = Self { count: samples.len(), ..Self::default() };
        batch.images = vec![0; samples.len() * side * side * 3];
        batch.images.par_chunks_exact_mut(side * side * 3).zip(samples).try_for_each(
            |(out, &(i, augmentation))| -> Result<(), TrainError> {
                cut(&data.crop(i)?, side, augmentation.unwrap_or(still), out);
                Ok(())
            },
        )?;
        for &(i, augmentation) in samples {
            let row = &data.rows[i];
            let weight = weights.of(row);
            let flipped = augmentation.is_some_and(|a| a.flip_horizontal);
            batch.features.extend_from_slice(data.features(i, flipped));
            for head in &spec.outputs {
                let label = label_of(head).and_then(|label| label(row));
                batch.labels.push(label.unwrap_or(0.0));
                batch.mask.push(label.map_or(0.0, |_| weight));
                let taught = data.taught(i, head);
                batch.taught.push(taught.unwrap_or(0.0));
                batch.taught_mask.push(taught.map_or(0.0, |_| weight));
            }
            batch.distortions.extend(spec.distortions.iter().map(|d| f32::from(u8::from(*d == row.distortion))));
        }
        Ok(batch)
    }
}

/// Cuts a turned `side`×`side` crop out of a 288×288 picture.
fn cut(picture: &[u8], side: usize, at: Augmentation, out: &mut [u8]) {
    let stride = SIDE as usize * 3;
    for (y, line) in out.chunks_exact_mut(side * 3).enumerate() {
        let row = at.top + if at.flip_vertical { side - 1 - y } else { y };
        let start = row * stride + at.left * 3;
        let source = &picture[start..start + side * 3];
        if at.flip_horizontal {
            for (to, from) in line.chunks_exact_mut(3).zip(source.chunks_exact(3).rev()) {
                to.copy_from_slice(from);
            }
        } else {
            line.copy_from_slice(source);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_is_where_and_turned_as_asked() {
        let side = SIDE as usize;
        let picture: Vec<u8> =
            (0..side * side).flat_map(|i| [(i / side % 251) as u8, (i % side % 251) as u8, 7]).collect();
        for (flip_horizontal, flip_vertical) in [(false, false), (true, false), (false, true), (true, true)] {
            let at = Augmentation { top: 5, left: 9, flip_horizontal, flip_vertical };
            let mut out = vec![0; 4 * 4 * 3];
            cut(&picture, 4, at, &mut out);
            for y in 0..4 {
                for x in 0..4 {
                    let row = 5 + if flip_vertical { 3 - y } else { y };
                    let column = 9 + if flip_horizontal { 3 - x } else { x };
                    let expected = [row as u8, column as u8, 7];
                    assert_eq!(out[(y * 4 + x) * 3..][..3], expected, "{at:?} at {y}, {x}");
                }
            }
        }
    }
}
