//! Candidates: a distortion at a parameter row.

use image::RgbImage;

use super::RandomField;
use crate::distort::{DistortError, Distortion};
use crate::recipe::Recipe;
use crate::source::PixelHash;

/// A picture under `distortion` at parameter row `row` of the recipe; `pixels` keys the random field.
///
/// `pixels` is normally the hash of `rgb`; a video passes one fixed hash, so that its fog stands still.
///
/// # Errors
/// The row does not exist, or the distortion refuses the picture.
pub fn candidate(
    recipe: &Recipe,
    rgb: &RgbImage,
    pixels: &PixelHash,
    distortion: &dyn Distortion,
    row: usize,
) -> Result<RgbImage, DistortError> {
    let parameters = recipe.parameters(distortion, row)?;
    distortion.apply(rgb, parameters, &RandomField::of(pixels, distortion.name(), row, recipe.seed()))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]
mod tests {
    use rayon::prelude::*;

    use super::*;
    use crate::distort::{self, DISTORTIONS};

    fn ramp() -> (PixelHash, RgbImage) {
        let rgb = RgbImage::from_fn(37, 23, |x, y| image::Rgb([(x * 6) as u8, (y * 11) as u8, ((x * y) % 251) as u8]));
        (PixelHash::of(&rgb), rgb)
    }

    #[test]
    fn a_candidate_is_the_same_whoever_renders_it() {
        let (pixels, rgb) = ramp();
        let jobs: Vec<(&dyn Distortion, usize)> =
            DISTORTIONS.iter().flat_map(|d| (0..12).map(move |row| (*d, row))).collect();
        let render = |&(distortion, row): &(&dyn Distortion, usize)| {
            candidate(Recipe::miqd(), &rgb, &pixels, distortion, row).unwrap()
        };
        let forwards: Vec<RgbImage> = jobs.iter().map(render).collect();
        let mut backwards: Vec<RgbImage> = jobs.par_iter().rev().map(render).collect();
        backwards.reverse();
        assert!(forwards == backwards);
    }

    #[test]
    fn a_recipe_decides_parameters_and_seed() {
        let (pixels, rgb) = ramp();
        let (miqd, fog) = (Recipe::miqd(), distort::find("fog").unwrap());
        let seeded = Recipe::parse(&miqd.text().replacen("seed = 0", "seed = 1", 1), "seeded").unwrap();
        let under = |recipe| candidate(recipe, &rgb, &pixels, fog, 3).unwrap();
        assert_ne!(under(miqd), under(&seeded));
        assert_ne!(under(miqd), under(Recipe::imagenet_c()));
        let error = candidate(Recipe::imagenet_c(), &rgb, &pixels, fog, 5).unwrap_err().to_string();
        assert!(error.contains("imagenet-c-1") && error.contains("rows are 0 to 4"), "{error}");
    }

    /// One line a candidate of the scene: distortion, row, hash of the result. Another hash means another version of the
    /// recipe; `MIQA_WRITE_GOLDEN=<file>` writes the list.
    #[test]
    fn the_bytes_of_the_recipe_stay() {
        let scene = distort::golden::scene();
        let pixels = PixelHash::of(&scene);
        let mut lines = String::new();
        for distortion in DISTORTIONS {
            for row in 0..12 {
                let spoilt = candidate(Recipe::miqd(), &scene, &pixels, distortion, row).unwrap();
                lines += &format!("{} {row} {}\n", distortion.name(), PixelHash::of(&spoilt));
            }
        }
        if let Some(path) = std::env::var_os("MIQA_WRITE_GOLDEN") {
            std::fs::write(path, &lines).unwrap();
        }
        assert_eq!(Recipe::miqd().id(), "miqd-2");
        let kept = include_str!("../../tests/golden/miqd-2.txt");
        for (ours, kept) in lines.lines().zip(kept.lines()) {
            assert_eq!(ours, kept);
        }
        assert_eq!(lines.lines().count(), kept.lines().count());
    }
}
