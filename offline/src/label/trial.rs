//! Every model on one picture, before anything is written: a model that can't work costs seconds then, not shards.

use super::ask::Asking;
use super::model::ModelError;
use super::zoo::Zoo;
use crate::source::{Original, SourceError};

/// Pictures that a model may fail on before it is the model's fault.
const PICTURES: usize = 3;

/// Originals that are tried for them.
const ORIGINALS: usize = 12;

/// Why labelling is not begun.
#[derive(Debug, thiserror::Error)]
pub enum TrialError {
    /// The models can't be opened.
    #[error(transparent)]
    Models(ModelError),
    /// A model fails on every picture that was tried.
    #[error("{error}; it fails on the first pictures ({tried} tried), so nothing was begun")]
    Fails {
        /// What it said of the first one; names the model.
        error: ModelError,
        /// Pictures it was shown.
        tried: usize,
    },
    /// There is no picture to try them on.
    #[error("none of the first {tried} originals can be read, so nothing was begun; `{original}`: {error}")]
    NoPicture {
        /// Originals that were tried.
        tried: usize,
        /// Id of the first.
        original: String,
        /// What is wrong with it.
        error: Box<SourceError>,
    },
}

/// Shows all models the first of `originals` that can be read; if one fails on it the next, three in all.
///
/// # Errors
/// [`TrialError`].
pub fn trial(asking: Asking, zoo: &Zoo, originals: impl Iterator<Item = Original>) -> Result<(), TrialError> {
    let mut models = asking.open(zoo).map_err(TrialError::Models)?;
    let mut unread: Option<(String, SourceError)> = None;
    let mut failed: Option<ModelError> = None;
    let (mut looked, mut shown) = (0, 0);
    for original in originals.take(ORIGINALS) {
        looked += 1;
        let picture = match original.load() {
            Ok(picture) => picture,
            Err(error) => {
                unread.get_or_insert((original.id, error));
                continue;
            }
        };
        shown += 1;
        match models.ask(&picture).and_then(|()| models.answers()) {
            Ok(_) => return Ok(()),
            Err(error) => {
                models.forget();
                failed.get_or_insert(error);
            }
        }
        if shown == PICTURES {
            break;
        }
    }
    match (failed, unread) {
        (Some(error), _) => Err(TrialError::Fails { error, tried: shown }),
        (None, Some((original, error))) => {
            Err(TrialError::NoPicture { tried: looked, original, error: Box::new(error) })
        }
        (None, None) => Ok(()),
    }
}
