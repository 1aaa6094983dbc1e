//! Masks from what the pictures of one category have in common.
//!
//! Amir, Gandelsman, Bagon and Dekel, "Deep ViT features as dense visual descriptors" (2021), as the paper cites it:
//! descriptors of all patches of all pictures are clustered; a cluster is foreground if enough pictures find it salient.

use std::path::PathBuf;

use image::RgbImage;
use miqa::engine::Runtime;

use super::clusters::{Clusters, Points, elbow};
use super::descriptors::{Describer, Patches};
use super::models::{DescriptorModel, fingerprint};
use super::saliency::above;
use super::upscale::Map;
use super::{Mask, MaskError};
use crate::render::RandomField;
use crate::source::{Original, PixelHash};

/// A descriptor model, open for work, and how masks follow from it.
pub struct CoSegmenter {
    settings: DescriptorModel,
    describer: Describer,
}

impl CoSegmenter {
    /// Opens the model; its file is searched in `folders`.
    ///
    /// # Errors
    /// The file is missing or not the one meant, has no such output, or ONNX Runtime can't open it.
    pub fn open(runtime: &Runtime, settings: &DescriptorModel, folders: &[PathBuf]) -> Result<Self, MaskError> {
        let describer = Describer::open(runtime, settings, folders)?;
        Ok(Self { settings: settings.clone(), describer })
    }

    /// Changes with the model and its settings.
    #[must_use]
    pub fn fingerprint(settings: &DescriptorModel) -> String {
        fingerprint(settings)
    }

    /// The masks of the originals of one group, in their order; `key` (the group's) draws the first centres.
    ///
    /// An original that can't be loaded or described has an error in its place, and the others go on without it.
    pub fn masks(&mut self, group: &[&Original], key: &PixelHash) -> Vec<Result<Mask, MaskError>> {
        let described: Vec<Result<Patches, MaskError>> =
            group.iter().map(|original| self.describer.describe(&original.load()?)).collect();
        let patches: Vec<&Patches> = described.iter().filter_map(|patches| patches.as_ref().ok()).collect();
        let mut scores = foreground(&patches, &self.settings, key).into_iter();
        let mut finish = |(original, patches): (&&Original, Result<Patches, MaskError>)| {
            patches?;
            let scores = scores.next().expect("one map for each picture described");
            Ok(self.mask(&scores, &original.load()?))
        };
        group.iter().zip(described).map(&mut finish).collect()
    }

    /// The mask where a picture's score, brought to its size, is above 0.
    fn mask(&self, scores: &Map, rgb: &RgbImage) -> Mask {
        let mut map = scores.resized(rgb.width() as usize, rgb.height() as usize);
        if let Some(refine) = &self.settings.refine {
            map = refine.apply(&map, rgb);
        }
        let mask = above(&map, 0.0);
        match &self.settings.clean_up {
            Some(clean_up) => clean_up.apply(&mask),
            None => mask,
        }
    }
}

/// How much nearer each patch is to the foreground than to the background: a map of the patches for each picture, above
/// 0 where the nearest cluster is foreground. Within -4..=4; ±1 everywhere if there is no background or no foreground.
fn foreground(pictures: &[&Patches], settings: &DescriptorModel, key: &PixelHash) -> Vec<Map> {
    let Some(first) = pictures.first() else { return Vec::new() };
    let width = first.descriptors.len() / (first.side * first.side);
    let all: Vec<f32> = pictures.iter().flat_map(|picture| &picture.descriptors).copied().collect();
    let field = |count: usize| RandomField::of(key, "co-segmentation", count, settings.seed);
    let clusters = elbow(Points::new(&all, width), settings.elbow, settings.clusters, settings.rounds, field);
    let elected = elect(pictures, &clusters, settings);
    let score = |descriptor: &[f32]| {
        let (mut inside, mut outside) = (f32::INFINITY, f32::INFINITY);
        for (distance, &elected) in clusters.distances(descriptor).zip(&elected) {
            let least = if elected { &mut inside } else { &mut outside };
            *least = least.min(distance);
        }
        match (inside.is_finite(), outside.is_finite()) {
            (true, true) => outside - inside,
            (inside, _) => {
                if inside {
                    1.0
                } else {
                    -1.0
                }
            }
        }
    };
    let map = |picture: &&Patches| Map {
        width: picture.side,
        height: picture.side,
        values: picture.descriptors.chunks_exact(width).map(score).collect(),
    };
    pictures.iter().map(map).collect()
}

/// Which clusters are foreground: those that enough of the pictures that have them find salient.
fn elect(pictures: &[&Patches], clusters: &Clusters, settings: &DescriptorModel) -> Vec<bool> {
    let mut voters = vec![0_u32; clusters.count()];
    let mut votes = vec![0_u32; clusters.count()];
    let mut labels = clusters.labels.as_slice();
    for picture in pictures {
        let (own, rest) = labels.split_at(picture.salience.len());
        labels = rest;
        let mut sums = vec![0.0_f64; clusters.count()];
        let mut counts = vec![0_u32; clusters.count()];
        for (&label, &salience) in own.iter().zip(&picture.salience) {
            sums[label] += f64::from(salience);
            counts[label] += 1;
        }
        for label in (0..clusters.count()).filter(|&label| counts[label] > 0) {
            voters[label] += 1;
            votes[label] += u32::from(sums[label] > f64::from(settings.salient) * f64::from(counts[label]));
        }
    }
    let enough = |(votes, voters): (&u32, &u32)| {
        *votes > 0 && f64::from(*votes) >= f64::from(settings.votes) * f64::from(*voters)
    };
    votes.iter().zip(&voters).map(enough).collect()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]
mod tests {
    use super::*;
    use crate::mask::models::MaskModels;

    /// A grid of 4×4 patches whose descriptors say what is there, and how salient that is.
    fn picture(kinds: [u8; 16], salient: [f32; 3]) -> Patches {
        let axis = |kind: u8| (0..3).map(move |i| if i == kind { 1.0 } else { 0.0 });
        Patches {
            side: 4,
            descriptors: kinds.iter().flat_map(|&kind| axis(kind)).collect(),
            salience: kinds.iter().map(|&kind| salient[usize::from(kind)]).collect(),
        }
    }

    const KINDS: [u8; 16] = [0, 0, 0, 0, 0, 1, 1, 0, 0, 1, 1, 0, 2, 2, 2, 2];

    fn inside(map: &Map) -> Vec<bool> {
        map.values.iter().map(|&value| value > 0.0).collect()
    }

    fn is(kind: u8) -> Vec<bool> {
        KINDS.iter().map(|&k| k == kind).collect()
    }

    #[test]
    fn the_majority_of_pictures_elects() {
        let settings = MaskModels::read(None).unwrap().co_segmentation.unwrap();
        let key = PixelHash([1; 32]);
        // Kind 1 is salient everywhere, kind 2 in one of three pictures only.
        let [a, b] = [picture(KINDS, [0.0, 0.9, 0.1]), picture(KINDS, [0.1, 0.8, 0.9])];
        let maps = foreground(&[&a, &b, &a], &settings, &key);
        assert!(maps.iter().all(|map| inside(map) == is(1)));
        // A picture on its own that finds kind 2 salient takes it; company changes its mind.
        let alone = foreground(&[&b], &settings, &key);
        assert_eq!(inside(&alone[0]), KINDS.map(|k| k > 0));
        // Nothing salient, everything salient.
        let dull = picture(KINDS, [0.1; 3]);
        assert!(foreground(&[&dull], &settings, &key)[0].values.iter().all(|&value| value == -1.0));
        let loud = picture(KINDS, [0.9; 3]);
        assert!(foreground(&[&loud], &settings, &key)[0].values.iter().all(|&value| value == 1.0));
        assert!(foreground(&[], &settings, &key).is_empty());
    }
}
