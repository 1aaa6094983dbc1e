//! `miqa calibrate` from outside: pictures, a detector's output, and a model whose score is the brightness.

use std::{fmt::Write, path::Path};

use crate::{
    clip::{self, WHITE},
    support::{config, miqa, stderr, stdout},
};

const STREAM: &str = "[[stream]]\nname = \"yard\"\nlocation = \"a.mp4\"\nviews = \"centre\"\n";

/// Clean and degraded pictures, and what a detector saw on them: of ten cars as many as the picture is bright.
fn pictures(folder: &Path, frames: u32) -> String {
    let mut lines = String::new();
    for sub in ["clean", "degraded"] {
        std::fs::create_dir_all(folder.join(sub)).expect("made");
    }
    let mut add = |name: String, grey: u8, cars: u32| {
        image::RgbImage::from_pixel(64, 64, image::Rgb([grey; 3])).save(folder.join(&name)).expect("written");
        let car = |i| format!("{{\"class\":\"car\",\"score\":0.9,\"box\":[{},0,10,10]}}", 20 * i);
        let cars: Vec<String> = (0..cars).map(car).collect();
        writeln!(lines, "{{\"image\":\"{name}\",\"detections\":[{}]}}", cars.join(",")).expect("a string");
    };
    for frame in 0..frames {
        add(format!("clean/{frame:06}.png"), 250, 10);
        for cars in 0..10_u8 {
            // Brightness between two steps, another one for each frame.
            let grey = u32::from(cars) * 25 + (frame * 7) % 25;
            add(format!("degraded/{frame:06}_fog_{cars}.png"), grey as u8, u32::from(cars));
        }
    }
    lines
}

#[test]
fn a_detectors_losses_become_thresholds_that_a_configuration_takes() {
    let folder = tempfile::tempdir().expect("folder");
    let file = config(folder.path(), "tiny", STREAM).display().to_string();
    let frames = folder.path().join("frames");
    let lines = pictures(&frames, 12);
    let seen = folder.path().join("seen.jsonl");
    std::fs::write(&seen, &lines).expect("written");
    let (frames, seen) = (frames.display().to_string(), seen.display().to_string());
    let calibrate = |rest: &[&str]| {
        let base = ["calibrate", "--config", &file, "--frames", &frames, "--detections", &seen];
        miqa(base.iter().chain(rest))
    };
    let output = calibrate(&["--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let found: serde_json::Value = serde_json::from_str(&stdout(&output)).expect("JSON");
    // Of ten cars seven are seen at a brightness of 175 to 199 of 255.
    let thirty =
        found["thresholds"].as_array().expect("a list").last().expect("one")["score"].as_f64().expect("a number");
    assert!((0.66..0.80).contains(&thirty), "{found}");
    let fragment = std::fs::read_to_string(folder.path().join("frames/calibration.toml")).expect("written");
    let whole = config(folder.path(), "tiny", &format!("{STREAM}{fragment}")).display().to_string();
    std::fs::write(folder.path().join("a.mp4"), "").expect("written");
    let output = miqa(["check", "--config", &whole]);
    assert!(!stderr(&output).contains("unknown key") && output.status.code() != Some(2), "{}", stderr(&output));
    let page = std::fs::read_to_string(folder.path().join("frames/calibration.html")).expect("written");
    assert!(page.contains("<svg") && page.contains("yard"));
    // A second time nothing is scored again, and a score can be looked at by itself.
    let scores = std::fs::read_to_string(folder.path().join("frames/scores.jsonl")).expect("kept");
    let output = calibrate(&["--at", "0.5", "--json"]);
    let at: serde_json::Value = serde_json::from_str(&stdout(&output)).expect("JSON");
    assert!((at["loss"].as_f64().expect("a number") - 0.5).abs() < 0.1, "{at}");
    assert_eq!(std::fs::read_to_string(folder.path().join("frames/scores.jsonl")).expect("kept"), scores);
}

#[test]
fn what_cannot_be_calibrated_is_refused_in_one_line() {
    let folder = tempfile::tempdir().expect("folder");
    let file = config(folder.path(), "tiny", STREAM).display().to_string();
    let frames = folder.path().join("frames");
    let lines = pictures(&frames, 3);
    let seen = folder.path().join("seen");
    let refused = |text: &str, frames: &Path| {
        std::fs::write(&seen, text).expect("written");
        let (seen, frames) = (seen.display().to_string(), frames.display().to_string());
        let output = miqa(["calibrate", "--config", &file, "--frames", &frames, "--detections", &seen]);
        assert_eq!(output.status.code(), Some(2), "{}", stdout(&output));
        assert_eq!(stderr(&output).lines().count(), 1, "{}", stderr(&output));
        stderr(&output)
    };
    assert!(refused(&lines, &frames).contains("3 stretches of time"));
    assert!(refused("", &frames).contains("the detector saw something on"));
    assert!(refused("[1]", &frames).contains("expected COCO's form"));
    assert!(refused("{\"before\":{},\"after\":{}}", &frames).contains("events of Frigate"));
    assert!(refused(&lines, folder.path()).contains("miqa calibrate prepare"));
}

#[test]
fn a_clips_frames_are_taken_with_their_times() {
    let folder = tempfile::tempdir().expect("folder");
    let file = config(folder.path(), "tiny", STREAM).display().to_string();
    let (clip, out) = (folder.path().join("a.mp4"), folder.path().join("out"));
    clip::make(&clip, &[(60, WHITE)]);
    let (clip, made) = (clip.display().to_string(), out.display().to_string());
    let output = miqa(["calibrate", "prepare", &clip, "--config", &file, "--out", &made, "--every", "1s"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(std::fs::read_dir(out.join("clean")).expect("there").count(), 3);
    let manifest = std::fs::read_to_string(out.join("manifest.json")).expect("written");
    assert!(manifest.contains("\"a.mp4\"") && manifest.contains("\"000002\": 2.0"), "{manifest}");
    let script = std::fs::read_to_string(out.join("degrade.sh")).expect("written");
    assert!(
        script.contains("for distortion in gaussian_noise jpeg_compression darkness defocus_blur fog; do"),
        "{script}"
    );
}
