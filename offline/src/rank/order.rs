//! Ranks 1 (best) to 12 of a distortion's candidates, and the levels among them.

use std::path::Path;

use image::RgbImage;

use super::psnr::{from_squared_error, squared_error};
use crate::columns;
use crate::distort::{DistortError, Distortion, ROWS};
use crate::render::candidate;
use crate::source::{Original, PixelHash};
use crate::table::{self, TableError};

/// The ranks that become levels 1 (mild) to 5 (extreme).
pub const LEVEL_RANKS: [u8; 5] = [1, 5, 8, 10, 12];

/// One row of `rank.parquet`: a candidate of an original.
#[derive(Debug, Clone, PartialEq)]
pub struct RankRow {
    /// Id of the original.
    pub original: String,
    /// Name of the distortion.
    pub distortion: String,
    /// Parameter row, 0..12.
    pub row: i16,
    /// PSNR against the original in dB, infinite when identical.
    pub psnr: f64,
    /// 1 (best PSNR) to 12.
    pub rank: u8,
    /// 1 to 5 where the rank is one of [`LEVEL_RANKS`].
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

/// Renders the twelve candidates of one distortion and ranks them, best PSNR first.
///
/// # Errors
/// The distortion refuses the picture.
pub fn rank(original: &Original, rgb: &RgbImage, distortion: &dyn Distortion) -> Result<Vec<RankRow>, DistortError> {
    let errors = errors(rgb, &original.pixel_sha256, distortion)?;
    let samples = rgb.as_raw().len() as f64;
    let rows = by_error(&errors).into_iter().zip(1_u8..).map(|(row, rank)| RankRow {
        original: original.id.clone(),
        distortion: distortion.name().to_owned(),
        row: row as i16,
        psnr: from_squared_error(errors[row], samples),
        rank,
        level: LEVEL_RANKS.iter().zip(1..).find_map(|(&of, level)| (of == rank).then_some(level)),
    });
    Ok(rows.collect())
}

/// The parameter row that is `level` (1..=5) of a distortion on this picture; `None` for other levels.
///
/// # Errors
/// The distortion refuses the picture.
pub fn row_of_level(
    rgb: &RgbImage,
    pixels: &PixelHash,
    distortion: &dyn Distortion,
    level: u8,
) -> Result<Option<usize>, DistortError> {
    let Some(&rank) = level.checked_sub(1).and_then(|index| LEVEL_RANKS.get(usize::from(index))) else {
        return Ok(None);
    };
    Ok(by_error(&errors(rgb, pixels, distortion)?).get(usize::from(rank) - 1).copied())
}

/// Parameter rows in the order of their squared errors, smallest first; equal ones keep the authors' order.
#[must_use]
pub fn by_error(errors: &[u64]) -> Vec<usize> {
    let mut rows: Vec<usize> = (0..errors.len()).collect();
    rows.sort_by_key(|&row| errors[row]);
    rows
}

fn errors(rgb: &RgbImage, pixels: &PixelHash, distortion: &dyn Distortion) -> Result<Vec<u64>, DistortError> {
    let error = |row| {
        let spoilt = candidate(rgb, pixels, distortion, row)?;
        Ok(squared_error(rgb, &spoilt).expect("a distortion keeps the size: tested for every one"))
    };
    (0..ROWS).map(error).collect()
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
            let rows = rank(&original, &rgb, distortion).unwrap();
            assert!(rows.windows(2).all(|pair| pair[0].psnr >= pair[1].psnr), "{}", distortion.name());
            assert!(rows[0].psnr > rows[11].psnr + 5.0, "{}: the range is too small", distortion.name());
            let mut seen: Vec<_> = rows.iter().map(|row| row.row).collect();
            seen.sort_unstable();
            assert_eq!(seen, (0..12).collect::<Vec<_>>());
            let levels: Vec<_> = rows.iter().filter_map(|row| row.level.map(|level| (row.rank, level))).collect();
            assert_eq!(levels, [(1, 1), (5, 2), (8, 3), (10, 4), (12, 5)]);
            for (rank, level) in levels {
                let found = row_of_level(&rgb, &original.pixel_sha256, distortion, level).unwrap();
                assert_eq!(found, Some(rows[usize::from(rank) - 1].row as usize));
            }
            assert_eq!(row_of_level(&rgb, &original.pixel_sha256, distortion, 6).unwrap(), None);
            assert_eq!(row_of_level(&rgb, &original.pixel_sha256, distortion, 0).unwrap(), None);
        }
    }
}
