#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::export::spec::tests::tiny;

const D: usize = 4;

fn spec() -> ModelSpec {
    // A grid of 4 × 4 patches of 2 × 2 pixels.
    ModelSpec { crop: 8, expansion: 2, ..tiny(D, 2, 2, 2, 3) }
}

/// Numbers that differ everywhere.
fn array(shape: &[usize], seed: f32) -> Array {
    let count: usize = shape.iter().product();
    Array { shape: shape.to_vec(), values: (0..count).map(|i| seed + (i as f32 * 0.37).sin()).collect() }
}

/// A block's tensors under neutral names, and the rest.
fn tensors() -> Vec<(String, Array)> {
    let mut list = vec![
        ("class".to_owned(), array(&[1, 1, D], 0.1)),
        ("positions".to_owned(), array(&[1, 17, D], 0.2)),
        ("patch.weight".to_owned(), array(&[D, 3, 2, 2], 0.3)),
        ("patch.bias".to_owned(), array(&[D], 0.4)),
        ("norm.weight".to_owned(), array(&[D], 0.5)),
        ("norm.bias".to_owned(), array(&[D], 0.6)),
    ];
    for i in 0..2 {
        for (k, name) in ["norm1", "query", "key", "value", "out", "norm2", "ffn1", "ffn2"].into_iter().enumerate() {
            let seed = i as f32 + k as f32 / 10.0;
            let weight: &[usize] = match name {
                "norm1" | "norm2" => &[D],
                "ffn1" => &[2 * D, D],
                "ffn2" => &[D, 2 * D],
                _ => &[D, D],
            };
            list.push((format!("{i} {name}.weight"), array(weight, seed)));
            list.push((format!("{i} {name}.bias"), array(&weight[..1], seed + 0.05)));
        }
        list.push((format!("{i} scale1"), array(&[D], 2.0)));
        list.push((format!("{i} scale2"), array(&[D], 3.0)));
    }
    list
}

fn named(rename: impl Fn(&str) -> String) -> Weights {
    let mut weights = Weights::default();
    for (name, array) in tensors() {
        weights.insert(&rename(&name), array);
    }
    weights
}

/// As DINOv2 is published by Hugging Face inside another model.
fn dino() -> Weights {
    named(|name| {
        let name = name.replace("class", "embeddings.cls_token").replace("positions", "embeddings.position_embeddings");
        let name = name.replace("patch.", "embeddings.patch_embeddings.projection.");
        let Some((block, part)) = name.split_once(' ') else {
            return format!("dinov2.{}", if name.starts_with("norm.") { format!("layer{name}") } else { name });
        };
        let part =
            part.replace("out.", "attention.output.dense.").replace("ffn1", "mlp.fc1").replace("ffn2", "mlp.fc2");
        let part = ["query", "key", "value"]
            .iter()
            .fold(part, |part, name| part.replace(&format!("{name}."), &format!("attention.attention.{name}.")));
        let part = part.replace("scale1", "layer_scale1.lambda1").replace("scale2", "layer_scale2.lambda1");
        format!("dinov2.encoder.layer.{block}.{part}")
    })
}

/// As timm names it: query, key and value in one layer.
fn timm() -> Weights {
    let separate = named(|name| {
        let name =
            name.replace("class", "cls_token").replace("positions", "pos_embed").replace("patch.", "patch_embed.proj.");
        let Some((block, part)) = name.split_once(' ') else { return name };
        let part = part.replace("out.", "attn.proj.").replace("ffn1", "mlp.fc1").replace("ffn2", "mlp.fc2");
        format!("blocks.{block}.{}", part.replace("scale1", "ls1.gamma").replace("scale2", "ls2.gamma"))
    });
    let mut joined = separate.clone();
    for block in 0..2 {
        for part in ["weight", "bias"] {
            let values: Vec<f32> = ["query", "key", "value"]
                .iter()
                .flat_map(|name| separate.get(&format!("blocks.{block}.{name}.{part}")).unwrap().values.clone())
                .collect();
            let shape = if part == "weight" { vec![3 * D, D] } else { vec![3 * D] };
            joined.insert(&format!("blocks.{block}.attn.qkv.{part}"), Array { shape, values });
        }
    }
    joined
}

fn of(mean: [f32; 3], std: [f32; 3]) -> Pretrained {
    let (file, sha256, licence) = Default::default();
    Pretrained { file, sha256, licence, mean, std, frozen: 1 }
}

fn renamed(weights: Weights, spec: &ModelSpec) -> Result<Weights, TrainError> {
    let published = Published { weights, path: Path::new("vit.safetensors") };
    published.renamed(spec, &of(PATCH_MEAN, PATCH_STD))
}

#[test]
fn both_namings_give_the_same_layers() {
    let spec = spec();
    let weights = renamed(timm(), &spec).unwrap();
    assert_eq!(weights, renamed(dino(), &spec).unwrap());
    for p in spec.parameters() {
        let trained_alone = p.name.starts_with("region") || p.name.starts_with("heads");
        assert_eq!(weights.get(&p.name).is_err(), trained_alone, "{}", p.name);
        if !trained_alone && p.name != "positions" {
            assert_eq!(weights.get(&p.name).unwrap().shape, p.shape, "{}", p.name);
        }
    }
    let source = |name: &str| tensors().into_iter().find(|(n, _)| n == name).unwrap().1.values;
    let found = |name: &str| weights.get(name).unwrap().values.clone();
    assert_eq!(found("blocks.1.attention.query.weight"), source("1 query.weight"));
    assert_eq!(found("blocks.1.attention.key_value.bias"), [source("1 key.bias"), source("1 value.bias")].concat());
    assert_eq!(found("blocks.0.ffn.in.weight"), source("0 ffn1.weight"));
    // A block adds scale × (weight · x + bias).
    for (name, layer, scale, columns) in
        [("blocks.1.attention.out", "1 out", "1 scale1", D), ("blocks.0.ffn.out", "0 ffn2", "0 scale2", 2 * D)]
    {
        let scale = source(scale);
        let scaled: Vec<f32> =
            source(&format!("{layer}.weight")).iter().enumerate().map(|(i, v)| v * scale[i / columns]).collect();
        assert_eq!(found(&format!("{name}.weight")), scaled);
        let bias: Vec<f32> = source(&format!("{layer}.bias")).iter().zip(&scale).map(|(v, s)| v * s).collect();
        assert_eq!(found(&format!("{name}.bias")), bias);
    }
    assert_eq!(found("positions"), source("positions"), "the same grid");
    let (kernel, ours) = (source("patch.weight"), found("patch.weight"));
    // Unit 2, channel 1, row 1, column 0.
    assert_eq!(ours[2 * 12 + (2 * 3) + 1], kernel[2 * 12 + 4 + 2]);
}

#[test]
fn the_publishers_normalisation_moves_into_the_weights() {
    let (mean, std) = ([127.5, 120.0, 110.0], [127.5, 60.0, 50.0]);
    let (kernel, bias) = (array(&[D, 3, 2, 2], 0.3).values, array(&[D], 0.4).values);
    let (ours, our_bias) = patches(&kernel, bias.clone(), 2, &of(mean, std));
    let pixel = |channel: usize, at: usize| (channel * 70 + at * 31) as f32;
    for unit in 0..D {
        let (mut theirs, mut found) = (bias[unit], our_bias[unit]);
        for channel in 0..3 {
            for at in 0..4 {
                let value = pixel(channel, at);
                theirs += kernel[unit * 12 + channel * 4 + at] * (value - mean[channel]) / std[channel];
                found += ours[unit * 12 + at * 3 + channel] * (value - PATCH_MEAN[channel]) / PATCH_STD[channel];
            }
        }
        assert!((theirs - found).abs() < 1e-4, "{theirs} {found}");
    }
}

#[test]
fn positions_are_resized_bicubically() {
    // 0 1 2 3 in every row, to two cells: weights −0.09375, 0.59375, 0.59375, −0.09375.
    let grid: Vec<f32> = (0..16).map(|i| (i % 4) as f32).collect();
    assert_eq!(resized(&grid, 4, 2, 1), [0.40625, 2.59375, 0.40625, 2.59375]);
    let flat = resized(&[0.7; 37 * 37 * 2], 37, 16, 2);
    assert!(flat.len() == 16 * 16 * 2 && flat.iter().all(|v| (v - 0.7).abs() < 1e-6));
    let spec = ModelSpec { crop: 4, ..spec() };
    assert_eq!(renamed(timm(), &spec).unwrap().get("positions").unwrap().shape, [1 + 4, D]);
}

#[test]
fn files_that_do_not_fit_are_named() {
    let text = |weights, spec: &ModelSpec| renamed(weights, spec).unwrap_err().to_string();
    assert!(text(Weights::default(), &spec()).contains("vit.safetensors"));
    let wide = ModelSpec { expansion: 4, ..spec() };
    let message = text(timm(), &wide);
    assert!(message.contains("mlp.fc1.weight") && message.contains("[16, 4]"), "{message}");
    let deep = ModelSpec { depth: 3, ..spec() };
    assert!(text(dino(), &deep).contains("layer.2"));

    let folder = tempfile::tempdir().unwrap();
    let pretrained = Pretrained { file: "vit.safetensors".to_owned(), ..of(PATCH_MEAN, PATCH_STD) };
    let folders = [folder.path().to_owned()];
    let message = pretrained.read(&folders, &spec()).unwrap_err().to_string();
    assert!(message.contains("--zoo-dir"), "{message}");
    std::fs::write(folder.path().join("vit.safetensors"), timm().to_safetensors().unwrap()).unwrap();
    let message = pretrained.read(&folders, &spec()).unwrap_err().to_string();
    assert!(message.contains("SHA-256"), "{message}");
}

#[test]
fn what_lies_below_a_frozen_block_is_frozen_too() {
    let pretrained = of(PATCH_MEAN, PATCH_STD);
    for (name, frozen) in [
        ("patch.weight", true),
        ("positions", true),
        ("blocks.0.norm1.bias", true),
        ("blocks.1.norm1.bias", false),
        ("region.weight", false),
        ("heads.cls_composite.out.bias", false),
    ] {
        assert_eq!(pretrained.is_frozen(name), frozen, "{name}");
        assert!(!Pretrained { frozen: 0, ..pretrained.clone() }.is_frozen(name));
    }
}
