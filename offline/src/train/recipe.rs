//! Every choice of a training run, as a TOML file.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::TrainError;
use super::pretrained::Pretrained;
use super::region_weights::RegionWeights;
use crate::export::Attention;
use crate::export::graph::Storage;
use crate::export::region::RegionSpec;
use crate::export::spec::ModelSpec;
use crate::export::trunk::TrunkSpec;
use crate::source::{TRAIN, VALIDATION};

/// The recipe of the shipped model.
const EDGE: &str = include_str!("../../recipes/edge.toml");

/// A recipe: what the model is made of, how it is trained and how it is written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// Name of the model, as of its folder.
    pub name: String,
    /// The frozen region branch.
    pub region: RegionSpec,
    /// Published weights that the patch branch starts from (default: random ones).
    #[serde(default)]
    pub pretrained: Option<Pretrained>,
    /// A published convolutional classifier that is the patch branch (default: none, a transformer).
    #[serde(default)]
    pub trunk: Option<TrunkSpec>,
    /// Sizes of the trained part.
    pub model: ModelSpec,
    /// The training run.
    pub train: TrainSpec,
    /// The exported file.
    pub export: ExportSpec,
}

/// Arithmetic of the training run. Master weights, normalisation, softmax and loss are 32-bit in all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// bf16 where the processor multiplies it natively and on GPUs, else fp32; on the processor fp32 with a trunk.
    Auto,
    /// 32-bit floats, the reference.
    Fp32,
    /// Matrix products in bfloat16.
    Bf16,
}

impl Precision {
    /// Whether products are taken in bfloat16: on this machine's processor, or on a GPU.
    #[must_use]
    pub fn is_bf16(self, gpu: bool) -> bool {
        match self {
            Self::Fp32 => false,
            Self::Bf16 => true,
            Self::Auto => gpu || native_bf16(),
        }
    }
}

#[cfg(target_arch = "x86_64")]
fn native_bf16() -> bool {
    std::arch::is_x86_feature_detected!("avx512bf16")
}

#[cfg(not(target_arch = "x86_64"))]
fn native_bf16() -> bool {
    false
}

/// The training run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainSpec {
    /// Passes over the training samples.
    pub epochs: u32,
    /// Samples a step; an incomplete last batch of an epoch is left out.
    pub batch: usize,
    /// Variants of each original at most, in the folds that are no test; which, their names decide (default: all).
    #[serde(default)]
    pub variants: Option<usize>,
    /// Samples that pass the network at a time; the gradients of a batch are added up (default: the batch).
    #[serde(default)]
    pub at_a_time: Option<usize>,
    /// Highest learning rate of AdamW.
    pub rate: f64,
    /// Weight decay of matrices.
    pub decay: f64,
    /// Weight decay of the region projection W_r, whose input is wide (default: `decay`).
    #[serde(default)]
    pub region_decay: Option<f64>,
    /// Epochs of linear warm-up before the cosine (default 1).
    #[serde(default = "one")]
    pub warmup: f64,
    /// Folds that train (default: `train` alone). With `validation` among them nothing is left to validate on, so the
    /// last weights are kept: for the final run, once the recipe is chosen.
    #[serde(default = "train_fold")]
    pub folds: Vec<String>,
    /// Standard deviation of the starting biases b_r of the region projection (default 0). Spread biases put part of
    /// W_r f + b_r far into GELU's straight half and fix the spread that the normalisation after it divides by, so that
    /// what is linear in the features passes equation 10 as such.
    #[serde(default)]
    pub region_bias: f64,
    /// Seed of the start, the order and the augmentation.
    pub seed: u64,
    /// Arithmetic (default auto).
    #[serde(default = "auto")]
    pub precision: Precision,
    /// Share of a block's and head's hidden values set to zero (default 0).
    #[serde(default)]
    pub dropout: f64,
    /// Share of region features set to zero (default 0).
    #[serde(default)]
    pub feature_dropout: f64,
    /// Standard deviation of Gaussian noise on the standardised region features (default 0).
    #[serde(default)]
    pub feature_noise: f64,
    /// Share of patches left out of the sequence, drawn anew each step (default 0).
    #[serde(default)]
    pub patch_dropout: f64,
    /// Whether the crop's place and flips are drawn; else centre crops (default true).
    #[serde(default = "yes")]
    pub augment: bool,
    /// Weight of the squared error to a teacher's scores beside that to the labels, where there is a teacher (default 1).
    #[serde(default = "one")]
    pub teacher_weight: f64,
    /// Weight of the distortion head's cross-entropy beside the heads' squared error (default 0.1).
    #[serde(default = "tenth")]
    pub distortion_weight: f64,
    /// Weight of a present distortion over an absent one (default 3).
    #[serde(default = "three")]
    pub present_weight: f64,
    /// Weight of the pairwise term beside the squared error: the mean of max(0, (yᵢ − yⱼ) − (sᵢ − sⱼ)) over the pairs of samples
    /// that pass the network together and whose labels of a head differ, yᵢ > yⱼ (default 0).
    #[serde(default, skip_serializing_if = "is_zero")]
    pub ranking: f64,
    /// Weights of the samples' labels by which part of the picture is degraded more (default 1 each).
    #[serde(default, skip_serializing_if = "RegionWeights::is_default")]
    pub region_weights: RegionWeights,
    /// Decay a step of the running mean of weights that is validated and exported; 0: the weights themselves (default 0).
    #[serde(default)]
    pub average: f64,
    /// Validations an epoch (default 2); the best by SRCC of the first head is kept.
    #[serde(default = "two")]
    pub validations: u32,
    /// Threads of libtorch; 0: as many as there are cores (default 0).
    #[serde(default)]
    pub threads: i32,
}

fn train_fold() -> Vec<String> {
    vec![TRAIN.to_owned()]
}
fn one() -> f64 {
    1.0
}
fn tenth() -> f64 {
    0.1
}
fn three() -> f64 {
    3.0
}
fn two() -> u32 {
    2
}
// What is left out of a run's key where it is the default, so that runs begun before it was a choice go on.
fn is_zero(value: &f64) -> bool {
    *value == 0.0
}
fn yes() -> bool {
    true
}
fn auto() -> Precision {
    Precision::Auto
}

/// How the trained model is written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExportSpec {
    /// Form of the weights, region encoder included.
    pub storage: Storage,
    /// Form of attention.
    pub attention: Attention,
}

impl Recipe {
    /// Reads and checks a recipe; without a path the one of the shipped model.
    ///
    /// # Errors
    /// [`TrainError::File`], [`TrainError::Content`] with the key, or the first value that makes no sense.
    pub fn read(path: Option<&Path>) -> Result<Self, TrainError> {
        let (path, text) = match path {
            Some(path) => (path, std::fs::read_to_string(path).map_err(TrainError::file(path))?),
            None => (Path::new("the built-in recipe"), EDGE.to_owned()),
        };
        let recipe: Self = toml::from_str(&text).map_err(|e| {
            let line = e.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
            TrainError::content(path, line)
        })?;
        recipe.check().map_err(|why| TrainError::content(path, why))?;
        Ok(recipe)
    }

    fn check(&self) -> Result<(), String> {
        self.region.check().map_err(|e| e.to_string())?;
        self.check_patch_branch()?;
        for head in &self.model.outputs {
            if super::dataset::label_of(head).is_none() {
                let known = super::dataset::HEADS.map(|(name, _)| name).join(", ");
                return Err(format!("model.outputs: {head} has no label; known: {known}"));
            }
        }
        let t = &self.train;
        if t.folds.is_empty() || t.folds.iter().any(|f| f != TRAIN && f != VALIDATION) {
            return Err(format!("train.folds = {:?}: must be \"{TRAIN}\", \"{VALIDATION}\" or both", t.folds));
        }
        let shares = [
            ("dropout", t.dropout),
            ("feature_dropout", t.feature_dropout),
            ("patch_dropout", t.patch_dropout),
            ("average", t.average),
        ];
        for (key, value) in shares {
            if !(0.0..1.0).contains(&value) {
                return Err(format!("train.{key} = {value}: must be at least 0 and below 1"));
            }
        }
        let sizes = [
            ("rate", t.rate),
            ("epochs", f64::from(t.epochs)),
            ("batch", t.batch as f64),
            ("validations", f64::from(t.validations)),
            ("at_a_time", t.at_a_time.unwrap_or(t.batch) as f64),
            ("variants", t.variants.unwrap_or(1) as f64),
            ("present_weight", t.present_weight),
        ];
        for (key, value) in sizes {
            if value.is_nan() || value <= 0.0 {
                return Err(format!("train.{key} = {value}: must be above 0"));
            }
        }
        let weights = [
            ("decay", t.decay),
            ("region_decay", t.region_decay.unwrap_or(0.0)),
            ("warmup", t.warmup),
            ("feature_noise", t.feature_noise),
            ("region_bias", t.region_bias),
            ("distortion_weight", t.distortion_weight),
            ("teacher_weight", t.teacher_weight),
            ("ranking", t.ranking),
        ];
        for (key, value) in weights {
            if value.is_nan() || value < 0.0 {
                return Err(format!("train.{key} = {value}: must not be negative"));
            }
        }
        t.region_weights.check()
    }

    fn check_patch_branch(&self) -> Result<(), String> {
        self.model.check_sizes(self.trunk.is_some()).map_err(|e| e.to_string())?;
        if self.model.trunk.is_some() {
            return Err("model.trunk: a recipe names a file in its section [trunk]".to_owned());
        }
        let frozen = self.pretrained.as_ref().map_or(0, |pretrained| pretrained.frozen);
        let Some(trunk) = &self.trunk else {
            if frozen > self.model.depth {
                return Err(format!("pretrained.frozen = {frozen}: the model has {} blocks", self.model.depth));
            }
            return Ok(());
        };
        trunk.check().map_err(|e| e.to_string())?;
        if self.pretrained.is_some() {
            return Err(
                "[pretrained] is a transformer's; with [trunk] its file is what the weights come from".to_owned()
            );
        }
        if self.train.patch_dropout > 0.0 {
            return Err("train.patch_dropout: with [trunk] there are no patches to leave out".to_owned());
        }
        Ok(())
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn the_recipes_parse_and_make_sense() {
        let files = [
            ("edge", EDGE),
            ("nano", include_str!("../../recipes/nano.toml")),
            ("paper", include_str!("../../recipes/paper.toml")),
            ("cnn", include_str!("../../recipes/cnn.toml")),
        ];
        for (name, text) in files {
            let recipe: Recipe = toml::from_str(text).unwrap();
            assert_eq!((recipe.check(), recipe.name.as_str()), (Ok(()), name));
        }
    }

    #[test]
    fn values_that_make_no_sense_are_named() {
        for (from, to, key) in [
            ("epochs = ", "epochs = 0 #", "train.epochs"),
            ("patch_dropout = ", "patch_dropout = 1.0 #", "train.patch_dropout"),
            ("feature_noise = ", "feature_noise = -1.0 #", "train.feature_noise"),
            ("heads = ", "heads = 5 #", "model.heads"),
            ("folds = ", "folds = [\"test\"] #", "train.folds"),
            ("variants = ", "variants = 0 #", "train.variants"),
            ("\"cls_composite\"", "\"composite\"", "model.outputs"),
            ("seed = ", "ranking = -1.0\nseed = ", "train.ranking"),
            ("seed = ", "region_weights = { roi_dominated = -1.0 }\nseed = ", "train.region_weights.roi_dominated"),
        ] {
            assert!(EDGE.contains(from), "{from}");
            let recipe: Recipe = toml::from_str(&EDGE.replacen(from, to, 1)).unwrap();
            let message = recipe.check().unwrap_err();
            assert!(message.contains(key), "{key}: {message}");
        }
        assert!(toml::from_str::<Recipe>(&EDGE.replacen("epochs", "epoch", 1)).is_err());
    }

    #[test]
    fn what_a_convolutional_patch_branch_has_no_use_for_is_refused() {
        let cnn = include_str!("../../recipes/cnn.toml");
        let published = "[pretrained]\nfile = \"x\"\nsha256 = \"\"\nlicence = \"\"\n[model]";
        for (from, to, key) in [
            ("width = ", "depth = 2\nwidth = ", "model.depth"),
            ("width = ", "patch = 14\nwidth = ", "model.patch"),
            ("width = ", "width = 0 #", "model.width"),
            ("seed = ", "patch_dropout = 0.5\nseed = ", "train.patch_dropout"),
            ("[model]", published, "[pretrained]"),
        ] {
            assert!(cnn.contains(from), "{from}");
            let recipe: Recipe = toml::from_str(&cnn.replacen(from, to, 1)).unwrap();
            let message = recipe.check().unwrap_err();
            assert!(message.contains(key), "{key}: {message}");
        }
    }

    #[test]
    fn choices_left_at_their_defaults_leave_a_runs_key_as_it_was() {
        let mut train = toml::from_str::<Recipe>(EDGE).unwrap().train;
        let text = serde_json::to_string(&train).unwrap();
        assert!(!text.contains("ranking") && !text.contains("region_weights"), "{text}");
        train.ranking = 0.5;
        train.region_weights.uniform = 0.5;
        let text = serde_json::to_string(&train).unwrap();
        assert!(text.contains("ranking") && text.contains("region_weights"), "{text}");
    }
}
