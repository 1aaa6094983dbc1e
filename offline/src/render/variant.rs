//! Candidates (a distortion at a parameter row) and the samples made of them.

use image::RgbImage;

use super::RandomField;
use crate::distort::{self, DistortError, Distortion, UnknownDistortion};
use crate::recipe::{Recipe, RecipeError};
use crate::source::{Original, PixelHash};

/// Name in tables of the undistorted picture.
pub const CLEAN: &str = "none";

/// Parameter row in tables of the undistorted picture.
pub const CLEAN_ROW: i16 = -1;

/// Why a variant could not be made.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// No distortion of that name.
    #[error(transparent)]
    Unknown(#[from] UnknownDistortion),
    /// The recipe of the tables can't be read.
    #[error(transparent)]
    Recipe(#[from] RecipeError),
    /// The distortion refused.
    #[error("original `{original}`: {source}")]
    Distort {
        /// Id of the original.
        original: String,
        /// The distortion's reason.
        source: DistortError,
    },
}

/// Id of a sample: the original's id for the clean picture, `<original>_<distortion>_<level>` for uniform variants.
#[must_use]
pub fn sample_id(original: &str, distortion: &str, level: u8) -> String {
    if distortion == CLEAN { original.to_owned() } else { format!("{original}_{distortion}_{level}") }
}

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

/// The picture of a row of the labels table: `pixels` (those of `original`) under `distortion` at `row`;
/// unchanged for distortion `none` (row -1). `recipe` is the one that the table was made with.
///
/// # Errors
/// The distortion or row does not exist, or the distortion refuses the picture.
pub fn sample(
    recipe: &Recipe,
    original: &Original,
    pixels: &RgbImage,
    distortion: &str,
    row: i16,
) -> Result<RgbImage, RenderError> {
    if distortion == CLEAN {
        return Ok(pixels.clone());
    }
    let kind = distort::find(distortion)?;
    usize::try_from(row)
        .map_err(|_| recipe.no_row(kind, i64::from(row)))
        .and_then(|row| candidate(recipe, pixels, &original.pixel_sha256, kind, row))
        .map_err(|source| RenderError::Distort { original: original.id.clone(), source })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]
mod tests {
    use rayon::prelude::*;

    use super::*;
    use crate::distort::DISTORTIONS;

    fn original() -> (Original, RgbImage) {
        let rgb = RgbImage::from_fn(37, 23, |x, y| image::Rgb([(x * 6) as u8, (y * 11) as u8, ((x * y) % 251) as u8]));
        let original = Original {
            id: "ramp".into(),
            path: "ramp.png".into(),
            class: -1,
            pixel_sha256: PixelHash::of(&rgb),
            width: 37,
            height: 23,
            licence: "CC0-1.0".into(),
        };
        (original, rgb)
    }

    #[test]
    fn a_sample_is_the_same_whoever_renders_it() {
        let (original, rgb) = original();
        let jobs: Vec<(&str, i16)> = DISTORTIONS.iter().flat_map(|d| (0..12).map(|row| (d.name(), row))).collect();
        let render = |&(name, row): &(&str, i16)| sample(Recipe::miqd(), &original, &rgb, name, row).unwrap();
        let forwards: Vec<RgbImage> = jobs.iter().map(render).collect();
        let mut backwards: Vec<RgbImage> = jobs.par_iter().rev().map(render).collect();
        backwards.reverse();
        assert!(forwards == backwards);
    }

    #[test]
    fn clean_is_the_original_and_nonsense_is_refused() {
        let (original, rgb) = original();
        assert_eq!(sample(Recipe::miqd(), &original, &rgb, CLEAN, CLEAN_ROW).unwrap(), rgb);
        for (name, row, part) in [("haze", 0, "`haze`"), ("fog", 12, "row 12"), ("fog", -1, "row -1")] {
            let text = sample(Recipe::miqd(), &original, &rgb, name, row).unwrap_err().to_string();
            assert!(text.contains(part), "{text}");
        }
    }

    #[test]
    fn a_recipe_decides_parameters_and_seed() {
        let (original, rgb) = original();
        let (miqd, fog) = (Recipe::miqd(), distort::find("fog").unwrap());
        let seeded = Recipe::parse(&miqd.text().replacen("seed = 0", "seed = 1", 1), "seeded").unwrap();
        let under = |recipe| candidate(recipe, &rgb, &original.pixel_sha256, fog, 3).unwrap();
        assert_ne!(under(miqd), under(&seeded));
        assert_ne!(under(miqd), under(Recipe::imagenet_c()));
        let error = sample(Recipe::imagenet_c(), &original, &rgb, "fog", 5).unwrap_err().to_string();
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

    #[test]
    fn ids() {
        assert_eq!(sample_id("a", CLEAN, 0), "a");
        assert_eq!(sample_id("a", "fog", 3), "a_fog_3");
    }
}
