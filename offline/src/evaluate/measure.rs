//! The test samples made again, compared with their originals and scored by the model.

use std::sync::atomic::AtomicBool;

use miqa::engine::{Card, Model, Runtime, Scores};

use super::opened::Opened;
use super::workers::each_original;
use super::{EvaluateError, HEADS, Likeness, Reference, Samples, heads_of};
use crate::label::LabelRow;
use crate::label::labelled::{Originals, model_input};
use crate::label::zoo::Task;
use crate::quality::model::OpenedModel;
use crate::quality::scorer::Scorer;
use crate::sample::SampleError;
use crate::source::Original;

/// What is measured on one sample.
#[derive(Debug, Clone, PartialEq)]
pub struct Measurement {
    /// SSIM, MS-SSIM and VSI against the original.
    pub likeness: Likeness,
    /// Scores of the metrics given as ONNX, in their order.
    pub metrics: Vec<f64>,
    /// The model's scores in the order of [`heads_of`], for each of [`Measuring::tasks`].
    pub heads: Vec<[f64; HEADS]>,
    /// The scores of the models beside, in their order, for the task's heads.
    pub beside: Vec<[f64; HEADS]>,
    /// Probability of each distortion in the card's order.
    pub distortions: Vec<f64>,
    /// The standardised region features that the model read; none if its graph does not tell.
    pub features: Vec<f32>,
}

/// How the measuring is done.
#[derive(Clone, Copy)]
pub struct Measuring<'a> {
    /// Where sessions come from.
    pub runtime: &'a Runtime,
    /// The model's card.
    pub card: &'a Card,
    /// Cards of other models to compare with: without the region token, say, or of another size.
    pub beside: &'a [Card],
    /// No-reference or learned metrics to measure as well; their crops lie at the same places in all variants of an
    /// original.
    pub metrics: &'a [OpenedModel],
    /// Worker threads, each with a one-thread session.
    pub workers: usize,
    /// Set when the process was asked to stop.
    pub stop: &'a AtomicBool,
}

/// The sessions of one worker.
struct Sessions<'a> {
    model: Opened,
    beside: Vec<Model>,
    metrics: Vec<Scorer<'a>>,
}

impl Measuring<'_> {
    /// Renders every test sample as labelling did and measures it; in the order of `samples.test`.
    ///
    /// # Errors
    /// An original has changed, a variant can't be made or scored, the model lacks a head, or the process was asked
    /// to stop.
    pub fn run(&self, samples: &Samples) -> Result<Vec<Measurement>, EvaluateError> {
        let columns = self.columns(samples.task)?;
        let open = || {
            Ok(Sessions {
                model: Opened::open(self.runtime, self.card)?,
                beside: self.beside.iter().map(|card| Model::open(self.runtime, card, 1)).collect::<Result<_, _>>()?,
                metrics: self
                    .metrics
                    .iter()
                    .map(|metric| Scorer::open(self.runtime, metric))
                    .collect::<Result<_, _>>()?,
            })
        };
        each_original(samples.originals.len(), self.workers, self.stop, open, |sessions, index| {
            let (original, range) = &samples.originals[index];
            self.original(sessions, &columns, &samples.pictures, original, &samples.test[range.clone()])
        })
    }

    /// Tasks that the model has heads for, `task` first.
    #[must_use]
    pub fn tasks(&self, task: Task) -> Vec<Task> {
        let has = |other: &Task| heads_of(*other).iter().all(|head| self.card.head(head).is_some());
        std::iter::once(task).chain(Task::ALL.into_iter().filter(|other| *other != task && has(other))).collect()
    }

    /// Where the model has the heads of [`Measuring::tasks`], and the models beside those of the task.
    fn columns(&self, task: Task) -> Result<Columns, EvaluateError> {
        Ok(Columns {
            model: self.tasks(task).into_iter().map(|task| places(self.card, task)).collect::<Result<_, _>>()?,
            beside: self.beside.iter().map(|card| places(card, task)).collect::<Result<_, _>>()?,
        })
    }

    fn original(
        &self,
        sessions: &mut Sessions<'_>,
        columns: &Columns,
        pictures: &Originals,
        original: &Original,
        rows: &[LabelRow],
    ) -> Result<Vec<Measurement>, EvaluateError> {
        let mut rendering = pictures.rendering(&original.id, rows.iter().map(LabelRow::picture))?;
        let reference = Reference::of(rendering.original());
        rows.iter()
            .map(|row| {
                let picture = row.picture().picture(&mut rendering).map_err(SampleError::from)?;
                let likeness = reference
                    .likeness(&picture)
                    .map_err(|source| EvaluateError::FullReference { sample: row.sample.clone(), source })?;
                let metrics = sessions.metrics.iter_mut().map(|metric| {
                    let crops = metric.score_picture(&picture, &original.pixel_sha256);
                    let refuse = |source| EvaluateError::Metric { sample: row.sample.clone(), source };
                    Ok(crops.map_err(refuse)?.score)
                });
                let metrics = metrics.collect::<Result<_, EvaluateError>>()?;
                let view = model_input(&row.sample, &picture)?;
                let (scores, features) = sessions.model.score(&view)?;
                let scores = usable(scores, self.card, row)?;
                let beside = sessions.beside.iter_mut().zip(self.beside).zip(&columns.beside);
                let beside = beside.map(|((model, card), places)| {
                    let scores = usable(model.score(std::slice::from_ref(&view))?.remove(0), card, row)?;
                    Ok(places.map(|place| f64::from(scores.heads[place])))
                });
                Ok(Measurement {
                    likeness,
                    metrics,
                    heads: columns.model.iter().map(|of| of.map(|place| f64::from(scores.heads[place]))).collect(),
                    beside: beside.collect::<Result<_, EvaluateError>>()?,
                    distortions: scores.distortions.into_iter().map(f64::from).collect(),
                    features,
                })
            })
            .collect()
    }
}

/// Places of heads among those of a model.
struct Columns {
    /// By task.
    model: Vec<[usize; HEADS]>,
    /// By model.
    beside: Vec<[usize; HEADS]>,
}

/// Where a model has the heads of a task.
fn places(card: &Card, task: Task) -> Result<[usize; HEADS], EvaluateError> {
    let mut places = [0; HEADS];
    for (place, head) in places.iter_mut().zip(heads_of(task)) {
        *place = card.head(head).ok_or_else(|| EvaluateError::Head { model: card.name.clone(), head })?;
    }
    Ok(places)
}

/// Scores that are numbers.
fn usable(scores: Scores, card: &Card, row: &LabelRow) -> Result<Scores, EvaluateError> {
    if scores.heads.iter().chain(&scores.distortions).any(|value| value.is_nan()) {
        let (model, sample) = (card.name.clone(), row.sample.clone());
        return Err(EvaluateError::NotANumber { model, sample });
    }
    Ok(scores)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]
    use std::path::Path;
    use std::sync::atomic::Ordering;

    use miqa::engine::Device;

    use super::*;
    use crate::evaluate::Judged;
    use crate::evaluate::samples::fixture;
    use crate::quality::model::QualityModel;
    use crate::quality::scorer::tests::write_red_model;

    #[test]
    fn every_test_sample_is_made_again_and_scored_in_order() {
        let folder = tempfile::tempdir().unwrap();
        fixture::work(folder.path(), 9);
        let samples = Samples::read(folder.path(), Task::Classification, None, Judged::TestFold).unwrap();
        let runtime = Runtime::open(Device::Cpu).unwrap();
        // Its heads are the mean brightness.
        let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/tiny");
        let card = Card::read(&model).unwrap();
        // Its score is the mean red of a crop.
        let red = write_red_model(folder.path(), "red", 3, "");
        let metrics = [QualityModel::open(&red).unwrap()];
        let stop = AtomicBool::new(false);
        let beside = [card.clone()];
        let measure = |workers| {
            Measuring { runtime: &runtime, card: &card, beside: &beside, metrics: &metrics, workers, stop: &stop }
                .run(&samples)
        };
        let measured = measure(2).unwrap();
        assert_eq!(measured.len(), samples.test.len());
        for (original, range) in &samples.originals {
            let rows = samples.test[range.clone()].iter().zip(&measured[range.clone()]);
            let dark: Vec<f64> =
                rows.clone().filter(|(row, _)| row.distortion == "darkness").map(|(_, m)| m.heads[0][1]).collect();
            assert!(dark.windows(2).all(|pair| pair[0] > pair[1]), "{}: {dark:?}", original.id);
            let red: Vec<f64> =
                rows.clone().filter(|(row, _)| row.distortion == "darkness").map(|(_, m)| m.metrics[0]).collect();
            assert!(red.windows(2).all(|pair| pair[0] > pair[1]), "{}: {red:?}", original.id);
            for (row, measurement) in rows {
                assert_eq!(measurement.beside, [measurement.heads[0]], "the same model beside itself");
                let likeness = measurement.likeness;
                let identical = (likeness.ssim - 1.0).abs() < 1e-6;
                assert_eq!((identical, likeness.vsi == 1.0), (row.level == 0, row.level == 0), "{}", row.sample);
                assert_eq!(likeness.ms_ssim, None, "the pictures are 70×50");
                assert_eq!(measurement.distortions.len(), 5);
            }
        }
        assert!(measure(1).unwrap() == measured, "the number of workers changed the figures");

        stop.store(true, Ordering::Relaxed);
        assert!(matches!(measure(2), Err(EvaluateError::Stopped)));
    }

    #[test]
    fn an_original_that_has_changed_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        fixture::work(folder.path(), 3);
        let samples = Samples::read(folder.path(), Task::Classification, None, Judged::TestFold).unwrap();
        image::RgbImage::new(70, 50).save(&samples.originals[0].0.path).unwrap();
        let runtime = Runtime::open(Device::Cpu).unwrap();
        let card = Card::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/tiny")).unwrap();
        let stop = AtomicBool::new(false);
        let measuring =
            Measuring { runtime: &runtime, card: &card, beside: &[], metrics: &[], workers: 1, stop: &stop };
        let error = measuring.run(&samples).unwrap_err().to_string();
        assert!(error.contains("changed"), "{error}");
    }
}
