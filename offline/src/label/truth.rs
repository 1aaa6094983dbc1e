//! What should be found on the originals: COCO annotations by original.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use super::zoo::coco_class;
use crate::agree::{Annotation, Runs};
use crate::source::coco::{CocoAnnotations, CocoInstance};
use crate::source::{Original, SourceError};

/// The annotations of one or several files.
#[derive(Debug, Default)]
pub struct Truth {
    /// Pictures that a file lists: those without objects too.
    listed: HashSet<String>,
    instances: HashMap<String, Vec<CocoInstance>>,
}

/// Annotations that make no sense.
#[derive(Debug, thiserror::Error)]
pub enum TruthError {
    /// The file.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// A category.
    #[error("annotations {path}: category {id} is none of COCO's eighty; map it to one of them in the file")]
    Category {
        /// The file.
        path: PathBuf,
        /// Its id.
        id: u32,
    },
    /// An instance.
    #[error("annotation {id} of `{original}`: {reason}")]
    Instance {
        /// Key of the annotation.
        id: u64,
        /// The picture.
        original: String,
        /// What is wrong.
        reason: String,
    },
}

impl Truth {
    /// Reads COCO annotation files (`instances_*.json`); pictures are found by the stem of their file names.
    ///
    /// # Errors
    /// A file can't be read or knows categories that are none of COCO's.
    pub fn read(paths: &[PathBuf]) -> Result<Self, TruthError> {
        let mut truth = Self::default();
        for path in paths {
            let parsed = CocoAnnotations::read(path)?;
            let stem = |name: &str| Path::new(name).file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let stems: HashMap<u64, String> =
                parsed.images.iter().map(|image| (image.id, stem(&image.file_name))).collect();
            truth.listed.extend(stems.values().cloned());
            for instance in parsed.annotations {
                let id = instance.category_id;
                coco_class(id).ok_or_else(|| TruthError::Category { path: path.clone(), id })?;
                let Some(original) = stems.get(&instance.image_id) else { continue };
                truth.instances.entry(original.clone()).or_default().push(instance);
            }
        }
        Ok(truth)
    }

    /// Whether no picture is annotated.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.listed.is_empty()
    }

    /// What should be found on an original; none where no file lists it. With `masks` every object has its pixels.
    ///
    /// # Errors
    /// An outline makes no sense or is of another size than the picture.
    pub fn of(&self, original: &Original, masks: bool) -> Result<Option<Vec<Annotation>>, TruthError> {
        if !self.listed.contains(&original.id) {
            return Ok(None);
        }
        let of_original = self.instances.get(&original.id).map_or(&[][..], Vec::as_slice);
        let annotation = |instance: &CocoInstance| {
            let class = coco_class(instance.category_id).expect("checked when it was read");
            let mask = masks.then(|| runs(instance, original)).transpose()?;
            Ok(Annotation { class, bbox: instance.bbox, mask, crowd: instance.iscrowd != 0 })
        };
        of_original.iter().map(annotation).collect::<Result<_, _>>().map(Some)
    }
}

fn runs(instance: &CocoInstance, original: &Original) -> Result<Runs, TruthError> {
    Runs::of_segmentation(original.width, original.height, &instance.segmentation).map_err(|error| {
        TruthError::Instance { id: instance.id, original: original.id.clone(), reason: error.to_string() }
    })
}
