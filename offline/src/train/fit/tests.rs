#![expect(clippy::unwrap_used, reason = "tests")]

use std::sync::{Mutex, PoisonError};

use miqa::preprocess::{BYTES, SIDE};

use super::*;
use crate::export::trunk;
use crate::export::trunk::tests::{SIDE as TRUNK_SIDE, every_operator};
use crate::export::weights::{Array, Weights};
use crate::label::zoo;
use crate::render::random::philox;
use crate::source::TRAIN;
use crate::table;
use crate::train::dataset::{FEATURE_VIEWS, Layout, Prepared, SampleRow};
use crate::train::pretrained::Pretrained;
use crate::train::recipe::{Precision, TrainSpec};

/// libtorch has one generator a process; runs that draw from it take turns.
static TURN: Mutex<()> = Mutex::new(());

const REGION: usize = 6;

/// A work folder of pictures whose quality is their contrast; features say nothing.
fn work(samples: usize) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let layout = Layout::of(folder.path());
    std::fs::create_dir_all(layout.folder()).unwrap();
    let (mut crops, mut features, mut rows) = (Vec::new(), Vec::new(), Vec::new());
    for i in 0..samples {
        let word = |k: u32| philox([k, i as u32, 0, 0], [8, 8])[0];
        let quality = word(0) as f32 / 4_294_967_296.0;
        let phase = f64::from(word(1) % 100);
        crops.extend((0..BYTES).map(|at| {
            let (y, x) = (at / 3 / SIDE as usize, at / 3 % SIDE as usize);
            let wave = ((x as f64 + phase) / 5.0).sin() * ((y as f64 + phase) / 7.0).cos();
            (127.0 + f64::from(quality) * 120.0 * wave) as u8
        }));
        for k in 0..(FEATURE_VIEWS * REGION) as u32 {
            features.extend((word(2 + k) as f32 / 4_294_967_296.0 - 0.5).to_le_bytes());
        }
        rows.push(SampleRow {
            sample: format!("s{i}"),
            original: format!("o{i}"),
            distortion: if quality < 0.3 { "fog" } else { "none" }.to_owned(),
            level: 1,
            background_level: None,
            fold: if i % 4 == 3 { VALIDATION } else { TRAIN }.to_owned(),
            cls_consistency: Some(quality),
            cls_accuracy: (i % 3 > 0).then_some(quality / 2.0),
            cls_composite: (i % 3 > 0).then_some(quality * 0.75),
            crop: Some(i as u32),
            ..SampleRow::default()
        });
    }
    std::fs::write(layout.crops(), crops).unwrap();
    std::fs::write(layout.features(), features).unwrap();
    table::write(&layout.samples(), &rows).unwrap();
    let prepared = Prepared {
        held_out: 0,
        samples,
        region: REGION,
        groups: vec![],
        samples_key: "s".to_owned(),
        features_key: "f".to_owned(),
        taught: None,
        plans: vec![],
        labellers: std::collections::BTreeMap::new(),
        crops: samples,
    };
    std::fs::write(layout.prepared(), serde_json::to_vec(&prepared).unwrap()).unwrap();
    folder
}

fn recipe(change: impl FnOnce(&mut Recipe)) -> Recipe {
    let mut recipe: Recipe = toml::from_str(include_str!("../../../recipes/edge.toml")).unwrap();
    recipe.model = ModelSpec { patch: 32, width: 16, depth: 2, heads: 2, ..recipe.model };
    recipe.train =
        TrainSpec { epochs: 3, batch: 8, rate: 3e-3, precision: Precision::Fp32, threads: 1, ..recipe.train };
    recipe.train.folds = vec![TRAIN.to_owned()];
    change(&mut recipe);
    recipe
}

fn bits(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap()
}

#[test]
fn a_run_that_was_stopped_ends_in_the_same_weights() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let work = work(40);
    let data = Dataset::open(work.path()).unwrap();
    // 30 training samples in batches of 8: three steps an epoch, nine in all; every regulariser draws.
    let recipe = recipe(|r| {
        let t = &mut r.train;
        (t.dropout, t.feature_dropout, t.feature_noise, t.patch_dropout, t.average) = (0.1, 0.2, 0.1, 0.3, 0.9);
    });
    let (straight, broken) = (work.path().join("straight"), work.path().join("broken"));
    let whole = fit(&recipe, &data, None, &straight, Device::Cpu, &|_| false).unwrap();
    assert!(matches!(whole, Outcome::Finished { .. }));
    assert_eq!(
        fit(&recipe, &data, None, &broken, Device::Cpu, &|step| step == 4).unwrap(),
        Outcome::Interrupted { step: 4 }
    );
    let kept = bits(&broken.join(CHECKPOINT));
    assert_eq!(
        fit(&recipe, &data, None, &broken, Device::Cpu, &|step| step == 7).unwrap(),
        Outcome::Interrupted { step: 7 }
    );
    // As after kill -9: the log is ahead of the checkpoint.
    std::fs::write(broken.join(CHECKPOINT), kept).unwrap();
    assert_eq!(fit(&recipe, &data, None, &broken, Device::Cpu, &|_| false).unwrap(), whole);
    for file in [WEIGHTS, CHECKPOINT, "log.csv"] {
        assert!(bits(&straight.join(file)) == bits(&broken.join(file)), "{file} differs");
    }

    let other = fit(
        &Recipe { train: TrainSpec { seed: 2, ..recipe.train.clone() }, ..recipe },
        &data,
        None,
        &broken,
        Device::Cpu,
        &|_| false,
    );
    assert!(matches!(other.unwrap(), Outcome::Finished { .. }));
    assert!(bits(&straight.join(WEIGHTS)) != bits(&broken.join(WEIGHTS)), "another seed, another model");
}

#[test]
fn learns_what_only_the_pictures_tell() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let work = work(120);
    let data = Dataset::open(work.path()).unwrap();
    for precision in [Precision::Fp32, Precision::Bf16] {
        let recipe = recipe(|r| {
            r.model.outputs = vec!["cls_consistency".to_owned(), "cls_accuracy".to_owned()];
            let t = &mut r.train;
            (t.epochs, t.dropout, t.feature_dropout, t.feature_noise, t.patch_dropout) = (8, 0.0, 0.0, 0.0, 0.0);
            (t.average, t.precision) = (0.0, precision);
        });
        let folder = work.path().join(format!("{precision:?}"));
        let outcome = fit(&recipe, &data, None, &folder, Device::Cpu, &|_| false).unwrap();
        let Outcome::Finished { score: Some(score), .. } = outcome else { panic!("{outcome:?}") };
        assert!(score > 0.9, "{precision:?}: SRCC {score}");
        let spec = ModelSpec { region: REGION, ..recipe.model.clone() };
        Weights::read(&folder.join(WEIGHTS)).unwrap().check(&spec).unwrap();
    }
}

#[test]
fn a_final_run_learns_from_both_folds_and_keeps_the_last_weights() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let work = work(40);
    let data = Dataset::open(work.path()).unwrap();
    let recipe = recipe(|r| r.train.folds = vec![TRAIN.to_owned(), VALIDATION.to_owned()]);
    let folder = work.path().join("final");
    // All 40 samples in batches of 8: five steps an epoch instead of three.
    assert_eq!(
        fit(&recipe, &data, None, &folder, Device::Cpu, &|_| false).unwrap(),
        Outcome::Finished { score: None, step: 15 }
    );
}

#[test]
fn a_batch_in_parts_is_the_same_batch() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let work = work(40);
    let data = Dataset::open(work.path()).unwrap();
    let plain = recipe(|r| {
        let t = &mut r.train;
        (t.epochs, t.dropout, t.feature_dropout, t.feature_noise, t.patch_dropout) = (1, 0.0, 0.0, 0.0, 0.0);
    });
    let mut parts = plain.clone();
    parts.train.at_a_time = Some(3);
    let trained = |recipe: &Recipe, name: &str| {
        let folder = work.path().join(name);
        fit(recipe, &data, None, &folder, Device::Cpu, &|_| false).unwrap();
        Weights::read(&folder.join(WEIGHTS)).unwrap()
    };
    let (plain, parts) = (trained(&plain, "plain"), trained(&parts, "parts"));
    let spec = ModelSpec { region: REGION, ..recipe(|_| ()).model };
    for p in spec.parameters() {
        let (a, b) = (&plain.get(&p.name).unwrap().values, &parts.get(&p.name).unwrap().values);
        let worst = a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        // Sums in another order, through AdamW's division by small spreads.
        assert!(worst < 2e-3, "{}: {worst}", p.name);
    }
}

#[test]
fn published_weights_are_the_start_and_what_is_frozen_stays() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let work = work(40);
    let data = Dataset::open(work.path()).unwrap();
    let recipe = recipe(|r| {
        let (file, sha256, licence) = Default::default();
        r.pretrained = Some(Pretrained { file, sha256, licence, mean: [0.0; 3], std: [1.0; 3], frozen: 1 });
    });
    let spec = ModelSpec { region: REGION, ..recipe.model.clone() };
    let other = named(&spec, &start(&spec, Draws::new(99), 0.0));
    let mut published = Weights::default();
    for name in spec.parameters().into_iter().map(|p| p.name).filter(|name| !name.starts_with("heads")) {
        let mut array = other.get(&name).unwrap().clone();
        if name == "positions" {
            array.values.drain(..spec.width);
        }
        published.insert(&name, array);
    }
    let folder = work.path().join("started");
    fit(&recipe, &data, Some(&published), &folder, Device::Cpu, &|_| false).unwrap();
    let trained = Weights::read(&folder.join(WEIGHTS)).unwrap();
    for p in spec.parameters().into_iter().filter(|p| p.name.starts_with("blocks") || p.name.starts_with("patch")) {
        let same = trained.get(&p.name).unwrap().values == published.get(&p.name).unwrap().values;
        assert_eq!(same, !p.name.starts_with("blocks.1"), "{}", p.name);
    }
    let mut less = published.clone();
    less.insert("class_token", Array { shape: vec![3], values: vec![0.0; 3] });
    let message =
        fit(&recipe, &data, Some(&less), &work.path().join("less"), Device::Cpu, &|_| false).unwrap_err().to_string();
    assert!(message.contains("class_token"), "{message}");
}

/// A recipe with a small convolutional patch branch of every operator, and the weights it starts from.
fn with_trunk(frozen: usize, region_token: bool) -> (Recipe, Weights) {
    let (file, source) = every_operator(zoo::Layout::Nchw);
    let source = trunk::TrunkSpec { frozen, ..source };
    let (trunk, published) = trunk::read(&source, &file, TRUNK_SIDE as u32).unwrap();
    let recipe = recipe(|r| {
        let (crop, trunk) = (TRUNK_SIDE as u32, Some(trunk));
        r.trunk = Some(source);
        r.model = ModelSpec { crop, patch: 16, depth: 0, heads: 0, region_token, trunk, ..r.model.clone() };
        (r.train.dropout, r.train.feature_noise, r.train.patch_dropout) = (0.1, 0.1, 0.0);
    });
    (recipe, published)
}

#[test]
fn a_stopped_run_with_a_trunk_ends_in_the_same_weights_and_keeps_what_is_frozen() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let work = work(40);
    let data = Dataset::open(work.path()).unwrap();
    for region_token in [true, false] {
        let (mut recipe, published) = with_trunk(2, region_token);
        let [straight, broken] = ["straight", "broken"].map(|name| work.path().join(format!("{name}-{region_token}")));
        let whole = fit(&recipe, &data, Some(&published), &straight, Device::Cpu, &|_| false).unwrap();
        let stopped = fit(&recipe, &data, Some(&published), &broken, Device::Cpu, &|step| step == 4).unwrap();
        assert_eq!(stopped, Outcome::Interrupted { step: 4 });
        assert_eq!(fit(&recipe, &data, Some(&published), &broken, Device::Cpu, &|_| false).unwrap(), whole);
        for file in [WEIGHTS, CHECKPOINT, "log.csv", "trunk.json"] {
            assert!(bits(&straight.join(file)) == bits(&broken.join(file)), "{file} differs");
        }

        let trained = Weights::read(&straight.join(WEIGHTS)).unwrap();
        let spec = ModelSpec { region: REGION, ..recipe.model.clone() };
        trained.check(&spec).unwrap();
        assert_eq!(trained.get("region.weight").is_ok(), region_token);
        let trunk = recipe.model.trunk.take().unwrap();
        for tensor in &trunk.tensors {
            let same = trained.get(&tensor.name).unwrap() == published.get(&tensor.name).unwrap();
            assert_eq!(same, trunk.is_frozen(&tensor.name), "{}", tensor.name);
        }
        recipe.trunk_of_run(&straight).unwrap();
        assert_eq!(recipe.model.trunk, Some(trunk), "what export reads is what was trained");
        recipe.trunk.as_mut().unwrap().tensor = "r2".to_owned();
        let message = recipe.trunk_of_run(&straight).unwrap_err().to_string();
        assert!(message.contains("another section [trunk]"), "{message}");
    }
}

#[test]
fn a_trunk_learns_what_only_the_pictures_tell() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let work = work(120);
    let data = Dataset::open(work.path()).unwrap();
    for (precision, ranking) in [(Precision::Fp32, 0.0), (Precision::Bf16, 1.0)] {
        let (mut recipe, published) = with_trunk(0, false);
        recipe.model.outputs = vec!["cls_consistency".to_owned()];
        let t = &mut recipe.train;
        (t.epochs, t.dropout, t.average, t.precision, t.ranking) = (8, 0.0, 0.0, precision, ranking);
        let folder = work.path().join(format!("{precision:?}"));
        let outcome = fit(&recipe, &data, Some(&published), &folder, Device::Cpu, &|_| false).unwrap();
        let Outcome::Finished { score: Some(score), .. } = outcome else { panic!("{outcome:?}") };
        assert!(score > 0.9, "{precision:?}: SRCC {score}");
    }
}
