//! The trained part of RA-MIQA (equations 9 to 13) as ONNX operations.

use miqa::preprocess::SIDE;
use serde::{Deserialize, Serialize};

use super::ExportError;
use super::graph::{GraphBuilder, Value};
use super::onnx::{Attribute, Element};
use super::spec::{ModelSpec, NORM_EPSILON, PATCH_MEAN, PATCH_STD};
use super::trunk::{self, Trunk};
use super::weights::Weights;

/// How attention is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Attention {
    /// MatMul, Softmax, MatMul: every engine runs it.
    Plain,
    /// ONNX's own `Attention` (operator set 24), which GPUs run fused.
    Fused,
    /// `com.microsoft.MultiHeadAttention`, the fused form of older ONNX Runtimes.
    Microsoft,
}

impl Attention {
    /// The operator set that the form needs.
    #[must_use]
    pub fn opset(self) -> i64 {
        match self {
            Self::Fused => 24,
            Self::Plain | Self::Microsoft => super::graph::OPSET,
        }
    }
}

/// The outputs of the trained part.
pub(super) struct Heads {
    /// One value [N] a quality head, clipped to 0..=1, in the order of [`ModelSpec::outputs`].
    pub(super) quality: Vec<Value>,
    /// [N, K], a sigmoid a distortion.
    pub(super) distortion: Value,
}

/// Appends the trained part behind `image`, u8 [N, 288, 288, 3], and `features`, f32 [N, Dr], if it has a region token.
///
/// # Errors
/// [`ExportError::Weights`] for a tensor that is missing.
pub(super) fn append(
    b: &mut GraphBuilder,
    image: &Value,
    features: Option<&Value>,
    spec: &ModelSpec,
    weights: &Weights,
    attention: Attention,
) -> Result<Heads, ExportError> {
    let mut t = Transformer { b, spec, weights, attention };
    let mut tokens = match &spec.trunk {
        Some(trunk) => t.trunk_tokens(trunk, image, features)?,
        None => t.tokens(image, features)?,
    };
    for i in 0..spec.depth {
        tokens = t.block(&tokens, i)?;
    }
    t.heads(&tokens)
}

struct Transformer<'a> {
    b: &'a mut GraphBuilder,
    spec: &'a ModelSpec,
    weights: &'a Weights,
    attention: Attention,
}

impl Transformer<'_> {
    fn weight(&mut self, name: &str) -> Result<Value, ExportError> {
        let array = self.weights.get(name)?;
        Ok(self.b.weight(name, &array.shape, &array.values))
    }

    fn linear(&mut self, x: &Value, name: &str) -> Result<Value, ExportError> {
        let key = format!("{name}.weight");
        let matrix = self.weights.transposed(&key)?;
        let matrix = self.b.weight(&key, &matrix.shape, &matrix.values);
        let bias = self.weight(&format!("{name}.bias"))?;
        let product = self.b.op("MatMul", &[x, &matrix], vec![]);
        Ok(self.b.op("Add", &[&product, &bias], vec![]))
    }

    fn norm(&mut self, x: &Value, name: &str) -> Result<Value, ExportError> {
        let scale = self.weight(&format!("{name}.weight"))?;
        let bias = self.weight(&format!("{name}.bias"))?;
        let attributes = vec![Attribute::of_int("axis", -1), Attribute::of_float("epsilon", NORM_EPSILON as f32)];
        Ok(self.b.op("LayerNormalization", &[x, &scale, &bias], attributes))
    }

    fn reshape(&mut self, x: &Value, shape: &[i64]) -> Value {
        let shape = self.b.ints(shape);
        self.b.op("Reshape", &[x, &shape], vec![])
    }

    fn gelu(&mut self, x: &Value) -> Value {
        self.b.op("Gelu", &[x], vec![Attribute::of_text("approximate", "none")])
    }

    /// Equation 10: [N, 1, D].
    fn region(&mut self, features: &Value) -> Result<Value, ExportError> {
        self.b.scope("region_token");
        let z = self.linear(features, "region")?;
        let z = self.gelu(&z);
        let z = self.norm(&z, "region.norm")?;
        Ok(self.reshape(&z, &[0, 1, long(self.spec.width)]))
    }

    /// Sequence [z_r; z_c; patches] with positions added: [N, tokens, D].
    fn tokens(&mut self, image: &Value, features: Option<&Value>) -> Result<Value, ExportError> {
        let width = long(self.spec.width);
        let region = features.map(|features| self.region(features)).transpose()?;

        self.b.scope("patches");
        let (grid, patch) = (long(self.spec.grid()), i64::from(self.spec.patch));
        let start = i64::from((SIDE - self.spec.crop) / 2);
        let end = start + i64::from(self.spec.crop);
        let (start, end, axes) = (self.b.ints(&[start; 2]), self.b.ints(&[end; 2]), self.b.ints(&[1, 2]));
        let crop = self.b.op("Slice", &[image, &start, &end, &axes], vec![]);
        let cells = self.reshape(&crop, &[0, grid, patch, grid, patch, 3]);
        let cells = self.b.op("Transpose", &[&cells], vec![Attribute::of_ints("perm", &[0, 1, 3, 2, 4, 5])]);
        let cells = self.reshape(&cells, &[0, grid * grid, patch * patch, 3]);
        let float = self.b.op("Cast", &[&cells], vec![Attribute::of_int("to", Element::F32 as i64)]);
        let mean = self.b.exact("patch.mean", &[3], &PATCH_MEAN);
        let std = self.b.exact("patch.std", &[3], &PATCH_STD);
        let centred = self.b.op("Sub", &[&float, &mean], vec![]);
        let scaled = self.b.op("Div", &[&centred, &std], vec![]);
        let flat = self.reshape(&scaled, &[0, grid * grid, patch * patch * 3]);
        let patches = self.linear(&flat, "patch")?;

        self.b.scope("sequence");
        let batch = self.b.op("Shape", &[image], vec![Attribute::of_int("start", 0), Attribute::of_int("end", 1)]);
        let rest = self.b.ints(&[1, width]);
        let shape = self.b.op("Concat", &[&batch, &rest], vec![Attribute::of_int("axis", 0)]);
        let token = self.weight("class_token")?;
        let class = self.b.op("Expand", &[&token, &shape], vec![]);
        let sequence: Vec<&Value> = region.iter().chain([&class, &patches]).collect();
        let sequence = self.b.op("Concat", &sequence, vec![Attribute::of_int("axis", 1)]);
        let positions = self.weight("positions")?;
        Ok(self.b.op("Add", &[&sequence, &positions], vec![]))
    }

    /// [z_r; z_c] with z_c from a convolutional network's averaged map: [N, 2 or 1, D]. No block mixes them.
    fn trunk_tokens(&mut self, trunk: &Trunk, image: &Value, features: Option<&Value>) -> Result<Value, ExportError> {
        let region = features.map(|features| self.region(features)).transpose()?;
        let pooled = trunk::append(self.b, trunk, image, self.weights)?;
        self.b.scope("sequence");
        let class = self.linear(&pooled, "class")?;
        let class = self.reshape(&class, &[0, 1, long(self.spec.width)]);
        let sequence: Vec<&Value> = region.iter().chain([&class]).collect();
        Ok(self.b.op("Concat", &sequence, vec![Attribute::of_int("axis", 1)]))
    }

    /// Equation 11. The last block is only followed to the tokens that the heads read: [N, 2 or 1, D].
    fn block(&mut self, z: &Value, index: usize) -> Result<Value, ExportError> {
        self.b.scope(&format!("block_{index}"));
        let name = format!("blocks.{index}");
        let normed = self.norm(z, &format!("{name}.norm1"))?;
        let (z, asking, count) = if index + 1 == self.spec.depth {
            (self.read_tokens(z), self.read_tokens(&normed), self.spec.read_tokens())
        } else {
            (z.clone(), normed.clone(), self.spec.tokens())
        };
        let mixed = self.mix(&asking, &normed, count, &format!("{name}.attention"))?;
        let z = self.b.op("Add", &[&z, &mixed], vec![]);
        let h = self.norm(&z, &format!("{name}.norm2"))?;
        let h = self.linear(&h, &format!("{name}.ffn.in"))?;
        let h = self.gelu(&h);
        let h = self.linear(&h, &format!("{name}.ffn.out"))?;
        Ok(self.b.op("Add", &[&z, &h], vec![]))
    }

    fn read_tokens(&mut self, z: &Value) -> Value {
        let end = long(self.spec.read_tokens());
        let (start, end, axis) = (self.b.ints(&[0]), self.b.ints(&[end]), self.b.ints(&[1]));
        self.b.op("Slice", &[z, &start, &end, &axis], vec![])
    }

    /// Multi-head attention of `count` asking tokens over all tokens.
    fn mix(&mut self, asking: &Value, all: &Value, count: usize, name: &str) -> Result<Value, ExportError> {
        let (width, heads) = (long(self.spec.width), long(self.spec.heads));
        let query = self.linear(asking, &format!("{name}.query"))?;
        let both = self.linear(all, &format!("{name}.key_value"))?;
        let sizes = self.b.ints(&[width, width]);
        let mut parts = self.b.node("", "Split", &[&both, &sizes], vec![Attribute::of_int("axis", 2)], 2);
        let (value, key) = (parts.remove(1), parts.remove(0));
        let mixed = match self.attention {
            Attention::Plain => self.plain(&query, &key, &value, count),
            Attention::Fused => {
                let attributes =
                    vec![Attribute::of_int("q_num_heads", heads), Attribute::of_int("kv_num_heads", heads)];
                self.b.op("Attention", &[&query, &key, &value], attributes)
            }
            Attention::Microsoft => {
                let attributes = vec![Attribute::of_int("num_heads", heads)];
                self.b.node("com.microsoft", "MultiHeadAttention", &[&query, &key, &value], attributes, 1).remove(0)
            }
        };
        self.linear(&mixed, &format!("{name}.out"))
    }

    fn plain(&mut self, query: &Value, key: &Value, value: &Value, count: usize) -> Value {
        let (heads, width, tokens) = (long(self.spec.heads), long(self.spec.width), long(self.spec.tokens()));
        let each = width / heads;
        let mut split = |x: &Value, tokens: i64, perm: &[i64]| {
            let x = self.reshape(x, &[0, tokens, heads, each]);
            self.b.op("Transpose", &[&x], vec![Attribute::of_ints("perm", perm)])
        };
        let query = split(query, long(count), &[0, 2, 1, 3]);
        let key = split(key, tokens, &[0, 2, 3, 1]);
        let value = split(value, tokens, &[0, 2, 1, 3]);
        let products = self.b.op("MatMul", &[&query, &key], vec![]);
        let scale = self.b.scalar(1.0 / (each as f32).sqrt());
        let scaled = self.b.op("Mul", &[&products, &scale], vec![]);
        let shares = self.b.op("Softmax", &[&scaled], vec![Attribute::of_int("axis", -1)]);
        let mixed = self.b.op("MatMul", &[&shares, &value], vec![]);
        let mixed = self.b.op("Transpose", &[&mixed], vec![Attribute::of_ints("perm", &[0, 2, 1, 3])]);
        self.reshape(&mixed, &[0, long(count), width])
    }

    /// Equations 12 and 13 a head, on [h_r; h_c].
    fn heads(&mut self, tokens: &Value) -> Result<Heads, ExportError> {
        self.b.scope("heads");
        let normed = self.norm(tokens, "norm")?;
        let h = self.reshape(&normed, &[0, long(self.spec.read_tokens() * self.spec.width)]);
        let mut quality = Vec::new();
        for head in &self.spec.outputs {
            let score = self.head(&h, head)?;
            let score = self.reshape(&score, &[-1]);
            let (low, high) = (self.b.scalar(0.0), self.b.scalar(1.0));
            quality.push(self.b.op("Clip", &[&score, &low, &high], vec![]));
        }
        let logits = self.head(&h, "distortion")?;
        Ok(Heads { quality, distortion: self.b.op("Sigmoid", &[&logits], vec![]) })
    }

    fn head(&mut self, h: &Value, name: &str) -> Result<Value, ExportError> {
        let hidden = self.linear(h, &format!("heads.{name}.hidden"))?;
        let hidden = self.gelu(&hidden);
        self.linear(&hidden, &format!("heads.{name}.out"))
    }
}

fn long(size: usize) -> i64 {
    i64::try_from(size).unwrap_or(i64::MAX)
}
