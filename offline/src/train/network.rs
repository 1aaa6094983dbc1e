//! RA-MIQA's trained part (equations 9 to 13) on libtorch.
//!
//! The patch branch is a transformer, or a convolutional network whose averaged map takes the class token's place.
//!
//! Where the paper is silent: a last layer normalisation stands before the heads, as in ViT, and the distortion head has
//! the form of equation 13 with one output a distortion.

use std::collections::HashMap;

use tch::{Device, Kind, Tensor};

use super::draws::Draws;
use super::recipe::TrainSpec;
use super::trunk::pooled;
use crate::export::ExportError;
use crate::export::spec::{ModelSpec, NORM_EPSILON, PATCH_MEAN, PATCH_STD, Role};
use crate::export::trunk::Trunk;
use crate::export::weights::{Array, Weights};

/// Unbounded scores and logits of a batch.
#[derive(Debug)]
pub struct Output {
    /// [B, heads], in the order of [`ModelSpec::outputs`].
    pub quality: Tensor,
    /// [B, distortions], before the sigmoid.
    pub distortion: Tensor,
}

/// The network: one flat vector of weights, and leaf views into it that gradients arrive on.
#[derive(Debug)]
pub struct Network {
    spec: ModelSpec,
    flat: Tensor,
    leaves: Vec<Tensor>,
    index: HashMap<String, usize>,
    bf16: bool,
}

/// The flat vector of starting weights: the same for a seed on every machine. `region_bias` is the standard deviation of
/// the region projection's biases; all other biases start at 0.
#[must_use]
pub fn start(spec: &ModelSpec, draws: Draws, region_bias: f64) -> Vec<f32> {
    let mut flat = Vec::new();
    for p in spec.parameters() {
        let count: usize = p.shape.iter().product();
        let deviation = match p.role {
            Role::Linear => 1.0 / (p.shape[1..].iter().product::<usize>() as f64).sqrt(),
            Role::Embedding => 0.02,
            Role::Bias if p.name == "region.bias" => region_bias,
            Role::Bias | Role::Scale => 0.0,
        };
        let level = if p.role == Role::Scale { 1.0 } else { 0.0 };
        let from = flat.len();
        flat.extend((from..from + count).map(|i| {
            let noise = if deviation > 0.0 { deviation * draws.normal(i as u64) } else { 0.0 };
            (level + noise) as f32
        }));
    }
    flat
}

impl Network {
    /// A network on a flat vector of weights, in the order of [`ModelSpec::parameters`]. With `bf16` matrix products
    /// are taken in bfloat16; everything else, and the weights, stay 32-bit.
    ///
    /// # Errors
    /// [`ExportError::Weights`] if the vector's length does not fit.
    pub fn new(spec: &ModelSpec, flat: &[f32], bf16: bool) -> Result<Self, ExportError> {
        Self::on(Device::Cpu, spec, flat, bf16)
    }

    /// [`Network::new`] on a device; what it is given must lie there.
    ///
    /// # Errors
    /// [`ExportError::Weights`] if the vector's length does not fit.
    pub fn on(device: Device, spec: &ModelSpec, flat: &[f32], bf16: bool) -> Result<Self, ExportError> {
        let parameters = spec.parameters();
        let count: usize = parameters.iter().map(|p| p.shape.iter().product::<usize>()).sum();
        if flat.len() != count {
            return Err(ExportError::Weights(format!("{} weights instead of {count}", flat.len())));
        }
        let flat = Tensor::from_slice(flat).to_device(device);
        let (mut leaves, mut index, mut offset) = (Vec::new(), HashMap::new(), 0);
        for p in parameters {
            let shape: Vec<i64> = p.shape.iter().map(|&d| long(d)).collect();
            let length: i64 = shape.iter().product();
            let view = flat.narrow(0, offset, length).view(shape.as_slice());
            index.insert(p.name, leaves.len());
            leaves.push(view.detach().set_requires_grad(true));
            offset += length;
        }
        Ok(Self { spec: spec.clone(), flat, leaves, index, bf16 })
    }

    /// A network on named weights.
    ///
    /// # Errors
    /// [`ExportError::Weights`] if they do not fit `spec`.
    pub fn of_weights(spec: &ModelSpec, weights: &Weights, bf16: bool) -> Result<Self, ExportError> {
        weights.check(spec)?;
        let mut flat = Vec::new();
        for p in spec.parameters() {
            flat.extend_from_slice(&weights.get(&p.name)?.values);
        }
        Self::new(spec, &flat, bf16)
    }

    /// Leaves out of training what `frozen` says of a parameter's name.
    pub fn freeze(&mut self, frozen: impl Fn(&str) -> bool) {
        for (name, &at) in &self.index {
            if frozen(name) {
                self.leaves[at] = self.leaves[at].set_requires_grad(false);
            }
        }
    }

    /// Where it lies.
    pub fn device(&self) -> Device {
        self.flat.device()
    }

    /// The flat vector, sharing memory with the leaves.
    pub fn flat(&self) -> &Tensor {
        &self.flat
    }

    /// The leaf views in the order of the flat vector.
    pub fn leaves(&self) -> &[Tensor] {
        &self.leaves
    }

    /// `images` u8 [B, crop, crop, 3] and standardised region features `features` [B, Dr] → scores. With `train` its
    /// dropout, noise and patch choice apply, drawn from libtorch's generator.
    #[must_use]
    pub fn forward(&self, images: &Tensor, features: &Tensor, train: Option<&TrainSpec>) -> Output {
        let dropout = train.map_or(0.0, |t| t.dropout);
        let mut z = match &self.spec.trunk {
            Some(trunk) => self.trunk_tokens(trunk, images, features, train),
            None => self.tokens(images, features, train),
        };
        for i in 0..self.spec.depth {
            z = self.block(&z, i, dropout);
        }
        let h = self.norm(&z, "norm").flatten(1, 2);
        let heads: Vec<Tensor> = self.spec.outputs.iter().map(|name| self.head(&h, name, dropout)).collect();
        Output { quality: Tensor::cat(&heads, 1), distortion: self.head(&h, "distortion", dropout) }
    }

    fn leaf(&self, name: &str) -> &Tensor {
        // Every name asked for here is in ModelSpec::parameters, from which the index was made.
        &self.leaves[self.index[name]]
    }

    fn linear(&self, x: &Tensor, name: &str) -> Tensor {
        let weight = self.leaf(&format!("{name}.weight"));
        let bias = self.leaf(&format!("{name}.bias"));
        if self.bf16 {
            let half = |t: &Tensor| t.to_kind(Kind::BFloat16);
            half(x).linear(&half(weight), Some(&half(bias)))
        } else {
            x.linear(weight, Some(bias))
        }
    }

    fn norm(&self, x: &Tensor, name: &str) -> Tensor {
        let weight = self.leaf(&format!("{name}.weight"));
        let bias = self.leaf(&format!("{name}.bias"));
        x.to_kind(Kind::Float).layer_norm(long(self.spec.width), Some(weight), Some(bias), NORM_EPSILON, false)
    }

    fn tokens(&self, images: &Tensor, features: &Tensor, train: Option<&TrainSpec>) -> Tensor {
        let spec = &self.spec;
        let (batch, width, read) = (images.size()[0], long(spec.width), long(spec.read_tokens()));
        let region = spec.region_token.then(|| self.region(features, train));
        let class = self.leaf("class_token").view([1, 1, width]).expand([batch, 1, width], false);

        let (grid, patch) = (long(spec.grid()), i64::from(spec.patch));
        let mut cells = images.view([batch, grid, patch, grid, patch, 3]).permute([0, 1, 3, 2, 4, 5]).reshape([
            batch,
            grid * grid,
            -1,
        ]);
        let mut positions = self.leaf("positions").shallow_clone();
        if let Some(t) = train.filter(|t| t.patch_dropout > 0.0) {
            let kept = (((grid * grid) as f64) * (1.0 - t.patch_dropout)).ceil() as i64;
            let chosen = Tensor::randperm(grid * grid, (Kind::Int64, images.device())).narrow(0, 0, kept);
            cells = cells.index_select(1, &chosen);
            let tokens = Tensor::cat(&[Tensor::arange(read, (Kind::Int64, images.device())), chosen + read], 0);
            positions = positions.index_select(0, &tokens);
        }
        let kept = cells.size()[1];
        let pixels = cells.to_kind(Kind::Float).view([batch, kept, -1, 3]);
        let of = |values: &[f32; 3]| Tensor::from_slice(values).to_device(images.device());
        let pixels = (pixels - of(&PATCH_MEAN)) / of(&PATCH_STD);
        let patches = self.linear(&pixels.view([batch, kept, -1]), "patch").to_kind(Kind::Float);
        let sequence: Vec<Tensor> = region.into_iter().chain([class, patches]).collect();
        Tensor::cat(&sequence, 1) + positions
    }

    /// [z_r; z_c] with z_c from a convolutional network's averaged map: [B, 2 or 1, D]. No block mixes them.
    fn trunk_tokens(&self, trunk: &Trunk, images: &Tensor, features: &Tensor, train: Option<&TrainSpec>) -> Tensor {
        let region = self.spec.region_token.then(|| self.region(features, train));
        let pooled = pooled(trunk, images, |name| self.leaf(name), self.bf16);
        let class = self.linear(&pooled, "class").to_kind(Kind::Float).unsqueeze(1);
        Tensor::cat(&region.into_iter().chain([class]).collect::<Vec<_>>(), 1)
    }

    /// Equation 10: [B, 1, D].
    fn region(&self, features: &Tensor, train: Option<&TrainSpec>) -> Tensor {
        let mut f = features.shallow_clone();
        if let Some(t) = train {
            if t.feature_noise > 0.0 {
                f = &f + f.randn_like() * t.feature_noise;
            }
            f = f.dropout(t.feature_dropout, true);
        }
        // The region features are taken in 32 bits: log-probabilities lose too much in eight bits of mantissa.
        let weight = (self.leaf("region.weight"), self.leaf("region.bias"));
        let region = f.linear(weight.0, Some(weight.1)).gelu("none");
        self.norm(&region, "region.norm").view([features.size()[0], 1, long(self.spec.width)])
    }

    /// Equation 11; the last block is only followed to the tokens that the heads read.
    fn block(&self, z: &Tensor, index: usize, dropout: f64) -> Tensor {
        let name = format!("blocks.{index}");
        let all = self.norm(z, &format!("{name}.norm1"));
        let (last, read) = (index + 1 == self.spec.depth, long(self.spec.read_tokens()));
        let (z, asking) = if last {
            (z.narrow(1, 0, read), all.narrow(1, 0, read))
        } else {
            (z.shallow_clone(), all.shallow_clone())
        };
        let z = z + self.mix(&asking, &all, &format!("{name}.attention")).dropout(dropout, dropout > 0.0);
        let h = self.norm(&z, &format!("{name}.norm2"));
        let h = self.linear(&h, &format!("{name}.ffn.in")).gelu("none");
        let h = self.linear(&h, &format!("{name}.ffn.out")).dropout(dropout, dropout > 0.0);
        z + h
    }

    fn mix(&self, asking: &Tensor, all: &Tensor, name: &str) -> Tensor {
        let (batch, width, heads) = (all.size()[0], long(self.spec.width), long(self.spec.heads));
        let each = width / heads;
        let split = |x: Tensor| x.view([batch, -1, heads, each]).transpose(1, 2);
        let query = split(self.linear(asking, &format!("{name}.query")));
        let both = self.linear(all, &format!("{name}.key_value")).chunk(2, 2);
        let [key, value] = [0, 1].map(|i: usize| both[i].contiguous()).map(split);
        if matches!(all.device(), Device::Cuda(_)) {
            // Fused there; on the CPU the plain products are quicker in bfloat16.
            let mixed = Tensor::scaled_dot_product_attention::<&Tensor>(
                &query,
                &key,
                &value,
                None,
                0.0,
                false,
                None::<f64>,
                false,
            );
            return self.linear(&mixed.transpose(1, 2).reshape([batch, -1, width]), &format!("{name}.out"));
        }
        let products = query.matmul(&key.transpose(2, 3)) * (1.0 / (each as f64).sqrt());
        let shares = products.softmax(-1, Kind::Float).to_kind(value.kind());
        let mixed = shares.matmul(&value).transpose(1, 2).reshape([batch, -1, width]);
        self.linear(&mixed, &format!("{name}.out"))
    }

    /// Equation 13, and the same with more outputs for the distortions; in 32 bits, as the score is the result.
    fn head(&self, h: &Tensor, name: &str, dropout: f64) -> Tensor {
        let part = |x: &Tensor, layer: &str| {
            let weight = self.leaf(&format!("heads.{name}.{layer}.weight"));
            x.linear(weight, Some(self.leaf(&format!("heads.{name}.{layer}.bias"))))
        };
        let hidden = part(h, "hidden").gelu("none").dropout(dropout, dropout > 0.0);
        part(&hidden, "out")
    }
}

/// Names the parts of a flat vector.
#[must_use]
pub fn named(spec: &ModelSpec, flat: &[f32]) -> Weights {
    let (mut weights, mut rest) = (Weights::default(), flat);
    for p in spec.parameters() {
        let (values, after) = rest.split_at(p.shape.iter().product());
        weights.insert(&p.name, Array { shape: p.shape, values: values.to_vec() });
        rest = after;
    }
    weights
}

/// A flat float tensor as a vector.
#[must_use]
pub fn to_vec(tensor: &Tensor) -> Vec<f32> {
    let flat = tensor.to_device(Device::Cpu).to_kind(Kind::Float).contiguous().flatten(0, -1);
    let mut values = vec![0.0_f32; flat.numel()];
    flat.copy_data(&mut values, flat.numel());
    values
}

fn long(size: usize) -> i64 {
    i64::try_from(size).unwrap_or(i64::MAX)
}
