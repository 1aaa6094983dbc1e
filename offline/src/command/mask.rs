//! `miqa-offline mask`: the region of interest of every original → `masks/` and `masks.parquet`.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use miqa::engine::{Device, Runtime};

use super::progress::{bar, report};
use super::rank::{threads, tick};
use super::{CommandError, WorkFolder, stop_flag};
use crate::mask::co_segmentation::CoSegmenter;
use crate::mask::coco::{CocoChoice, CocoMasks, principal_categories};
use crate::mask::folder::FolderMasks;
use crate::mask::groups::{Group, groups};
use crate::mask::models::{DescriptorModel, MaskModels};
use crate::mask::saliency::SaliencyMasks;
use crate::mask::{MaskChoice, MaskError, MaskRow, OriginalMasks, Verdict};
use crate::parts::{Outcome, Parts, PartsError};
use crate::source::Original;
use crate::source::coco::CocoAnnotations;
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
/// 2: no sources, or the source of masks is not usable; 65: too many originals failed; 75: stopped by a signal.
pub fn run(args: &Args) -> Result<(), CommandError> {
    let originals = args.work.originals()?;
    let coco_only = args.category.is_some() || args.crowd;
    if coco_only && !matches!(args.masks, MaskChoice::Coco(_)) {
        return Err(CommandError::usage("--category and --crowd choose among COCO instances: they need coco:FILE"));
    }
    if args.categories.is_some() && args.masks != MaskChoice::CoSegmentation {
        return Err(CommandError::usage("--categories groups originals to be segmented together: it needs cosegment"));
    }
    let models = || MaskModels::read(args.mask_models.as_deref());
    let rows = match &args.masks {
        MaskChoice::Folder(folder) => {
            let masks = FolderMasks::open(folder).map_err(CommandError::usage)?;
            let version = masks.fingerprint().map_err(CommandError::usage)?;
            by_original(args, &originals, &version, || Ok(masks.clone()))?
        }
        MaskChoice::Coco(file) => {
            let choice = CocoChoice { category: args.category.clone(), crowd: args.crowd };
            let masks = CocoMasks::open(file, &choice).map_err(CommandError::usage)?;
            let version = masks.fingerprint(&choice).map_err(CommandError::usage)?;
            by_original(args, &originals, &version, || Ok(masks.clone()))?
        }
        MaskChoice::Saliency => {
            let models = models().map_err(CommandError::usage)?;
            let model = models.saliency().map_err(CommandError::usage)?;
            let runtime = Runtime::open(Device::Cpu).map_err(CommandError::usage)?;
            let open = || SaliencyMasks::open(&runtime, model, &args.zoo_dirs);
            by_original(args, &originals, &SaliencyMasks::fingerprint(model), open)?
        }
        MaskChoice::CoSegmentation => {
            let models = models().map_err(CommandError::usage)?;
            by_group(args, &originals, models.co_segmentation().map_err(CommandError::usage)?)?
        }
    };
    summarise(&rows);
    table::write(&args.work.masks(), &rows).map_err(CommandError::unexpected)
}

/// The masks of a source that works an original at a time.
fn by_original<M: OriginalMasks>(
    args: &Args,
    originals: &[Original],
    version: &str,
    open: impl Fn() -> Result<M, MaskError> + Sync,
) -> Result<Vec<MaskRow>, CommandError> {
    let source = format!("{}-{version}", args.masks.name());
    let parts = Parts::new(args.work.parts("mask", &source), originals);
    let work = |masks: &mut M, original: &Original| {
        let mask = masks.mask(original)?;
        Ok(vec![MaskRow::record(&args.work.work, original, &source, mask.as_ref())?])
    };
    let outcome = make(args, &parts, originals.len(), open, work)?;
    report("mask", &outcome, args.max_errors)?;
    kept(&args.work.work, parts.join().map_err(CommandError::data)?, parts.folder())
}

/// The masks of originals that are segmented together.
fn by_group(args: &Args, originals: &[Original], model: &DescriptorModel) -> Result<Vec<MaskRow>, CommandError> {
    let categories = match &args.categories {
        Some(file) => principal_categories(&CocoAnnotations::read(file).map_err(CommandError::usage)?),
        None => HashMap::new(),
    };
    let groups = groups(originals, &categories, model.group);
    let source = format!("{}-{}", args.masks.name(), CoSegmenter::fingerprint(model));
    let runtime = Runtime::open(Device::Cpu).map_err(CommandError::usage)?;
    let parts = Parts::new(args.work.parts("mask", &source), &groups);
    let broken: Mutex<Vec<(String, MaskError)>> = Mutex::new(Vec::new());
    let work = |model: &mut CoSegmenter, group: &Group| {
        let mut rows = Vec::new();
        for (original, mask) in group.originals.iter().zip(model.masks(&group.originals, &group.key)) {
            match mask {
                Ok(mask) => rows.push(MaskRow::record(&args.work.work, original, &source, Some(&mask))?),
                Err(error) => {
                    let mut broken = broken.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                    broken.push((original.id.clone(), error));
                }
            }
        }
        Ok(rows)
    };
    let open = || CoSegmenter::open(&runtime, model, &args.zoo_dirs);
    let outcome = make(args, &parts, groups.len(), open, work)?;
    let alone = groups.iter().filter(|group| group.originals.len() == 1).count();
    println!("mask: {} groups, {alone} of them of one original", groups.len());
    let rows: Vec<MaskRow> = parts.join().map_err(CommandError::data)?;
    let rows = in_order(originals, kept(&args.work.work, rows, parts.folder())?);
    // From groups to originals: what failed is named, whether it was in this run or in an earlier one.
    let mut failed = broken.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    failed.extend(outcome.failed);
    failed.sort_by(|a, b| a.0.cmp(&b.0));
    let done = rows.len();
    let outcome = Outcome { done, kept: 0, failed, stopped: outcome.stopped };
    report("mask", &outcome, args.max_errors)?;
    let without = originals.len() - done;
    if without > args.max_errors {
        return Err(CommandError::data(format!("mask: {without} originals have no row; see above, or an earlier run")));
    }
    Ok(rows)
}

/// Makes the parts that are missing.
fn make<P: crate::parts::Piece, M>(
    args: &Args,
    parts: &Parts<P>,
    count: usize,
    open: impl Fn() -> Result<M, MaskError> + Sync,
    work: impl Fn(&mut M, &P) -> Result<Vec<MaskRow>, MaskError> + Sync,
) -> Result<Outcome<MaskError>, CommandError> {
    let stop = stop_flag()?;
    let bar = bar(count, "mask");
    let outcome = parts.make(threads(args.threads), &stop, |progress| tick(&bar, progress.kept), open, work);
    bar.finish_and_clear();
    outcome.map_err(|error| match error {
        PartsError::Start(error @ (MaskError::File(_) | MaskError::Run { .. } | MaskError::Graph(_))) => {
            CommandError::usage(error)
        }
        other => CommandError::unexpected(other),
    })
}

/// The rows, if the masks that they name still lie there.
fn kept(work: &Path, rows: Vec<MaskRow>, parts: &Path) -> Result<Vec<MaskRow>, CommandError> {
    match rows.iter().find(|row| !row.path.is_empty() && !work.join(&row.path).is_file()) {
        None => Ok(rows),
        Some(row) => Err(CommandError::data(format!(
            "mask: {} was made by an earlier run and is gone: remove {} and run the command again",
            row.path,
            parts.display()
        ))),
    }
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
#[expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]
mod tests {
    use clap::Parser;
    use image::RgbImage;

    use super::*;
    use crate::mask::model_tests::{overlap, red_disk, tiny_models, write_tiny_model};
    use crate::mask::{Mask, read_masks};
    use crate::source::write_sources;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    fn mask(work: &Path, rest: &[&str]) -> Result<Vec<MaskRow>, CommandError> {
        let line = ["mask", "--threads", "2", "--work", work.to_str().unwrap(), "--masks"];
        let args = Line::try_parse_from(line.iter().chain(rest)).map_err(CommandError::usage)?.args;
        run(&args)?;
        Ok(read_masks(&args.work.masks()).unwrap())
    }

    /// A work folder with four disks: two of class 1, two of unknown class.
    fn disks(work: &Path) -> Vec<(Original, Mask)> {
        std::fs::create_dir_all(work.join("in")).unwrap();
        let all: Vec<(Original, Mask)> = (0..4_u32)
            .map(|i| {
                let (picture, disk) = red_disk(120 + 10 * i, 100, (50 + 5 * i64::from(i), 50), 30);
                let path = work.join(format!("in/d{i}.png"));
                picture.save(&path).unwrap();
                (Original::describe(&path, if i < 2 { 1 } else { -1 }, "CC0-1.0").unwrap(), disk)
            })
            .collect();
        let originals: Vec<Original> = all.iter().map(|(original, _)| original.clone()).collect();
        write_sources(&work.join("sources.parquet"), &originals).unwrap();
        all
    }

    fn verdicts(rows: &[MaskRow]) -> Vec<&str> {
        rows.iter().map(|row| row.verdict.as_str()).collect()
    }

    #[test]
    fn a_folder_of_masks_with_every_verdict_and_a_wrong_size() {
        let work = tempfile::tempdir().unwrap();
        let disks = disks(work.path());
        let folder = work.path().join("archive");
        let choice = format!("folder:{}", folder.display());
        let put = |i: usize, mask: &Mask| mask.write(&folder.join(format!("d{i}_binary_mask.png"))).unwrap();
        put(0, &disks[0].1);
        put(1, &Mask::from_fn(130, 100, |_, _| false));
        put(2, &Mask::from_fn(140, 100, |_, _| true));
        let rows = mask(work.path(), &[&choice]).unwrap();
        assert_eq!(verdicts(&rows), ["ok", "empty", "full", "missing"]);
        assert!(rows[0].load(work.path()).unwrap() == disks[0].1);
        assert!((rows[0].area_share - disks[0].1.area_share()).abs() < 1e-12 && rows[0].source.starts_with("folder-"));

        put(3, &Mask::from_fn(100, 150, |x, _| x > 3));
        let refused = mask(work.path(), &[&choice, "--max-errors", "0"]).unwrap_err();
        assert_eq!(refused.code(), 65);
        assert_eq!(mask(work.path(), &[&choice]).unwrap().len(), 3);
    }

    #[test]
    fn models_by_original_and_by_category_go_on_where_they_stopped() {
        let work = tempfile::tempdir().unwrap();
        let disks = disks(work.path());
        write_tiny_model(work.path());
        let list = work.path().join("models.toml");
        std::fs::write(&list, tiny_models()).unwrap();
        let (folder, list) = (work.path().to_str().unwrap(), list.to_str().unwrap());
        for choice in ["saliency", "cosegment"] {
            let line = [choice, "--zoo-dir", folder, "--mask-models", list];
            let rows = mask(work.path(), &line).unwrap();
            assert_eq!(rows.iter().map(|row| row.original.as_str()).collect::<Vec<_>>(), ["d0", "d1", "d2", "d3"]);
            for (row, (_, disk)) in rows.iter().zip(&disks) {
                let share = overlap(&row.load(work.path()).unwrap(), disk);
                assert!(share > 0.8, "{choice} {}: {share}", row.original);
            }
            // What is done stays as it is, and what is gone is missed.
            let path = work.path().join(&rows[0].path);
            let before = std::fs::metadata(&path).unwrap().modified().unwrap();
            assert_eq!(mask(work.path(), &line).unwrap(), rows);
            assert_eq!(std::fs::metadata(&path).unwrap().modified().unwrap(), before);
            std::fs::remove_file(&path).unwrap();
            let text = mask(work.path(), &line).unwrap_err().to_string();
            assert!(text.contains("d0_binary_mask.png") && text.contains("is gone"), "{text}");
        }
    }

    #[test]
    fn a_broken_original_is_named_and_its_group_goes_on() {
        let work = tempfile::tempdir().unwrap();
        disks(work.path());
        write_tiny_model(work.path());
        std::fs::write(work.path().join("models.toml"), tiny_models()).unwrap();
        RgbImage::new(5, 5).save(work.path().join("in/d1.png")).unwrap();
        let (folder, list) = (work.path().to_str().unwrap(), work.path().join("models.toml"));
        let line = ["cosegment", "--zoo-dir", folder, "--mask-models", list.to_str().unwrap()];
        let ids: Vec<String> = mask(work.path(), &line).unwrap().into_iter().map(|row| row.original).collect();
        assert_eq!(ids, ["d0", "d2", "d3"]);
        // It still counts when its group was done by an earlier run.
        assert_eq!(mask(work.path(), &[&line[..], &["--max-errors", "0"]].concat()).unwrap_err().code(), 65);
    }

    #[test]
    fn wrong_arguments_are_refused() {
        let work = tempfile::tempdir().unwrap();
        let fails = |rest: &[&str], part: &str| {
            let error = mask(work.path(), rest).unwrap_err();
            assert!(error.code() == 2 && error.to_string().contains(part), "{error}");
        };
        fails(&["saliency"], "miqa-offline select");
        disks(work.path());
        fails(&["magic"], "cosegment");
        fails(&["saliency", "--crowd"], "coco:FILE");
        fails(&["saliency", "--categories", "x.json"], "cosegment");
        fails(&["folder:/nowhere"], "/nowhere");
        fails(&["coco:/nowhere.json"], "/nowhere.json");
        fails(&["saliency", "--zoo-dir", "/nowhere"], "saliency_vits14_224.onnx");
    }
}
