//! `miqa-offline degrade`: look at a distortion: files in, PNG out.

use std::fs;
use std::path::PathBuf;

use super::CommandError;
use crate::distort::{self, Distortion};
use crate::rank::{psnr, row_of_level};
use crate::render::{candidate, sample_id};
use crate::source::Original;

/// Arguments of `degrade`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Pictures to distort
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Name of the distortion
    #[arg(long)]
    distortion: String,
    /// Level 1 (mild) to 5 (extreme), found by ranking the twelve candidates of each picture
    #[arg(long, value_parser = clap::value_parser!(u8).range(1..=5), required_unless_present = "row")]
    level: Option<u8>,
    /// Parameter row 0 to 11 instead of a level
    #[arg(long, value_parser = clap::value_parser!(u8).range(0..12), conflicts_with = "level")]
    row: Option<u8>,
    /// Folder for the results, `<file stem>_<distortion>_<level>.png` or `…_row<row>.png`
    #[arg(long, value_name = "DIR", default_value = ".")]
    out: PathBuf,
}

/// Runs `degrade`.
///
/// # Errors
/// 2: no such distortion; 65: a picture can't be decoded or distorted.
pub fn run(args: &Args) -> Result<(), CommandError> {
    let distortion = distort::find(&args.distortion).map_err(CommandError::usage)?;
    fs::create_dir_all(&args.out)
        .map_err(|e| CommandError::usage(format!("can't make folder {}: {e}", args.out.display())))?;
    args.files.iter().try_for_each(|file| degrade(args, distortion, file))
}

fn degrade(args: &Args, distortion: &dyn Distortion, file: &std::path::Path) -> Result<(), CommandError> {
    let original = Original::describe(file, -1, "").map_err(CommandError::data)?;
    let rgb = original.load().map_err(CommandError::data)?;
    let (row, name) = match (args.row, args.level) {
        (Some(row), _) => (usize::from(row), format!("{}_{}_row{row}", original.id, distortion.name())),
        (None, level) => {
            let level = level.unwrap_or(1);
            let row = row_of_level(&rgb, &original.pixel_sha256, distortion, level).map_err(CommandError::data)?;
            let row =
                row.ok_or_else(|| CommandError::usage(format!("there is no level {level}: levels are 1 to 5")))?;
            (row, sample_id(&original.id, distortion.name(), level))
        }
    };
    let spoilt = candidate(&rgb, &original.pixel_sha256, distortion, row).map_err(CommandError::data)?;
    let path = args.out.join(format!("{name}.png"));
    spoilt.save(&path).map_err(|e| CommandError::unexpected(format!("can't write {}: {e}", path.display())))?;
    let psnr = psnr(&rgb, &spoilt).unwrap_or(f64::NAN);
    println!("{}: row {row}, {}, {psnr:.2} dB", path.display(), distortion.describe(row));
    Ok(())
}
