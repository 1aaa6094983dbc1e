//! Labelling by the real program: killed at random, models that fail on a picture, stores and disks that fail, another plan.
#![expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use miqa_offline::label::{LabelRow, read_labels};

mod program;
mod s3;
mod unsteady;
mod zoo_place;

use program::{RECIPE, must, program, run};
use s3::S3;
use unsteady::Unsteady;
use zoo_place::{ORIGINALS, Place, words};

impl Place {
    /// The labels from a folder of predictions, and the table's bytes.
    fn mmos(&self, out: &str) -> (Vec<LabelRow>, Vec<u8>) {
        let (work, plan, zoo, out) =
            (self.text("work"), self.text("work/plan.parquet"), self.text("zoo.toml"), self.text(out));
        must(&["mmos", "--work", &work, "--plan", &plan, "--zoo", &zoo, "--out", &out]);
        let path = self.path("work/labels.parquet");
        (read_labels(&path).unwrap(), fs::read(path).unwrap())
    }
}

/// Tables of the shards by name, which holds their hash.
fn tables(out: &Path) -> Vec<String> {
    let entries = fs::read_dir(out.join("label/shards")).unwrap();
    let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn killed_ten_times_the_labels_are_those_of_an_undisturbed_run() {
    let place = Place::new(false);
    must(&words(&place.label("whole", &[])));
    let (rows, whole) = place.mmos("whole");
    assert_eq!(rows.len(), ORIGINALS as usize * 7);
    assert!(rows.iter().any(|row| row.consistency < 1.0), "nothing changes");

    let line = place.label("killed", &["--threads", "1"]);
    let mut deaths = 0;
    for pause in [15, 40, 70, 25, 90, 55, 120, 35, 60, 100] {
        let mut child = program(&words(&line)).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(pause));
        deaths += usize::from(child.try_wait().unwrap().is_none());
        child.kill().unwrap();
        child.wait().unwrap();
    }
    assert!(deaths > 0, "every run was over before it was killed");
    must(&words(&line));
    assert_eq!(tables(&place.path("killed")), tables(&place.path("whole")));
    assert!(place.mmos("killed").1 == whole);
    let (plan, out) = (place.text("work/plan.parquet"), place.text("killed"));
    assert!(must(&["status", "--out", &out]).contains("3 of 3 done"));
    assert!(must(&["verify", "--plan", &plan, "--out", &out]).contains("6 tables hashed, 0 wrong"));
    assert!(must(&["finalize", "--plan", &plan, "--out", &out]).contains("24 originals, 336 predictions"));

    // Two workers on the same shard: one commits, both end well.
    let line = place.label("twice", &["--shard", "1"]);
    let both: Vec<_> = (0..2).map(|_| program(&words(&line)).spawn().unwrap()).collect();
    for child in both {
        assert!(child.wait_with_output().unwrap().status.success());
    }
    assert_eq!(tables(&place.path("twice")).len(), 3);
    // What was spoilt afterwards is found.
    let spoilt = tables(&place.path("killed")).into_iter().find(|name| name.ends_with(".parquet")).unwrap();
    fs::write(place.path("killed/label/shards").join(spoilt), b"nothing").unwrap();
    assert_eq!(run(&["verify", "--plan", &plan, "--out", &out]).0, 65);
    // Another list of models is another set of predictions.
    fs::write(place.path("zoo.toml"), fs::read_to_string(place.path("zoo.toml")).unwrap().replace("two", "three"))
        .unwrap();
    let (code, text) = run(&words(&place.label("whole", &[])));
    assert!(code == 78 && text.contains("zoo"), "{code} {text}");
}

#[test]
fn a_model_that_fails_on_a_picture_costs_that_original_and_is_named() {
    let place = Place::new(true);
    let (code, text) = run(&words(&place.label("strict", &["--max-errors", "0"])));
    assert!(
        code == 65 && text.contains("`p23`") && text.contains("model `one`") && text.contains("NaN"),
        "{code} {text}"
    );
    let text = must(&words(&place.label("patient", &["--max-errors", "3"])));
    assert!(text.contains("left out `p23`"), "{text}");
    let (rows, _) = place.mmos("patient");
    assert!(!rows.is_empty() && rows.iter().all(|row| row.original != "p23"));
    let (plan, out) = (place.text("work/plan.parquet"), place.text("patient"));
    let text = must(&["finalize", "--plan", &plan, "--out", &out]);
    assert!(!text.contains(" 0 errors"), "{text}");
}

#[test]
fn a_store_that_refuses_and_dawdles_for_a_while_costs_time_only() {
    let Some(s3) = S3::shared() else {
        return println!("skipped: no moto_server; scripts/moto.sh installs it");
    };
    s3.make_bucket("labels");
    let place = Place::new(false);
    must(&words(&place.label("whole", &[])));
    let (_, whole) = place.mmos("whole");

    let unsteady = Unsteady::before(&s3.address);
    let out = "s3://labels/unsteady";
    let line: Vec<String> = place
        .label("there", &["--threads", "2"])
        .into_iter()
        .map(|word| if word == place.text("there") { out.to_owned() } else { word })
        .collect();
    let ended = S3::program_at(&unsteady.address, &words(&line)).output().unwrap();
    let text = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(ended.status.success(), "{text}");
    assert!(unsteady.seen() > 60, "{} requests: the store was well before the work was done", unsteady.seen());
    // Left behind: nothing of the trouble.
    let (work, plan, zoo) = (place.text("work"), place.text("work/plan.parquet"), place.text("zoo.toml"));
    assert!(s3.must(&["verify", "--plan", &plan, "--out", out]).contains("6 tables hashed, 0 wrong"));
    assert!(s3.must(&["status", "--out", out]).contains("3 of 3 done"));
    s3.must(&["mmos", "--work", &work, "--plan", &plan, "--zoo", &zoo, "--out", out]);
    assert!(fs::read(place.path("work/labels.parquet")).unwrap() == whole);
    let (code, text) = s3.run(&["mmos", "--work", &work, "--plan", &plan, "--zoo", &zoo, "--out", "s3://labels/none"]);
    assert!(code == 2 && text.contains("s3://labels/none"), "{code}: {text}");
}

#[test]
fn a_full_disk_stops_the_work_and_more_room_lets_it_end() {
    let room = "mount -t tmpfs -o size=40k tmpfs \"$0\"";
    let probe = Command::new("unshare").args(["-rm", "sh", "-c", room, "/mnt"]).output();
    if !probe.is_ok_and(|ended| ended.status.success()) {
        return println!("skipped: no file system of one's own here (unshare -rm, mount -t tmpfs)");
    }
    let place = Place::new(false);
    must(&words(&place.label("whole", &[])));
    for name in ["small", "kept"] {
        fs::create_dir(place.path(name)).unwrap();
    }
    let script = format!(
        "{room} && {{ \"$@\"; echo first $? >&2; mount -o remount,size=64m \"$0\"; \"$@\"; echo second $? >&2; cp -r \"$0\"/. {}; }}",
        place.text("kept")
    );
    let line = place.label("small", &["--threads", "2"]);
    let mut command = Command::new("unshare");
    command.args(["-rm", "sh", "-c", &script, &place.text("small"), env!("CARGO_BIN_EXE_miqa-offline")]).args(line);
    let ended = command.output().unwrap();
    let text = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(text.contains("first 75") && text.contains("No space left on device"), "{text}");
    assert!(text.contains("second 0"), "{text}");
    assert_eq!(tables(&place.path("kept")), tables(&place.path("whole")));
}

#[test]
fn a_plan_that_is_replaced_meanwhile_is_another_job() {
    let place = Place::new(false);
    let (work, plan) = (place.text("work"), place.path("work/plan.parquet"));
    must(&words(&place.label("whole", &[])));
    let (_, whole) = place.mmos("whole");
    let line = place.label("out", &["--threads", "1"]);
    let mut child = program(&words(&line)).spawn().unwrap();
    let start = Instant::now();
    while fs::read_dir(place.path("out/label/progress/0")).map_or(0, Iterator::count) == 0 {
        assert!(child.try_wait().unwrap().is_none() && start.elapsed() < Duration::from_secs(60));
        std::thread::sleep(Duration::from_millis(1));
    }
    // The same pictures, other variants, in the same place.
    let other = place.path("other.parquet");
    fs::copy(&plan, place.path("first.parquet")).unwrap();
    fs::write(place.path("recipe.toml"), RECIPE.replace("fog = [[0.3, 2.0], [0.6, 1.8]]\n", "")).unwrap();
    let (images, labels, recipe) = (place.text("images"), place.text("labels.csv"), place.text("recipe.toml"));
    let second = place.text("second");
    must(&[
        "select", "--work", &second, "--images", &images, "--labels", &labels, "--recipe", &recipe, "--shards", "3",
    ]);
    must(&["rank", "--work", &second]);
    must(&["plan", "--work", &second]);
    fs::rename(place.path("second/plan.parquet"), &other).unwrap();
    fs::rename(&other, &plan).unwrap();
    let (code, text) = run(&words(&place.label("out", &["--shard", "2"])));
    assert!(code == 78 && text.contains("plan"), "{code}: {text}");
    // Who began with the first plan ends with it.
    let ended = child.wait_with_output().unwrap();
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    assert_eq!(tables(&place.path("out")), tables(&place.path("whole")));
    let (zoo, out) = (place.text("zoo.toml"), place.text("out"));
    assert_eq!(run(&["mmos", "--work", &work, "--plan", plan.to_str().unwrap(), "--zoo", &zoo, "--out", &out]).0, 78);
    fs::rename(place.path("first.parquet"), &plan).unwrap();
    assert!(place.mmos("out").1 == whole);
}

#[test]
fn cuda_without_a_gpu_is_one_line_and_a_usage_error() {
    let place = Place::new(false);
    let (code, text) = run(&words(&place.label("out", &["--device", "cuda"])));
    if code == 0 {
        return println!("skipped: refusal of CUDA (there is a GPU)");
    }
    assert!(
        code == 2 && text.contains("--device cuda:0 is not usable") && text.contains("give --device cpu"),
        "{text}"
    );
    assert_eq!(text.trim().lines().count(), 1, "{text}");
    assert!(!place.path("out").exists());
    let (code, text) = run(&words(&place.label("out", &["--device", "gpu"])));
    assert!(code == 2 && text.contains("cuda:N"), "{code}: {text}");
}
