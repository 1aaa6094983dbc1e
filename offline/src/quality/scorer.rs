//! A quality model at work: crops of a picture in, one score out.

use image::RgbImage;
use miqa::engine::{EngineError, Runtime};
use miqa::preprocess::{Filter, resize_rgb};

use super::QualityRow;
use super::model::{Crops, OpenedModel, QualityModel};
use crate::label::picture_session::PictureSession;
use crate::label::zoo::Interpolation;
use crate::render::RandomField;
use crate::source::{Original, PixelHash, SourceError};

/// Why an original has no score.
#[derive(Debug, thiserror::Error)]
pub enum ScoreError {
    /// The original.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The session.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The model ran and failed, or what it says is no score.
    #[error("quality model `{model}`: {reason}; check its description")]
    Run {
        /// Name of the model.
        model: String,
        /// What happened.
        reason: String,
    },
}

/// A model with a session and buffers of one worker.
pub struct Scorer<'a> {
    opened: &'a OpenedModel,
    session: PictureSession,
}

/// What a model thinks of one picture, higher is better.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CropScores {
    /// The crops' scores as one.
    pub score: f64,
    /// The least score of a crop.
    pub least: f64,
    /// The greatest score of a crop.
    pub greatest: f64,
}

impl<'a> Scorer<'a> {
    /// Opens the model with one thread.
    ///
    /// # Errors
    /// ONNX Runtime refuses the file.
    pub fn open(runtime: &Runtime, opened: &'a OpenedModel) -> Result<Self, ScoreError> {
        let session = PictureSession::open(runtime, &opened.path.display().to_string(), &opened.bytes)?;
        Ok(Self { opened, session })
    }

    /// The row of an original.
    ///
    /// # Errors
    /// It can't be loaded or resized, or the model fails.
    pub fn score(&mut self, original: &Original) -> Result<QualityRow, ScoreError> {
        let CropScores { score, least, greatest } = self.score_picture(&original.load()?, &original.pixel_sha256)?;
        Ok(QualityRow {
            original: original.id.clone(),
            model: self.opened.model.name.clone(),
            fingerprint: self.opened.fingerprint.clone(),
            score,
            least,
            greatest,
        })
    }

    /// The scores of any picture; `key` draws the places of its crops.
    ///
    /// # Errors
    /// It can't be resized, or the model fails.
    pub fn score_picture(&mut self, picture: &RgbImage, key: &PixelHash) -> Result<CropScores, ScoreError> {
        let model = &self.opened.model;
        let refuse = |reason| ScoreError::Run { model: model.name.clone(), reason };
        let rgb = prepared(model, picture).map_err(refuse)?;
        let size = model.input.size;
        let sign = if model.lower_is_better { -1.0 } else { 1.0 };
        let mut scores = Vec::with_capacity(model.crops.count as usize);
        for (left, top) in places(&model.crops, &model.name, key, rgb.dimensions(), size) {
            let crop = image::imageops::crop_imm(&rgb, left, top, size, size).to_image();
            scores.push(sign * self.run(&crop).map_err(refuse)?);
        }
        Ok(CropScores {
            score: model.aggregate.of(&scores),
            least: scores.iter().copied().fold(f64::INFINITY, f64::min),
            greatest: scores.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        })
    }

    fn run(&mut self, crop: &RgbImage) -> Result<f64, String> {
        let values = self.session.run(&self.opened.model.input, crop)?;
        let value = match (self.opened.model.output_index, values.as_slice()) {
            (Some(index), values) => values.get(index).copied(),
            (None, [value]) => Some(*value),
            (None, _) => None,
        };
        match value {
            Some(value) if value.is_finite() => Ok(f64::from(value)),
            Some(value) => Err(format!("its score is {value}")),
            None => Err(format!("its first output has {} values: output_index must name one of them", values.len())),
        }
    }
}

/// The picture from which crops are cut.
fn prepared(model: &QualityModel, rgb: &RgbImage) -> Result<RgbImage, String> {
    let (width, height) = rgb.dimensions();
    let size = model.input.size;
    let target = match model.crops.resize {
        Some([width, height]) => (width, height),
        None if width.min(height) < size => {
            let scale = f64::from(size) / f64::from(width.min(height).max(1));
            let side = |side: u32| ((f64::from(side) * scale).round() as u32).max(size);
            (side(width), side(height))
        }
        None => return Ok(rgb.clone()),
    };
    if width == 0 || height == 0 || target.0.max(target.1) > 65_535 {
        return Err(format!("a picture of {width}×{height} can't be brought to its size"));
    }
    let filter = match model.input.interpolation {
        Interpolation::Bilinear => Filter::Bilinear,
        Interpolation::Bicubic => Filter::Bicubic,
    };
    let pixels = resize_rgb(rgb.as_raw(), (width, height), None, target, filter).map_err(|e| e.to_string())?;
    Ok(RgbImage::from_raw(target.0, target.1, pixels).expect("the buffer was made for this size"))
}

/// Upper left corners of the crops, uniform over all places where a crop fits; the same for the same pixels, model and seed.
fn places(crops: &Crops, model: &str, pixels: &PixelHash, (width, height): (u32, u32), size: u32) -> Vec<(u32, u32)> {
    let field = RandomField::of(pixels, &format!("quality crops {model}"), 0, crops.seed);
    let place = |word: u32, side: u32| {
        let count = u64::from(side.saturating_sub(size)) + 1;
        ((u64::from(word) * count) >> 32) as u32
    };
    (0..u64::from(crops.count))
        .map(|crop| {
            let [x, y, ..] = field.words(crop);
            (place(x, width), place(y, height))
        })
        .collect()
}

#[cfg(test)]
#[path = "scorer_tests.rs"]
pub(crate) mod tests;
