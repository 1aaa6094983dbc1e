//! JPEG compression: encode with 4:2:0 chroma at a quality, decode.

use image::{ImageFormat, RgbImage};
use jpeg_encoder::{ChromaSubsamplingMethod, ColorType, Encoder, SamplingFactor};

use super::parameter::{ParameterSpec, checked};
use super::{DistortError, Distortion};
use crate::render::RandomField;

/// libjpeg's quality; it counts 0 as 1.
const PARAMETERS: [ParameterSpec; 1] = [ParameterSpec::whole("quality", 0.0, 100.0)];

/// Baseline JPEG with the standard quantisation tables.
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
        let refused = |reason: String| DistortError::Refused { distortion: self.name(), reason };
        let (Ok(width), Ok(height)) = (u16::try_from(rgb.width()), u16::try_from(rgb.height())) else {
            return Err(refused(format!(
                "JPEG sides end at 65535 pixels, the picture is {}×{}",
                rgb.width(),
                rgb.height()
            )));
        };
        let mut bytes = Vec::new();
        let mut encoder = Encoder::new(&mut bytes, (quality as u8).max(1));
        encoder.set_sampling_factor(SamplingFactor::F_2_2);
        encoder.set_chroma_subsampling_method(ChromaSubsamplingMethod::Average);
        encoder.encode(rgb.as_raw(), width, height, ColorType::Rgb).map_err(|e| refused(e.to_string()))?;
        let decoded =
            image::load_from_memory_with_format(&bytes, ImageFormat::Jpeg).map_err(|e| refused(e.to_string()))?;
        Ok(decoded.into_rgb8())
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]
mod tests {
    use super::super::golden::{golden, scene};
    use super::*;
    use crate::rank::psnr;
    use crate::recipe::Recipe;
    use crate::source::PixelHash;

    #[test]
    fn loses_as_much_as_libjpeg() {
        let scene = scene();
        let random = RandomField::of(&PixelHash::of(&scene), "jpeg_compression", 0, 0);
        for (row, theirs) in Recipe::miqd().rows(&JpegCompression).iter().zip(golden().jpeg) {
            assert_eq!((row[0] as u8).max(1), theirs.quality);
            let ours = psnr(&scene, &JpegCompression.apply(&scene, row, &random).unwrap()).unwrap();
            assert!(
                (ours - theirs.psnr).abs() < 0.5,
                "quality {}: {ours:.2} dB, libjpeg {} dB",
                theirs.quality,
                theirs.psnr
            );
        }
    }

    #[test]
    fn sides_that_jpeg_cannot_hold_are_refused() {
        let random = RandomField::of(&PixelHash([0; 32]), "jpeg_compression", 0, 0);
        let text = JpegCompression.apply(&RgbImage::new(65_536, 1), &[90.0], &random).unwrap_err().to_string();
        assert!(text.contains("65536×1"), "{text}");
    }
}
