//! What the models said: five classes a sample and model, kept so that new scores need no new inference.

use std::path::{Path, PathBuf};

use super::classifier::{ClassifierError, Classifiers, TopFive};
use super::zoo::Zoo;
use crate::columns;
use crate::plan::{PixelsError, Rendering};
use crate::rank::psnr;
use crate::sample::{Sample, SampleError, SampleSource};
use crate::source::Original;
use crate::table::{self, TableError};

/// One model's answer to one sample.
#[derive(Debug, Clone, PartialEq)]
pub struct Prediction {
    /// Name of the model in the zoo.
    pub model: String,
    /// Id of the sample: [`Sample::id`].
    pub sample: String,
    /// Most probable class (ImageNet-1k, 0..1000).
    pub class_1: i32,
    /// Second class.
    pub class_2: i32,
    /// Third class.
    pub class_3: i32,
    /// Fourth class.
    pub class_4: i32,
    /// Fifth class.
    pub class_5: i32,
    /// Probability of the first class, 0..=1 (after the softmax).
    pub score_1: f32,
    /// Probability of the second class.
    pub score_2: f32,
    /// Probability of the third class.
    pub score_3: f32,
    /// Probability of the fourth class.
    pub score_4: f32,
    /// Probability of the fifth class.
    pub score_5: f32,
    /// PSNR against the original in dB for variants of two levels: no other table states it.
    pub psnr: Option<f64>,
}

columns!(Prediction {
    model,
    sample,
    class_1,
    class_2,
    class_3,
    class_4,
    class_5,
    score_1,
    score_2,
    score_3,
    score_4,
    score_5,
    psnr,
});

impl Prediction {
    fn new(model: &str, sample: &str, psnr: Option<f64>, [a, b, c, d, e]: TopFive) -> Self {
        Self {
            model: model.to_owned(),
            sample: sample.to_owned(),
            class_1: a.0,
            class_2: b.0,
            class_3: c.0,
            class_4: d.0,
            class_5: e.0,
            score_1: a.1,
            score_2: b.1,
            score_3: c.1,
            score_4: d.1,
            score_5: e.1,
            psnr,
        }
    }
}

/// Why an original has no predictions.
#[derive(Debug, thiserror::Error)]
pub enum LabelError {
    /// It has no samples, or the plan can't be read.
    #[error(transparent)]
    Sample(#[from] SampleError),
    /// A picture of it.
    #[error(transparent)]
    Pixels(#[from] PixelsError),
    /// A model.
    #[error(transparent)]
    Classifier(#[from] ClassifierError),
}

/// Makes every picture of an original once, straight from the original, and asks all models.
///
/// # Errors
/// A picture can't be made, or a model fails.
pub fn predict(
    classifiers: &mut Classifiers,
    zoo: &Zoo,
    source: &SampleSource,
    original: &Original,
) -> Result<Vec<Prediction>, LabelError> {
    let planned = source.planned(original)?;
    let mut rendering = Rendering::open(source.recipe(), &planned)?;
    let samples = Sample::of(planned);
    let mut predictions = Vec::with_capacity(samples.len() * zoo.models.len());
    for sample in samples {
        let picture = sample.picture(&mut rendering)?;
        let measured = if sample.psnr().is_none() { psnr(rendering.original(), &picture) } else { None };
        let id = sample.id(&original.id);
        let answers = classifiers.classify(&picture)?;
        let of = zoo.models.iter().zip(answers);
        predictions.extend(of.map(|(model, top)| Prediction::new(&model.name, &id, measured, top)));
    }
    Ok(predictions)
}

/// The table of one model in the folder of predictions.
#[must_use]
pub fn table_of(folder: &Path, model: &str) -> PathBuf {
    folder.join(format!("{model}.parquet"))
}

/// Writes one table a model, each with these notes in its footer.
///
/// # Errors
/// A table can't be written.
pub fn write_predictions(
    folder: &Path,
    zoo: &Zoo,
    all: Vec<Prediction>,
    notes: &[(&str, String)],
) -> Result<(), TableError> {
    let mut tables: Vec<Vec<Prediction>> = zoo.models.iter().map(|_| Vec::new()).collect();
    for prediction in all {
        if let Some(at) = zoo.models.iter().position(|model| model.name == prediction.model) {
            tables[at].push(prediction);
        }
    }
    let write = |(model, rows): (&super::zoo::ZooModel, &Vec<Prediction>)| {
        table::write_noted(&table_of(folder, &model.name), rows, notes)
    };
    zoo.models.iter().zip(&tables).try_for_each(write)
}

/// Reads the predictions of one model.
///
/// # Errors
/// The table is missing or of another shape.
pub fn read_predictions(folder: &Path, model: &str) -> Result<Vec<Prediction>, TableError> {
    table::read(&table_of(folder, model))
}
