//! One classifier of the zoo, open for work.

use std::path::PathBuf;

use image::RgbImage;
use miqa::engine::{EngineError, Runtime};

use super::fit::{FitError, Geometry};
use super::picture_session::PictureSession;
use super::zoo::{Output, Zoo, ZooError, ZooModel};

/// Number of ImageNet-1k classes.
pub const CLASSES: usize = 1000;

/// Why a classifier can't say anything.
#[derive(Debug, thiserror::Error)]
pub enum ClassifierError {
    /// Its file.
    #[error(transparent)]
    Zoo(#[from] ZooError),
    /// Its session.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The picture does not come to its size.
    #[error("model `{model}`: {source}")]
    Fit {
        /// Name of the model.
        model: String,
        /// Why.
        source: FitError,
    },
    /// It ran and failed, or gave something else than a thousand finite values.
    #[error("model `{model}`: {reason}; check its entry in the model list")]
    Run {
        /// Name of the model.
        model: String,
        /// What happened.
        reason: String,
    },
}

/// The five most probable classes (ImageNet-1k, 0..1000), best first, with their probabilities.
pub type TopFive = [(i32, f32); 5];

/// The models of a zoo, one thread each, as one worker uses them.
pub struct Classifiers {
    models: Vec<Classifier>,
}

impl Classifiers {
    /// Opens all models of the zoo; their files are searched in `folders`.
    ///
    /// # Errors
    /// A file is missing or not the one meant, or ONNX Runtime can't open it.
    pub fn open(runtime: &Runtime, zoo: &Zoo, folders: &[PathBuf]) -> Result<Self, ClassifierError> {
        let models =
            zoo.models.iter().map(|model| Classifier::open(runtime, model, folders)).collect::<Result<_, _>>()?;
        Ok(Self { models })
    }

    /// What each model sees in the picture, in the order of the zoo.
    ///
    /// # Errors
    /// The picture can't be resized, or a model fails.
    pub fn classify(&mut self, rgb: &RgbImage) -> Result<Vec<TopFive>, ClassifierError> {
        let mut fitted: Vec<(Geometry, RgbImage)> = Vec::new();
        let mut answers = Vec::with_capacity(self.models.len());
        for model in &mut self.models {
            let geometry = Geometry::of(&model.entry.input);
            let at = match fitted.iter().position(|(done, _)| *done == geometry) {
                Some(at) => at,
                None => {
                    let fit = geometry.fit(rgb);
                    let fit = fit.map_err(|source| ClassifierError::Fit { model: model.entry.name.clone(), source })?;
                    fitted.push((geometry, fit));
                    fitted.len() - 1
                }
            };
            answers.push(model.classify(&fitted[at].1)?);
        }
        Ok(answers)
    }
}

struct Classifier {
    entry: ZooModel,
    session: PictureSession,
}

impl Classifier {
    fn open(runtime: &Runtime, entry: &ZooModel, folders: &[PathBuf]) -> Result<Self, ClassifierError> {
        let (path, bytes) = entry.load(folders)?;
        let session = PictureSession::open(runtime, &path.display().to_string(), &bytes)?;
        Ok(Self { entry: entry.clone(), session })
    }

    fn classify(&mut self, fitted: &RgbImage) -> Result<TopFive, ClassifierError> {
        let failed = |reason: String| ClassifierError::Run { model: self.entry.name.clone(), reason };
        let values = self.session.run(&self.entry.input, fitted).map_err(failed)?;
        top_five(values.get(self.entry.class_offset..).unwrap_or_default(), self.entry.output).map_err(failed)
    }
}

/// The five largest of `values`, as probabilities.
fn top_five(values: &[f32], output: Output) -> Result<TopFive, String> {
    if values.len() != CLASSES {
        return Err(format!("its output has {} classes, not {CLASSES}", values.len()));
    }
    if let Some(class) = values.iter().position(|value| !value.is_finite()) {
        return Err(format!("its output for class {class} is {}", values[class]));
    }
    let mut order: Vec<usize> = (0..CLASSES).collect();
    // Equal values: the lower class first, on every machine.
    let better = |a: &usize, b: &usize| values[*b].total_cmp(&values[*a]).then(a.cmp(b));
    order.select_nth_unstable_by(4, better);
    order.truncate(5);
    order.sort_unstable_by(better);
    let largest = f64::from(values[order[0]]);
    let sum: f64 = match output {
        Output::Logits => values.iter().map(|&value| (f64::from(value) - largest).exp()).sum(),
        Output::Probabilities => 1.0,
    };
    let probability = |class: usize| match output {
        Output::Logits => ((f64::from(values[class]) - largest).exp() / sum) as f32,
        Output::Probabilities => values[class],
    };
    Ok(std::array::from_fn(|i| (order[i] as i32, probability(order[i]))))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]
mod tests {
    use super::*;

    #[test]
    fn the_five_best_with_ties_and_softmax() {
        let mut values = vec![0.0; CLASSES];
        for (class, value) in [(7, 3.0), (900, 5.0), (3, 3.0), (500, 1.0)] {
            values[class] = value;
        }
        let best = top_five(&values, Output::Probabilities).unwrap();
        assert_eq!(best, [(900, 5.0), (3, 3.0), (7, 3.0), (500, 1.0), (0, 0.0)]);
        let best = top_five(&values, Output::Logits).unwrap();
        let sum: f64 = values.iter().map(|&v| f64::from(v).exp()).sum();
        assert!((f64::from(best[0].1) - 5.0_f64.exp() / sum).abs() < 1e-7);
        assert_eq!(best.map(|(class, _)| class), [900, 3, 7, 500, 0]);
    }

    /// Both element types, layouts and colour orders, crop and squash: each model must see what its training showed it.
    #[test]
    fn models_name_what_they_see() {
        let Some(data) = std::env::var_os("MIQA_DATA").map(PathBuf::from) else {
            return println!("skipped: models of the labelling zoo (MIQA_DATA not set)");
        };
        let mut zoo = Zoo::read(None).unwrap();
        // Top-1 on 300 images: 0.91, 0.59 and 0.68 (measured with Pillow and Python).
        let floors = [("mobilenet_v2_100", 0.8), ("mobilenet_v1_025", 0.45), ("squeezenet_v11", 0.5)];
        zoo.models.retain(|model| floors.iter().any(|(name, _)| *name == model.name));
        let runtime = Runtime::open(miqa::engine::Device::Cpu).unwrap();
        let mut classifiers = Classifiers::open(&runtime, &zoo, std::slice::from_ref(&data)).unwrap();
        let folder = data.join("imagenet");
        let mut originals = crate::source::labelled_folder(&folder, &folder.join("labels.csv"), "", Default::default())
            .unwrap()
            .originals;
        originals.truncate(60);
        let mut right = vec![0; zoo.models.len()];
        for original in &originals {
            let answers = classifiers.classify(&original.load().unwrap()).unwrap();
            right.iter_mut().zip(answers).for_each(|(right, top)| *right += usize::from(top[0].0 == original.class));
        }
        for (model, right) in zoo.models.iter().zip(right) {
            let top1 = right as f64 / originals.len() as f64;
            let floor = floors.iter().find(|(name, _)| *name == model.name).unwrap().1;
            assert!(top1 >= floor, "{}: top-1 {top1} on {} pictures", model.name, originals.len());
        }
    }

    #[test]
    fn outputs_of_another_kind_are_refused() {
        assert!(top_five(&[0.0; 1001], Output::Logits).unwrap_err().contains("1001 classes"));
        assert!(top_five(&[], Output::Logits).is_err());
        let mut values = vec![0.0; CLASSES];
        values[4] = f32::NAN;
        assert!(top_five(&values, Output::Logits).unwrap_err().contains("class 4 is NaN"));
    }
}
