//! The distortions: one file each, twelve parameter rows each (Table 2 of the paper; the authors' generator).
//!
//! A new distortion is one file and one line in [`DISTORTIONS`].

mod darkness;
mod defocus_blur;
mod fog;
mod gaussian_noise;
mod jpeg_compression;
mod line_blur;
mod motion_blur;
mod quantise;
mod snow;

#[cfg(test)]
pub(crate) mod golden;

use image::RgbImage;

use crate::render::RandomField;

/// Number of parameter rows, that is of candidates, of every distortion.
pub const ROWS: usize = 12;

/// All distortions, in the order in which tables and model outputs list them.
pub static DISTORTIONS: [&dyn Distortion; 7] = [
    &gaussian_noise::GaussianNoise,
    &jpeg_compression::JpegCompression,
    &darkness::Darkness,
    &defocus_blur::DefocusBlur,
    &fog::Fog,
    &motion_blur::MotionBlur,
    &snow::Snow,
];

/// One way of spoiling a picture.
pub trait Distortion: Sync {
    /// The name in tables, file names and model cards.
    fn name(&self) -> &'static str;

    /// The parameters of a row in words, for instance `sigma 0.0350`; empty if there is no such row.
    fn describe(&self, row: usize) -> String;

    /// The picture under parameter row `row` (0..12, mild to extreme in the authors' order); same size as `rgb`.
    ///
    /// # Errors
    /// There is no such row, or the picture can't be distorted this way.
    fn apply(&self, rgb: &RgbImage, row: usize, random: &RandomField) -> Result<RgbImage, DistortError>;
}

/// Why a distortion refused.
#[derive(Debug, thiserror::Error)]
pub enum DistortError {
    /// A row outside 0..12.
    #[error("distortion `{distortion}` has no parameter row {row}: rows are 0 to 11")]
    NoRow {
        /// Name of the distortion.
        distortion: &'static str,
        /// The row asked for.
        row: i64,
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

/// The parameters of `row`.
fn parameters<T: Copy>(distortion: &'static str, rows: &[T; ROWS], row: usize) -> Result<T, DistortError> {
    rows.get(row).copied().ok_or(DistortError::NoRow { distortion, row: row as i64 })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]
mod tests {
    use super::*;
    use crate::source::PixelHash;

    #[test]
    fn every_distortion_takes_every_size_and_names_its_rows() {
        for distortion in DISTORTIONS {
            for (w, h) in [(1, 1), (1, 9), (2, 3), (16, 16), (33, 7)] {
                let rgb = RgbImage::from_fn(w, h, |x, y| image::Rgb([(x * 7) as u8, (y * 9) as u8, 200]));
                for row in 0..ROWS {
                    let random = RandomField::of(&PixelHash::of(&rgb), distortion.name(), row, 0);
                    let out = distortion.apply(&rgb, row, &random).unwrap();
                    assert_eq!(out.dimensions(), (w, h), "{} {row}", distortion.name());
                    assert!(!distortion.describe(row).is_empty());
                }
                let random = RandomField::of(&PixelHash::of(&rgb), distortion.name(), ROWS, 0);
                assert!(matches!(distortion.apply(&rgb, ROWS, &random), Err(DistortError::NoRow { .. })));
                assert!(distortion.describe(ROWS).is_empty());
            }
            assert_eq!(find(distortion.name()).unwrap().name(), distortion.name());
        }
    }
}
