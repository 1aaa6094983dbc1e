//! `miqa-offline select`: folders of pictures → `sources.parquet`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::work::needs;
use super::{CommandError, WorkFolder};
use crate::quality::combine::{RankedOriginal, combine, rank_listed};
use crate::quality::read_quality;
use crate::recipe::Orientation;
use crate::source::{
    Original, Selection, SelectionList, SourceError, coco_folder, imagenet_folder, labelled_folder, plain_folder,
    read_exclusions, read_sources, write_sources, write_sources_in,
};

/// How many pictures that are left out are named one by one.
const PRINTED: usize = 20;

/// How many ids of a list are named when they are not among the pictures.
const NAMED: usize = 5;

/// Originals in a shard unless said otherwise: a worker keeps the rows of a shard in memory, 250 an original.
const ORIGINALS_A_SHARD: usize = 256;

/// Arguments of `select`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    work: WorkFolder,
    /// Folder of undistorted pictures (JPEG, PNG); with --top alone, the originals selected before
    #[arg(long, value_name = "DIR", required_unless_present = "top")]
    images: Option<PathBuf>,
    /// CSV list with the columns `file` and `class_index` (ImageNet-1k order); without a list classes are unknown
    #[arg(long, value_name = "FILE", conflicts_with_all = ["coco", "imagenet"], requires = "images")]
    labels: Option<PathBuf>,
    /// COCO annotation file that lists the pictures and their licences; classes are unknown
    #[arg(long, value_name = "FILE", conflicts_with = "imagenet", requires = "images")]
    coco: Option<PathBuf>,
    /// The folder is ImageNet's validation set: a folder a class (n01440764/…), or flat with --ground-truth
    #[arg(long, requires = "images")]
    imagenet: bool,
    /// Classes of a flat ImageNet folder: `NAME CLASS` lines, a WordNet id a line, or LOC_val_solution.csv
    #[arg(long, value_name = "FILE", requires = "imagenet")]
    ground_truth: Option<PathBuf>,
    /// Keep only pictures in this list: the authors' CSV (`Image Name,Category,Quality Score`) or `NAME SCORE` lines
    #[arg(long, value_name = "FILE")]
    selection: Option<PathBuf>,
    /// Leave out the pictures in this list, a file name a line; may be given several times
    #[arg(long, value_name = "FILE")]
    exclude: Vec<PathBuf>,
    /// Keep the best K of each class: by the scores of --selection, else by those of `quality`
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u32).range(1..))]
    top: Option<u32>,
    /// Licence of the pictures, kept with each
    #[arg(long, default_value = "not stated")]
    licence: String,
    /// Recipe that says whether EXIF orientation counts: miqd (the default), imagenet-c or a TOML file
    #[arg(long, value_name = "RECIPE")]
    recipe: Option<String>,
    /// Add to the originals already selected instead of replacing them
    #[arg(long, conflicts_with = "top")]
    append: bool,
    /// Parts that workers of `rank` and `generate` take one by one; kept in the sources table; without it one for 256
    /// originals
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    shards: Option<u32>,
    /// Pictures or rows that may be broken before the run counts as failed
    #[arg(long, default_value_t = 100, value_name = "N")]
    max_errors: usize,
}

/// What `selection.json` says of a choice by quality.
#[derive(Serialize)]
struct Choice<'a> {
    /// The list of scores, or `quality.parquet`.
    scores: String,
    /// Models with a fingerprint of file and rules; empty for a list.
    models: BTreeSet<String>,
    /// How many of each class.
    top: u32,
    /// Originals that were to choose from.
    candidates: usize,
    /// Those that stay, by class, best first.
    chosen: Vec<&'a RankedOriginal>,
}

/// Runs `select`.
///
/// # Errors
/// 2: a list lacks a column, the recipe makes no sense, or `quality` has not run; 65: nothing usable, two pictures of one id, or too
/// many broken ones.
pub fn run(args: &Args) -> Result<(), CommandError> {
    let recipe = args.work.recipe(args.recipe.as_deref())?;
    let list = args.selection.as_deref().map(SelectionList::read).transpose().map_err(classify)?;
    let mut excluded = BTreeSet::new();
    for path in &args.exclude {
        excluded.extend(read_exclusions(path).map_err(classify)?);
    }
    let mut found = match &args.images {
        Some(folder) => {
            if !folder.is_dir() {
                let folder = folder.display();
                return Err(CommandError::usage(format!(
                    "--images {folder}: there is no such folder; name the one with the pictures"
                )));
            }
            let wanted =
                |id: &str| !excluded.contains(id) && list.as_ref().is_none_or(|list| list.listed.contains_key(id));
            listed(args, folder, recipe.orientation(), &wanted)?
        }
        None => all_originals(&args.work)?,
    };
    let before = found.len();
    found.retain(|original| !excluded.contains(&original.id));
    if before > found.len() {
        println!("select: {} pictures left out by --exclude", before - found.len());
    }
    if let Some(list) = &list {
        say_absent(list, &list.keep(&mut found));
    }
    if found.is_empty() {
        let folder = args.images.as_deref().unwrap_or(&args.work.work).display();
        return Err(CommandError::data(format!(
            "{folder} gave no picture: it needs JPEG or PNG files, or a list of them"
        )));
    }
    let count = found.len();
    let originals = if args.append && args.work.sources().exists() {
        merge(args.work.originals()?, found)
    } else if let Some(top) = args.top {
        best(args, list.as_ref(), &found, top)?
    } else {
        found
    };
    let shards = args.shards.unwrap_or_else(|| originals.len().div_ceil(ORIGINALS_A_SHARD) as u32);
    if shards as usize > originals.len() {
        let count = originals.len();
        return Err(CommandError::usage(format!(
            "--shards {shards}: there are {count} originals, and a shard has one at least"
        )));
    }
    write_sources_in(&args.work.sources(), &originals, shards).map_err(CommandError::data)?;
    if args.top.is_none() {
        // The candidates of an earlier choice are no longer those of this table.
        remove(&candidates(&args.work))?;
    }
    if args.recipe.is_some() {
        args.work.keep_recipe(&recipe)?;
    }
    let known = originals.iter().filter(|original| original.class >= 0).count();
    println!(
        "select: {count} originals from {}; {} in all, {known} of known class",
        args.images.as_deref().unwrap_or(&args.work.work).display(),
        originals.len()
    );
    Ok(())
}

/// The originals of a folder. Only the ImageNet form can leave pictures out before they are decoded.
fn listed(
    args: &Args,
    folder: &Path,
    orientation: Orientation,
    wanted: &dyn Fn(&str) -> bool,
) -> Result<Vec<Original>, CommandError> {
    let selection = match (&args.labels, &args.coco) {
        _ if args.imagenet => imagenet_folder(folder, args.ground_truth.as_deref(), &args.licence, orientation, wanted),
        (Some(labels), _) => labelled_folder(folder, labels, &args.licence, orientation),
        (None, Some(coco)) => coco_folder(folder, coco, orientation),
        (None, None) => plain_folder(folder, &args.licence, orientation),
    };
    let Selection { originals, rejected } = selection.map_err(classify)?;
    for rejected in rejected.iter().take(PRINTED) {
        eprintln!("select: left out {}: {}", rejected.place, rejected.error);
    }
    if rejected.len() > PRINTED {
        eprintln!("select: … and {} more, {} in all", rejected.len() - PRINTED, rejected.len());
    }
    if rejected.len() > args.max_errors {
        let broken = rejected.len();
        let reason = format!("select: {broken} entries are broken, {} are tolerated (--max-errors)", args.max_errors);
        return Err(CommandError::data(reason));
    }
    Ok(originals)
}

/// Where the originals lie of which the best were chosen.
fn candidates(work: &WorkFolder) -> PathBuf {
    work.work.join("candidates.parquet")
}

/// The originals that can be chosen from: those before a choice by quality, if there was one.
pub(super) fn all_originals(work: &WorkFolder) -> Result<Vec<Original>, CommandError> {
    let candidates = candidates(work);
    if candidates.exists() { read_sources(&candidates).map_err(CommandError::data) } else { work.originals() }
}

/// The best of each class, in the order of the table; keeps the candidates and says why in `selection.json`.
fn best(
    args: &Args,
    list: Option<&SelectionList>,
    originals: &[Original],
    top: u32,
) -> Result<Vec<Original>, CommandError> {
    let table = args.work.work.join("quality.parquet");
    let (ranked, scores, models) = match list {
        Some(list) => {
            let ranked = rank_listed(originals, |id| list.listed.get(id).map(|listed| listed.score));
            (ranked, list.path().display().to_string(), BTreeSet::new())
        }
        None => {
            needs(&table, "quality")?;
            let rows = read_quality(&table).map_err(CommandError::data)?;
            // `quality` named those that it left out; they can't be chosen.
            let scored: BTreeSet<&str> = rows.iter().map(|row| row.original.as_str()).collect();
            let usable: Vec<Original> = originals.iter().filter(|o| scored.contains(o.id.as_str())).cloned().collect();
            if usable.len() < originals.len() {
                println!("select: {} originals have no quality score", originals.len() - usable.len());
            }
            let ranked = combine(&usable, &rows).map_err(CommandError::usage)?;
            (ranked, "quality.parquet".to_owned(), rows.into_iter().map(|row| row.fingerprint).collect())
        }
    };
    let chosen: Vec<&RankedOriginal> = ranked.iter().filter(|ranked| ranked.rank <= top as usize).collect();
    let ids: BTreeSet<&str> = chosen.iter().map(|ranked| ranked.original.as_str()).collect();
    let classes: BTreeSet<i32> = chosen.iter().map(|ranked| ranked.class).collect();
    println!("select: the best {top} of each of {} classes: {} of {}", classes.len(), ids.len(), originals.len());
    let kept = originals.iter().filter(|original| ids.contains(original.id.as_str())).cloned().collect();
    write_sources(&candidates(&args.work), originals).map_err(CommandError::data)?;
    let choice = Choice { scores, models, top, candidates: originals.len(), chosen };
    let json = serde_json::to_string_pretty(&choice).map_err(CommandError::unexpected)? + "\n";
    let path = args.work.work.join("selection.json");
    std::fs::write(&path, json)
        .map_err(|e| CommandError::unexpected(format!("can't write {}: {e}", path.display())))?;
    Ok(kept)
}

fn say_absent(list: &SelectionList, absent: &[String]) {
    if !absent.is_empty() {
        let more = if absent.len() > NAMED { ", …" } else { "" };
        let named = absent.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
        println!("select: {} of {} listed pictures are not there: {named}{more}", absent.len(), list.listed.len());
    }
}

fn remove(path: &Path) -> Result<(), CommandError> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(CommandError::unexpected(format!("can't remove {}: {error}", path.display())))
        }
        _ => Ok(()),
    }
}

fn classify(error: SourceError) -> CommandError {
    match error {
        SourceError::List { .. } => CommandError::usage(error),
        other => CommandError::data(other),
    }
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

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]
mod tests {
    use clap::Parser;
    use image::RgbImage;

    use super::*;
    use crate::command::quality;
    use crate::quality::scorer::tests::write_red_model;

    #[derive(Parser)]
    enum Line {
        Select(Args),
        Quality(quality::Args),
    }

    fn run(line: &[&str]) -> Result<(), CommandError> {
        match Line::try_parse_from(std::iter::once(&"test").chain(line)).map_err(CommandError::usage)? {
            Line::Select(args) => super::run(&args),
            Line::Quality(args) => quality::run(&args),
        }
    }

    fn ids(work: &Path) -> Vec<String> {
        read_sources(&work.join("sources.parquet")).unwrap().into_iter().map(|original| original.id).collect()
    }

    #[test]
    fn the_best_of_each_class_by_models_and_by_lists() {
        let (input, output) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let mut list = "file,class_index\n".to_owned();
        // Redder is better; the order of names says nothing.
        for (name, red, class) in [("a", 90, 0), ("b", 200, 0), ("c", 120, 0), ("d", 10, 1), ("e", 20, 1)] {
            let picture = RgbImage::from_pixel(20, 18, image::Rgb([red, 7, class]));
            picture.save(input.path().join(format!("{name}.png"))).unwrap();
            list += &format!("{name}.png,{class}\n");
        }
        let text = |name: &str, text: &str| {
            let path = input.path().join(name);
            std::fs::write(&path, text).unwrap();
            path.to_str().unwrap().to_owned()
        };
        let labels = text("labels.csv", &list);
        let (images, work) = (input.path().to_str().unwrap(), output.path().to_str().unwrap());
        let (red, again) = (
            write_red_model(input.path(), "red", 3, "").to_str().unwrap().to_owned(),
            write_red_model(input.path(), "again", 2, "").to_str().unwrap().to_owned(),
        );
        let select = ["select", "--work", work, "--images", images, "--labels", &labels];
        assert_eq!(run(&["select", "--work", work, "--top", "2"]).unwrap_err().code(), 2);
        run(&select).unwrap();
        assert!(
            run(&["select", "--work", work, "--top", "2"]).unwrap_err().to_string().contains("miqa-offline quality")
        );
        run(&["quality", "--work", work, "--model", &red, "--model", &again]).unwrap();
        assert_eq!(run(&["quality", "--work", work, "--model", &red, "--model", &red]).unwrap_err().code(), 2);
        run(&["select", "--work", work, "--top", "2"]).unwrap();
        assert_eq!(ids(output.path()), ["b", "c", "d", "e"]);
        // Choosing again starts from all candidates, and so does scoring.
        run(&["quality", "--work", work, "--model", &red]).unwrap();
        run(&["select", "--work", work, "--top", "1"]).unwrap();
        assert_eq!(ids(output.path()), ["b", "e"]);
        let json: serde_json::Value =
            serde_json::from_slice(&std::fs::read(output.path().join("selection.json")).unwrap()).unwrap();
        assert_eq!((&json["candidates"], &json["chosen"][0]["original"]), (&5.into(), &"b".into()));
        assert!((json["chosen"][0]["scores"]["red"].as_f64().unwrap() - 200.0 / 255.0).abs() < 1e-6);
        assert!(json["models"][0].as_str().unwrap().starts_with("red-"));
        run(&["select", "--work", work, "--top", "9"]).unwrap();
        assert_eq!(ids(output.path()).len(), 5);

        let csv = text(
            "top.csv",
            "Image Name,Category,Quality Score\na.png,0,0.9\nc.png,0,0.95\ne.png,1,0.5\ngone.png,1,1\n",
        );
        let with = |more: &[&str]| run(&[&select[..], more].concat());
        with(&["--selection", &csv]).unwrap();
        assert_eq!(ids(output.path()), ["a", "c", "e"]);
        assert!(!output.path().join("candidates.parquet").exists());
        with(&["--selection", &csv, "--top", "1"]).unwrap();
        assert_eq!(ids(output.path()), ["c", "e"]);
        let grey = text("coco_gray.txt", "grey pictures\nc.png\nb.png\n");
        with(&["--exclude", &grey]).unwrap();
        assert_eq!(ids(output.path()), ["a", "d", "e"]);
        let all = text("all.txt", "a\nb\nc\nd\ne\n");
        assert_eq!(with(&["--exclude", &all]).unwrap_err().code(), 65);
        let broken = text("broken.csv", "Image Name,Category\n");
        assert_eq!(with(&["--selection", &broken]).unwrap_err().code(), 2);
    }
}
