//! The training loop (paper, section 6.2).

use std::path::Path;
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};
use tch::{Device, Tensor, no_grad};

use super::TrainError;
use super::checkpoint::{Checkpoint, Progress, replace};
use super::dataset::{Dataset, label_of};
use super::draws::Draws;
use super::loader::{Loaded, Loader, Plan};
use super::network::{Network, named, start, to_vec};
use super::optimiser::{AdamW, decays};
use super::published::keep_trunk;
use super::recipe::Recipe;
use super::report::{Line, Report};
use super::schedule;
use super::validation::{Tensors, validate};
use crate::export::ExportError;
use crate::export::spec::ModelSpec;
use crate::export::weights::Weights;
use crate::source::VALIDATION;

/// Time between checkpoints.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(60);

/// How a run ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// All epochs are done and the best weights are written.
    Finished {
        /// SRCC of the first head on the validation fold, if there was one.
        score: Option<f64>,
        /// Step of that validation.
        step: u64,
    },
    /// It was asked to stop; a checkpoint is written.
    Interrupted {
        /// Steps done.
        step: u64,
    },
}

/// Name of the finished run's weights in its folder.
pub const WEIGHTS: &str = "weights.safetensors";
/// Name of a run's checkpoint in its folder.
pub const CHECKPOINT: &str = "checkpoint.safetensors";

/// Trains a model, going on from a checkpoint of the same recipe and data if the folder holds one. `pretrained` holds what
/// [`Recipe::published`] gives. It runs on `device`, on a
/// GPU with libtorch's fused attention. `stop` is asked after every step
/// with the number of steps done.
///
/// # Errors
/// [`TrainError`] for files, for folds without samples, and for a loss that is no number.
pub fn fit(
    recipe: &Recipe,
    data: &Dataset,
    pretrained: Option<&Weights>,
    folder: &Path,
    device: Device,
    stop: &dyn Fn(u64) -> bool,
) -> Result<Outcome, TrainError> {
    std::fs::create_dir_all(folder).map_err(TrainError::file(folder))?;
    let spec = ModelSpec { region: data.prepared.region, ..recipe.model.clone() };
    spec.check()?;
    if let Some(trunk) = &spec.trunk {
        keep_trunk(folder, trunk)?;
    }
    let t = &recipe.train;
    let samples: Vec<usize> = t.folds.iter().flat_map(|fold| data.fold(fold)).collect();
    let held = if t.folds.iter().any(|f| f == VALIDATION) { Vec::new() } else { data.fold(VALIDATION) };
    let batch = t.batch.min(samples.len());
    if batch == 0 {
        let why =
            ExportError::Recipe(format!("no sample in the folds {}; split and prepare again", t.folds.join(", ")));
        return Err(why.into());
    }
    if t.threads > 0 {
        tch::set_num_threads(t.threads);
    }
    let plan = Plan { data, spec: &spec, train: t, samples: &samples, batch };
    let per_epoch = plan.per_epoch();
    let steps = per_epoch * u64::from(t.epochs);
    let bf16 = recipe.is_bf16(device.is_cuda());
    let draws = Draws::new(t.seed);
    let path = folder.join(CHECKPOINT);
    let fresh = || {
        let mut flat = start(&spec, Draws::new(t.seed), t.region_bias);
        if let Some(pretrained) = pretrained {
            overlay(&spec, &mut flat, pretrained)?;
        }
        centre_heads(&spec, &mut flat, data, &samples);
        Ok(flat)
    };
    let mut run = Run::open(&path, key(recipe, &spec, data)?, &spec, recipe, device, fresh)?;
    let mut report = Report::open(&folder.join("log.csv"), &spec, run.progress.step, steps)?;
    let warmup = (t.warmup * per_epoch as f64).round() as u64;
    let mut saved = Instant::now();

    let stopped = std::thread::scope(|scope| -> Result<bool, TrainError> {
        let mut loader = Loader::start(scope, plan, run.progress.step..steps);
        while let Some(loaded) = loader.next() {
            let Loaded { counts, parts } = loaded?;
            let step = run.progress.step;
            let within = step % per_epoch;
            tch::manual_seed(draws.torch_seed(step));
            let mut value = 0.0;
            for part in &parts {
                let tensors = Tensors::of(part, &spec, device);
                let output = run.network.forward(&tensors.images, &tensors.features, Some(t));
                let loss = tensors.part_of_loss(&output, t, &counts);
                value += loss.double_value(&[]);
                loss.backward();
            }
            if !value.is_finite() {
                return Err(TrainError::Diverged { step, loss: value });
            }
            let rate = t.rate * schedule::factor(step, steps, warmup);
            run.optimiser.step(&run.network, rate, step + 1);
            run.advance(t.average, value);
            report.step(step + 1, value, loader.waited());

            let parts = |done: u64| done * u64::from(t.validations) / per_epoch;
            if !held.is_empty() && parts(within + 1) > parts(within) {
                let network = Network::on(device, &spec, &to_vec(&run.average), bf16)?;
                let validation = validate(&network, data, &spec, t, &held)?;
                let best = run.judge(validation.heads.first().and_then(|h| h.srcc));
                report.validation(&Line {
                    step: step + 1,
                    epoch: (step + 1) as f64 / per_epoch as f64,
                    rate,
                    loss: run.progress.loss_sum / run.progress.loss_steps.max(1) as f64,
                    validation: &validation,
                    best,
                })?;
                (run.progress.loss_sum, run.progress.loss_steps) = (0.0, 0);
            }
            if stop(step + 1) && step + 1 < steps {
                return Ok(true);
            }
            if saved.elapsed() > CHECKPOINT_EVERY {
                run.checkpoint().write(&path)?;
                saved = Instant::now();
            }
        }
        Ok(false)
    })?;
    if stopped {
        run.checkpoint().write(&path)?;
        report.finish();
        return Ok(Outcome::Interrupted { step: run.progress.step });
    }
    report.finish();
    if run.progress.best_score.is_none() {
        run.best = to_vec(&run.average);
        run.progress.best_step = steps;
    }
    run.checkpoint().write(&path)?;
    replace(&folder.join(WEIGHTS), &named(&spec, &run.best).to_safetensors()?)?;
    Ok(Outcome::Finished { score: run.progress.best_score, step: run.progress.best_step })
}

struct Run {
    progress: Progress,
    network: Network,
    optimiser: AdamW,
    average: Tensor,
    best: Vec<f32>,
}

impl Run {
    fn open(
        path: &Path,
        key: String,
        spec: &ModelSpec,
        recipe: &Recipe,
        device: Device,
        fresh: impl FnOnce() -> Result<Vec<f32>, TrainError>,
    ) -> Result<Self, TrainError> {
        let t = &recipe.train;
        let frozen = |name: &str| recipe.is_frozen(name);
        let network = |flat: &[f32]| -> Result<Network, TrainError> {
            let mut network = Network::on(device, spec, flat, recipe.is_bf16(device.is_cuda()))?;
            network.freeze(frozen);
            Ok(network)
        };
        let decays = decays(spec, t.decay, t.region_decay.unwrap_or(t.decay), frozen);
        let fresh = fresh()?;
        if let Some(c) = Checkpoint::read(path)?.filter(|c| c.progress.key == key && c.weights.len() == fresh.len()) {
            return Ok(Self {
                network: network(&c.weights)?,
                optimiser: AdamW::resumed(&decays, &c.first, &c.second).on(device),
                average: Tensor::from_slice(&c.average).to_device(device),
                best: c.best,
                progress: c.progress,
            });
        }
        let progress = Progress { key, step: 0, best_score: None, best_step: 0, loss_sum: 0.0, loss_steps: 0 };
        Ok(Self {
            progress,
            network: network(&fresh)?,
            optimiser: AdamW::new(&decays).on(device),
            average: Tensor::from_slice(&fresh).to_device(device),
            best: fresh,
        })
    }

    /// Counts a step and moves the running mean, faster at the start so that it forgets the random weights.
    fn advance(&mut self, decay: f64, loss: f64) {
        self.progress.step += 1;
        self.progress.loss_sum += loss;
        self.progress.loss_steps += 1;
        let step = self.progress.step as f64;
        let decay = decay.min((1.0 + step) / (10.0 + step));
        let decay = if decay > 0.0 { decay } else { 0.0 };
        no_grad(|| {
            let _ = self.average.lerp_(self.network.flat(), 1.0 - decay);
        });
    }

    /// Keeps the mean weights if this score is the best so far.
    fn judge(&mut self, score: Option<f64>) -> bool {
        let best = score.is_some_and(|s| self.progress.best_score.is_none_or(|b| s > b));
        if best {
            self.progress.best_score = score;
            self.progress.best_step = self.progress.step;
            self.best = to_vec(&self.average);
        }
        best
    }

    fn checkpoint(&self) -> Checkpoint {
        let (first, second) = self.optimiser.moments();
        Checkpoint {
            progress: self.progress.clone(),
            weights: to_vec(self.network.flat()),
            first: to_vec(first),
            second: to_vec(second),
            average: to_vec(&self.average),
            best: self.best.clone(),
        }
    }
}

/// Puts published weights over those that a run starts from. Of positions the first, the region token's, stays.
fn overlay(spec: &ModelSpec, flat: &mut [f32], published: &Weights) -> Result<(), TrainError> {
    let mut offset = 0;
    for p in spec.parameters() {
        let length: usize = p.shape.iter().product();
        let skipped = if p.name == "positions" && spec.region_token { spec.width } else { 0 };
        if let Ok(array) = published.get(&p.name) {
            if array.values.len() != length - skipped {
                let why =
                    format!("pretrained {} has {} values instead of {}", p.name, array.values.len(), length - skipped);
                return Err(ExportError::Weights(why).into());
            }
            flat[offset + skipped..offset + length].copy_from_slice(&array.values);
        }
        offset += length;
    }
    Ok(())
}

/// Starts each head at the mean of its training labels, so that the first steps are not spent on getting there.
fn centre_heads(spec: &ModelSpec, flat: &mut [f32], data: &Dataset, samples: &[usize]) {
    let mut offset = 0;
    for p in spec.parameters() {
        let head = p.name.strip_prefix("heads.").and_then(|n| n.strip_suffix(".out.bias"));
        if let Some(label) = head.and_then(label_of) {
            let labels: Vec<f64> = samples.iter().filter_map(|&i| label(&data.rows[i]).map(f64::from)).collect();
            flat[offset] = (labels.iter().sum::<f64>() / labels.len().max(1) as f64) as f32;
        }
        offset += p.shape.iter().product::<usize>();
    }
}

/// What makes a run the same run: model, training recipe and prepared data.
fn key(recipe: &Recipe, spec: &ModelSpec, data: &Dataset) -> Result<String, TrainError> {
    let text = serde_json::to_string(&(spec, &recipe.train, &recipe.pretrained, &data.prepared.features_key))
        .map_err(|e| ExportError::Recipe(e.to_string()))?;
    Ok(Sha256::digest(text.as_bytes()).iter().map(|b| format!("{b:02x}")).collect())
}

#[cfg(test)]
mod tests;
