//! A plan labelled by shard and shown, as the command line does it.
#![expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]

use std::fs;
use std::path::{Path, PathBuf};

use super::flow::args;
use super::{label, mmos, stats};
use crate::export::onnx::{Attribute, Element, Extent, Graph, Tensor, ValueInfo};
use crate::export::tiny::{model, node};
use crate::label::{LabelRow, read_labels};
use crate::plan::{PlannedOriginal, fixture};
use crate::recipe::Recipe;
use crate::stats::measure::Measured;
use crate::table;

/// Two classifiers that go by the mean colours of the picture's left and right half, and their list.
fn write_zoo(folder: &Path) -> PathBuf {
    let fixed = |lengths: &[usize]| lengths.iter().map(|&l| Extent::Fixed(l as i64)).collect::<Vec<_>>();
    let weights: Vec<f32> = (0..6_000_u32).map(|i| (i * 7_919 % 4_001) as f32 / 2_000.0 - 1.0).collect();
    let halves = vec![Attribute::of_ints("kernel_shape", &[8, 4]), Attribute::of_ints("strides", &[8, 4])];
    let graph = Graph {
        name: "tiny".to_owned(),
        nodes: vec![
            node("AveragePool", &["image"], "means", halves),
            node("Reshape", &["means", "flat"], "row", Vec::new()),
            node("MatMul", &["row", "weights"], "classes", Vec::new()),
        ],
        initialisers: vec![Tensor::ints("flat", &[1, 6]), Tensor::floats("weights", &[6, 1000], &weights)],
        inputs: vec![ValueInfo::tensor("image", Element::F32, &fixed(&[1, 3, 8, 8]))],
        outputs: vec![ValueInfo::tensor("classes", Element::F32, &fixed(&[1, 1000]))],
    };
    fs::write(folder.join("tiny.onnx"), model(graph).to_bytes()).unwrap();
    let entry = |name: &str, colour: &str| {
        format!(
            "[[model]]\nname = \"{name}\"\nfamily = \"{name}\"\narchitecture = \"means\"\nfile = \"tiny.onnx\"\n\
             source = \"this test\"\nlicence = \"CC0-1.0\"\nperformance = 0.5\ntask = \"classification\"\n\
             classes = \"imagenet-1k\"\ndecoder = {{ kind = \"logits\" }}\n\
             [model.input]\nname = \"image\"\nsize = 8\nlayout = \"nchw\"\ncolour = \"{colour}\"\nelement = \"f32\"\n\
             mean = [127.0, 127.0, 127.0]\nstd = [64.0, 64.0, 64.0]\ninterpolation = \"bilinear\"\n"
        )
    };
    let list = folder.join("zoo.toml");
    fs::write(&list, entry("one", "rgb") + &entry("two", "bgr")).unwrap();
    list
}

/// Nine originals with all 25 pairs of two distortions.
fn planned(folder: &Path) -> Vec<PlannedOriginal> {
    let mut planned = fixture::planned(folder, 9);
    for original in &mut planned {
        original.variants.retain(|variant| ["fog", "darkness"].contains(&variant.distortion.as_str()));
    }
    planned
}

#[test]
fn a_plan_in_seven_shards_is_labelled_as_in_one_and_shown() {
    let place = tempfile::tempdir().unwrap();
    let list = write_zoo(place.path());
    let planned = planned(place.path());
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    let (zoo, folder) = (text(&list), text(place.path()));
    let plan = |shards: u32| {
        let path = place.path().join(format!("plan-{shards}.parquet"));
        fixture::write(&path, Recipe::miqd(), &planned, shards).unwrap();
        text(&path)
    };
    let labels = |shards: u32, order: &[Option<u32>]| {
        let work = tempfile::tempdir().unwrap();
        let (plan, w) = (plan(shards), text(work.path()));
        let common = ["--work", &w, "--plan", &plan, "--zoo", &zoo];
        for shard in order {
            assert_eq!(mmos::run(&args(&common)).unwrap_err().code(), 2);
            let shard = shard.map(|shard| vec!["--shard".to_owned(), shard.to_string()]).unwrap_or_default();
            let mut line = common.to_vec();
            line.extend(["--zoo-dir", &folder, "--threads", "2"]);
            line.extend(shard.iter().map(String::as_str));
            label::run(&args(&line)).unwrap();
        }
        mmos::run(&args(&common)).unwrap();
        // Labels without the plan would be of other samples.
        let path = work.path().join("labels.parquet");
        (fs::read(&path).unwrap(), read_labels(&path).unwrap())
    };
    let (whole, rows) = labels(1, &[None]);
    assert_eq!(rows.len(), 9 * 51);
    let fused: Vec<&LabelRow> = rows.iter().filter(|row| row.background_level.is_some()).collect();
    assert_eq!(fused.len(), 9 * 40);
    assert!(fused.iter().any(|row| row.consistency == 1.0) && fused.iter().any(|row| row.consistency < 1.0));
    assert!(whole == labels(1, &[Some(0)]).0, "one shard");
    assert!(whole == labels(7, &[3, 0, 6, 5, 1, 4, 2].map(Some)).0, "seven shards");

    // Four variants of each original, twice: the second run finds all there.
    let work = tempfile::tempdir().unwrap();
    let (seven, w) = (plan(7), text(work.path()));
    let out = text(&work.path().join("few"));
    let few = ["--work", &w, "--plan", &seven, "--zoo", &zoo, "--out", &out];
    let models = ["--zoo-dir", &folder, "--threads", "2"];
    for _ in 0..2 {
        label::run(&args(&[&few[..], &models, &["--variants", "4"]].concat())).unwrap();
    }
    assert_eq!(label::run(&args(&[&few[..], &models].concat())).unwrap_err().code(), 78, "all are others");
    mmos::run(&args(&[&few[..], &["--variants", "4"]].concat())).unwrap();
    let some = read_labels(&work.path().join("labels.parquet")).unwrap();
    assert_eq!(some.len(), 9 * 5);
    assert!(some.iter().all(|row| rows.contains(row)));
    assert_eq!(mmos::run(&args(&few)).unwrap_err().code(), 65, "most have no predictions");

    let work = tempfile::tempdir().unwrap();
    let w = text(work.path());

    // The same distances as labelling found.
    stats::run(&args(&["--work", &w, "--plan", &plan(7), "--sample", "2", "--tile", "32"])).unwrap();
    let report = work.path().join("stats-report");
    let measured: Vec<Measured> = table::read(&report.join("stats.parquet")).unwrap();
    assert_eq!(measured.len(), 2 * 50);
    for row in &measured {
        let label = rows.iter().find(|label| {
            let background = label.background_level.unwrap_or(label.level);
            (&label.original, &label.distortion, label.level, background)
                == (&row.original, &row.distortion, row.roi_level, row.background_level)
        });
        assert_eq!(label.unwrap().psnr, row.psnr, "{row:?}");
    }
    let json: serde_json::Value = serde_json::from_slice(&fs::read(report.join("stats.json")).unwrap()).unwrap();
    assert_eq!((json["patterns"].as_array().unwrap().len(), &json["measured_originals"]), (3, &2.into()));
    assert_eq!(json["distortions"][0]["levels"].as_array().unwrap().len(), 5);
    let collection = json["collection"].as_array().unwrap();
    assert_eq!(collection.last().unwrap()["variants"], 9 * 50);
}
