//! `miqa-offline select`: folders of pictures → `sources.parquet`.

use std::path::PathBuf;

use super::{CommandError, WorkFolder};
use crate::source::{Original, SourceError, coco_folder, labelled_folder, plain_folder, write_sources_in};

/// Originals in a shard unless said otherwise: a worker keeps the rows of a shard in memory, 250 an original.
const ORIGINALS_A_SHARD: usize = 256;

/// Arguments of `select`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    work: WorkFolder,
    /// Folder of undistorted pictures (JPEG, PNG)
    #[arg(long, value_name = "DIR")]
    images: PathBuf,
    /// CSV list with the columns `file` and `class_index` (ImageNet-1k order); without a list classes are unknown
    #[arg(long, value_name = "FILE", conflicts_with = "coco")]
    labels: Option<PathBuf>,
    /// COCO annotation file that lists the pictures and their licences; classes are unknown
    #[arg(long, value_name = "FILE")]
    coco: Option<PathBuf>,
    /// Licence of the pictures, kept with each
    #[arg(long, default_value = "not stated")]
    licence: String,
    /// Recipe that says whether EXIF orientation counts: miqd (the default), imagenet-c or a TOML file
    #[arg(long, value_name = "RECIPE")]
    recipe: Option<String>,
    /// Add to the originals already selected instead of replacing them
    #[arg(long)]
    append: bool,
    /// Parts that workers of `rank` and `generate` take one by one; kept in the sources table; without it one for 256
    /// originals
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    shards: Option<u32>,
    /// Pictures or rows that may be broken before the run counts as failed
    #[arg(long, default_value_t = 100, value_name = "N")]
    max_errors: usize,
}

/// Runs `select`.
///
/// # Errors
/// 2: a list lacks a column or the recipe makes no sense; 65: nothing usable, two pictures of one id, or too many broken ones.
pub fn run(args: &Args) -> Result<(), CommandError> {
    let recipe = args.work.recipe(args.recipe.as_deref())?;
    let orientation = recipe.orientation();
    let selection = match (&args.labels, &args.coco) {
        (Some(labels), _) => labelled_folder(&args.images, labels, &args.licence, orientation),
        (None, Some(coco)) => coco_folder(&args.images, coco, orientation),
        (None, None) => plain_folder(&args.images, &args.licence, orientation),
    };
    let selection = selection.map_err(|error| match error {
        SourceError::List { .. } => CommandError::usage(error),
        other => CommandError::data(other),
    })?;
    for rejected in &selection.rejected {
        eprintln!("select: left out {}: {}", rejected.place, rejected.error);
    }
    if selection.rejected.len() > args.max_errors {
        let broken = selection.rejected.len();
        let reason = format!("select: {broken} entries are broken, {} are tolerated (--max-errors)", args.max_errors);
        return Err(CommandError::data(reason));
    }
    if selection.originals.is_empty() {
        let folder = args.images.display();
        return Err(CommandError::data(format!(
            "{folder} gave no picture: it needs JPEG or PNG files, or a list of them"
        )));
    }
    let found = selection.originals.len();
    let originals = if args.append && args.work.sources().exists() {
        merge(args.work.originals()?, selection.originals)
    } else {
        selection.originals
    };
    let shards = args.shards.unwrap_or_else(|| originals.len().div_ceil(ORIGINALS_A_SHARD) as u32);
    if shards as usize > originals.len() {
        let count = originals.len();
        return Err(CommandError::usage(format!(
            "--shards {shards}: there are {count} originals, and a shard has one at least"
        )));
    }
    write_sources_in(&args.work.sources(), &originals, shards).map_err(CommandError::data)?;
    if args.recipe.is_some() {
        args.work.keep_recipe(&recipe)?;
    }
    let known = originals.iter().filter(|original| original.class >= 0).count();
    println!(
        "select: {found} originals from {}; {} in all, {known} of known class",
        args.images.display(),
        originals.len()
    );
    Ok(())
}

/// Adds what is new; the same pixels under the same id are the same original, so selecting twice changes nothing.
fn merge(mut originals: Vec<Original>, found: Vec<Original>) -> Vec<Original> {
    for new in found {
        let same = |old: &&mut Original| old.id == new.id && old.pixel_sha256 == new.pixel_sha256;
        match originals.iter_mut().find(same) {
            Some(old) => *old = new,
            None => originals.push(new),
        }
    }
    originals
}
