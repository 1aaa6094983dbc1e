#![expect(clippy::unwrap_used, reason = "tests")]

use std::path::PathBuf;

use miqa::engine::{Device, Runtime};
use tch::no_grad;

use super::*;
use crate::export::onnx::Model;
use crate::export::region::tests::pictures;
use crate::export::session::IMAGE_BYTES;
use crate::export::trunk::tests::{SIDE, by_the_file, every_operator, source};
use crate::export::trunk::{TrunkSpec, read};
use crate::export::weights::Weights;
use crate::train::network::to_vec;

/// The trained tensors as libtorch has them.
fn leaves(trunk: &Trunk, weights: &Weights) -> Vec<(String, Tensor)> {
    let tensors = trunk.tensors.iter().map(|tensor| {
        let array = weights.get(&tensor.name).unwrap();
        let shape: Vec<i64> = array.shape.iter().map(|&d| d as i64).collect();
        (tensor.name.clone(), Tensor::from_slice(&array.values).view(shape.as_slice()).set_requires_grad(true))
    });
    tensors.collect()
}

fn leaf<'a>(leaves: &'a [(String, Tensor)], name: &str) -> &'a Tensor {
    &leaves.iter().find(|(known, _)| known == name).unwrap().1
}

/// The centre crops of pictures, u8 [B, side, side, 3].
fn crops(images: &[u8], side: usize) -> Tensor {
    let start = (288 - side) / 2;
    let rows = images.chunks_exact(IMAGE_BYTES).flat_map(|picture| {
        (start..start + side).flat_map(move |y| picture[(y * 288 + start) * 3..][..side * 3].iter().copied())
    });
    Tensor::from_slice(&rows.collect::<Vec<u8>>()).view([-1, side as i64, side as i64, 3])
}

/// Largest difference between the file on ONNX Runtime and the trunk on libtorch, and the largest value.
fn compare(model: &Model, source: &TrunkSpec, side: usize, bf16: bool) -> (f32, f32) {
    let runtime = Runtime::open(Device::Cpu).unwrap();
    let images = pictures(2);
    let (trunk, weights) = read(source, model, side as u32).unwrap();
    let leaves = leaves(&trunk, &weights);
    let have = to_vec(&no_grad(|| pooled(&trunk, &crops(&images, side), |name| leaf(&leaves, name), bf16)));
    let want = by_the_file(&runtime, model, source, &images, side);
    assert_eq!(have.len(), want.len());
    let apart = have.iter().zip(&want).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    (apart, want.iter().fold(0.0, |a, b| a.max(b.abs())))
}

#[test]
fn every_operator_is_what_the_file_says() {
    for layout in [Layout::Nchw, Layout::Nhwc] {
        let (model, source) = every_operator(layout);
        let (apart, largest) = compare(&model, &source, SIDE, false);
        assert!(apart < 1e-5 && largest > 0.3, "{layout:?}: {apart} of {largest}");
        let (rough, _) = compare(&model, &source, SIDE, true);
        assert!(rough < 0.05 * largest && rough > apart, "{layout:?} in bfloat16: {rough} of {largest}");
    }
}

#[test]
fn every_weight_gets_a_gradient() {
    let (model, source) = every_operator(Layout::Nchw);
    let (trunk, weights) = read(&source, &model, SIDE as u32).unwrap();
    for bf16 in [false, true] {
        let leaves = leaves(&trunk, &weights);
        let map = pooled(&trunk, &crops(&pictures(1), SIDE), |name| leaf(&leaves, name), bf16);
        map.square().sum(Kind::Float).backward();
        for (name, leaf) in &leaves {
            let gradient = to_vec(&leaf.grad());
            assert!(
                gradient.iter().any(|v| *v != 0.0) && gradient.iter().all(|v| v.is_finite()),
                "{name}: {gradient:?}"
            );
        }
    }
}

/// The zoo's own files, on the sides that recipes use: those in `MIQA_DATA` and in the user's cache folder.
#[test]
fn classifiers_of_the_zoo_are_what_their_files_say() {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")));
    let mut folders: Vec<PathBuf> = cache.map(|folder| folder.join("miqa/zoo")).into_iter().collect();
    folders.extend(std::env::var_os("MIQA_DATA").map(|data| PathBuf::from(data).join("models")));
    let plain = |input: &str, tensor: &str, layout, mean: f32, std: f32| TrunkSpec {
        colour: Channels::Rgb,
        mean: [mean; 3],
        std: [std; 3],
        ..source(input, tensor, layout)
    };
    let files = [
        ("efficientnet_lite0_224.onnx", plain("input", "_conv_head_out_r", Layout::Nchw, 127.0, 128.0)),
        ("mobilenet_v1_025_224.onnx", plain("input", "Relu6__57:0", Layout::Nhwc, 127.5, 127.5)),
        ("mobilenet_v2_100_224.onnx", plain("input", "Relu6__90:0", Layout::Nhwc, 0.0, 1.0)),
        ("squeezenet_v11_227.onnx", TrunkSpec { std: [1.0; 3], ..source("data", "fire9/concat_drop9", Layout::Nchw) }),
    ];
    for (file, source) in files {
        let Some(path) = folders.iter().map(|folder| folder.join(file)).find(|path| path.is_file()) else {
            println!("skipped: {file} (neither in MIQA_DATA nor in the cache of scripts/zoo.sh)");
            continue;
        };
        let side = if file.starts_with("squeezenet") { 227 } else { 224 };
        let (apart, largest) = compare(&Model::read(&path).unwrap(), &source, side, false);
        println!("{file}: {apart} apart, values up to {largest}");
        assert!(apart < 1e-5 * largest.max(1.0), "{file}: {apart} of {largest}");
    }
}
