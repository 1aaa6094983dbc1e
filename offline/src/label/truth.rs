//! What should be found on the originals: COCO annotations by original.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::zoo::coco_class;
use crate::agree::{Annotation, Runs};
use crate::hex::sha256_hex;
use crate::source::coco::{CocoAnnotations, CocoImage, CocoInstance};
use crate::source::{Original, SourceError};

/// The annotations of one or several files.
#[derive(Debug, Default)]
pub struct Truth {
    files: Vec<AnnotationFile>,
    /// Pictures that a file lists, by the stem of their file names: those without objects too.
    listed: HashMap<String, Listed>,
}

/// A file that the truth is from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AnnotationFile {
    /// Its name without folders.
    pub name: String,
    /// SHA-256 of its content, 64 hexadecimal digits.
    pub sha256: String,
}

/// A picture that is listed.
#[derive(Debug, Default)]
struct Listed {
    /// Width and height in pixels wherever a file states them, with the file.
    sizes: Vec<(u32, u32, PathBuf)>,
    instances: Vec<CocoInstance>,
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
    /// One id, two objects.
    #[error(
        "annotations {path}: annotation {id} of `{original}` is another object than before under that id; leave one of \
         them out or number them anew"
    )]
    Twice {
        /// The file with the second one.
        path: PathBuf,
        /// Key of the annotation.
        id: u64,
        /// The picture.
        original: String,
    },
    /// A picture of another size than the annotated one.
    #[error(
        "annotations {path}: `{original}` is {}×{} pixels there, the picture is {}×{}; give the annotations of these very \
         pictures", annotated.0, annotated.1, picture.0, picture.1
    )]
    Size {
        /// The file.
        path: PathBuf,
        /// The picture.
        original: String,
        /// Width and height that the file states.
        annotated: (u32, u32),
        /// Width and height of the picture.
        picture: (u32, u32),
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
    /// Reads COCO annotation files (`instances_*.json`); pictures are found by the stem of their file names. The same
    /// annotation in two files, or twice in one, counts once.
    ///
    /// # Errors
    /// A file can't be read, knows categories that are none of COCO's, or has two objects of a picture under one id.
    pub fn read(paths: &[PathBuf]) -> Result<Self, TruthError> {
        let mut truth = Self::default();
        for path in paths {
            let bytes = fs::read(path).map_err(|e| SourceError::List { path: path.clone(), reason: e.to_string() })?;
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let file = AnnotationFile { name, sha256: sha256_hex(&bytes) };
            let parsed = CocoAnnotations::parse(path, &bytes)?;
            if !truth.files.contains(&file) {
                truth.files.push(file);
            }
            truth.add(path, parsed)?;
        }
        Ok(truth)
    }

    fn add(&mut self, path: &Path, parsed: CocoAnnotations) -> Result<(), TruthError> {
        let stem = |image: &CocoImage| {
            Path::new(&image.file_name).file_stem().unwrap_or_default().to_string_lossy().into_owned()
        };
        let stems: HashMap<u64, String> = parsed.images.iter().map(|image| (image.id, stem(image))).collect();
        for image in &parsed.images {
            let listed = self.listed.entry(stem(image)).or_default();
            if let (Some(width), Some(height)) = (image.width, image.height) {
                listed.sizes.push((width, height, path.to_owned()));
            }
        }
        for instance in parsed.annotations {
            let id = instance.category_id;
            coco_class(id).ok_or_else(|| TruthError::Category { path: path.to_owned(), id })?;
            let Some(original) = stems.get(&instance.image_id) else { continue };
            let known = &mut self.listed.entry(original.clone()).or_default().instances;
            if known.iter().any(|other| is_same(other, &instance)) {
                continue;
            }
            // Files without ids have 0 throughout.
            if instance.id != 0 && known.iter().any(|other| other.id == instance.id) {
                let (id, original) = (instance.id, original.clone());
                return Err(TruthError::Twice { path: path.to_owned(), id, original });
            }
            known.push(instance);
        }
        Ok(())
    }

    /// The files, each once.
    #[must_use]
    pub fn files(&self) -> &[AnnotationFile] {
        &self.files
    }

    /// Whether no picture is annotated.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.listed.is_empty()
    }

    /// What should be found on an original; none where no file lists it. With `masks` every object has its pixels.
    ///
    /// # Errors
    /// The annotated picture is of another size than the original, or an outline makes no sense.
    pub fn of(&self, original: &Original, masks: bool) -> Result<Option<Vec<Annotation>>, TruthError> {
        let Some(listed) = self.listed.get(&original.id) else { return Ok(None) };
        let picture = (original.width, original.height);
        if let Some((width, height, path)) = listed.sizes.iter().find(|(width, height, _)| (*width, *height) != picture)
        {
            let (path, original) = (path.clone(), original.id.clone());
            return Err(TruthError::Size { path, original, annotated: (*width, *height), picture });
        }
        let annotation = |instance: &CocoInstance| {
            let class = coco_class(instance.category_id).expect("checked when it was read");
            let mask = masks.then(|| runs(instance, original)).transpose()?;
            Ok(Annotation { class, bbox: instance.bbox, mask, crowd: instance.iscrowd != 0 })
        };
        listed.instances.iter().map(annotation).collect::<Result<_, _>>().map(Some)
    }
}

/// Whether two annotations of a picture are one, whatever key their files gave the picture.
fn is_same(a: &CocoInstance, b: &CocoInstance) -> bool {
    let object = |instance: &'_ CocoInstance| (instance.id, instance.category_id, instance.iscrowd, instance.bbox);
    object(a) == object(b) && a.segmentation == b.segmentation
}

fn runs(instance: &CocoInstance, original: &Original) -> Result<Runs, TruthError> {
    Runs::of_segmentation(original.width, original.height, &instance.segmentation).map_err(|error| {
        TruthError::Instance { id: instance.id, original: original.id.clone(), reason: error.to_string() }
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]
mod tests {
    use super::*;
    use crate::mask::tests::original;

    /// A file with picture `a` of this size and objects of these ids and left edges.
    fn file(folder: &Path, name: &str, (width, height): (u32, u32), objects: &[(u64, u32)]) -> PathBuf {
        let object = |(id, left): &(u64, u32)| {
            format!(
                r#"{{"id": {id}, "image_id": 7, "category_id": 3, "bbox": [{left}, 0, 2, 2],
                     "segmentation": [[{left}, 0, {left}, 2, 1, 2]]}}"#
            )
        };
        let objects: Vec<String> = objects.iter().map(object).collect();
        let json = format!(
            r#"{{"images": [{{"id": 7, "file_name": "a.jpg", "width": {width}, "height": {height}}}],
                 "annotations": [{}]}}"#,
            objects.join(",")
        );
        let path = folder.join(name);
        fs::write(&path, json).unwrap();
        path
    }

    #[test]
    fn what_is_given_twice_counts_once() {
        let folder = tempfile::tempdir().unwrap();
        let first = file(folder.path(), "first.json", (8, 6), &[(1, 0), (2, 4)]);
        let more = file(folder.path(), "more.json", (8, 6), &[(2, 4), (3, 5), (3, 5), (0, 1), (0, 2), (0, 2)]);
        let count = |paths: &[&PathBuf]| {
            let paths: Vec<PathBuf> = paths.iter().map(|&path| path.clone()).collect();
            let truth = Truth::read(&paths).unwrap();
            (truth.of(&original("a", 8, 6), false).unwrap().unwrap().len(), truth.files().len())
        };
        assert_eq!((count(&[&first]), count(&[&first, &first])), ((2, 1), (2, 1)));
        assert_eq!((count(&[&more]), count(&[&first, &more])), ((4, 1), (5, 2)));
        let other = file(folder.path(), "other.json", (8, 6), &[(2, 3)]);
        let refused = Truth::read(&[first.clone(), other]).unwrap_err().to_string();
        assert!(refused.contains("other.json") && refused.contains("annotation 2 of `a`"), "{refused}");
        let found = Truth::read(std::slice::from_ref(&first)).unwrap();
        let sha256 = sha256_hex(&fs::read(&first).unwrap());
        assert_eq!(found.files(), [AnnotationFile { name: "first.json".to_owned(), sha256 }]);
    }

    #[test]
    fn another_size_is_refused_with_both() {
        let folder = tempfile::tempdir().unwrap();
        let path = file(folder.path(), "large.json", (16, 12), &[(1, 0)]);
        let truth = Truth::read(&[path]).unwrap();
        let text = truth.of(&original("a", 8, 6), false).unwrap_err().to_string();
        assert!(text.contains("16×12") && text.contains("8×6") && text.contains("large.json"), "{text}");
        assert!(truth.of(&original("b", 8, 6), false).unwrap().is_none());
        assert!(truth.of(&original("a", 16, 12), false).unwrap().is_some());
    }
}
