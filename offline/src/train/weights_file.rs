//! The files of published weights that a recipe names.

use std::path::PathBuf;

use super::TrainError;
use crate::label::zoo::load_file;

/// A file below one of `folders`, or below its `models/`, if it is the one that is meant; `what` stands in messages.
pub(super) fn weights_file(
    what: &str,
    file: &str,
    sha256: &str,
    folders: &[PathBuf],
) -> Result<(PathBuf, Vec<u8>), TrainError> {
    let folders: Vec<PathBuf> = folders.iter().flat_map(|folder| [folder.clone(), folder.join("models")]).collect();
    Ok(load_file(what, file, Some(sha256), &folders)?)
}
