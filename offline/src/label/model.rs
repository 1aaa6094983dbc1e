//! One model of the zoo, open for work.

use std::path::PathBuf;

use image::RgbImage;
use miqa::engine::{EngineError, Runtime};

use super::decode::{Answer, Seen};
use super::fit::{FitError, Geometry};
use super::picture_session::PictureSession;
use super::zoo::{Zoo, ZooError, ZooModel};

/// Why a model can't say anything.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
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
    /// It ran and failed, or gave something else than its entry says.
    #[error("model `{model}`: {reason}; check its entry in the model list")]
    Run {
        /// Name of the model.
        model: String,
        /// What happened.
        reason: String,
    },
}

/// The models of a zoo, one thread each, as one worker uses them.
pub struct Models {
    models: Vec<Model>,
}

impl Models {
    /// Opens all models of the zoo; their files are searched in `folders`.
    ///
    /// # Errors
    /// A file is missing or not the one meant, or ONNX Runtime can't open it.
    pub fn open(runtime: &Runtime, zoo: &Zoo, folders: &[PathBuf]) -> Result<Self, ModelError> {
        let models = zoo.models.iter().map(|model| Model::open(runtime, model, folders)).collect::<Result<_, _>>()?;
        Ok(Self { models })
    }

    /// What each model sees in the picture, in the order of the zoo.
    ///
    /// # Errors
    /// The picture can't be resized, or a model fails.
    pub fn answer(&mut self, rgb: &RgbImage) -> Result<Vec<Answer>, ModelError> {
        let mut fitted: Vec<(Geometry, RgbImage)> = Vec::new();
        let mut answers = Vec::with_capacity(self.models.len());
        for model in &mut self.models {
            let geometry = Geometry::of(&model.entry.input);
            let at = match fitted.iter().position(|(done, _)| *done == geometry) {
                Some(at) => at,
                None => {
                    let fit = geometry.fit(rgb);
                    let fit = fit.map_err(|source| ModelError::Fit { model: model.entry.name.clone(), source })?;
                    fitted.push((geometry, fit));
                    fitted.len() - 1
                }
            };
            answers.push(model.answer(&fitted[at].1, rgb.dimensions())?);
        }
        Ok(answers)
    }
}

struct Model {
    entry: ZooModel,
    session: PictureSession,
}

impl Model {
    fn open(runtime: &Runtime, entry: &ZooModel, folders: &[PathBuf]) -> Result<Self, ModelError> {
        let (path, bytes) = entry.load(folders)?;
        let session = PictureSession::open(runtime, &path.display().to_string(), &bytes)?;
        Ok(Self { entry: entry.clone(), session })
    }

    fn answer(&mut self, fitted: &RgbImage, (width, height): (u32, u32)) -> Result<Answer, ModelError> {
        let failed = |reason: String| ModelError::Run { model: self.entry.name.clone(), reason };
        let outputs = self.session.outputs(&self.entry.input, fitted).map_err(failed)?;
        let placement = Geometry::of(&self.entry.input).place(width, height);
        let seen = Seen { outputs: &outputs, placement: &placement, classes: &self.entry.classes };
        self.entry.decoder.decode(&seen).map_err(|error| failed(error.0))
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]
mod tests {
    use super::*;

    /// Both element types, layouts and colour orders, crop and squash: each model must see what its training showed it.
    #[test]
    fn models_name_what_they_see() {
        let Some(data) = std::env::var_os("MIQA_DATA").map(PathBuf::from) else {
            return println!("skipped: models of the labelling zoo (MIQA_DATA not set)");
        };
        let mut zoo = Zoo::read(&[]).unwrap();
        // Top-1 on 300 images: 0.91, 0.59 and 0.68 (measured with Pillow and Python).
        let floors = [("mobilenet_v2_100", 0.8), ("mobilenet_v1_025", 0.45), ("squeezenet_v11", 0.5)];
        zoo.models.retain(|model| floors.iter().any(|(name, _)| *name == model.name));
        let runtime = Runtime::open(miqa::engine::Device::Cpu).unwrap();
        let mut models = Models::open(&runtime, &zoo, std::slice::from_ref(&data)).unwrap();
        let folder = data.join("imagenet");
        let mut originals = crate::source::labelled_folder(&folder, &folder.join("labels.csv"), "", Default::default())
            .unwrap()
            .originals;
        originals.truncate(60);
        let mut right = vec![0; zoo.models.len()];
        for original in &originals {
            let answers = models.answer(&original.load().unwrap()).unwrap();
            for (right, answer) in right.iter_mut().zip(answers) {
                let Answer::Classes(top) = answer else { panic!("a classifier") };
                *right += usize::from(i32::from(top[0].0) == original.class);
            }
        }
        for (model, right) in zoo.models.iter().zip(right) {
            let top1 = right as f64 / originals.len() as f64;
            let floor = floors.iter().find(|(name, _)| *name == model.name).unwrap().1;
            assert!(top1 >= floor, "{}: top-1 {top1} on {} pictures", model.name, originals.len());
        }
    }
}
