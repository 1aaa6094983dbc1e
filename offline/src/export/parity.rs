//! The exported graph says what the training framework says: ONNX Runtime against libtorch on the same pictures.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::path::Path;

use miqa::engine::{Device, Runtime};
use tch::Tensor;

use super::graph::Storage;
use super::model::{FEATURES, assemble, spec_of};
use super::onnx::{Element, Extent, Model, ValueInfo};
use super::region::tests::{pictures, tiny_encoder};
use super::region::{Standard, build, groups};
use super::session::{IMAGE_BYTES, ImageSession};
use super::spec::{ModelSpec, tests::tiny};
use super::transformer::Attention;
use super::trunk::read;
use super::trunk::tests::{SIDE, every_operator};
use super::weights::Weights;
use crate::label::zoo::Layout;
use crate::train::draws::Draws;
use crate::train::network::{Network, named, start, to_vec};

const TOLERANCE: f32 = 1e-4;

/// Runs both on two pictures and returns the largest difference and the spread of the scores, unclipped.
fn compare(runtime: &Runtime, model: &Model, spec: &ModelSpec, weights: &Weights) -> (f32, f32) {
    let mut model = model.clone();
    let width = Extent::Fixed(spec.region as i64);
    let shape = [Extent::Named("batch".to_owned()), width];
    if spec.region_token {
        model.graph.as_mut().unwrap().outputs.push(ValueInfo::tensor(FEATURES, Element::F32, &shape));
    }
    let images = pictures(2);
    let outputs = ImageSession::open(runtime, "model", &model, 1).unwrap().run(&images).unwrap();

    let side = spec.crop as usize;
    let start = (288 - side) / 2;
    let crops: Vec<u8> = images
        .chunks(IMAGE_BYTES)
        .flat_map(|p| (start..start + side).flat_map(move |y| p[(y * 288 + start) * 3..][..side * 3].iter().copied()))
        .collect();
    let crops = Tensor::from_slice(&crops).view([2, side as i64, side as i64, 3]);
    let features = Tensor::from_slice(outputs.get(FEATURES).map_or(&[0.0, 0.0], Vec::as_slice)).view([2, -1]);
    let network = Network::of_weights(spec, weights, false).unwrap();
    let reference = tch::no_grad(|| network.forward(&crops, &features, None));

    let quality = to_vec(&reference.quality.clamp(0.0, 1.0));
    let mut apart = 0.0_f32;
    for (h, head) in spec.outputs.iter().enumerate() {
        for (i, score) in outputs[head].iter().enumerate() {
            apart = apart.max((score - quality[i * spec.outputs.len() + h]).abs());
        }
    }
    for (a, b) in outputs["distortion"].iter().zip(to_vec(&reference.distortion.sigmoid())) {
        apart = apart.max((a - b).abs());
    }
    let logits = to_vec(&reference.distortion);
    let spread = logits.iter().copied().fold(f32::MIN, f32::max) - logits.iter().copied().fold(f32::MAX, f32::min);
    (apart, spread)
}

#[test]
fn random_weights_of_several_sizes_agree() {
    let runtime = Runtime::open(Device::Cpu).unwrap();
    let (encoders, region) = tiny_encoder();
    let width: usize = groups(&region, &encoders).unwrap().iter().map(|g| g.width).sum();
    let standard = Standard { mean: vec![0.1; width], divisor: vec![0.7; width] };
    for (sizes, region_token, attention, storage) in [
        ((32, 2, 2, 16), true, Attention::Plain, Storage::Float),
        ((32, 2, 2, 16), false, Attention::Plain, Storage::Float),
        ((32, 2, 2, 16), true, Attention::Fused, Storage::Float),
        ((32, 2, 2, 16), true, Attention::Microsoft, Storage::Half),
        ((24, 1, 3, 32), true, Attention::Plain, Storage::Half),
        ((96, 3, 3, 28), true, Attention::Plain, Storage::Half),
    ] {
        let (d, depth, heads, patch) = sizes;
        let spec = ModelSpec { region_token, ..tiny(d, depth, heads, patch, width) };
        let region = build(&region, &encoders, Some(&standard), storage).unwrap();
        exported_and_trained_agree(&runtime, &region, &spec, attention, storage);
    }
}

#[test]
fn a_convolutional_patch_branch_agrees() {
    let runtime = Runtime::open(Device::Cpu).unwrap();
    let (encoders, region) = tiny_encoder();
    let width: usize = groups(&region, &encoders).unwrap().iter().map(|g| g.width).sum();
    for (layout, region_token, storage) in [
        (Layout::Nchw, true, Storage::Float),
        (Layout::Nchw, false, Storage::Half),
        (Layout::Nhwc, true, Storage::Half),
    ] {
        let (file, source) = every_operator(layout);
        let (trunk, _) = read(&source, &file, SIDE as u32).unwrap();
        let spec = ModelSpec { crop: SIDE as u32, trunk: Some(trunk), region_token, ..tiny(24, 0, 0, 16, width) };
        let region = build(&region, &encoders, None, storage).unwrap();
        exported_and_trained_agree(&runtime, &region, &spec, Attention::Plain, storage);
    }
}

/// Writes a model with weights that look random, reads it back, and compares.
fn exported_and_trained_agree(
    runtime: &Runtime,
    region: &Model,
    spec: &ModelSpec,
    attention: Attention,
    storage: Storage,
) {
    let mut flat = start(spec, Draws::new(5), 1.0);
    // Biases and scales start at zero and one; move them so that an error in them shows.
    for (i, value) in flat.iter_mut().enumerate() {
        *value += 0.1 * (i as f32 * 0.37).sin();
    }
    // Heads near the middle of 0..=1, so that the clip hides nothing.
    let weights = named(spec, &flat);
    let model = assemble(region, spec, &weights, attention, storage).unwrap();
    let model = <Model as prost::Message>::decode(model.to_bytes().as_slice()).unwrap();
    assert_eq!(spec_of(&model).unwrap(), *spec);
    let back = Weights::from_onnx(&model, spec).unwrap();
    assert_eq!(back, weights.as_stored(storage), "weights come back out of the file");
    let (apart, spread) = compare(runtime, &model, spec, &back);
    let what = format!("width {}, {attention:?}, {storage:?}, trunk: {}", spec.width, spec.trunk.is_some());
    assert!(apart <= TOLERANCE, "{what}: {apart}");
    assert!(spread > 0.05, "{what}: scores that hardly differ ({spread}) prove nothing");
}

#[test]
fn the_shipped_model_agrees() {
    let runtime = Runtime::open(Device::Cpu).unwrap();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models");
    let mut compared = 0;
    for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
        let path = entry.path().join("model.onnx");
        if !path.is_file() {
            continue;
        }
        let model = Model::read(&path).unwrap();
        let spec = spec_of(&model).unwrap();
        let weights = Weights::from_onnx(&model, &spec).unwrap();
        let (apart, spread) = compare(&runtime, &model, &spec, &weights);
        assert!(apart <= TOLERANCE, "{}: {apart}", path.display());
        assert!(spread > 0.05, "{}: {spread}", path.display());
        compared += 1;
    }
    println!("{compared} shipped models compared");
}
