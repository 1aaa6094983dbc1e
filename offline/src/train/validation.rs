use tch::{Device, Kind, Reduction, Tensor, no_grad};

use super::TrainError;
use super::batch::Batch;
use super::dataset::{Dataset, label_of};
use super::network::{Network, Output, to_vec};
use super::ranking::ranking;
use super::recipe::TrainSpec;
use super::region_weights::RegionWeights;
use crate::evaluate::metrics::{plcc, srcc};
use crate::export::spec::ModelSpec;

/// A fold's result.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Validation {
    /// The training loss on the fold, without augmentation or dropout.
    pub(super) loss: f64,
    /// Correlations a head, in the order of the outputs.
    pub(super) heads: Vec<Correlation>,
    /// Mean binary cross-entropy of the distortion head, unweighted.
    pub(super) distortion: f64,
}

/// Correlations of one head with its label over the distorted samples that have one; `None` where a side is constant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Correlation {
    pub(super) srcc: Option<f64>,
    pub(super) plcc: Option<f64>,
}

/// A batch as tensors.
pub(super) struct Tensors {
    pub(super) images: Tensor,
    pub(super) features: Tensor,
    labels: Tensor,
    mask: Tensor,
    taught: Tensor,
    taught_mask: Tensor,
    distortions: Tensor,
}

/// How many values of a batch count; labels and a teacher's scores by the weights of their samples.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Counts {
    samples: f64,
    labels: f64,
    taught: f64,
}

impl Counts {
    /// Those of samples, without reading a picture.
    pub(super) fn of(
        data: &Dataset,
        spec: &ModelSpec,
        weights: &RegionWeights,
        samples: impl Iterator<Item = usize>,
    ) -> Self {
        let mut counts = Self { samples: 0.0, labels: 0.0, taught: 0.0 };
        for i in samples {
            counts.samples += 1.0;
            let weight = f64::from(weights.of(&data.rows[i]));
            for head in &spec.outputs {
                let label = label_of(head).and_then(|label| label(&data.rows[i]));
                counts.labels += label.map_or(0.0, |_| weight);
                counts.taught += data.taught(i, head).map_or(0.0, |_| weight);
            }
        }
        counts
    }
}

impl Tensors {
    pub(super) fn of(batch: &Batch, spec: &ModelSpec, device: Device) -> Self {
        let rows = |values: &[f32]| Tensor::from_slice(values).to_device(device).view([batch.count as i64, -1]);
        let side = i64::from(spec.crop);
        Self {
            images: Tensor::from_slice(&batch.images).to_device(device).view([batch.count as i64, side, side, 3]),
            features: rows(&batch.features),
            labels: rows(&batch.labels),
            mask: rows(&batch.mask),
            taught: rows(&batch.taught),
            taught_mask: rows(&batch.taught_mask),
            distortions: rows(&batch.distortions),
        }
    }

    /// Squared error a head, averaged over the labels that are there by the weights of their samples, plus the weighted one to
    /// the teacher's scores, the weighted cross-entropy of the distortion head, and the weighted pairwise term.
    pub(super) fn loss(&self, output: &Output, train: &TrainSpec) -> Tensor {
        self.part_of_loss(output, train, &self.counts())
    }

    /// What these samples add to the loss of a batch that they are a part of, and in which so many values count. Pairs are
    /// those among these samples.
    pub(super) fn part_of_loss(&self, output: &Output, train: &TrainSpec, whole: &Counts) -> Tensor {
        let error = |labels: &Tensor, mask: &Tensor, count: f64| {
            let squares = (output.quality.to_kind(Kind::Float) - labels).square() * mask;
            squares.sum(Kind::Float) / if count > 0.0 { count } else { 1.0 }
        };
        let quality = error(&self.labels, &self.mask, whole.labels)
            + error(&self.taught, &self.taught_mask, whole.taught) * train.teacher_weight;
        let share = self.counts().samples / whole.samples;
        let loss = quality + self.cross_entropy(output, train.present_weight) * (train.distortion_weight * share);
        if train.ranking > 0.0 {
            loss + ranking(&output.quality, &self.labels, &self.mask) * (train.ranking * share)
        } else {
            loss
        }
    }

    fn counts(&self) -> Counts {
        let sum = |mask: &Tensor| mask.sum(Kind::Double).double_value(&[]);
        let samples = self.distortions.size()[0] as f64;
        Counts { samples, labels: sum(&self.mask), taught: sum(&self.taught_mask) }
    }

    fn cross_entropy(&self, output: &Output, present: f64) -> Tensor {
        let weight = Tensor::full([self.distortions.size()[1]], present, (Kind::Float, self.distortions.device()));
        let logits = output.distortion.to_kind(Kind::Float);
        logits.binary_cross_entropy_with_logits::<&Tensor>(&self.distortions, None, Some(&weight), Reduction::Mean)
    }
}

/// Runs a network over samples on centre crops.
pub(super) fn validate(
    network: &Network,
    data: &Dataset,
    spec: &ModelSpec,
    train: &TrainSpec,
    samples: &[usize],
) -> Result<Validation, TrainError> {
    let (mut loss, mut distortion, mut scores) = (0.0, 0.0, vec![Vec::new(); spec.outputs.len()]);
    no_grad(|| -> Result<(), TrainError> {
        for chunk in samples.chunks(train.at_a_time.unwrap_or(train.batch)) {
            let still: Vec<_> = chunk.iter().map(|&i| (i, None)).collect();
            let batch =
                Tensors::of(&Batch::collect(data, spec, &train.region_weights, &still)?, spec, network.device());
            let output = network.forward(&batch.images, &batch.features, None);
            let share = chunk.len() as f64 / samples.len() as f64;
            loss += batch.loss(&output, train).double_value(&[]) * share;
            distortion += batch.cross_entropy(&output, 1.0).double_value(&[]) * share;
            let quality = to_vec(&output.quality);
            for row in quality.chunks_exact(scores.len()) {
                for (column, &value) in scores.iter_mut().zip(row) {
                    column.push(f64::from(value));
                }
            }
        }
        Ok(())
    })?;
    let heads = spec.outputs.iter().zip(&scores).map(|(head, scores)| correlate(data, samples, head, scores)).collect();
    Ok(Validation { loss, heads, distortion })
}

fn correlate(data: &Dataset, samples: &[usize], head: &str, scores: &[f64]) -> Correlation {
    let (mut predicted, mut labelled) = (Vec::new(), Vec::new());
    for (&i, &score) in samples.iter().zip(scores) {
        let row = &data.rows[i];
        if let Some(label) = label_of(head).and_then(|label| label(row)).filter(|_| row.level > 0) {
            predicted.push(score);
            labelled.push(f64::from(label));
        }
    }
    Correlation { srcc: srcc(&predicted, &labelled), plcc: plcc(&predicted, &labelled) }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::train::recipe::Recipe;

    fn copy(tensors: &Tensors) -> Tensors {
        let Tensors { images, features, labels, mask, taught, taught_mask, distortions } = tensors;
        let [images, features, labels, mask, taught, taught_mask, distortions] =
            [images, features, labels, mask, taught, taught_mask, distortions].map(Tensor::shallow_clone);
        Tensors { images, features, labels, mask, taught, taught_mask, distortions }
    }

    /// The loss as it was before regions and pairs could be weighed.
    fn plain(batch: &Tensors, output: &Output, train: &TrainSpec) -> Tensor {
        let error = |labels: &Tensor, mask: &Tensor| {
            let squares = (output.quality.to_kind(Kind::Float) - labels).square() * mask;
            squares.sum(Kind::Float) / mask.sum(Kind::Double).double_value(&[]).max(1.0)
        };
        let quality =
            error(&batch.labels, &batch.mask) + error(&batch.taught, &batch.taught_mask) * train.teacher_weight;
        quality + batch.cross_entropy(output, train.present_weight) * (train.distortion_weight * 1.0)
    }

    #[test]
    fn without_ranking_and_region_weights_the_loss_is_the_same_to_the_bit() {
        let recipe: Recipe = toml::from_str(include_str!("../../recipes/edge.toml")).unwrap();
        let (rows, heads) = (64, 7);
        let noise = |key: f64, columns: i64| {
            (Tensor::arange(rows * columns, (Kind::Float, tch::Device::Cpu)) * key).sin().view([rows, columns])
        };
        for present in [0.3, 5.0] {
            let mask = noise(1.7, heads).lt(present).to_kind(Kind::Float);
            let batch = Tensors {
                images: Tensor::zeros([rows, 1], (Kind::Uint8, tch::Device::Cpu)),
                features: noise(0.1, 1),
                labels: noise(0.7, heads) * &mask,
                taught: noise(0.9, heads) * &mask,
                taught_mask: mask.zeros_like(),
                distortions: noise(0.3, 5).gt(0.5).to_kind(Kind::Float),
                mask,
            };
            let output = || Output { quality: noise(0.77, heads).set_requires_grad(true), distortion: noise(0.33, 5) };
            let (now, before) = (output(), output());
            let (a, b) = (batch.loss(&now, &recipe.train), plain(&batch, &before, &recipe.train));
            assert_eq!(a.double_value(&[]).to_bits(), b.double_value(&[]).to_bits());
            a.backward();
            b.backward();
            assert_eq!(to_vec(&now.quality.grad()), to_vec(&before.quality.grad()));
        }
    }

    #[test]
    fn missing_labels_do_not_count() {
        let recipe: Recipe = toml::from_str(include_str!("../../recipes/edge.toml")).unwrap();
        let batch = Tensors {
            images: Tensor::zeros([2, 1], (Kind::Uint8, tch::Device::Cpu)),
            features: Tensor::from_slice(&[0.0_f32, 0.0]).view([2, 1]),
            labels: Tensor::from_slice(&[0.5_f32, 0.0, 1.0, 0.25]).view([2, 2]),
            mask: Tensor::from_slice(&[1.0_f32, 0.0, 1.0, 1.0]).view([2, 2]),
            taught: Tensor::from_slice(&[0.0_f32, 0.5, 0.0, 0.0]).view([2, 2]),
            taught_mask: Tensor::from_slice(&[0.0_f32, 1.0, 0.0, 0.0]).view([2, 2]),
            distortions: Tensor::from_slice(&[0.0_f32, 1.0]).view([2, 1]),
        };
        let output = |unlabelled: f32| Output {
            quality: Tensor::from_slice(&[0.0_f32, unlabelled, 1.0, 0.75]).view([2, 2]).set_requires_grad(true),
            distortion: Tensor::from_slice(&[0.0_f32, 0.0]).view([2, 1]),
        };
        let train = TrainSpec { distortion_weight: 0.1, present_weight: 3.0, teacher_weight: 0.0, ..recipe.train };
        // (0.5² + 0.5²) over three labels, and a cross-entropy of ln 2 for the absent, 3 ln 2 for the present one.
        let expected = 0.5 / 3.0 + 0.1 * (1.0 + 3.0) / 2.0 * std::f64::consts::LN_2;
        for unlabelled in [-9.0, 0.0, 9.0] {
            let output = output(unlabelled);
            let loss = batch.loss(&output, &train);
            assert!((loss.double_value(&[]) - expected).abs() < 1e-6, "{}", loss.double_value(&[]));
            loss.backward();
            let gradient = to_vec(&output.quality.grad());
            assert_eq!(gradient[1], 0.0);
            assert!(gradient[0] != 0.0 && gradient[3] != 0.0);
        }
        // A weight of the sample's region counts in the sum and in what it is divided by.
        let heavy = Tensors { mask: Tensor::from_slice(&[4.0_f32, 0.0, 1.0, 1.0]).view([2, 2]), ..copy(&batch) };
        let loss = heavy.loss(&output(0.2), &train).double_value(&[]);
        assert!((loss - (expected - 0.5 / 3.0 + 1.25 / 6.0)).abs() < 1e-6, "{loss}");
        // The pairwise term: of head 0 the labels 0.5 and 1.0 with scores 0.0 and 1.0, which is far enough; of head 1 one
        // label alone.
        let pairs = TrainSpec { ranking: 0.5, ..train.clone() };
        let loss = batch.loss(&output(0.2), &pairs).double_value(&[]);
        assert!((loss - expected).abs() < 1e-6, "{loss}");
        let turned = Output { quality: output(0.2).quality.flip([0]), ..output(0.2) };
        let without = batch.loss(&turned, &train).double_value(&[]);
        let with = batch.loss(&turned, &pairs).double_value(&[]);
        assert!((with - without - 0.5 * 1.5).abs() < 1e-6, "{with} against {without}");
        // A teacher's score stands where no label does.
        let taught = TrainSpec { teacher_weight: 2.0, ..train };
        let loss = batch.loss(&output(0.2), &taught).double_value(&[]);
        assert!((loss - expected - 2.0 * 0.3_f64.powi(2)).abs() < 1e-6, "{loss}");
    }
}
