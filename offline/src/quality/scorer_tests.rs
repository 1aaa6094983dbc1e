//! Crops and scores with a tiny graph written here: the score is the crop's mean red.
#![expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]

use std::path::{Path, PathBuf};

use miqa::engine::Device;

use super::*;
use crate::export::onnx::{Attribute, Element as Type, Extent, Graph, Tensor, ValueInfo};
use crate::export::tiny::{model, node};
use crate::quality::model::Aggregate;

const SIDE: usize = 16;

/// Writes `red.onnx` and its description `red.toml` (`rules` follow the crops' count); returns the description's path.
pub(crate) fn write_red_model(folder: &Path, name: &str, count: u32, rules: &str) -> PathBuf {
    let fixed = |lengths: &[usize]| lengths.iter().map(|&l| Extent::Fixed(l as i64)).collect::<Vec<_>>();
    let graph = Graph {
        name: "red".to_owned(),
        nodes: vec![
            node("Conv", &["image", "red_only"], "red", Vec::new()),
            node("GlobalAveragePool", &["red"], "mean", Vec::new()),
            node("Flatten", &["mean"], "score", vec![Attribute::of_int("axis", 1)]),
        ],
        initialisers: vec![Tensor::floats("red_only", &[1, 3, 1, 1], &[1.0, 0.0, 0.0])],
        inputs: vec![ValueInfo::tensor("image", Type::F32, &fixed(&[1, 3, SIDE, SIDE]))],
        outputs: vec![ValueInfo::tensor("score", Type::F32, &fixed(&[1, 1]))],
    };
    std::fs::write(folder.join("red.onnx"), model(graph).to_bytes()).unwrap();
    let path = folder.join(format!("{name}.toml"));
    let text = format!(
        "name = \"{name}\"\nfile = \"red.onnx\"\n{rules}\n[crops]\ncount = {count}\n[input]\nname = \"image\"\nsize = {SIDE}\n\
         layout = \"nchw\"\ncolour = \"rgb\"\nelement = \"f32\"\nmean = [0.0, 0.0, 0.0]\nstd = [255.0, 255.0, 255.0]\n\
         interpolation = \"bilinear\"\n"
    );
    std::fs::write(&path, text).unwrap();
    path
}

fn original(folder: &Path, name: &str, picture: &RgbImage) -> Original {
    let path = folder.join(name);
    picture.save(&path).unwrap();
    Original::describe(&path, 0, "").unwrap()
}

#[test]
fn crops_are_uniform_inside_and_repeatable() {
    let crops = Crops { count: 1000, resize: None, seed: 0 };
    let (pixels, other) = (PixelHash([7; 32]), PixelHash([8; 32]));
    let of = |pixels, model: &str| places(&crops, model, pixels, (25, 16), 16);
    let drawn = of(&pixels, "a");
    assert_eq!(drawn, of(&pixels, "a"));
    assert!(drawn != of(&other, "a") && drawn != of(&pixels, "b"));
    let mut counts = [0_u32; 10];
    drawn.iter().for_each(|&(left, top)| {
        assert_eq!(top, 0);
        counts[left as usize] += 1;
    });
    // 100 each: four standard deviations are 38.
    assert!(counts.iter().all(|count| count.abs_diff(100) < 38), "{counts:?}");
    let seeded = Crops { seed: 1, ..crops };
    assert_ne!(drawn, places(&seeded, "a", &pixels, (25, 16), 16));
}

#[test]
fn scores_are_those_of_the_crops() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = Runtime::open(Device::Cpu).unwrap();
    let path = write_red_model(folder.path(), "red", 9, "");
    let opened = QualityModel::open(&path).unwrap();
    let mut scorer = Scorer::open(&runtime, &opened).unwrap();
    let flat = RgbImage::from_pixel(40, 30, image::Rgb([51, 200, 9]));
    let row = scorer.score(&original(folder.path(), "flat.png", &flat)).unwrap();
    assert!((row.score - 0.2).abs() < 1e-6 && row.least == row.greatest, "{row:?}");
    assert!(row.fingerprint.starts_with("red-"));

    // A ramp: the score is the mean over the crops drawn, which plain arithmetic finds as well.
    let ramp = RgbImage::from_fn(60, 16, |x, _| image::Rgb([4 * x as u8, 0, 0]));
    let ramp = original(folder.path(), "ramp.png", &ramp);
    let row = scorer.score(&ramp).unwrap();
    let drawn = places(&opened.model.crops, "red", &ramp.pixel_sha256, (60, 16), 16);
    let crop = |&(left, _): &(u32, u32)| (0..16).map(|x| f64::from(4 * (left + x))).sum::<f64>() / 16.0 / 255.0;
    let expected: Vec<f64> = drawn.iter().map(crop).collect();
    assert!((row.score - Aggregate::Mean.of(&expected)).abs() < 1e-6);
    assert!(row.least < row.score && row.score < row.greatest);
    assert_eq!(scorer.score(&ramp).unwrap(), row);

    // Smaller than a crop: enlarged first. A median and a reversed sign.
    let path = write_red_model(folder.path(), "rev", 9, "aggregate = \"median\"\nlower_is_better = true");
    let reversed = QualityModel::open(&path).unwrap();
    let mut scorer = Scorer::open(&runtime, &reversed).unwrap();
    let tiny = RgbImage::from_pixel(5, 3, image::Rgb([255, 0, 0]));
    assert_eq!(scorer.score(&original(folder.path(), "tiny.png", &tiny)).unwrap().score, -1.0);
    assert_eq!(Aggregate::Median.of(&[3.0, 1.0, 2.0, 10.0]), 2.5);
}

#[test]
fn descriptions_that_make_no_sense_are_refused_by_key() {
    let folder = tempfile::tempdir().unwrap();
    let good = std::fs::read_to_string(write_red_model(folder.path(), "red", 4, "")).unwrap();
    let path = folder.path().join("bad.toml");
    for (from, to, part) in [
        ("count = 4", "count = 0", "crops.count"),
        ("count = 4", "count = 4\nresize = [15, 99]", "crops.resize"),
        ("size = 16", "size = 4", "input.size"),
        ("std = [255.0", "std = [0.0", "input.std"),
        ("size = 16", "size = 16\ncrop = 0.875", "input.crop"),
        ("name = \"red\"", "name = \"a/b\"", "name = \"a/b\""),
        ("red.onnx", "blue.onnx", "blue.onnx"),
        ("file =", "sha256 = \"00\"\nfile =", "SHA-256"),
        ("file =", "aggregat = \"mean\"\nfile =", "aggregat"),
    ] {
        assert!(good.contains(from), "{from}");
        std::fs::write(&path, good.replacen(from, to, 1)).unwrap();
        let text = QualityModel::open(&path).err().unwrap().to_string();
        assert!(text.contains(part), "{text}");
    }
    // Every rule is in the fingerprint.
    let fingerprint = |text: &str| {
        std::fs::write(&path, text).unwrap();
        QualityModel::open(&path).unwrap().fingerprint
    };
    assert_ne!(fingerprint(&good), fingerprint(&good.replace("count = 4", "count = 5")));
    assert_eq!(fingerprint(&good), fingerprint(&format!("licence = \"CC0-1.0\"\n{good}")));
}

#[test]
fn the_shipped_descriptions_fit_the_format() {
    let folder = tempfile::tempdir().unwrap();
    for (name, text, count) in [
        ("hyperiqa", include_str!("../../zoo/quality/hyperiqa.toml"), 10),
        ("maniqa", include_str!("../../zoo/quality/maniqa.toml"), 20),
    ] {
        std::fs::write(folder.path().join(format!("{name}.onnx")), b"").unwrap();
        let path = folder.path().join(format!("{name}.toml"));
        std::fs::write(&path, text).unwrap();
        let model = QualityModel::open(&path).unwrap().model;
        assert_eq!((model.name.as_str(), model.crops.count, model.input.size), (name, count, 224));
    }
}
