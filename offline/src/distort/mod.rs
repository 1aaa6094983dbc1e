//! The distortions: one file each (Table 2 of the paper; the authors' generator). Parameters are arguments: which rows of
//! them become candidates, a [`crate::recipe`] says.
//!
//! A new distortion is one file and one line in [`DISTORTIONS`].

mod contrast;
mod darkness;
mod defocus_blur;
mod fog;
mod gaussian;
mod gaussian_noise;
mod glass_blur;
mod jpeg;
mod jpeg_compression;
mod line_blur;
mod motion_blur;
pub mod parameter;
mod pixelate;
mod quantise;
mod snow;

#[cfg(test)]
pub(crate) mod golden;
#[cfg(test)]
mod random_statistics;

use image::RgbImage;

pub use parameter::ParameterSpec;

use crate::render::RandomField;

/// All distortions, in the order in which tables list them.
pub static DISTORTIONS: [&dyn Distortion; 10] = [
    &gaussian_noise::GaussianNoise,
    &jpeg_compression::JpegCompression,
    &darkness::Darkness,
    &defocus_blur::DefocusBlur,
    &fog::Fog,
    &contrast::Contrast,
    &pixelate::Pixelate,
    &glass_blur::GlassBlur,
    &motion_blur::MotionBlur,
    &snow::Snow,
];

/// One way of spoiling a picture.
pub trait Distortion: Sync {
    /// The name in tables, file names, recipes and model cards.
    fn name(&self) -> &'static str;

    /// What it takes, in the order of a recipe's rows.
    fn parameters(&self) -> &'static [ParameterSpec];

    /// The parameters in words, for instance `sigma 0.0152`.
    fn describe(&self, parameters: &[f64]) -> String {
        parameter::in_words(self.parameters(), parameters)
    }

    /// The picture under `parameters`, one value for each of [`Self::parameters`]; same size as `rgb`.
    ///
    /// # Errors
    /// The list does not fit (distortion, parameter and allowed range are named), or the picture can't be distorted
    /// this way.
    fn apply(&self, rgb: &RgbImage, parameters: &[f64], random: &RandomField) -> Result<RgbImage, DistortError>;
}

/// Why a distortion refused.
#[derive(Debug, thiserror::Error)]
pub enum DistortError {
    /// The list ends before a parameter.
    #[error("distortion `{distortion}` needs parameter `{}`: {}", parameter.name, range(parameter))]
    Missing {
        /// Name of the distortion.
        distortion: &'static str,
        /// The first parameter that is missing.
        parameter: ParameterSpec,
    },
    /// The list is longer than the distortion's.
    #[error("distortion `{distortion}` was given {given} parameters: it takes {names}")]
    TooMany {
        /// Name of the distortion.
        distortion: &'static str,
        /// What it takes.
        names: String,
        /// How many were given.
        given: usize,
    },
    /// A value that the distortion does not allow.
    #[error("distortion `{distortion}`: `{}` is {value}, it must be {}", parameter.name, range(parameter))]
    OutOfRange {
        /// Name of the distortion.
        distortion: &'static str,
        /// The parameter.
        parameter: ParameterSpec,
        /// Its value.
        value: f64,
    },
    /// A parameter row that the recipe does not have.
    #[error("distortion `{distortion}` has no parameter row {row} in recipe `{recipe}`: {known}")]
    NoRow {
        /// Name of the distortion.
        distortion: &'static str,
        /// The row asked for.
        row: i64,
        /// Name and version of the recipe.
        recipe: String,
        /// Which rows there are.
        known: String,
    },
    /// The picture can't be distorted this way.
    #[error("distortion `{distortion}`: {reason}")]
    Refused {
        /// Name of the distortion.
        distortion: &'static str,
        /// Why, and what would do.
        reason: String,
    },
}

fn range(parameter: &ParameterSpec) -> String {
    let kind = if parameter.whole { "a whole number" } else { "a number" };
    format!("{kind} from {} to {}", parameter.low, parameter.high)
}

/// A name that no distortion has.
#[derive(Debug, thiserror::Error)]
#[error("there is no distortion `{name}`: there are {known}")]
pub struct UnknownDistortion {
    name: String,
    known: String,
}

/// The names of all distortions, in order.
#[must_use]
pub fn names() -> Vec<&'static str> {
    DISTORTIONS.iter().map(|distortion| distortion.name()).collect()
}

/// The distortion of that name.
///
/// # Errors
/// There is none; the error lists the names.
pub fn find(name: &str) -> Result<&'static dyn Distortion, UnknownDistortion> {
    DISTORTIONS
        .iter()
        .find(|distortion| distortion.name() == name)
        .copied()
        .ok_or_else(|| UnknownDistortion { name: name.to_owned(), known: names().join(", ") })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]
mod tests {
    use super::*;
    use crate::recipe::Recipe;
    use crate::source::PixelHash;

    #[test]
    fn every_distortion_takes_every_size_or_says_why_not() {
        for distortion in DISTORTIONS {
            for (w, h) in [(1, 1), (1, 9), (2, 3), (16, 16), (33, 7)] {
                let rgb = RgbImage::from_fn(w, h, |x, y| image::Rgb([(x * 7) as u8, (y * 9) as u8, 200]));
                for parameters in Recipe::miqd().rows(distortion).iter().chain(Recipe::imagenet_c().rows(distortion)) {
                    let random = RandomField::of(&PixelHash::of(&rgb), distortion.name(), 0, 0);
                    match distortion.apply(&rgb, parameters, &random) {
                        Ok(out) => assert_eq!(out.dimensions(), (w, h), "{} {parameters:?}", distortion.name()),
                        Err(error) => {
                            let text = error.to_string();
                            assert!(w.min(h) < 15 && text.contains(&format!("{w}×{h}")), "{text}");
                        }
                    }
                    assert!(!distortion.describe(parameters).is_empty());
                }
            }
            assert_eq!(find(distortion.name()).unwrap().name(), distortion.name());
        }
    }
}
