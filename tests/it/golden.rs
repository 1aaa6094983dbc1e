//! The shipped models give their golden scores on this machine.

use std::path::Path;

use miqa::{
    engine::{Card, Device, Model, Runtime},
    preprocess::{View, from_rgb},
};

#[test]
fn the_shipped_models_give_their_golden_scores() {
    let runtime = Runtime::open(Device::Cpu).unwrap();
    for entry in std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("models")).unwrap() {
        agrees(&entry.unwrap().path(), &runtime);
    }
}

/// Twenty pictures, half of them degraded, score what `golden.json` says.
fn agrees(folder: &Path, runtime: &Runtime) {
    let card = Card::read(folder).unwrap();
    let mut model = Model::open(runtime, &card, 1).unwrap();
    let golden: serde_json::Value =
        serde_json::from_slice(&std::fs::read(folder.join("golden.json")).unwrap()).unwrap();
    let tolerance = golden["tolerance"].as_f64().unwrap();
    let pictures = golden["pictures"].as_array().unwrap();
    assert_eq!(pictures.len(), 20, "pictures of {}", folder.join("golden.json").display());
    for picture in pictures {
        let file = picture["file"].as_str().unwrap();
        let rgb = image::open(folder.join(file)).unwrap().to_rgb8();
        let scores = model.score(&[from_rgb(&rgb, View::Centre).unwrap()]).unwrap().remove(0);
        let heads = card.output.heads.iter().zip(&scores.heads).map(|(n, s)| ("scores", n, *s));
        let distortions = card.output.distortions.iter().zip(&scores.distortions).map(|(n, s)| ("distortions", n, *s));
        for (group, name, score) in heads.chain(distortions) {
            let want = picture[group][name].as_f64().unwrap();
            assert!((f64::from(score) - want).abs() <= tolerance, "{file} {name}: {score}, golden {want}");
        }
    }
}

#[test]
fn a_batch_scores_as_its_views_one_by_one() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let card = Card::read(&root.join("models/edge")).unwrap();
    let runtime = Runtime::open(Device::Cpu).unwrap();
    let mut model = Model::open(&runtime, &card, 1).unwrap();
    let rgb = image::open(root.join("tests/fixtures/pictures/000000208901.jpg")).unwrap().to_rgb8();
    let views: Vec<_> = (0..3).map(|index| from_rgb(&rgb, View::Tile { index, count: 3 }).unwrap()).collect();
    let together = model.score(&views).unwrap();
    for (view, batch) in views.iter().zip(&together) {
        let alone = model.score(std::slice::from_ref(view)).unwrap().remove(0);
        for (a, b) in alone.heads.iter().zip(&batch.heads) {
            assert!((a - b).abs() <= 1e-4, "alone {a}, in a batch {b}");
        }
    }
}
