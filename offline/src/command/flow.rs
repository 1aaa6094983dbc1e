//! The steps one after another on a few small pictures, as the command line runs them.
#![expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]

use std::path::Path;

use clap::Parser;
use image::RgbImage;

use super::{CommandError, WorkFolder, degrade, label, mmos, rank, select, split};
use crate::label::answers::table_of;
use crate::label::labelled::Labelled;
use crate::label::predictions::PredictionRow;
use crate::label::stage::by_model;
use crate::label::weights::Alpha;
use crate::label::zoo::{Task, Zoo, ZooModel};
use crate::label::{LabelRow, read_labels};
use crate::rank::read_rank;
use crate::sample::{Sample, SampleSource};
use crate::source::read_split;

#[derive(Parser)]
struct Line<A: clap::Args> {
    #[command(flatten)]
    args: A,
}

pub(super) fn args<A: clap::Args>(line: &[&str]) -> A {
    let line = std::iter::once(&"miqa-offline").chain(line);
    Line::<A>::try_parse_from(line).map(|line| line.args).map_err(|e| e.to_string()).unwrap()
}

/// Three pictures of known class, one broken file and one missing, and a list of them.
fn pictures(folder: &Path) {
    let mut list = "file,class_index\n".to_owned();
    for i in 0..3_u32 {
        let picture =
            RgbImage::from_fn(40 + i, 30, |x, y| image::Rgb([(x * 6) as u8, (y * 8) as u8, ((x + i) * y % 256) as u8]));
        picture.save(folder.join(format!("p{i}.png"))).unwrap();
        list += &format!("p{i}.png,{i}\n");
    }
    std::fs::write(folder.join("broken.png"), b"\x89PNG\r\n").unwrap();
    list += "broken.png,4\ngone.png,5\n";
    std::fs::write(folder.join("labels.csv"), list).unwrap();
}

/// Each model answers the class up to a level of its own, the worse one where there are two, then class 999.
fn predictions(zoo: &Zoo, source: &SampleSource) -> Vec<PredictionRow> {
    let mut all = Vec::new();
    for planned in source.all() {
        let planned = planned.unwrap();
        let original = planned.original.clone();
        for sample in Sample::of(planned) {
            let level = match &sample {
                Sample::Clean => 0,
                Sample::Variant(variant) => variant.pair.roi.max(variant.pair.background),
            };
            for (i, model) in zoo.models.iter().enumerate() {
                let class = if usize::from(level) <= i % 5 { original.class } else { 999 };
                all.push(PredictionRow {
                    model: model.name.clone(),
                    sample: sample.id(&original.id),
                    psnr: sample.psnr().is_none().then_some(21.0),
                    classes: vec![class as u16, 0, 0, 0, 0],
                    scores: vec![0.9, 0.0, 0.0, 0.0, 0.0],
                    boxes: Vec::new(),
                    masks: None,
                });
            }
        }
    }
    all
}

#[test]
fn from_pictures_to_labels_and_folds() {
    let (input, output) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    pictures(input.path());
    let (images, work) = (input.path().to_str().unwrap(), output.path().to_str().unwrap());
    let folder = WorkFolder { work: output.path().to_owned() };
    let labels = format!("{images}/labels.csv");

    select::run(&args(&["--work", work, "--images", images, "--labels", &labels, "--licence", "CC0-1.0"])).unwrap();
    // The same pictures again, without classes: the same pixels under the same id are not added twice.
    select::run(&args(&["--work", work, "--images", images, "--append"])).unwrap();
    let originals = folder.originals().unwrap();
    assert_eq!(originals.len(), 3);
    select::run(&args(&["--work", work, "--images", images, "--labels", &labels])).unwrap();

    rank::run(&args(&["--work", work, "--threads", "2"])).unwrap();
    let ranks = read_rank(&folder.rank()).unwrap();
    rank::run(&args(&["--work", work])).unwrap();
    assert_eq!(read_rank(&folder.rank()).unwrap(), ranks);

    let recipe = folder.recipe(None).unwrap();
    assert_eq!(&recipe, crate::recipe::Recipe::miqd());
    let kinds = recipe.names().len();
    assert_eq!(ranks.len(), 3 * kinds * 12);
    assert_eq!(ranks.iter().filter(|row| row.level.is_some()).count(), 3 * kinds * 5);
    let zoo = Zoo::read(&[]).unwrap();
    let source = folder.samples(None).unwrap();
    for (model, rows) in by_model(&zoo, predictions(&zoo, &source)) {
        crate::table::write(&table_of(&folder.predictions(), &model), &rows).unwrap();
    }
    let csv = output.path().join("csv");
    let line = ["--work", work, "--without-family", "efficientnet_lite", "--csv", csv.to_str().unwrap()];
    mmos::run(&args(&line)).unwrap();
    let text = std::fs::read_to_string(csv.join("classification/p1_mmos.csv")).unwrap();
    let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split(',').collect()).collect();
    assert!(lines.len() == 2 + 5 * kinds && lines.iter().all(|line| line.len() == 4 + 2 * 9), "{text}");
    assert_eq!(lines[1][..5], ["p1", "1", "1", "1", "1"]);
    let rows = read_labels(&folder.labels()).unwrap();
    assert_eq!(rows.len(), 3 * (1 + 5 * kinds));
    for row in &rows {
        let agreeing = |zoo: &Zoo| -> f64 {
            let models: Vec<&ZooModel> = zoo.models.iter().collect();
            let weights = Alpha::Performance.weights(&models).unwrap().into_iter().enumerate();
            weights.filter_map(|(i, weight)| (usize::from(row.level) <= i % 5).then_some(weight)).sum()
        };
        assert!((f64::from(row.consistency) - agreeing(&zoo)).abs() < 1e-6, "{row:?}");
        assert_eq!(row.accuracy, Some(row.consistency));
    }
    assert_eq!(
        read_labels(&folder.labels_of(Task::Classification, Some("efficientnet_lite"))).unwrap().len(),
        3 * (1 + 5 * kinds)
    );
    let summary: serde_json::Value = serde_json::from_slice(&std::fs::read(folder.labels_summary()).unwrap()).unwrap();
    assert_eq!(summary["labels"]["models"].as_array().unwrap().len(), 9);
    assert_eq!(summary["labels"]["models"][0]["clean_accuracy"], 1.0);
    assert!(summary["labels"]["ceiling"]["composite"]["srcc"].as_f64().unwrap() > 0.5);
    assert_eq!(summary["labels-without-efficientnet_lite"]["models"].as_array().unwrap().len(), 5);

    split::run(&args(&["--work", work])).unwrap();
    assert_eq!(read_split(&folder.split()).unwrap().len(), 3);
    // The table names the pictures: rendering them again gives their PSNRs.
    let labelled = Labelled::read(output.path(), Task::Classification, None).unwrap();
    for (original, range) in labelled.originals.of_rows(&labelled.rows).unwrap() {
        let rows = &labelled.rows[range];
        let mut rendering = labelled.originals.rendering(&original.id, rows.iter().map(LabelRow::picture)).unwrap();
        for row in rows {
            let again = row.picture().picture(&mut rendering).unwrap();
            assert_eq!(crate::rank::psnr(rendering.original(), &again), Some(row.psnr), "{row:?}");
        }
    }
}

#[test]
fn failures_have_their_code_and_name_the_next_step() {
    let (input, output) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    pictures(input.path());
    let (images, work) = (input.path().to_str().unwrap(), output.path().to_str().unwrap());
    let labels = format!("{images}/labels.csv");
    let p0 = format!("{images}/p0.png");
    let broken = format!("{images}/broken.png");
    let fails = |result: Result<(), CommandError>, code: u8, part: &str| {
        let error = result.unwrap_err();
        let text = error.to_string();
        assert!(error.code() == code && text.contains(part) && !text.contains('\n'), "{} {text}", error.code());
    };
    fails(rank::run(&args(&["--work", work])), 2, "miqa-offline select");
    fails(select::run(&args(&["--work", work, "--images", "/nowhere"])), 2, "/nowhere");
    let select_args = ["--work", work, "--images", images, "--labels", &labels];
    fails(select::run(&args(&[&select_args[..], &["--max-errors", "1"]].concat())), 65, "--max-errors");
    select::run(&args(&select_args)).unwrap();
    fails(label::run(&args(&["--work", work, "--zoo-dir", images])), 2, "miqa-offline rank");
    fails(label::run(&args(&["--work", work, "--zoo-dir", images, "--zoo", &labels])), 2, "labels.csv");
    fails(mmos::run(&args(&["--work", work, "--without-family", "vgg"])), 2, "`vgg`");
    rank::run(&args(&["--work", work])).unwrap();
    fails(mmos::run(&args(&["--work", work])), 2, "miqa-offline label");
    fails(degrade::run(&args(&["--distortion", "haze", "--row", "1", &p0])), 2, "`haze`");
    fails(degrade::run(&args(&["--distortion", "fog", "--row", "1", "--out", work, &broken])), 65, "broken.png");
    degrade::run(&args(&["--distortion", "fog", "--level", "5", "--out", work, &p0])).unwrap();
    assert_eq!(image::open(output.path().join("p0_fog_5.png")).unwrap().width(), 40);
}
