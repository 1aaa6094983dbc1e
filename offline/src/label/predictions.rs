//! What the models said: five classes a sample and model, kept so that new scores need no new inference.

use std::path::{Path, PathBuf};

use image::RgbImage;

use super::classifier::{ClassifierError, Classifiers, TopFive};
use super::zoo::Zoo;
use crate::columns;
use crate::rank::RankRow;
use crate::recipe::Recipe;
use crate::render::{self, CLEAN, CLEAN_ROW, RenderError, sample_id};
use crate::source::{Original, SourceError};
use crate::table::{self, TableError};

/// One model's answer to one sample.
#[derive(Debug, Clone, PartialEq)]
pub struct Prediction {
    /// Name of the model in the zoo.
    pub model: String,
    /// Id of the sample: [`crate::render::sample_id`].
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
});

impl Prediction {
    fn new(model: &str, sample: &str, [a, b, c, d, e]: TopFive) -> Self {
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
        }
    }
}

/// A picture to be labelled: a row of the labels table before its scores are known.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Name of the distortion, `none` for the clean picture.
    pub distortion: String,
    /// 1 to 5, 0 for the clean picture.
    pub level: u8,
    /// Parameter row, -1 for the clean picture.
    pub row: i16,
    /// PSNR against the original in dB.
    pub psnr: f64,
}

impl Sample {
    /// The samples of one original: the clean picture, then every level of every distortion in the order of `ranks`,
    /// which holds this original's rows only.
    #[must_use]
    pub fn of_original(ranks: &[RankRow]) -> Vec<Self> {
        let clean = Self { distortion: CLEAN.to_owned(), level: 0, row: CLEAN_ROW, psnr: f64::INFINITY };
        let level = |rank: &RankRow| {
            let (distortion, row, psnr) = (rank.distortion.clone(), rank.row, rank.psnr);
            rank.level.map(|level| Self { distortion, level, row, psnr })
        };
        std::iter::once(clean).chain(ranks.iter().filter_map(level)).collect()
    }

    /// Its id.
    #[must_use]
    pub fn id(&self, original: &str) -> String {
        sample_id(original, &self.distortion, self.level)
    }
}

/// Why an original has no predictions.
#[derive(Debug, thiserror::Error)]
pub enum LabelError {
    /// `rank` left it out.
    #[error("it has no levels in the rank table; run `rank` again")]
    Unranked,
    /// Its file.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// A variant of it.
    #[error(transparent)]
    Render(#[from] RenderError),
    /// A model.
    #[error(transparent)]
    Classifier(#[from] ClassifierError),
}

/// Renders every sample of an original once, by the recipe of its rank table, and asks all models.
///
/// # Errors
/// A variant can't be made, or a model fails.
pub fn predict(
    classifiers: &mut Classifiers,
    zoo: &Zoo,
    recipe: &Recipe,
    original: &Original,
    pixels: &RgbImage,
    samples: &[Sample],
) -> Result<Vec<Prediction>, LabelError> {
    let mut predictions = Vec::with_capacity(samples.len() * zoo.models.len());
    for sample in samples {
        let picture = render::sample(recipe, original, pixels, &sample.distortion, sample.row)?;
        let id = sample.id(&original.id);
        let answers = classifiers.classify(&picture)?;
        predictions.extend(zoo.models.iter().zip(answers).map(|(model, top)| Prediction::new(&model.name, &id, top)));
    }
    Ok(predictions)
}

/// The table of one model in the folder of predictions.
#[must_use]
pub fn table_of(folder: &Path, model: &str) -> PathBuf {
    folder.join(format!("{model}.parquet"))
}

/// Writes one table a model.
///
/// # Errors
/// A table can't be written.
pub fn write_predictions(folder: &Path, zoo: &Zoo, all: Vec<Prediction>) -> Result<(), TableError> {
    let mut tables: Vec<Vec<Prediction>> = zoo.models.iter().map(|_| Vec::new()).collect();
    for prediction in all {
        if let Some(at) = zoo.models.iter().position(|model| model.name == prediction.model) {
            tables[at].push(prediction);
        }
    }
    zoo.models.iter().zip(&tables).try_for_each(|(model, rows)| table::write(&table_of(folder, &model.name), rows))
}

/// Reads the predictions of one model.
///
/// # Errors
/// The table is missing or of another shape.
pub fn read_predictions(folder: &Path, model: &str) -> Result<Vec<Prediction>, TableError> {
    table::read(&table_of(folder, model))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_the_clean_picture_and_the_levels() {
        let rank = |rank: u8, level| RankRow {
            original: "a".into(),
            distortion: "fog".into(),
            row: i16::from(rank) - 1,
            psnr: 40.0 - f64::from(rank),
            rank,
            level,
        };
        let samples = Sample::of_original(&[rank(1, Some(1)), rank(2, None), rank(5, Some(2))]);
        let ids: Vec<_> = samples.iter().map(|sample| (sample.id("a"), sample.row)).collect();
        assert_eq!(ids, [("a".to_owned(), -1), ("a_fog_1".to_owned(), 0), ("a_fog_2".to_owned(), 4)]);
        assert_eq!(samples[0].psnr, f64::INFINITY);
    }
}
