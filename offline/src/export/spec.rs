//! The trained part of RA-MIQA as numbers: sizes, and from them the name and shape of every parameter. Training and
//! export both read this table.

use miqa::preprocess::SIDE;
use serde::{Deserialize, Serialize};

use super::ExportError;
use super::trunk::Trunk;

/// Epsilon of every layer normalisation.
pub const NORM_EPSILON: f64 = 1e-6;
/// Channel means of ImageNet in 0..255, subtracted before the patch branch.
pub const PATCH_MEAN: [f32; 3] = [123.675, 116.28, 103.53];
/// Channel deviations of ImageNet in 0..255.
pub const PATCH_STD: [f32; 3] = [58.395, 57.12, 57.375];

/// Sizes of the trained part (equations 9 to 13) and what its heads are called. The patch branch is a transformer, or, with a
/// `trunk`, a convolutional network; that one's recipe leaves out `patch`, `depth`, `heads` and `expansion`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelSpec {
    /// Side of the patch branch's crop in pixels; at most 288 and a multiple of `patch`.
    #[serde(default = "default_crop")]
    pub crop: u32,
    /// Side P of a patch in pixels.
    #[serde(default = "default_patch")]
    pub patch: u32,
    /// Width D of a token.
    pub width: usize,
    /// Number L of blocks; 0 with a trunk.
    #[serde(default)]
    pub depth: usize,
    /// Attention heads a block; divides `width`; 0 with a trunk.
    #[serde(default)]
    pub heads: usize,
    /// Width of a block's feed-forward layer over `width` (default 4).
    #[serde(default = "default_expansion")]
    pub expansion: usize,
    /// Whether there is a region token (default true); without it the model is the plain ViT, or the plain convolutional
    /// network, that the paper compares with.
    #[serde(default = "yes")]
    pub region_token: bool,
    /// Width Dr of the region features; filled in from the prepared data.
    #[serde(default)]
    pub region: usize,
    /// The convolutional network in place of the transformer; filled in from the file that the recipe's section `[trunk]`
    /// names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trunk: Option<Trunk>,
    /// Quality heads, one output in 0..=1 each.
    pub outputs: Vec<String>,
    /// Distortions that the distortion head names, one sigmoid each.
    pub distortions: Vec<String>,
}

fn default_crop() -> u32 {
    224
}

fn default_patch() -> u32 {
    16
}

fn yes() -> bool {
    true
}

fn default_expansion() -> usize {
    4
}

/// How a parameter starts and whether weight decay applies to it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Role {
    /// A matrix [out, in] or a kernel [out, in, height, width], normal with a standard deviation of 1 over the root of what
    /// an output sums; decays.
    Linear,
    /// A bias, zero; no decay.
    Bias,
    /// Scale of a layer normalisation, one; no decay.
    Scale,
    /// A token or position table, normal with standard deviation 0.02; no decay.
    Embedding,
}

/// One trained tensor.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    /// Its name in checkpoints and in the ONNX file.
    pub name: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// Start and decay.
    pub role: Role,
}

impl ModelSpec {
    /// Checks the sizes against each other.
    ///
    /// # Errors
    /// [`ExportError::Recipe`] naming the key.
    pub fn check(&self) -> Result<(), ExportError> {
        if let Some(trunk) = &self.trunk {
            trunk.check()?;
            if trunk.side != self.crop {
                let why = format!("model.crop = {}: the trunk was read for {} pixels", self.crop, trunk.side);
                return Err(ExportError::Recipe(why));
            }
        }
        self.check_sizes(self.trunk.is_some())
    }

    /// Checks the sizes of a model with a trunk that is not read yet, or without one.
    ///
    /// # Errors
    /// [`ExportError::Recipe`] naming the key.
    pub fn check_sizes(&self, trunk: bool) -> Result<(), ExportError> {
        let transformers = (self.patch, self.depth, self.heads, self.expansion);
        let problem = if self.crop == 0 || self.crop > SIDE {
            format!("model.crop = {}: must be 1 to {SIDE}", self.crop)
        } else if trunk && (self.width == 0 || transformers != (default_patch(), 0, 0, default_expansion())) {
            "model.patch, model.depth, model.heads and model.expansion are a transformer's; with [trunk] leave them out \
             and give model.width alone"
                .to_owned()
        } else if trunk {
            return self.check_outputs();
        } else if self.patch == 0 || !self.crop.is_multiple_of(self.patch) {
            format!("model.patch = {}: must divide crop = {}", self.patch, self.crop)
        } else if self.heads == 0 || self.width == 0 || !self.width.is_multiple_of(self.heads) {
            format!("model.heads = {}: must divide width = {}", self.heads, self.width)
        } else if self.depth == 0 || self.expansion == 0 {
            "model.depth and model.expansion must be at least 1".to_owned()
        } else {
            return self.check_outputs();
        };
        Err(ExportError::Recipe(problem))
    }

    fn check_outputs(&self) -> Result<(), ExportError> {
        if self.outputs.is_empty() || self.distortions.is_empty() {
            let why = "model.outputs and model.distortions must name at least one each";
            return Err(ExportError::Recipe(why.to_owned()));
        }
        Ok(())
    }

    /// Patches along a side of the crop.
    #[must_use]
    pub fn grid(&self) -> usize {
        (self.crop / self.patch) as usize
    }

    /// Tokens that the heads read: region and class, or class alone. They come first.
    #[must_use]
    pub fn read_tokens(&self) -> usize {
        1 + usize::from(self.region_token)
    }

    /// Tokens: region, class, patches.
    #[must_use]
    pub fn tokens(&self) -> usize {
        self.read_tokens() + self.grid() * self.grid()
    }

    /// Values of one patch, ordered row, column, channel.
    #[must_use]
    pub fn patch_values(&self) -> usize {
        (self.patch * self.patch * 3) as usize
    }

    /// Every trained tensor, in the order of the flat parameter vector.
    #[must_use]
    pub fn parameters(&self) -> Vec<Parameter> {
        let (d, hidden) = (self.width, self.width * self.expansion);
        let mut list = Vec::new();
        let mut add = |name: String, shape: &[usize], role: Role| {
            list.push(Parameter { name, shape: shape.to_vec(), role });
        };
        let linear = |add: &mut dyn FnMut(String, &[usize], Role), name: &str, out: usize, input: usize| {
            add(format!("{name}.weight"), &[out, input], Role::Linear);
            add(format!("{name}.bias"), &[out], Role::Bias);
        };
        let norm = |add: &mut dyn FnMut(String, &[usize], Role), name: &str| {
            add(format!("{name}.weight"), &[d], Role::Scale);
            add(format!("{name}.bias"), &[d], Role::Bias);
        };
        if self.region_token {
            linear(&mut add, "region", d, self.region);
            norm(&mut add, "region.norm");
        }
        match &self.trunk {
            Some(trunk) => {
                for tensor in &trunk.tensors {
                    let role = if tensor.shape.len() > 1 { Role::Linear } else { Role::Bias };
                    add(tensor.name.clone(), &tensor.shape, role);
                }
                linear(&mut add, "class", d, trunk.channels);
            }
            None => {
                linear(&mut add, "patch", d, self.patch_values());
                add("class_token".to_owned(), &[d], Role::Embedding);
                add("positions".to_owned(), &[self.tokens(), d], Role::Embedding);
            }
        }
        for i in 0..self.depth {
            let block = format!("blocks.{i}");
            norm(&mut add, &format!("{block}.norm1"));
            linear(&mut add, &format!("{block}.attention.query"), d, d);
            linear(&mut add, &format!("{block}.attention.key_value"), 2 * d, d);
            linear(&mut add, &format!("{block}.attention.out"), d, d);
            norm(&mut add, &format!("{block}.norm2"));
            linear(&mut add, &format!("{block}.ffn.in"), hidden, d);
            linear(&mut add, &format!("{block}.ffn.out"), d, hidden);
        }
        norm(&mut add, "norm");
        for head in self.outputs.iter().map(String::as_str).chain(["distortion"]) {
            let out = if head == "distortion" { self.distortions.len() } else { 1 };
            linear(&mut add, &format!("heads.{head}.hidden"), d, self.read_tokens() * d);
            linear(&mut add, &format!("heads.{head}.out"), out, d);
        }
        list
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A model small enough for tests.
    pub(crate) fn tiny(width: usize, depth: usize, heads: usize, patch: u32, region: usize) -> ModelSpec {
        ModelSpec {
            crop: 224,
            patch,
            width,
            depth,
            heads,
            expansion: 4,
            region_token: true,
            region,
            trunk: None,
            outputs: vec!["cls_composite".to_owned(), "cls_consistency".to_owned()],
            distortions: vec!["gaussian_noise".to_owned(), "fog".to_owned(), "darkness".to_owned()],
        }
    }

    #[test]
    fn parameters_count_as_the_equations_say() {
        let spec = tiny(192, 6, 3, 16, 7);
        let (d, t) = (192, 198);
        let block = 2 * 2 * d + 4 * d * d + 4 * d + 8 * d * d + 5 * d;
        let heads = 2 * (2 * d * d + d + d + 1) + (2 * d * d + d + 3 * d + 3);
        let expected = (7 * d + d) + 2 * d + (768 * d + d) + d + t * d + 6 * block + 2 * d + heads;
        let counted: usize = spec.parameters().iter().map(|p| p.shape.iter().product::<usize>()).sum();
        assert_eq!(counted, expected);
    }

    #[test]
    fn sizes_that_do_not_fit_are_named() {
        type Spoil = fn(&mut ModelSpec);
        let cases: [(&str, Spoil); 5] = [
            ("model.crop", |s| s.crop = 300),
            ("model.patch", |s| s.patch = 15),
            ("model.heads", |s| s.heads = 5),
            ("model.depth", |s| s.depth = 0),
            ("model.outputs", |s| s.outputs.clear()),
        ];
        for (key, spoil) in cases {
            let mut spec = tiny(32, 2, 2, 16, 4);
            assert!(spec.check().is_ok());
            spoil(&mut spec);
            let message = spec.check().err().map(|e| e.to_string()).unwrap_or_default();
            assert!(message.contains(key), "{key}: {message}");
        }
    }
}
