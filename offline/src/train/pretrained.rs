//! Published weights of a vision transformer as the start of the patch branch.
//!
//! Files are safetensors in the naming of timm (`blocks.0.attn.qkv.weight`) or of Hugging Face's ViT and DINOv2
//! (`encoder.layer.0.attention.attention.query.weight`). Layer scale, where a model has it, is a factor on what a block
//! adds, so it is multiplied into the layer before it and the network needs none. Position embeddings of another grid are
//! resized. What such a model does not have (region token, heads) starts as without one.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::TrainError;
use super::weights_file::weights_file;
use crate::export::spec::{ModelSpec, PATCH_MEAN, PATCH_STD};
use crate::export::weights::{Array, Weights};

/// Which weights a model starts from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pretrained {
    /// File name; searched in the folders given on the command line.
    pub file: String,
    /// SHA-256 of that file, in lower-case hexadecimal.
    pub sha256: String,
    /// Licence of the weights, for the model card.
    pub licence: String,
    /// What was subtracted from each channel (0..255) when they were trained (default: ImageNet's means).
    #[serde(default = "imagenet_mean")]
    pub mean: [f32; 3],
    /// What divided each channel after that (default: ImageNet's deviations).
    #[serde(default = "imagenet_std")]
    pub std: [f32; 3],
    /// Blocks from the first on that stay as they are, with all that comes before them but the region branch (default 0).
    #[serde(default)]
    pub frozen: usize,
}

fn imagenet_mean() -> [f32; 3] {
    PATCH_MEAN
}

fn imagenet_std() -> [f32; 3] {
    PATCH_STD
}

impl Pretrained {
    /// Whether a parameter of this name stays as it is.
    #[must_use]
    pub fn is_frozen(&self, name: &str) -> bool {
        let block = name.strip_prefix("blocks.").and_then(|rest| rest.split('.').next()?.parse::<usize>().ok());
        match block {
            Some(block) => block < self.frozen,
            None => self.frozen > 0 && ["patch.weight", "patch.bias", "class_token", "positions"].contains(&name),
        }
    }

    /// Finds the file, checks its hash, and names its tensors as this project does: a part of [`ModelSpec::parameters`].
    ///
    /// # Errors
    /// [`TrainError`] if it is not there, another one, or does not fit the sizes.
    pub fn read(&self, folders: &[PathBuf], spec: &ModelSpec) -> Result<Weights, TrainError> {
        let (path, bytes) = weights_file("pretrained", &self.file, &self.sha256, folders)?;
        let published = Published { weights: Weights::from_bytes(&path, &bytes)?, path: &path };
        published.renamed(spec, self)
    }
}

/// Weights under the names of their publisher.
struct Published<'a> {
    weights: Weights,
    path: &'a Path,
}

/// The names of a block's parts; `%` stands for its number.
struct Names {
    class: &'static str,
    positions: &'static str,
    patch: &'static str,
    norm1: &'static str,
    /// One layer for query, key and value, or three.
    attention: &'static [&'static str],
    out: &'static str,
    scale1: &'static str,
    norm2: &'static str,
    ffn: [&'static str; 2],
    scale2: &'static str,
    norm: &'static str,
}

const TIMM: Names = Names {
    class: "cls_token",
    positions: "pos_embed",
    patch: "patch_embed.proj",
    norm1: "blocks.%.norm1",
    attention: &["blocks.%.attn.qkv"],
    out: "blocks.%.attn.proj",
    scale1: "blocks.%.ls1.gamma",
    norm2: "blocks.%.norm2",
    ffn: ["blocks.%.mlp.fc1", "blocks.%.mlp.fc2"],
    scale2: "blocks.%.ls2.gamma",
    norm: "norm",
};

const DINO: Names = Names {
    class: "embeddings.cls_token",
    positions: "embeddings.position_embeddings",
    patch: "embeddings.patch_embeddings.projection",
    norm1: "encoder.layer.%.norm1",
    attention: &[
        "encoder.layer.%.attention.attention.query",
        "encoder.layer.%.attention.attention.key",
        "encoder.layer.%.attention.attention.value",
    ],
    out: "encoder.layer.%.attention.output.dense",
    scale1: "encoder.layer.%.layer_scale1.lambda1",
    norm2: "encoder.layer.%.norm2",
    ffn: ["encoder.layer.%.mlp.fc1", "encoder.layer.%.mlp.fc2"],
    scale2: "encoder.layer.%.layer_scale2.lambda1",
    norm: "layernorm",
};

const HUGGING_FACE: Names = Names {
    norm1: "encoder.layer.%.layernorm_before",
    norm2: "encoder.layer.%.layernorm_after",
    ffn: ["encoder.layer.%.intermediate.dense", "encoder.layer.%.output.dense"],
    ..DINO
};

/// What models as a part of others put before their names.
const PREFIXES: [&str; 5] = ["", "vit.", "dinov2.", "backbone.", "model."];

impl Published<'_> {
    fn wrong(&self, why: impl Into<String>) -> TrainError {
        TrainError::content(self.path, why)
    }

    /// Which naming the file follows, and what stands before each name.
    fn naming(&self) -> Result<(&'static Names, &'static str), TrainError> {
        for names in [&TIMM, &DINO, &HUGGING_FACE] {
            for prefix in PREFIXES {
                let known = |name: &str| self.weights.get(&format!("{prefix}{name}")).is_ok();
                if known(names.class) && known(&format!("{}.weight", names.norm1.replace('%', "0"))) {
                    return Ok((names, prefix));
                }
            }
        }
        Err(self.wrong("holds no vision transformer in the names of timm, or of Hugging Face's ViT or DINOv2"))
    }

    fn renamed(&self, spec: &ModelSpec, of: &Pretrained) -> Result<Weights, TrainError> {
        let (names, prefix) = self.naming()?;
        let tensor = |name: &str| -> Result<&Array, TrainError> {
            self.weights.get(&format!("{prefix}{name}")).map_err(|e| self.wrong(e.to_string()))
        };
        let d = spec.width;
        let fitting = |name: &str, shape: &[usize]| -> Result<Vec<f32>, TrainError> {
            let array = tensor(name)?;
            if array.shape.iter().product::<usize>() == shape.iter().product::<usize>() {
                return Ok(array.values.clone());
            }
            Err(self.wrong(format!("tensor {name} has shape {:?}, the recipe needs {shape:?}", array.shape)))
        };
        let mut weights = Weights::default();
        let mut put = |name: String, shape: &[usize], values: Vec<f32>| {
            weights.insert(&name, Array { shape: shape.to_vec(), values });
        };

        let patch = spec.patch as usize;
        let kernel = fitting(&format!("{}.weight", names.patch), &[d, 3, patch, patch])?;
        let bias = fitting(&format!("{}.bias", names.patch), &[d])?;
        let (kernel, bias) = patches(&kernel, bias, patch, of);
        put("patch.weight".to_owned(), &[d, patch * patch * 3], kernel);
        put("patch.bias".to_owned(), &[d], bias);
        put("class_token".to_owned(), &[d], fitting(names.class, &[d])?);
        let positions = &tensor(names.positions)?.values;
        let grid = ((positions.len() / d).saturating_sub(1)).isqrt();
        if positions.len() != (grid * grid + 1) * d || grid == 0 {
            return Err(self.wrong(format!("tensor {} is no square of positions of width {d}", names.positions)));
        }
        // Of the class token, then of the patches; that of the region token stays as it starts.
        let mut of_tokens = positions[..d].to_vec();
        of_tokens.extend(resized(&positions[d..], grid, spec.grid(), d));
        put("positions".to_owned(), &[1 + spec.grid() * spec.grid(), d], of_tokens);

        let hidden = d * spec.expansion;
        for i in 0..spec.depth {
            let named = |name: &str| name.replace('%', &i.to_string());
            let block = format!("blocks.{i}");
            let scale = |name: &str| self.weights.get(&format!("{prefix}{}", named(name))).ok();
            for (norm, to) in [(names.norm1, "norm1"), (names.norm2, "norm2")] {
                for part in ["weight", "bias"] {
                    put(format!("{block}.{to}.{part}"), &[d], fitting(&format!("{}.{part}", named(norm)), &[d])?);
                }
            }
            for (part, columns) in [("weight", d), ("bias", 1)] {
                let layers = names.attention.len();
                let mut stacked = Vec::with_capacity(3 * d * columns);
                for layer in names.attention {
                    stacked.extend(fitting(&format!("{}.{part}", named(layer)), &[3 / layers * d, columns])?);
                }
                let rest = stacked.split_off(d * columns);
                let shape = |rows: usize| if part == "weight" { vec![rows, d] } else { vec![rows] };
                put(format!("{block}.attention.query.{part}"), &shape(d), stacked);
                put(format!("{block}.attention.key_value.{part}"), &shape(2 * d), rest);
            }
            let [first, second] = names.ffn;
            let layers = [
                (names.out, "attention.out", d, d, Some(names.scale1)),
                (first, "ffn.in", hidden, d, None),
                (second, "ffn.out", d, hidden, Some(names.scale2)),
            ];
            for (from, to, rows, columns, factor) in layers {
                let mut weight = fitting(&format!("{}.weight", named(from)), &[rows, columns])?;
                let mut bias = fitting(&format!("{}.bias", named(from)), &[rows])?;
                if let Some(factor) = factor.and_then(scale) {
                    for (row, factor) in weight.chunks_exact_mut(columns).zip(&factor.values) {
                        row.iter_mut().for_each(|value| *value *= factor);
                    }
                    bias.iter_mut().zip(&factor.values).for_each(|(value, factor)| *value *= factor);
                }
                put(format!("{block}.{to}.weight"), &[rows, columns], weight);
                put(format!("{block}.{to}.bias"), &[rows], bias);
            }
        }
        for part in ["weight", "bias"] {
            put(format!("norm.{part}"), &[d], fitting(&format!("{}.{part}", names.norm), &[d])?);
        }
        Ok(weights)
    }
}

/// A convolution's kernel [D, 3, P, P] as a matrix on patches [D, row × column × channel]; what the publisher subtracted and
/// divided by moves into weights and biases, as this project's network has ImageNet's.
fn patches(kernel: &[f32], mut bias: Vec<f32>, patch: usize, of: &Pretrained) -> (Vec<f32>, Vec<f32>) {
    let area = patch * patch;
    let mut weights = vec![0.0; kernel.len()];
    let rows = weights.chunks_exact_mut(3 * area).zip(kernel.chunks_exact(3 * area)).zip(&mut bias);
    for ((to, from), bias) in rows {
        for channel in 0..3 {
            let factor = PATCH_STD[channel] / of.std[channel];
            let shift = (PATCH_MEAN[channel] - of.mean[channel]) / of.std[channel];
            for (at, &weight) in from[channel * area..(channel + 1) * area].iter().enumerate() {
                to[3 * at + channel] = weight * factor;
                *bias += weight * shift;
            }
        }
    }
    (weights, bias)
}

/// A square grid of vectors at another size: bicubic, a = −0.75, centres of cells aligned, borders repeated, as those do
/// who publish such models.
fn resized(grid: &[f32], from: usize, to: usize, width: usize) -> Vec<f32> {
    if from == to {
        return grid.to_vec();
    }
    let taps: Vec<[(usize, f64); 4]> = (0..to).map(|at| taps(at, from, to)).collect();
    let mut out = Vec::with_capacity(to * to * width);
    for rows in &taps {
        for columns in &taps {
            for k in 0..width {
                let across = |y: usize| -> f64 {
                    columns.iter().map(|&(x, weight)| weight * f64::from(grid[(y * from + x) * width + k])).sum()
                };
                out.push(rows.iter().map(|&(y, weight)| weight * across(y)).sum::<f64>() as f32);
            }
        }
    }
    out
}

/// The four cells around a place, with their weights.
fn taps(at: usize, from: usize, to: usize) -> [(usize, f64); 4] {
    const A: f64 = -0.75;
    let place = (at as f64 + 0.5) * from as f64 / to as f64 - 0.5;
    let first = place.floor();
    std::array::from_fn(|k| {
        let cell = first + k as f64 - 1.0;
        let distance = (place - cell).abs();
        let weight = if distance <= 1.0 {
            ((A + 2.0) * distance - (A + 3.0)) * distance * distance + 1.0
        } else {
            ((A * distance - 5.0 * A) * distance + 8.0 * A) * distance - 4.0 * A
        };
        (cell.clamp(0.0, from as f64 - 1.0) as usize, weight)
    })
}

#[cfg(test)]
mod tests;
