//! Labelling by the real program where everything fails, or somebody takes away what it works with: nothing wrong is
//! committed, nothing is written in vain, and what is lost is said.
#![expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]

use std::fs;

mod program;
mod zoo_place;

use program::{must, run};
use zoo_place::{ORIGINALS, Place, words};

/// Everything below a folder.
fn below(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().map(Result::unwrap) {
        if entry.file_type().unwrap().is_dir() {
            found.extend(below(&entry.path()));
        }
        found.push(entry.path());
    }
    found.sort();
    found
}

/// The list of models with the last `from` replaced: an entry of the second model.
fn spoil(place: &Place, from: &str, to: &str) -> String {
    let list = fs::read_to_string(place.path("zoo.toml")).unwrap();
    let at = list.rfind(from).unwrap();
    fs::write(place.path("zoo.toml"), format!("{}{to}{}", &list[..at], &list[at + from.len()..])).unwrap();
    list
}

#[test]
fn pictures_that_are_away_are_not_left_out_for_good() {
    let place = Place::new(false);
    let plan = place.text("work/plan.parquet");
    let (images, away) = (place.path("images"), place.path("away"));
    let label = place.label("labelled", &["--max-errors", "100"]);
    let out = place.text("generated");
    let generate = ["generate", "--plan", &plan, "--out", &out, "--max-errors", "100%"];
    fs::rename(&images, &away).unwrap();
    let (code, text) = run(&words(&label));
    assert!(code == 65 && text.contains("`p00`") && text.contains("No such file"), "{code}: {text}");
    assert!(!place.path("labelled").exists());
    let (code, text) = run(&generate);
    assert!(code == 65 && text.contains("files of 8 of its 8 originals are not there"), "{code}: {text}");
    fs::rename(&away, &images).unwrap();

    // One of them only: its shard waits.
    fs::rename(place.path("images/p23.png"), &away).unwrap();
    for (line, out) in [(words(&label), place.text("labelled")), (generate.to_vec(), out.clone())] {
        let (code, text) = run(&line);
        assert!(code == 65 && text.contains("1 of its 8 originals are not there") && text.contains("`p23`"), "{text}");
        assert!(must(&["status", "--out", &out]).contains("2 of 3 done, 0 begun"));
    }
    let accepted = place.label("accepted", &["--accept-missing"]);
    assert!(must(&words(&accepted)).contains("left out `p23`"));
    fs::rename(&away, place.path("images/p23.png")).unwrap();
    for (line, out) in [(words(&label), place.text("labelled")), (generate.to_vec(), out.clone())] {
        must(&line);
        let text = must(&["status", "--out", &out]);
        assert!(text.contains(&format!("{ORIGINALS} of {ORIGINALS} done, 0 errors")), "{text}");
    }
    // Done is done, wherever the pictures are now.
    fs::rename(&images, &away).unwrap();
    must(&words(&label));
}

#[test]
fn a_model_that_can_not_work_is_named_before_anything_is_written() {
    let place = Place::new(false);
    let line = place.label("out", &[]);
    let hash = format!("sha256 = \"{}\"\nfile = \"tiny.onnx\"", "0".repeat(64));
    for (from, to, expected, part) in [
        ("[model.input]\nname = \"image\"", "[model.input]\nname = \"picture\"", 65, "picture"),
        ("size = 8", "size = 9", 65, "9"),
        ("std = [64.0, 64.0, 64.0]", "std = [2e-38, 2e-38, 2e-38]", 65, "NaN"),
        ("file = \"tiny.onnx\"", hash.as_str(), 2, "SHA-256"),
        ("file = \"tiny.onnx\"", "file = \"labels.csv\"", 2, "labels.csv"),
    ] {
        let list = spoil(&place, from, to);
        let (code, text) = run(&words(&line));
        assert!(code == expected && text.contains(part), "{to}: {code}: {text}");
        assert!(code == 2 || text.contains("model `two`"), "{text}");
        assert!(!place.path("out").exists(), "{to}");
        fs::write(place.path("zoo.toml"), list).unwrap();
    }
    must(&words(&line));
}

#[test]
fn another_file_of_weights_is_another_zoo_and_who_is_refused_leaves_nothing() {
    let place = Place::new(false);
    must(&words(&place.label("out", &["--shard", "0"])));
    let _ = fs::remove_dir_all(place.path("out/.partial"));
    let before = below(&place.path("out"));
    let whole = fs::read(place.path("tiny.onnx")).unwrap();
    let other = Place::new(true);
    fs::copy(other.path("tiny.onnx"), place.path("tiny.onnx")).unwrap();
    let second = place.label("out", &["--shard", "1"]);
    let (code, text) = run(&words(&second));
    assert!(code == 78 && text.contains("weights one ") && text.contains("two "), "{code}: {text}");
    assert_eq!(below(&place.path("out")), before);
    fs::write(place.path("tiny.onnx"), whole).unwrap();
    must(&words(&second));
}

#[test]
fn what_is_lost_after_finalize_is_said_once_with_what_to_do() {
    let place = Place::new(false);
    must(&words(&place.label("out", &[])));
    let (plan, out) = (place.text("work/plan.parquet"), place.text("out"));
    let verify = ["verify", "--plan", &plan, "--out", &out];
    must(&["finalize", "--plan", &plan, "--out", &out]);
    must(&verify);
    for name in ["errors.parquet", "manifest.json"] {
        let path = place.path("out/label").join(name);
        let whole = fs::read(&path).unwrap();
        let mut spoilt = whole.clone();
        spoilt[whole.len() / 2] ^= 4;
        fs::write(&path, spoilt).unwrap();
        let (code, text) = run(&verify);
        assert!(code == 65 && text.contains(name), "{code}: {text}");
        assert_eq!(text.matches("run finalize again").count(), 1, "{text}");
        fs::write(&path, whole).unwrap();
    }
    fs::remove_file(place.path("out/label/shards/2.json")).unwrap();
    let (code, text) = run(&verify);
    assert!(code == 65 && text.contains("shard 2: its record") && !text.contains("<shard>"), "{code}: {text}");
    assert_eq!(text.matches("delete label/shards/2.json, run label for shard 2 again").count(), 1, "{text}");
    must(&words(&place.label("out", &[])));
    must(&verify);

    fs::remove_file(place.path("out/label/destination.json")).unwrap();
    for line in [&verify[..], &["status", "--out", &out]] {
        let (code, text) = run(line);
        assert!(code == 65 && text.contains("label/destination.json is gone"), "{code}: {text}");
        assert!(!text.contains("generate"), "{text}");
    }
    let (code, text) = run(&["status", "--out", &place.text("images")]);
    assert!(code == 2 && text.contains("`generate` or `label`"), "{code}: {text}");
}

#[test]
fn a_zoo_that_can_not_be_opened_is_not_called_a_poor_one() {
    let place = Place::new(false);
    let images = place.text("images");
    fs::copy(place.path("labels.csv"), place.path("images/labels.csv")).unwrap();
    let (zoo, folder) = (place.text("zoo.toml"), place.text("."));
    let line = ["zoo", "check", "--zoo", &zoo, "--zoo-dir", &folder, "--images", &images];
    let (code, text) = run(&line);
    assert!(code == 65 && text.contains("below their claims"), "{code}: {text}");
    let hash = format!("sha256 = \"{}\"\nfile = \"tiny.onnx\"", "0".repeat(64));
    for (to, part) in [(hash.as_str(), "SHA-256"), ("file = \"labels.csv\"", "labels.csv")] {
        let list = spoil(&place, "file = \"tiny.onnx\"", to);
        let (code, text) = run(&line);
        assert!(code == 2 && text.contains(part) && !text.contains("claims"), "{code}: {text}");
        fs::write(place.path("zoo.toml"), list).unwrap();
    }
}
