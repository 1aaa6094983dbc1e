//! The labelling models, as data: lists in `zoo/`, or a file of the user's.

mod classes;
mod entry;
mod input;

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub use classes::{COCO_CLASSES, ClassMap, IMAGENET_CLASSES, KnownClasses, coco_category, coco_class};
pub use entry::{Task, ZooModel};
pub use input::{Channels, Element, Input, Interpolation, Layout, Resize};

/// The list that comes with the program.
const BUILT_IN: &str = include_str!("../../../zoo/cls.toml");

/// Version of what [`super::fit`] and [`super::classifier`] do to a picture before a model sees it, and to the model's
/// output after. Predictions of another version are made again: raise it with every change that can change a score.
const PREPROCESSING: u32 = 1;

/// Why the zoo can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ZooError {
    /// The list can't be read or understood.
    #[error("model list {name}: {reason}; correct the list")]
    List {
        /// The list's file, or `built in`.
        name: String,
        /// What is wrong.
        reason: String,
    },
    /// A model's file can't be read.
    #[error("model file {path}: {source}", path = path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A model's file is in none of the folders.
    #[error("model `{model}`: no file {file} in {folders}; name its folder with --zoo-dir")]
    Missing {
        /// Name of the model.
        model: String,
        /// Path below a zoo folder.
        file: String,
        /// The folders searched.
        folders: String,
    },
    /// A model's file is not the one the list means.
    #[error(
        "model `{model}`: {path} has SHA-256 {found}, the list says {expected}; fetch it again or correct the list"
    )]
    Hash {
        /// Name of the model.
        model: String,
        /// The file.
        path: PathBuf,
        /// Hash in the list.
        expected: String,
        /// Hash of the file.
        found: String,
    },
}

/// The labelling models.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Zoo {
    /// One entry a model.
    #[serde(rename = "model")]
    pub models: Vec<ZooModel>,
}

impl Zoo {
    /// The list in `path`, or the one that comes with the program.
    ///
    /// # Errors
    /// [`ZooError::List`] for a file that can't be read, unknown keys, names used twice or values out of range.
    pub fn read(path: Option<&Path>) -> Result<Self, ZooError> {
        let name = path.map_or_else(|| "built in".to_owned(), |path| path.display().to_string());
        let refuse = |reason: String| ZooError::List { name: name.clone(), reason };
        let text = match path {
            Some(path) => fs::read_to_string(path).map_err(|e| refuse(e.to_string()))?,
            None => BUILT_IN.to_owned(),
        };
        let zoo: Self = toml::from_str(&text).map_err(|e| refuse(e.to_string()))?;
        zoo.check().map_err(refuse)?;
        Ok(zoo)
    }

    fn check(&self) -> Result<(), String> {
        let mut names = HashSet::new();
        for model in &self.models {
            let refuse = |what: &str| Err(format!("model `{}`: {what}", model.name));
            let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
            if model.name.is_empty() || !model.name.chars().all(plain) {
                return refuse("its name is also a file name: letters, digits, `_` and `-` only");
            }
            if !names.insert(&model.name) {
                return refuse("is listed twice");
            }
            if !(model.performance > 0.0 && model.performance <= 1.0) {
                return refuse("performance must be over 0 and at most 1");
            }
            if let Err(reason) = model.decoder.check(model.task) {
                return refuse(&reason);
            }
            if !(1..=4096).contains(&model.input.size) {
                return refuse("input size must be 1 to 4096 pixels");
            }
            if model.input.crop.is_some_and(|crop| !(crop > 0.1 && crop <= 1.0)) {
                return refuse("crop must be over 0.1 and at most 1");
            }
            if model.input.std.iter().any(|std| !std.is_normal()) {
                return refuse("std must not be 0");
            }
        }
        if self.models.is_empty() { Err("lists no model".to_owned()) } else { Ok(()) }
    }

    /// A short fingerprint of everything that predictions depend on besides the picture: the list, and how pictures are
    /// brought to a model's size.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let mut hash = Sha256::new();
        hash.update(format!("preprocessing {PREPROCESSING}\n"));
        for model in &self.models {
            let (name, file, sha256) = (&model.name, &model.file, &model.sha256);
            let part = (name, file, sha256, model.task, &model.classes, &model.decoder, &model.input);
            hash.update(serde_json::to_vec(&part).expect("plain values always serialise"));
        }
        hash.finalize()[..4].iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The list without the models of one family.
    ///
    /// # Errors
    /// [`ZooError::List`] when no model has that family, or no model would be left.
    pub fn without_family(&self, family: &str) -> Result<Self, ZooError> {
        let models: Vec<_> = self.models.iter().filter(|model| model.family != family).cloned().collect();
        let reason = match models.len() {
            0 => format!("all models are of family `{family}`"),
            left if left == self.models.len() => {
                let families: HashSet<_> = self.models.iter().map(|model| model.family.as_str()).collect();
                let mut families: Vec<_> = families.into_iter().collect();
                families.sort_unstable();
                format!("no model is of family `{family}`: there are {}", families.join(", "))
            }
            _ => return Ok(Self { models }),
        };
        Err(ZooError::List { name: "in use".to_owned(), reason })
    }
}

/// The bytes of a model's `file` from the first of `folders` that has it, and its path; the hash is checked if given.
///
/// # Errors
/// No folder has the file, it can't be read, or its hash differs.
pub fn load_file(
    model: &str,
    file: &str,
    sha256: Option<&str>,
    folders: &[PathBuf],
) -> Result<(PathBuf, Vec<u8>), ZooError> {
    let found = folders.iter().map(|folder| folder.join(file)).find(|path| path.is_file());
    let path = found.ok_or_else(|| ZooError::Missing {
        model: model.to_owned(),
        file: file.to_owned(),
        folders: folders.iter().map(|folder| folder.display().to_string()).collect::<Vec<_>>().join(", "),
    })?;
    let bytes = fs::read(&path).map_err(|source| ZooError::Read { path: path.clone(), source })?;
    if let Some(expected) = sha256 {
        let found: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        if !found.eq_ignore_ascii_case(expected) {
            return Err(ZooError::Hash { model: model.to_owned(), path, expected: expected.to_owned(), found });
        }
    }
    Ok((path, bytes))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]
mod tests {
    use super::*;
    use crate::label::fit::{Geometry, normalise, reorder};

    #[test]
    fn the_built_in_list_is_sound() {
        let zoo = Zoo::read(None).unwrap();
        assert_eq!(zoo.models.len(), 9);
        let rest = zoo.without_family("efficientnet_lite").unwrap();
        assert_eq!(rest.models.len(), 5);
        assert_ne!(zoo.fingerprint(), rest.fingerprint());
        let refused = zoo.without_family("vgg").unwrap_err().to_string();
        assert!(refused.contains("`vgg`") && refused.contains("squeezenet"), "{refused}");
    }

    /// Predictions of an earlier run are kept by the fingerprint. Should this hash change, raise `PREPROCESSING`.
    #[test]
    fn a_version_of_preprocessing_is_one_tensor_for_one_picture() {
        let scene = crate::distort::golden::scene();
        let mut hash = Sha256::new();
        for model in Zoo::read(None).unwrap().models {
            let fitted = Geometry::of(&model.input).fit(&scene).unwrap();
            let (mut floats, mut bytes) = (Vec::new(), Vec::new());
            match model.input.element {
                Element::F32 => normalise(&model.input, &fitted, &mut floats),
                Element::U8 | Element::I8 => reorder(&model.input, &fitted, &mut bytes),
            }
            hash.update(&bytes);
            floats.iter().for_each(|value| hash.update(value.to_le_bytes()));
        }
        let found: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(
            (PREPROCESSING, found.as_str()),
            (1, "c47c1ef446fd1a1150fbe33ca5f0a7080feaf702697174ce0c9dbfa0f2c6edbd")
        );
    }

    #[test]
    fn nonsense_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("zoo.toml");
        for (from, to, part) in [
            ("performance = 0.888", "performance = 0.0", "performance"),
            ("name = \"efficientnet_lite1\"", "name = \"efficientnet_lite0\"", "twice"),
            ("name = \"efficientnet_lite1\"", "name = \"../lite1\"", "file name"),
            ("crop = 0.875", "crop = 8.75", "crop"),
            ("size = 224", "size = 0", "size"),
            ("std = [128.0, 128.0, 128.0]", "std = [128.0, 0.0, 128.0]", "std"),
            ("crop = 0.875", "cropping = 0.875", "cropping"),
        ] {
            assert!(BUILT_IN.contains(from), "{from}");
            fs::write(&path, BUILT_IN.replacen(from, to, 1)).unwrap();
            let text = Zoo::read(Some(&path)).unwrap_err().to_string();
            assert!(text.contains(part) && text.contains("zoo.toml"), "{text}");
        }
        fs::write(&path, "model = []").unwrap();
        assert!(Zoo::read(Some(&path)).is_err());
    }

    #[test]
    fn files_are_searched_and_verified() {
        let (empty, full) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let folders = [empty.path().to_owned(), full.path().to_owned()];
        let mut model = Zoo::read(None).unwrap().models.swap_remove(0);
        assert!(matches!(model.load(&folders), Err(ZooError::Missing { .. })));
        fs::write(full.path().join(&model.file), b"weights").unwrap();
        assert!(matches!(model.load(&folders), Err(ZooError::Hash { .. })));
        model.sha256 = None;
        assert_eq!(model.load(&folders).unwrap().1, b"weights");
    }
}
