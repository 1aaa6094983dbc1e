//! JPEG compression: what a baseline file with 4:2:0 colour leaves at a quality.

use image::RgbImage;

use super::jpeg::round_trip;
use super::parameter::{ParameterSpec, checked};
use super::{DistortError, Distortion};
use crate::render::RandomField;

/// libjpeg's quality; it counts 0 as 1.
const PARAMETERS: [ParameterSpec; 1] = [ParameterSpec::whole("quality", 0.0, 100.0)];

/// Baseline JPEG with the standard quantisation tables: the bytes that libjpeg decodes from what it encoded.
pub(super) struct JpegCompression;

impl Distortion for JpegCompression {
    fn name(&self) -> &'static str {
        "jpeg_compression"
    }

    fn parameters(&self) -> &'static [ParameterSpec] {
        &PARAMETERS
    }

    fn apply(&self, rgb: &RgbImage, parameters: &[f64], _random: &RandomField) -> Result<RgbImage, DistortError> {
        let [quality] = checked(self, parameters)?;
        let (width, height) = rgb.dimensions();
        let refused = |reason: &str| DistortError::Refused {
            distortion: self.name(),
            reason: format!("{reason}, the picture is {width}×{height}"),
        };
        if width.max(height) > u32::from(u16::MAX) {
            return Err(refused("JPEG sides end at 65535 pixels"));
        }
        if width.min(height) == 0 {
            return Err(refused("JPEG sides start at one pixel"));
        }
        let lost = round_trip(rgb.as_raw(), width as usize, height as usize, quality as u8);
        RgbImage::from_raw(width, height, lost).ok_or_else(|| refused("bytes are missing"))
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]
mod tests {
    use serde::Deserialize;
    use sha2::{Digest, Sha256};

    use super::super::golden::{picture, scene};
    use super::*;
    use crate::recipe::Recipe;
    use crate::source::PixelHash;

    /// What make_jpeg.py wrote.
    #[derive(Deserialize)]
    struct Golden {
        qualities: Vec<u8>,
        cases: Vec<Case>,
    }

    #[derive(Deserialize)]
    struct Case {
        width: u32,
        height: u32,
        /// SHA-256 of the RGB bytes, by quality.
        hashes: Vec<String>,
    }

    fn apply(rgb: &RgbImage, quality: f64) -> Result<RgbImage, DistortError> {
        let random = RandomField::of(&PixelHash([0; 32]), "jpeg_compression", 0, 0);
        JpegCompression.apply(rgb, &[quality], &random)
    }

    #[test]
    fn the_scene_is_libjpegs() {
        let (scene, tiles) = (scene(), picture(include_bytes!("../../tests/golden/jpeg_compression.png")));
        let rows = Recipe::miqd().rows(&JpegCompression);
        assert_eq!(tiles.height() as usize, scene.height() as usize * rows.len());
        for (row, tile) in rows.iter().zip(tiles.as_raw().chunks_exact(scene.as_raw().len())) {
            assert!(apply(&scene, row[0]).unwrap().as_raw() == tile, "quality {}", row[0]);
        }
    }

    #[test]
    fn every_size_is_libjpegs() {
        let golden: Golden = serde_json::from_str(include_str!("../../tests/golden/jpeg.json")).unwrap();
        let rows =
            |recipe: &Recipe| recipe.rows(&JpegCompression).iter().map(|row| row[0].max(1.0)).collect::<Vec<_>>();
        for quality in [rows(Recipe::miqd()), rows(Recipe::imagenet_c())].concat() {
            assert!(golden.qualities.contains(&(quality as u8)), "{quality}");
        }
        for Case { width, height, hashes } in golden.cases {
            let rgb = RgbImage::from_fn(width, height, |x, y| {
                let noise = (x.wrapping_mul(2_654_435_761) ^ y.wrapping_mul(40_503)) >> 13;
                let slopes = [x * 7 + noise % 61, y * 5 + (noise >> 5) % 29, (x + y) * 3 + (noise >> 9) % 250];
                image::Rgb(slopes.map(|v| v as u8))
            });
            assert_eq!(hashes.len(), golden.qualities.len());
            for (&quality, theirs) in golden.qualities.iter().zip(&hashes) {
                let ours = apply(&rgb, quality.into()).unwrap();
                let ours: String = Sha256::digest(ours.as_raw()).iter().map(|byte| format!("{byte:02x}")).collect();
                assert_eq!(&ours, theirs, "{width}×{height} at quality {quality}");
            }
        }
    }

    #[test]
    fn sides_that_jpeg_cannot_hold_are_refused() {
        for (width, height) in [(65_536, 1), (0, 4)] {
            let text = apply(&RgbImage::new(width, height), 90.0).unwrap_err().to_string();
            assert!(text.contains(&format!("{width}×{height}")), "{text}");
        }
    }
}
