//! Every source of masks, whole and by shard.
#![expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]

use clap::Parser;
use image::RgbImage;

use super::*;
use crate::command::{plan, select};
use crate::mask::model_tests::{overlap, red_disk, tiny_models, write_tiny_model};
use crate::mask::{Mask, read_masks};
use crate::source::write_sources;

#[derive(Parser)]
struct Line<A: clap::Args> {
    #[command(flatten)]
    args: A,
}

fn parsed<A: clap::Args>(line: &[&str]) -> A {
    Line::try_parse_from(std::iter::once(&"test").chain(line)).map_err(|e| e.to_string()).unwrap().args
}

fn run_mask(work: &Path, rest: &[&str]) -> Result<Args, CommandError> {
    let line = ["mask", "--threads", "2", "--work", work.to_str().unwrap(), "--masks"];
    let args = Line::<Args>::try_parse_from(line.iter().chain(rest)).map_err(CommandError::usage)?.args;
    run(&args)?;
    Ok(args)
}

fn mask(work: &Path, rest: &[&str]) -> Result<Vec<MaskRow>, CommandError> {
    Ok(read_masks(&run_mask(work, rest)?.work.masks()).unwrap())
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

/// Every file below a folder with its bytes.
fn files(folder: &Path) -> std::collections::BTreeMap<PathBuf, Vec<u8>> {
    let mut found = std::collections::BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() {
            found.extend(files(&entry));
        } else {
            found.insert(entry.strip_prefix(folder).unwrap().to_owned(), std::fs::read(&entry).unwrap());
        }
    }
    found
}

#[test]
fn seven_shards_joined_are_one_run_to_the_byte() {
    let place = tempfile::tempdir().unwrap();
    let (pictures, masks) = (place.path().join("pictures"), place.path().join("masks"));
    std::fs::create_dir_all(&pictures).unwrap();
    // Listed against the order of ids: two classes whose members lie in several shards.
    let mut list = "file,class_index\n".to_owned();
    for i in (0..9_u32).rev() {
        let (picture, disk) = red_disk(90 + 4 * i, 80, (40 + i64::from(i), 40), 24);
        picture.save(pictures.join(format!("d{i}.png"))).unwrap();
        list += &format!("d{i}.png,{}\n", i % 2);
        let mask = if i == 4 { Mask::from_fn(90 + 4 * i, 80, |_, _| false) } else { disk };
        mask.write(&masks.join(format!("d{i}_binary_mask.png"))).unwrap();
    }
    std::fs::write(pictures.join("labels.csv"), list).unwrap();
    write_tiny_model(place.path());
    std::fs::write(place.path().join("models.toml"), tiny_models()).unwrap();
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    let folder = format!("folder:{}", masks.display());
    let (zoo, models) = (text(place.path()), text(&place.path().join("models.toml")));
    for line in [vec![folder.as_str()], vec!["cosegment", "--zoo-dir", &zoo, "--mask-models", &models]] {
        let run = |shards: u32, order: &[Option<u32>]| {
            let work = tempfile::tempdir().unwrap();
            let (images, labels) = (text(&pictures), text(&pictures.join("labels.csv")));
            let count = shards.to_string();
            let select = ["--work", &text(work.path()), "--images", &images, "--labels", &labels, "--shards", &count];
            select::run(&parsed::<select::Args>(&select)).unwrap();
            for (at, shard) in order.iter().enumerate() {
                let shard = shard.map(|shard| shard.to_string());
                let of = shard.as_ref().map(|shard| vec!["--shard", shard.as_str(), "--shards", &count]);
                let all: Vec<&str> = line.iter().copied().chain(of.unwrap_or_default()).collect();
                run_mask(work.path(), &all).unwrap();
                if at + 1 < order.len() {
                    assert!(!work.path().join("masks.parquet").exists());
                    let refused = plan::run(&parsed(&["--work", &text(work.path())])).unwrap_err().to_string();
                    assert!(refused.contains("mask --shard"), "{refused}");
                }
            }
            let table = std::fs::read(work.path().join("masks.parquet")).unwrap();
            (table, files(&work.path().join("masks")))
        };
        let whole = run(1, &[None]);
        assert_eq!(whole.1.len(), 9);
        assert!(whole == run(1, &[Some(0)]), "one shard");
        let order: Vec<Option<u32>> = [3, 0, 6, 5, 1, 4, 2].into_iter().map(Some).collect();
        assert!(whole == run(7, &order), "seven shards");
    }
}
