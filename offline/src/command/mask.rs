//! `miqa-offline mask`: the region of interest of every original → `masks/` and `masks.parquet`, or a table a shard.

mod maker;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use self::maker::Maker;
use super::by_shard::{Made, ShardArgs, ShardedStep};
use super::{CommandError, WorkFolder};
use crate::hex::sha256_hex;
use crate::mask::{MaskChoice, MaskRow, Verdict};
use crate::plan::positions_of;
use crate::shard::{Inputs, StoredFile};
use crate::source::{Original, read_shards, sources_id};
use crate::store::LocalStore;
use crate::table;

/// How many originals without a usable mask are named.
const NAMED: usize = 20;

/// Arguments of `mask`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    work: WorkFolder,
    /// Where masks come from: folder:DIR (files <id>_binary_mask.png), coco:FILE (instances of an annotation file),
    /// saliency (a model) or cosegment (a model over the originals of one category)
    #[arg(long, value_name = "SOURCE")]
    masks: MaskChoice,
    /// With coco:FILE, only instances of this category; without it those of all
    #[arg(long, value_name = "NAME")]
    category: Option<String>,
    /// With coco:FILE, crowd regions belong to the mask too; they are left out otherwise
    #[arg(long)]
    crowd: bool,
    /// With cosegment, a COCO annotation file: originals are grouped by the category that covers most of them; without
    /// it by class, and originals of unknown class are each on their own
    #[arg(long, value_name = "FILE")]
    categories: Option<PathBuf>,
    /// List of mask models; without it the one that the program knows
    #[arg(long, value_name = "FILE")]
    mask_models: Option<PathBuf>,
    #[command(flatten)]
    shard: ShardArgs,
    /// Folder with the models' files; may be given several times
    #[arg(long = "zoo-dir", value_name = "DIR")]
    zoo_dirs: Vec<PathBuf>,
    /// Worker threads, each with a session of its own; 0 takes one a core
    #[arg(long, default_value_t = 0, value_name = "N")]
    threads: usize,
    /// Originals that may fail before the run counts as failed
    #[arg(long, default_value_t = 100, value_name = "N")]
    max_errors: usize,
}

/// Runs `mask`.
///
/// # Errors
/// 2: no sources, no such shard, or the source of masks is not usable; 65: too many originals failed; 75: stopped by a
/// signal.
pub fn run(args: &Args) -> Result<(), CommandError> {
    let originals = args.work.originals()?;
    let maker = Maker::open(args)?;
    let Some(choice) = args.shard.shard else {
        let (rows, _) = maker.make(&originals, &originals)?;
        return finish(&args.work, &rows);
    };
    let mut sorted = originals.clone();
    sorted.sort_by(|a, b| a.id.cmp(&b.id));
    let step = sharded(&args.work, &maker.source, &sources_id(&sorted))?;
    step.run(choice, args.shard.shards, |shard| {
        let mine = &sorted[positions_of(shard, sorted.len(), step.shards)];
        let (rows, outcome) = maker.make(&sorted, mine)?;
        let files = stored(&args.work.work, &rows)?;
        let worked = rows.len() + outcome.failed.len();
        Ok(Made { files, ..Made::of(rows, worked, outcome) })
    })?;
    // Whoever finds all shards committed joins them; two who do write the same.
    let mut rows = Vec::new();
    let missing = step.join(|shard| rows.extend(shard))?;
    if !missing.is_empty() {
        println!("{}; the last one writes {}", step.missing(&missing), args.work.masks().display());
        return Ok(());
    }
    finish(&args.work, &in_order(&originals, rows))
}

/// Says what there is, and writes the table.
fn finish(work: &WorkFolder, rows: &[MaskRow]) -> Result<(), CommandError> {
    summarise(rows);
    table::write(&work.masks(), rows).map_err(CommandError::unexpected)
}

/// The shards of a sources table under a source of masks; other originals or settings, another folder.
fn sharded(work: &WorkFolder, source: &str, sources: &str) -> Result<ShardedStep, CommandError> {
    Ok(ShardedStep {
        step: "mask",
        stage: format!("mask/{source}/{}", &sources[..12]),
        // The work folder itself: records name the masks in it.
        store: LocalStore::new(work.work.clone()),
        inputs: Inputs::SourcesId(sources.to_owned()),
        shards: read_shards(&work.sources()).map_err(CommandError::data)?,
    })
}

/// Refuses to go on without masks where shards of them are begun but not joined.
pub(super) fn joined(work: &WorkFolder, originals: &[Original]) -> Result<(), CommandError> {
    let sources = &sources_id(originals)[..12];
    let folders = std::fs::read_dir(work.work.join("mask")).map(|entries| entries.flatten().map(|entry| entry.path()));
    let begun = folders.into_iter().flatten().find(|folder| folder.join(sources).join("shards").is_dir());
    match begun.filter(|_| !work.masks().exists()) {
        None => Ok(()),
        Some(folder) => Err(CommandError::usage(format!(
            "{} is not there, but shards in {} are: run `miqa-offline mask --shard` for the rest, the last one joins them",
            work.masks().display(),
            folder.display()
        ))),
    }
}

/// The masks that rows name, as files of the work folder.
fn stored(work: &Path, rows: &[MaskRow]) -> Result<Vec<StoredFile>, CommandError> {
    let file = |row: &MaskRow| {
        let bytes = std::fs::read(work.join(&row.path))
            .map_err(|e| CommandError::unexpected(format!("can't read {}: {e}", row.path)))?;
        Ok(StoredFile { name: row.path.clone(), size: bytes.len() as u64, sha256: sha256_hex(&bytes) })
    };
    rows.iter().filter(|row| !row.path.is_empty()).map(file).collect()
}

/// The rows in the order of the originals.
fn in_order(originals: &[Original], rows: Vec<MaskRow>) -> Vec<MaskRow> {
    let mut by_id: HashMap<String, MaskRow> = rows.into_iter().map(|row| (row.original.clone(), row)).collect();
    originals.iter().filter_map(|original| by_id.remove(&original.id)).collect()
}

/// Says how many masks are usable, and names those that are not.
fn summarise(rows: &[MaskRow]) {
    let usable: Vec<f64> = rows.iter().filter(|row| row.is_usable()).map(|row| row.area_share).collect();
    let mean = usable.iter().sum::<f64>() / usable.len().max(1) as f64;
    println!("mask: {} of {} originals have a usable mask, mean area share {mean:.3}", usable.len(), rows.len());
    for verdict in Verdict::ALL.into_iter().filter(|verdict| *verdict != Verdict::Ok) {
        let ids: Vec<_> = rows.iter().filter(|row| row.verdict == verdict.name()).map(|row| &*row.original).collect();
        if !ids.is_empty() {
            let more = if ids.len() > NAMED { format!(" and {} more", ids.len() - NAMED) } else { String::new() };
            let named = ids[..ids.len().min(NAMED)].join(", ");
            println!("mask: {} {}: {named}{more}", ids.len(), verdict.name());
        }
    }
}

#[cfg(test)]
mod tests;
