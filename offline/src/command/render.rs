//! `miqa-offline render`: variants of a plan, made on demand.

use std::fs;
use std::path::PathBuf;

use super::{CommandError, plan};
use crate::plan::{PixelsError, PlannedOriginal, Rendering};

/// Arguments of `render`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The plan
    #[arg(long, value_name = "FILE")]
    plan: PathBuf,
    /// All variants of this original
    #[arg(long, value_name = "ID", required_unless_present = "variant", conflicts_with = "variant")]
    original: Option<String>,
    /// One variant, by its name in the plan (with or without `.png`)
    #[arg(long, value_name = "NAME")]
    variant: Option<String>,
    /// Folder for the PNG files
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

/// Runs `render`.
///
/// # Errors
/// 2: no plan, or nothing of that name in it; 65: the original or its mask is not there, broken or not the plan's.
pub fn run(args: &Args) -> Result<(), CommandError> {
    let opened = plan::open(&args.plan)?;
    let planned = match (&args.original, &args.variant) {
        (_, Some(name)) => {
            let (mut planned, number) = opened.variant(name).map_err(plan::data)?;
            planned.variants = vec![planned.variants.swap_remove(number)];
            planned
        }
        (Some(id), None) => {
            let unknown = || CommandError::usage(format!("the plan has no original `{id}`"));
            opened.original(opened.find(id).ok_or_else(unknown)?).map_err(plan::data)?
        }
        (None, None) => return Err(CommandError::usage("give --original or --variant")),
    };
    fs::create_dir_all(&args.out)
        .map_err(|e| CommandError::usage(format!("can't make folder {}: {e}", args.out.display())))?;
    write_all(args, opened.recipe(), &planned)?;
    println!("render: {} variants of `{}` in {}", planned.variants.len(), planned.original.id, args.out.display());
    Ok(())
}

fn write_all(args: &Args, recipe: &crate::recipe::Recipe, planned: &PlannedOriginal) -> Result<(), CommandError> {
    let refuse = |e: PixelsError| CommandError::data(e);
    let mut rendering = Rendering::open(recipe, planned).map_err(refuse)?;
    for variant in &planned.variants {
        let picture = rendering.variant(variant).map_err(refuse)?;
        let path = args.out.join(&variant.name);
        picture.save(&path).map_err(|e| CommandError::unexpected(format!("can't write {}: {e}", path.display())))?;
    }
    Ok(())
}
