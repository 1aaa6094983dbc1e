//! Ranks of a distortion's candidates, 1 the best, and the levels among them.

use std::path::Path;

use image::RgbImage;

use super::psnr::{from_squared_error, squared_error};
use crate::columns;
use crate::distort::{DistortError, Distortion};
use crate::recipe::{Levels, Recipe};
use crate::render::candidate;
use crate::source::{Original, PixelHash};
use crate::table::{self, TableError};

/// One row of `rank.parquet`: a candidate of an original.
#[derive(Debug, Clone, PartialEq)]
pub struct RankRow {
    /// Id of the original.
    pub original: String,
    /// Name of the distortion.
    pub distortion: String,
    /// Parameter row in the recipe, from 0.
    pub row: i16,
    /// PSNR against the original in dB, infinite when identical.
    pub psnr: f64,
    /// 1 (best PSNR) to the number of rows.
    pub rank: u8,
    /// 1 (mild) or more where the recipe makes it a level.
    pub level: Option<u8>,
}

columns!(RankRow { original, distortion, row, psnr, rank, level });

/// Reads `rank.parquet`.
///
/// # Errors
/// The table is missing or of another shape.
pub fn read_rank(path: &Path) -> Result<Vec<RankRow>, TableError> {
    table::read(path)
}

/// Renders all candidates of one distortion and ranks them, best PSNR first.
///
/// # Errors
/// The recipe leaves the distortion out, or it refuses the picture.
pub fn rank(
    recipe: &Recipe,
    original: &Original,
    rgb: &RgbImage,
    distortion: &dyn Distortion,
) -> Result<Vec<RankRow>, DistortError> {
    let errors = errors(recipe, rgb, &original.pixel_sha256, distortion)?;
    let samples = rgb.as_raw().len() as f64;
    let rows = by_error(&errors).into_iter().zip(1_u8..).map(|(row, rank)| RankRow {
        original: original.id.clone(),
        distortion: distortion.name().to_owned(),
        row: row as i16,
        psnr: from_squared_error(errors[row], samples),
        rank,
        level: match recipe.levels() {
            Levels::Ranks(ranks) => ranks.iter().zip(1..).find_map(|(&of, level)| (of == rank).then_some(level)),
            Levels::AsListed => u8::try_from(row + 1).ok(),
        },
    });
    Ok(rows.collect())
}

/// The parameter row that is `level` (from 1) of a distortion on this picture; `None` for levels that the recipe does
/// not have.
///
/// # Errors
/// The recipe leaves the distortion out, or it refuses the picture.
pub fn row_of_level(
    recipe: &Recipe,
    rgb: &RgbImage,
    pixels: &PixelHash,
    distortion: &dyn Distortion,
    level: u8,
) -> Result<Option<usize>, DistortError> {
    let Some(index) = level.checked_sub(1).filter(|_| level <= recipe.level_count()).map(usize::from) else {
        return Ok(None);
    };
    match recipe.levels() {
        Levels::AsListed => recipe.parameters(distortion, index).map(|_| Some(index)),
        Levels::Ranks(ranks) => {
            let order = by_error(&errors(recipe, rgb, pixels, distortion)?);
            Ok(order.get(usize::from(ranks[index]) - 1).copied())
        }
    }
}

/// Parameter rows in the order of their squared errors, smallest first; equal ones keep the authors' order.
#[must_use]
pub fn by_error(errors: &[u64]) -> Vec<usize> {
    let mut rows: Vec<usize> = (0..errors.len()).collect();
    rows.sort_by_key(|&row| errors[row]);
    rows
}

fn errors(
    recipe: &Recipe,
    rgb: &RgbImage,
    pixels: &PixelHash,
    distortion: &dyn Distortion,
) -> Result<Vec<u64>, DistortError> {
    let error = |row| {
        let spoilt = candidate(recipe, rgb, pixels, distortion, row)?;
        Ok(squared_error(rgb, &spoilt).expect("a distortion keeps the size: tested for every one"))
    };
    // At least row 0, whose absence is the error.
    (0..recipe.rows(distortion).len().max(1)).map(error).collect()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]
mod tests {
    use super::*;
    use crate::distort::DISTORTIONS;

    #[test]
    fn equal_errors_keep_their_order() {
        assert_eq!(by_error(&[5, 0, 5, 0, 1]), [1, 3, 4, 0, 2]);
    }

    #[test]
    fn ranks_fall_in_psnr_and_five_are_levels() {
        let rgb = RgbImage::from_fn(64, 48, |x, y| image::Rgb([(x * 4) as u8, (y * 5) as u8, ((x * y) % 256) as u8]));
        let original = Original {
            id: "ramp".into(),
            path: String::new(),
            class: -1,
            pixel_sha256: PixelHash::of(&rgb),
            width: 64,
            height: 48,
            licence: String::new(),
        };
        for distortion in DISTORTIONS {
            let rows = rank(Recipe::miqd(), &original, &rgb, distortion).unwrap();
            assert!(rows.windows(2).all(|pair| pair[0].psnr >= pair[1].psnr), "{}", distortion.name());
            assert!(rows[0].psnr > rows[11].psnr + 5.0, "{}: the range is too small", distortion.name());
            let mut seen: Vec<_> = rows.iter().map(|row| row.row).collect();
            seen.sort_unstable();
            assert_eq!(seen, (0..12).collect::<Vec<_>>());
            let levels: Vec<_> = rows.iter().filter_map(|row| row.level.map(|level| (row.rank, level))).collect();
            assert_eq!(levels, [(1, 1), (5, 2), (8, 3), (10, 4), (12, 5)]);
            for (rank, level) in levels {
                let found = row_of_level(Recipe::miqd(), &rgb, &original.pixel_sha256, distortion, level).unwrap();
                assert_eq!(found, Some(rows[usize::from(rank) - 1].row as usize));
            }
            assert_eq!(row_of_level(Recipe::miqd(), &rgb, &original.pixel_sha256, distortion, 6).unwrap(), None);
            assert_eq!(row_of_level(Recipe::miqd(), &rgb, &original.pixel_sha256, distortion, 0).unwrap(), None);
        }
        let listed = rank(Recipe::imagenet_c(), &original, &rgb, crate::distort::find("darkness").unwrap()).unwrap();
        let mut levels: Vec<_> = listed.iter().map(|row| (row.row, row.level)).collect();
        levels.sort_unstable();
        assert_eq!(levels, (0..5).map(|row| (row, Some(row as u8 + 1))).collect::<Vec<_>>());
    }
}
