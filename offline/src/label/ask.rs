//! Pictures go to all models of a zoo, answers come back: how, is not the asker's business.

use std::path::PathBuf;

use image::RgbImage;
use miqa::engine::Runtime;

use super::decode::Answer;
use super::inference::{Batches, Inference};
use super::model::{ModelError, Models};
use super::zoo::Zoo;

/// The models of a zoo, as a thread that makes pictures has them.
pub trait Ask {
    /// Shows a picture to all models.
    ///
    /// # Errors
    /// The picture can't be resized, or a model fails; on this picture or one before.
    fn ask(&mut self, picture: &RgbImage) -> Result<(), ModelError>;

    /// What each model said of each picture asked about, picture by picture, in the order of the zoo.
    ///
    /// # Errors
    /// A model fails.
    fn answers(&mut self) -> Result<Vec<Vec<Answer>>, ModelError>;

    /// Forgets what was asked, after an error or because nobody wants to know any more.
    fn forget(&mut self);
}

/// How threads get at the models.
#[derive(Clone, Copy)]
pub enum Asking<'a> {
    /// Each has sessions of its own, with one core each, and shows them a picture at a time: on CPUs batches gain nothing.
    Alone {
        /// What runs them.
        runtime: &'a Runtime,
        /// Folders with their files.
        folders: &'a [PathBuf],
    },
    /// All share those of one GPU.
    Shared(&'a Inference<'a>),
}

impl<'a> Asking<'a> {
    /// The models for one thread.
    ///
    /// # Errors
    /// A file is missing or not the one meant, or ONNX Runtime can't open it.
    pub fn open(self, zoo: &Zoo) -> Result<Box<dyn Ask + 'a>, ModelError> {
        Ok(match self {
            Self::Alone { runtime, folders } => Box::new(OneByOne::new(Models::open(runtime, zoo, folders)?)),
            Self::Shared(inference) => Box::new(Batches::new(inference)),
        })
    }
}

/// Models of one's own, which take a picture at a time.
pub struct OneByOne {
    models: Models,
    answers: Vec<Vec<Answer>>,
}

impl OneByOne {
    /// Over these models.
    #[must_use]
    pub fn new(models: Models) -> Self {
        Self { models, answers: Vec::new() }
    }
}

impl Ask for OneByOne {
    fn ask(&mut self, picture: &RgbImage) -> Result<(), ModelError> {
        self.answers.push(self.models.answer(picture)?);
        Ok(())
    }

    fn answers(&mut self) -> Result<Vec<Vec<Answer>>, ModelError> {
        Ok(std::mem::take(&mut self.answers))
    }

    fn forget(&mut self) {
        self.answers.clear();
    }
}
