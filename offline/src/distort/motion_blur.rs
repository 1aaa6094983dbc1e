//! Motion blur: a one-sided Gaussian along a straight line, as of a camera that moves while the shutter is open.
//!
//! ImageMagick's: 2⌈radius⌉ + 1 taps at whole-pixel places, edge pixels repeated.

use image::RgbImage;

use super::line_blur::{Line, one_sided_gaussian};
use super::parameter::{ParameterSpec, checked};
use super::{DistortError, Distortion};
use crate::render::RandomField;

/// Radius and σ in pixels.
const PARAMETERS: [ParameterSpec; 2] =
    [ParameterSpec::real("radius", 0.0, 200.0), ParameterSpec::real("sigma", 0.01, 200.0)];

/// ImageMagick rounds to the nearest of its 16-bit levels, 257 to one of ours, and cuts those to 8 bits.
const LIFT: f32 = 0.5 / 257.0;

/// Blur along a line of random direction, never far from level.
pub(super) struct MotionBlur;

impl Distortion for MotionBlur {
    fn name(&self) -> &'static str {
        "motion_blur"
    }

    fn parameters(&self) -> &'static [ParameterSpec] {
        &PARAMETERS
    }

    fn apply(&self, rgb: &RgbImage, parameters: &[f64], random: &RandomField) -> Result<RgbImage, DistortError> {
        let [radius, sigma] = checked(self, parameters)?;
        Ok(motion_blur(rgb, radius, sigma, random))
    }
}

/// `rgb` blurred at an angle drawn uniformly from −45° to 45°; `radius` 0 or more and `sigma` in pixels.
pub(super) fn motion_blur(rgb: &RgbImage, radius: f64, sigma: f64, random: &RandomField) -> RgbImage {
    let [draw, ..] = random.uniform(0);
    blur_at(rgb, radius, sigma, 90.0 * draw - 45.0)
}

/// `rgb` blurred at `angle` degrees; every pixel takes from those to its right, below them at a positive angle.
fn blur_at(rgb: &RgbImage, radius: f64, sigma: f64, angle: f64) -> RgbImage {
    let taps = 2 * radius.ceil() as usize + 1;
    let line = Line::new(&one_sided_gaussian(taps, sigma), angle);
    let size = (rgb.width() as usize, rgb.height() as usize);
    let blurred = line.blur::<3>(size, size, LIFT, |y, row| {
        let samples = &rgb.as_raw()[y * row.len()..][..row.len()];
        row.iter_mut().zip(samples).for_each(|(value, &sample)| *value = f32::from(sample));
    });
    RgbImage::from_raw(rgb.width(), rgb.height(), blurred).expect("the blur keeps the size")
}

#[cfg(test)]
mod tests {
    use super::super::golden::{agree, picture, scene};
    use super::*;
    use crate::recipe::Recipe;
    use crate::source::PixelHash;

    #[test]
    fn equals_imagemagick() {
        let scene = scene();
        let tiles = picture(include_bytes!("../../tests/golden/motion_blur.png"));
        let tiles: Vec<&[u8]> = tiles.as_raw().chunks_exact(scene.as_raw().len()).collect();
        assert_eq!(tiles.len(), 12);
        for (row, (parameters, tile)) in Recipe::miqd().rows(&MotionBlur).iter().zip(tiles).enumerate() {
            let &[radius, sigma] = parameters.as_slice() else { panic!("{parameters:?}") };
            // The maker's angles.
            let angle = -44.9 + 8.15 * row as f64;
            agree(&format!("motion_blur row {row}"), &blur_at(&scene, radius, sigma, angle), tile);
        }
    }

    #[test]
    fn angles_fill_their_range() {
        // A bright column's streak ends where the angle says: the first row that is still lit at the far left.
        let mut rgb = RgbImage::new(80, 121);
        rgb.put_pixel(60, 60, image::Rgb([255; 3]));
        let slopes: Vec<f64> = (0..200)
            .map(|seed| {
                let random = RandomField::of(&PixelHash([seed; 32]), "motion_blur", 0, 0);
                let blurred = motion_blur(&rgb, 60.0, 1e6, &random);
                let far = blurred.enumerate_pixels().filter(|(.., pixel)| pixel.0[0] > 0).min_by_key(|(x, ..)| *x);
                far.map_or(f64::NAN, |(x, y, _)| ((60.0 - f64::from(y)) / (60.0 - f64::from(x))).atan().to_degrees())
            })
            .collect();
        let (low, high) = slopes.iter().fold((90.0_f64, -90.0_f64), |(low, high), &s| (low.min(s), high.max(s)));
        assert!((-46.0..-42.0).contains(&low) && (42.0..46.0).contains(&high), "{low} {high}");
        // Mean of 200 uniform angles: deviation 90/√12/√200 = 1.84.
        assert!((slopes.iter().sum::<f64>() / 200.0).abs() < 6.0);
        assert!(slopes.iter().filter(|s| s.abs() < 22.5).count().abs_diff(100) < 25);
    }

    #[test]
    fn the_key_decides() {
        let field = |seed| RandomField::of(&PixelHash([7; 32]), "motion_blur", 9, seed);
        let once = motion_blur(&scene(), 35.0, 14.0, &field(0));
        assert_eq!(once, motion_blur(&scene(), 35.0, 14.0, &field(0)));
        assert_ne!(once, motion_blur(&scene(), 35.0, 14.0, &field(1)));
    }
}
