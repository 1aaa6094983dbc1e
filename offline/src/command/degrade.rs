//! `miqa-offline degrade`: look at a distortion: files in, PNG out.

use std::fs;
use std::path::PathBuf;

use super::CommandError;
use crate::distort::{self, Distortion};
use crate::rank::{psnr, row_of_level};
use crate::recipe::{Pair, Recipe};
use crate::render::candidate;
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
    /// Parameters and levels: miqd, imagenet-c or a TOML file
    #[arg(long, value_name = "RECIPE", default_value = "miqd")]
    recipe: String,
    /// Level 1 (mild) or more, found by ranking the candidates of each picture where the recipe says so
    #[arg(long, required_unless_present = "row")]
    level: Option<u8>,
    /// Parameter row of the recipe, from 0, instead of a level
    #[arg(long, conflicts_with = "level")]
    row: Option<u8>,
    /// Folder for the results, `<file stem>_<distortion>_<level>.png` or `…_row<row>.png`
    #[arg(long, value_name = "DIR", default_value = ".")]
    out: PathBuf,
}

/// Runs `degrade`.
///
/// # Errors
/// 2: no such recipe, distortion, row or level; 65: a picture can't be decoded or distorted.
pub fn run(args: &Args) -> Result<(), CommandError> {
    let recipe = Recipe::named(&args.recipe).map_err(CommandError::usage)?;
    let distortion = distort::find(&args.distortion).map_err(CommandError::usage)?;
    recipe.parameters(distortion, args.row.map_or(0, usize::from)).map_err(CommandError::usage)?;
    fs::create_dir_all(&args.out)
        .map_err(|e| CommandError::usage(format!("can't make folder {}: {e}", args.out.display())))?;
    args.files.iter().try_for_each(|file| degrade(args, &recipe, distortion, file))
}

fn degrade(
    args: &Args,
    recipe: &Recipe,
    distortion: &dyn Distortion,
    file: &std::path::Path,
) -> Result<(), CommandError> {
    let original = Original::describe_as(file, -1, "", recipe.orientation()).map_err(CommandError::data)?;
    let rgb = original.load().map_err(CommandError::data)?;
    let (row, name) = match (args.row, args.level) {
        (Some(row), _) => (usize::from(row), format!("{}_{}_row{row}", original.id, distortion.name())),
        (None, level) => {
            let level = level.unwrap_or(1);
            let row =
                row_of_level(recipe, &rgb, &original.pixel_sha256, distortion, level).map_err(CommandError::data)?;
            let row = row.ok_or_else(|| {
                let levels = recipe.level_count();
                CommandError::usage(format!("there is no level {level}: levels are 1 to {levels}"))
            })?;
            (row, Pair { roi: level, background: level }.stem(&original.id, distortion.name()))
        }
    };
    let spoilt = candidate(recipe, &rgb, &original.pixel_sha256, distortion, row).map_err(CommandError::data)?;
    let path = args.out.join(format!("{name}.png"));
    spoilt.save(&path).map_err(|e| CommandError::unexpected(format!("can't write {}: {e}", path.display())))?;
    let psnr = psnr(&rgb, &spoilt).unwrap_or(f64::NAN);
    let parameters = recipe.parameters(distortion, row).map_err(CommandError::data)?;
    println!("{}: row {row}, {}, {psnr:.2} dB", path.display(), distortion.describe(parameters));
    Ok(())
}
