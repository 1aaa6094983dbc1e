//! What the models said of each sample, kept so that new scores need no new inference.

use super::ask::Ask;
use super::decode::Answer;
use super::model::ModelError;
use super::zoo::Zoo;
use crate::agree::{Detection, Runs};
use crate::columns;
use crate::plan::{PixelsError, PlannedOriginal, Rendering};
use crate::rank::psnr;
use crate::recipe::Recipe;
use crate::sample::{Sample, SampleError};

/// One model's answer to one sample.
#[derive(Debug, Clone, PartialEq)]
pub struct PredictionRow {
    /// Name of the model in the zoo.
    pub model: String,
    /// Id of the sample: [`Sample::id`].
    pub sample: String,
    /// PSNR against the original in dB for variants of two levels: no other table states it.
    pub psnr: Option<f64>,
    /// Of a classifier the five most probable classes, best first; else the class of each object.
    pub classes: Vec<u16>,
    /// Probability of each class, or score of each object, 0..=1; objects are in canonical order
    /// ([`crate::agree::canonical`]).
    pub scores: Vec<f32>,
    /// Left, top, width and height of each object in pixels of the picture, one after the other; empty for classifiers.
    pub boxes: Vec<f32>,
    /// Of a segmenter the pixels of each object: COCO's compressed run lengths for the picture's size.
    pub masks: Option<Vec<String>>,
}

columns!(PredictionRow { model, sample, psnr, classes, scores, boxes, masks });

impl PredictionRow {
    /// An answer as a row.
    #[must_use]
    pub fn new(model: &str, sample: &str, psnr: Option<f64>, answer: Answer) -> Self {
        let (model, sample) = (model.to_owned(), sample.to_owned());
        match answer {
            Answer::Classes(top) => Self {
                model,
                sample,
                psnr,
                classes: top.iter().map(|(class, _)| *class).collect(),
                scores: top.iter().map(|(_, score)| *score).collect(),
                boxes: Vec::new(),
                masks: None,
            },
            Answer::Objects(objects) => {
                let text = |object: &Detection| object.mask.as_ref().map(Runs::text);
                Self {
                    model,
                    sample,
                    psnr,
                    classes: objects.iter().map(|object| object.class).collect(),
                    scores: objects.iter().map(|object| object.score).collect(),
                    boxes: objects.iter().flat_map(|object| object.bbox).collect(),
                    // Of a detector none; of a segmenter that finds nothing an empty list, which says the same.
                    masks: objects.iter().map(text).collect::<Option<Vec<_>>>().filter(|masks| !masks.is_empty()),
                }
            }
        }
    }

    /// The objects again, for a picture of this size.
    ///
    /// # Errors
    /// The lists are of different lengths, or a mask is no run lengths of that size; one line.
    pub fn objects(&self, width: u32, height: u32) -> Result<Vec<Detection>, String> {
        let refuse = |what: &str| format!("prediction of `{}` for `{}`: {what}", self.model, self.sample);
        let count = self.classes.len();
        let of_masks = self.masks.as_ref().is_none_or(|masks| masks.len() == count);
        if self.scores.len() != count || self.boxes.len() != 4 * count || !of_masks {
            return Err(refuse("its lists have different lengths"));
        }
        let object = |at: usize| {
            let mask = self.masks.as_ref().map(|masks| Runs::from_text(width, height, &masks[at]));
            let mask = mask.transpose().map_err(|reason| refuse(&reason.to_string()))?;
            let bbox = std::array::from_fn(|side| self.boxes[4 * at + side]);
            Ok(Detection { class: self.classes[at], score: self.scores[at], bbox, mask })
        };
        (0..count).map(object).collect()
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
    Model(#[from] ModelError),
}

/// Makes every picture of an original once, straight from the original, and asks all models: a row a sample and model,
/// sample by sample. None if `stopped` said so on the way.
///
/// # Errors
/// A picture can't be made, or a model fails.
pub fn predict(
    models: &mut dyn Ask,
    zoo: &Zoo,
    recipe: &Recipe,
    planned: PlannedOriginal,
    stopped: &dyn Fn() -> bool,
) -> Result<Option<Vec<PredictionRow>>, LabelError> {
    let mut rendering = Rendering::open(recipe, &planned)?;
    let original = planned.original.id.clone();
    let samples = Sample::of(planned);
    models.forget();
    let mut asked = Vec::with_capacity(samples.len());
    for sample in samples {
        if stopped() {
            return Ok(None);
        }
        let picture = sample.picture(&mut rendering)?;
        let measured = if sample.psnr().is_none() { psnr(rendering.original(), &picture) } else { None };
        models.ask(&picture)?;
        asked.push((sample.id(&original), measured));
    }
    let mut rows = Vec::with_capacity(asked.len() * zoo.models.len());
    for ((id, measured), answers) in asked.into_iter().zip(models.answers()?) {
        let of = zoo.models.iter().zip(answers);
        rows.extend(of.map(|(model, answer)| PredictionRow::new(&model.name, &id, measured, answer)));
    }
    Ok(Some(rows))
}
