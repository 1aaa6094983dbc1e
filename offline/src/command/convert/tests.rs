#![expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]

use std::path::{Path, PathBuf};

use miqa::engine::{Card, Device, FormKind, Model, Runtime};
use miqa::preprocess::{View, from_rgb};
use sha2::{Digest, Sha256};

use super::super::flow::args;
use super::run;
use crate::command::CommandError;
use crate::export::Attention;
use crate::export::card::Golden;
use crate::export::convert::tests::small_model;
use crate::label::LabelRow;
use crate::plan::{PlannedOriginal, fixture};
use crate::recipe::Recipe;
use crate::sample::{PLAN_NOTE, Sample};
use crate::source::{SplitRow, TEST, TRAIN};
use crate::table;

/// A work folder with a plan of three originals, labels and folds, the last original being the test's.
fn work(folder: &Path) {
    let planned = fixture::planned_at(folder, 3, (70, 50));
    let id = fixture::write(&folder.join("plan.parquet"), Recipe::miqd(), &planned, 1).unwrap().id;
    let labels: Vec<LabelRow> = planned.iter().flat_map(labels).collect();
    table::write_noted(&folder.join("labels.parquet"), &labels, &[(PLAN_NOTE, id.0)]).unwrap();
    split(folder, &planned.iter().map(|p| p.original.id.as_str()).collect::<Vec<_>>(), 2);
}

fn split(folder: &Path, ids: &[&str], train: usize) {
    let fold = |i| if i < train { TRAIN } else { TEST };
    let rows: Vec<SplitRow> =
        ids.iter().enumerate().map(|(i, id)| SplitRow { original: (*id).into(), fold: fold(i).into() }).collect();
    table::write(&folder.join("split.parquet"), &rows).unwrap();
}

fn labels(planned: &PlannedOriginal) -> Vec<LabelRow> {
    let id = &planned.original.id;
    let row = |sample: &Sample| {
        let consistency = 1.0 - f32::from(sample.level()) / 6.0;
        LabelRow {
            sample: sample.id(id),
            original: id.clone(),
            distortion: sample.distortion().to_owned(),
            level: sample.level(),
            background_level: sample.background_level(),
            background_row: None,
            row: 0,
            psnr: 30.0,
            class: 1,
            consistency,
            accuracy: Some(consistency),
            composite: Some(consistency),
        }
    };
    Sample::of(planned.clone()).iter().map(row).collect()
}

/// A small model with its card and golden scores of two pictures, one of which is gone.
fn model(folder: &Path, picture: &Path) {
    let bytes = small_model(Attention::Plain).to_bytes();
    std::fs::create_dir_all(folder).unwrap();
    std::fs::write(folder.join("model.onnx"), &bytes).unwrap();
    let mut card = Card::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/edge")).unwrap();
    card.name = "small".to_owned();
    card.output.heads = vec!["cls_composite".to_owned(), "cls_consistency".to_owned()];
    card.output.distortions.truncate(3);
    card.file.sha256 = Sha256::digest(&bytes).iter().map(|b| format!("{b:02x}")).collect();
    card.file.bytes = bytes.len() as u64;
    std::fs::write(folder.join("card.toml"), toml::to_string_pretty(&card).unwrap()).unwrap();
    let entry =
        |file: &Path| serde_json::json!({ "file": file.display().to_string(), "scores": {}, "distortions": {} });
    let golden = serde_json::json!({ "tolerance": 0.001, "pictures": [entry(picture), entry(Path::new("gone.png"))] });
    std::fs::write(folder.join("golden.json"), golden.to_string()).unwrap();
}

#[test]
fn a_converted_folder_opens_scores_nearly_the_same_and_says_what_it_lost() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    work(folder.path());
    let picture = std::fs::canonicalize(folder.path()).unwrap().join("picture.00.png");
    model(&folder.path().join("small"), &picture);
    let base = ["--work", &path(""), "--plan", &path("plan.parquet"), "--model", &path("small")];
    let runtime = Runtime::open(Device::Cpu).unwrap();
    let view = from_rgb(&image::open(&picture).unwrap().to_rgb8(), View::Centre).unwrap();
    let before = Card::read(&folder.path().join("small")).unwrap();
    let expected = Model::open(&runtime, &before, 1).unwrap().score(std::slice::from_ref(&view)).unwrap().remove(0);
    for (form, kind, near) in [("int8", FormKind::Int8, 0.2), ("fp16", FormKind::Fp16, 0.01)] {
        let out = path(form);
        let more = ["--form", form, "--out", &out, "--calibrate", "4", "--judge", "12"];
        run(&args(&[&base[..], &more].concat())).unwrap();
        let card = Card::read(Path::new(&out)).unwrap();
        let scores = Model::open(&runtime, &card, 1).unwrap().score(std::slice::from_ref(&view)).unwrap().remove(0);
        for (a, b) in expected.heads.iter().zip(&scores.heads) {
            assert!((a - b).abs() < near, "{form}: {a} {b}");
        }
        let said = card.form.as_ref().unwrap();
        assert_eq!((said.kind, &said.made_from), (kind, &before.file.sha256));
        assert_eq!(said.calibrated_on.starts_with("4 samples of"), kind == FormKind::Int8);
        assert_eq!(said.judged_on, "12 samples of 1 test originals");
        assert!(said.speed > 0.0 && said.max_difference >= said.mean_difference && said.max_difference < near.into());
        let heads: Vec<&String> = said.srcc_loss.keys().collect();
        assert_eq!(heads, ["cls_composite", "cls_consistency"]);
        assert_eq!(
            (&card.metrics, &card.licence, card.name.as_str()),
            (&before.metrics, &before.licence, &*format!("small-{form}"))
        );
        let golden: Golden =
            serde_json::from_slice(&std::fs::read(Path::new(&out).join("golden.json")).unwrap()).unwrap();
        assert_eq!(golden.pictures.len(), 1, "the other picture is gone");
        assert_eq!(golden.pictures[0].scores["cls_composite"], scores.heads[0]);
    }

    // Without labels there are differences only, and the thresholds stay.
    std::fs::remove_file(folder.path().join("labels.parquet")).unwrap();
    let out = path("unlabelled");
    run(&args(&[&base[..], &["--form", "fp16", "--out", &out, "--judge", "3"]].concat())).unwrap();
    let card = Card::read(Path::new(&out)).unwrap();
    assert!(card.form.unwrap().srcc_loss.is_empty() && card.thresholds == before.thresholds);
}

#[test]
fn what_is_wrong_is_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    work(folder.path());
    model(&folder.path().join("small"), &PathBuf::from("gone.png"));
    let fails = |model: &str, out: &str, code: u8, part: &str| {
        let line =
            ["--work", &path(""), "--plan", &path("plan.parquet"), "--model", model, "--form", "int8", "--out", out];
        let error: CommandError = run(&args(&line)).unwrap_err();
        let text = error.to_string();
        assert!(error.code() == code && text.contains(part) && !text.contains('\n'), "{} {text}", error.code());
    };
    let theirs = format!("{}/../tests/fixtures/tiny", env!("CARGO_MANIFEST_DIR"));
    fails(&theirs, &path("out"), 65, "not written by miqa-offline");
    fails(&path("nowhere"), &path("out"), 65, "card.toml");
    fails(&path("small"), &path("small"), 2, "--out");
    // Nobody is left to calibrate on, or to judge on.
    let ids = ["picture.00", "picture.01", "picture.02"];
    split(folder.path(), &ids, 0);
    fails(&path("small"), &path("out"), 65, "no pictures to calibrate on");
    split(folder.path(), &ids, 3);
    fails(&path("small"), &path("out"), 2, "fold `test`");
    std::fs::remove_file(folder.path().join("split.parquet")).unwrap();
    fails(&path("small"), &path("out"), 2, "miqa-offline split");
}
