//! `mmos` over predictions made by hand: no picture is opened.
#![expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use clap::Parser;

use super::super::labels;
use super::*;
use crate::command::WorkFolder;
use crate::label::answers::table_of;
use crate::label::read_labels;
use crate::label::score::ANNOTATIONS_NOTE;
use crate::label::stage::by_model;
use crate::rank::RankRow;
use crate::source::{Original, PixelHash, write_sources};
use crate::table;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    mmos: Args,
}

#[derive(Parser)]
struct Labels {
    #[command(subcommand)]
    labels: labels::Command,
}

struct Place(tempfile::TempDir);

impl Place {
    /// Four originals of 40×30 with fog at five levels; the last one is of no class. Each of the built-in classifiers and
    /// detectors is right up to a level of its own.
    fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        let original = |i: u8| Original {
            id: format!("p{i}"),
            path: String::new(),
            class: if i < 3 { i32::from(i) } else { -1 },
            pixel_sha256: PixelHash([i; 32]),
            width: 40,
            height: 30,
            licence: String::new(),
        };
        let originals: Vec<Original> = (0..4).map(original).collect();
        let folder = place.folder();
        write_sources(&folder.sources(), &originals).unwrap();
        let rank = |original: &Original, level: u8| RankRow {
            original: original.id.clone(),
            distortion: "fog".into(),
            row: i16::from(level),
            psnr: 40.0 - f64::from(level),
            rank: level,
            level: Some(level),
        };
        let ranks: Vec<RankRow> =
            originals.iter().flat_map(|original| (1..=5).map(move |level| rank(original, level))).collect();
        table::write(&folder.rank(), &ranks).unwrap();
        let zoo = Zoo::read(&["builtin:cls".into(), "builtin:det".into()]).unwrap();
        let mut rows = Vec::new();
        for planned in folder.samples(None).unwrap().all() {
            let planned = planned.unwrap();
            let original = planned.original.clone();
            for (level, sample) in Sample::of(planned).into_iter().enumerate() {
                for (i, model) in zoo.models.iter().enumerate() {
                    let right = level <= i % 5;
                    let class = if right { original.class.max(0) as u16 } else { 999 };
                    let (classes, scores, boxes) = match model.task {
                        Task::Classification => (vec![class, 1, 2, 3, 4], vec![0.9, 0.0, 0.0, 0.0, 0.0], Vec::new()),
                        _ if right => (vec![2], vec![0.9], vec![5.0, 5.0, 10.0, 10.0]),
                        _ => (Vec::new(), Vec::new(), Vec::new()),
                    };
                    rows.push(PredictionRow {
                        model: model.name.clone(),
                        sample: sample.id(&original.id),
                        psnr: None,
                        classes,
                        scores,
                        boxes,
                        masks: None,
                    });
                }
            }
        }
        for (model, rows) in by_model(&zoo, rows) {
            table::write(&table_of(&folder.predictions(), &model), &rows).unwrap();
        }
        place
    }

    fn folder(&self) -> WorkFolder {
        WorkFolder { work: self.0.path().to_owned() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// COCO annotations of `p0` and `p1`, as pictures of this width.
    fn annotations(&self, name: &str, width: u32) -> String {
        let json = format!(
            r#"{{"images": [{{"id": 1, "file_name": "p0.jpg", "width": {width}, "height": 30}},
                            {{"id": 2, "file_name": "p1.jpg", "width": {width}, "height": 30}}],
                "annotations": [{{"id": 10, "image_id": 1, "category_id": 3, "bbox": [5, 5, 10, 10],
                                  "segmentation": [[5, 5, 15, 5, 15, 15, 5, 15]]}}]}}"#
        );
        fs::write(self.path(name), json).unwrap();
        self.path(name).to_str().unwrap().to_owned()
    }

    fn mmos(&self, more: &[&str]) -> Result<(), CommandError> {
        let line = ["mmos", "--work", self.0.path().to_str().unwrap()];
        let line = line.iter().chain(more);
        run(&Line::try_parse_from(line).map_err(CommandError::usage)?.mmos)
    }

    fn validate(&self, more: &[&str]) -> Result<(), CommandError> {
        let line = ["labels", "validate", "--trials", "3", "--work", self.0.path().to_str().unwrap()];
        let line = line.iter().chain(more);
        labels::run(&Labels::try_parse_from(line).map_err(CommandError::usage)?.labels)
    }

    /// What lies in the work folder, and in `csv/` below it.
    fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut found = BTreeMap::new();
        for folder in ["", "csv", "csv/classification", "csv/detection"] {
            let Ok(entries) = fs::read_dir(self.path(folder)) else { continue };
            for path in entries.map(|entry| entry.unwrap().path()) {
                // Of a folder the name: no temporary one may stay.
                found.insert(path.clone(), fs::read(&path).unwrap_or_default());
            }
        }
        found
    }

    fn summary(&self) -> serde_json::Value {
        serde_json::from_slice(&fs::read(self.path("labels.json")).unwrap()).unwrap()
    }
}

const BOTH: [&str; 4] = ["--zoo", "builtin:cls", "--zoo", "builtin:det"];

fn fails(result: Result<(), CommandError>, code: u8, parts: &[&str]) {
    let error = result.unwrap_err();
    let text = error.to_string();
    assert!(error.code() == code && parts.iter().all(|part| text.contains(part)), "{} {text}", error.code());
}

#[test]
fn a_run_that_fails_leaves_everything_as_it_was() {
    let place = Place::new();
    let (right, wide) = (place.annotations("a.json", 40), place.annotations("wide.json", 80));
    let csv = place.path("csv").to_str().unwrap().to_owned();
    let (missing, odd) = (place.path("no.toml"), place.path("odd.toml"));
    fs::write(&odd, "efficientnet_lite9 = 1.0\n").unwrap();
    place.mmos(&[&BOTH[..], &["--annotations", &right, "--csv", &csv]].concat()).unwrap();
    let before = place.files();
    assert!(before.contains_key(&place.path("csv/classification/p3_mmos.csv")));
    assert!(before.contains_key(&place.path("labels-detection.parquet")));
    let (missing, odd) = (missing.to_str().unwrap(), odd.to_str().unwrap());
    let tries: [(&[&str], u8, &[&str]); 5] = [
        (&["--alpha", missing], 2, &["no.toml"]),
        (&["--alpha", odd], 2, &["`efficientnet_lite9`", "did you mean"]),
        (&["--without-family", "vgg"], 2, &["`vgg`"]),
        // Found only at the second task.
        (&["--annotations", &wide, "--csv", &csv, "--lambda", "1,0"], 65, &["80×30", "40×30", "`p0`"]),
        (&["--zoo", "builtin:paper", "--lambda", "1,0"], 2, &["miqa-offline label"]),
    ];
    for (more, code, parts) in tries {
        fails(place.mmos(&[&BOTH[..], more].concat()), code, parts);
        assert!(place.files() == before, "{more:?}");
    }
}

#[test]
fn tables_of_a_former_run_of_the_same_task_that_this_one_does_not_make_go() {
    let place = Place::new();
    let annotations = place.annotations("a.json", 40);
    let lite = ["--without-family", "efficientnet_lite"];
    place.mmos(&[&BOTH[..], &["--annotations", &annotations], &lite].concat()).unwrap();
    // Not of `mmos`.
    fs::copy(place.path("labels.parquet"), place.path("labels-old.parquet")).unwrap();
    let rows = read_labels(&place.path("labels.parquet")).unwrap();
    table::write(&place.path("labels-segmentation.parquet"), &rows).unwrap();
    let of_detection = place.summary()["labels-detection"].clone();
    place.mmos(&["--zoo", "builtin:cls"]).unwrap();
    let left = |name: &str| place.path(name).exists();
    for (name, there) in [
        ("labels.parquet", true),
        ("scores-classification.parquet", true),
        ("labels-old.parquet", true),
        ("labels-segmentation.parquet", true),
        ("labels-without-efficientnet_lite.parquet", false),
        ("labels-detection.parquet", true),
        ("scores-detection.parquet", true),
    ] {
        assert_eq!(left(name), there, "{name}");
    }
    assert_eq!(place.summary().as_object().unwrap().keys().collect::<Vec<_>>(), ["labels", "labels-detection"]);
    assert_eq!(place.summary()["labels-detection"], of_detection, "another task's");
    place.validate(&["--zoo", "builtin:cls"]).unwrap();
}

#[test]
fn annotations_count_once_and_what_lacks_them_is_counted() {
    let place = Place::new();
    let annotations = place.annotations("a.json", 40);
    let once = [&BOTH[..], &["--annotations", &annotations, "--tau", "0.5"]].concat();
    place.mmos(&once).unwrap();
    let before = place.files();
    place.mmos(&[&once[..], &["--annotations", &annotations]].concat()).unwrap();
    assert!(place.files() == before);

    let summary = place.summary();
    let without = |summary: &serde_json::Value, table: &str| {
        let without = &summary[table]["without_truth"];
        (without["samples"].as_u64().unwrap(), without["originals"].as_u64().unwrap(), without["first"].clone())
    };
    assert_eq!(without(&summary, "labels"), (6, 1, "p3".into()));
    assert_eq!(without(&summary, "labels-detection"), (12, 2, "p2".into()));
    let sha256 = crate::hex::sha256_hex(&fs::read(&annotations).unwrap());
    assert_eq!(summary["labels-detection"]["annotations"], serde_json::json!([{ "name": "a.json", "sha256": sha256 }]));
    assert_eq!(summary["labels-detection"]["rules"]["tau"], "0.50");
    for name in ["labels-detection.parquet", "scores-detection.parquet"] {
        let note = |key: &str| table::read_note(&place.path(name), key).unwrap();
        assert_eq!(note(ANNOTATIONS_NOTE), Some(format!("{sha256}  a.json")));
        assert_eq!(note("miqa.tau").as_deref(), Some("0.50"));
    }
    let known = |row: &&LabelRow| row.accuracy.is_some();
    assert_eq!(read_labels(&place.path("labels-detection.parquet")).unwrap().iter().filter(known).count(), 12);

    place.mmos(&BOTH).unwrap();
    assert_eq!(without(&place.summary(), "labels-detection"), (24, 4, "p0".into()));
}

#[test]
fn why_samples_have_no_truth() {
    let mut without = WithoutTruth::default();
    assert_eq!(without.said(Task::Detection, 9, false), None);
    without.add("x", 4);
    without.add("y", 2);
    for (task, annotated, part) in [
        (Task::Classification, true, "have no class"),
        (Task::Detection, false, "give them with --annotations"),
        (Task::Segmentation, true, "none of the --annotations"),
    ] {
        let said = without.said(task, 9, annotated).unwrap();
        assert!(said.contains("6 of 9 samples") && said.contains("2 originals (`x`") && said.contains(part), "{said}");
    }
}

#[test]
fn arguments_out_of_range_are_refused() {
    let place = Place::new();
    for score in ["nan", "1.5", "-1", "inf", "x"] {
        fails(place.mmos(&[&format!("--reference-score={score}")]), 2, &["score of 0 to 1"]);
    }
    for tau in ["0.6", "ap50"] {
        fails(place.mmos(&["--tau", tau]), 2, &["0.50, 0.75 or 0.50:0.95"]);
    }
    fails(place.validate(&["--samples", "0"]), 2, &["--samples"]);
    let work = place.0.path().to_str().unwrap();
    let none = Labels::try_parse_from(["labels", "validate", "--work", work, "--trials", "0"]);
    assert!(none.is_err_and(|error| error.to_string().contains("--trials")));
}

#[test]
#[cfg(target_os = "linux")]
fn on_a_full_disk_the_advice_is_to_make_room() {
    let place = Place::new();
    place.mmos(&["--zoo", "builtin:cls"]).unwrap();
    let before = place.files();
    let full = |path: &Path| std::os::unix::fs::symlink("/dev/full", path).unwrap();
    for name in ["labels.parquet", "scores-classification.parquet", "labels.json"] {
        full(&table::partial_name(&place.path(name)));
        fails(place.mmos(&["--zoo", "builtin:cls", "--lambda", "1,0"]), 75, &[name, "No space left", "make room"]);
        assert!(place.files() == before, "{name}");
    }
    fs::create_dir(place.path("labels-report")).unwrap();
    full(&place.path("labels-report/index.html"));
    fails(place.validate(&["--zoo", "builtin:cls"]), 75, &["index.html", "make room"]);
}
