//! The labelling models, as data: lists in `zoo/`, or a file of the user's.

mod classes;
mod entry;
mod files;
#[cfg(test)]
mod golden;
mod input;
mod list;
mod pinned;

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub use classes::{COCO_CLASSES, ClassMap, IMAGENET_CLASSES, KnownClasses, coco_category, coco_class};
pub use entry::{Task, ZooModel};
pub use files::load_file;
pub use input::{Channels, Element, Input, Interpolation, Layout, Resize};
use list::parse;
pub use pinned::PinnedZoo;

/// The lists that come with the program, by the names after `builtin:`.
const BUILT_IN: [(&str, &str); 3] = [
    ("cls", include_str!("../../../zoo/cls.toml")),
    ("det", include_str!("../../../zoo/det.toml")),
    ("paper", include_str!("../../../zoo/paper.toml")),
];

/// How the name of such a list begins where a file could be named.
const SCHEME: &str = "builtin:";

/// Version of what [`super::fit`] and [`super::decode`] do to a picture before a model sees it, and to the model's
/// output after. Predictions of another version are made again: raise it with every change that can change a score.
const PREPROCESSING: u32 = 3;

/// Why the zoo can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ZooError {
    /// The list can't be read or understood.
    #[error("model list {name}: {reason}; correct the list")]
    List {
        /// The list's file, or `builtin:` and its name; several with commas.
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
    /// Several models' files are in none of the folders.
    #[error(
        "{count} of {all} model files are in none of the folders {folders}: {files}; name their folder with --zoo-dir, or \
         take those models out of a list of your own"
    )]
    AllMissing {
        /// How many there are not.
        count: usize,
        /// How many the list has.
        all: usize,
        /// Model and path below a zoo folder of each.
        files: String,
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
    /// The lists in `paths` after each other, or the nine classifiers that come with the program. A path may be the name of
    /// a list that comes with it: `builtin:cls`, `builtin:det` or `builtin:paper`.
    ///
    /// # Errors
    /// [`ZooError::List`] for a file that can't be read, unknown keys, names used twice or values out of range.
    pub fn read(paths: &[PathBuf]) -> Result<Self, ZooError> {
        let [(first, _), ..] = BUILT_IN;
        let classifiers = [PathBuf::from(format!("{SCHEME}{first}"))];
        let paths = if paths.is_empty() { &classifiers } else { paths };
        let names = paths.iter().map(|path| path.display().to_string());
        let mut zoo = Self { models: Vec::new() };
        for path in paths {
            zoo.models.extend(Self::list(path)?.models);
        }
        let name = names.collect::<Vec<_>>().join(", ");
        zoo.check().map_err(|reason| ZooError::List { name, reason })?;
        Ok(zoo)
    }

    fn list(path: &Path) -> Result<Self, ZooError> {
        let refuse = |reason: String| ZooError::List { name: path.display().to_string(), reason };
        let text = match path.to_str().and_then(|path| path.strip_prefix(SCHEME)) {
            None => fs::read_to_string(path).map_err(|e| refuse(e.to_string()))?,
            Some(name) => match BUILT_IN.iter().find(|(known, _)| *known == name) {
                Some((_, text)) => (*text).to_owned(),
                None => {
                    let known: Vec<String> = BUILT_IN.iter().map(|(name, _)| format!("{SCHEME}{name}")).collect();
                    return Err(refuse(format!("the program has no such list, but {}", known.join(", "))));
                }
            },
        };
        parse(&text).map_err(refuse)
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

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]
mod tests {
    use super::*;
    use crate::label::fit::{Geometry, normalise, reorder};

    #[test]
    fn the_built_in_list_is_sound() {
        let zoo = Zoo::read(&[]).unwrap();
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
        for model in Zoo::read(&[]).unwrap().models {
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
            (3, "2573c17e05ac2f9602efa343662955e21fbd0453c96c8b674d3310b64de7e085")
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
            ("crop = 0.875", "cropping = 0.875", "model[0].input.cropping: unknown key; known here: name"),
            ("crop = 0.875", "corp = 0.875", "model[0].input.corp: unknown key; did you mean \"crop\"?"),
        ] {
            let classifiers = BUILT_IN[0].1;
            assert!(classifiers.contains(from), "{from}");
            fs::write(&path, classifiers.replacen(from, to, 1)).unwrap();
            let text = Zoo::read(std::slice::from_ref(&path)).unwrap_err().to_string();
            assert!(text.contains(part) && text.contains("zoo.toml"), "{text}");
        }
        fs::write(&path, "model = []").unwrap();
        assert!(Zoo::read(std::slice::from_ref(&path)).is_err());
    }

    #[test]
    fn lists_join_and_names_stay_unique() {
        let read = |names: &[&str]| Zoo::read(&names.iter().map(PathBuf::from).collect::<Vec<_>>());
        let joined = read(&["builtin:cls", "builtin:det"]).unwrap();
        assert_eq!((joined.models.len(), joined.models[9].name.as_str()), (16, "ssdlite_mobilenet_v2"));
        let text = read(&["builtin:det", "builtin:det"]).unwrap_err().to_string();
        assert!(text.contains("builtin:det, builtin:det") && text.contains("twice"), "{text}");
        let text = read(&["builtin:seg"]).unwrap_err().to_string();
        assert!(text.contains("builtin:cls, builtin:det, builtin:paper"), "{text}");
        let of_repository = |name: &str| Zoo::read(&[Path::new(env!("CARGO_MANIFEST_DIR")).join("zoo").join(name)]);
        assert_eq!(of_repository("smoke.toml").unwrap().models.len(), 3);
        let models = of_repository("seg.toml").unwrap().models;
        assert_eq!(models.iter().map(|model| model.task).collect::<Vec<_>>(), [Task::Segmentation, Task::Detection]);
        assert!(models.iter().all(|model| model.licence.starts_with("AGPL")));
    }

    /// Table 3 of the paper: how many models of each task, of which kinds, and the extremes of their figures.
    #[test]
    fn the_papers_models_are_all_listed() {
        let zoo = Zoo::read(&["builtin:paper".into()]).unwrap();
        for (task, families, lowest, highest) in [
            (Task::Classification, vec![("cnn", 17), ("vit", 14), ("hybrid", 5), ("other", 4)], 0.7216, 0.8746),
            (Task::Detection, vec![("cnn", 10), ("vit", 5), ("hybrid", 5)], 0.398, 0.587),
            (Task::Segmentation, vec![("cnn", 9), ("vit", 4), ("hybrid", 2)], 0.371, 0.464),
        ] {
            let of_task: Vec<_> = zoo.models.iter().filter(|model| model.task == task).collect();
            let count = |family: &str| of_task.iter().filter(|model| model.family == family).count();
            assert!(families.iter().all(|(family, models)| count(family) == *models), "{task}");
            assert_eq!(of_task.len(), families.iter().map(|(_, models)| models).sum::<usize>());
            let figures = of_task.iter().map(|model| model.performance);
            let extremes = figures.fold((1.0_f64, 0.0_f64), |(low, high), value| (low.min(value), high.max(value)));
            assert_eq!(extremes, (lowest, highest), "{task}");
        }
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("vgg19.onnx"), b"weights").unwrap();
        let text = zoo.require_files(&[folder.path().to_owned()]).unwrap_err().to_string();
        assert!(text.starts_with("74 of 75") && text.contains("`co_detr_r50_det` (co_detr_r50_det.onnx)"), "{text}");
        assert!(!text.contains("vgg19"));
        let one = Zoo { models: vec![zoo.models[0].clone()] };
        assert!(one.require_files(&[folder.path().to_owned()]).is_ok());
        let text = one.require_files(&["/nowhere".into()]).unwrap_err().to_string();
        assert!(text.contains("model `vgg19`: no file vgg19.onnx in /nowhere"), "{text}");
    }

    #[test]
    fn files_are_searched_and_verified() {
        let (empty, full) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let folders = [empty.path().to_owned(), full.path().to_owned()];
        let mut model = Zoo::read(&[]).unwrap().models.swap_remove(0);
        assert!(matches!(model.load(&folders), Err(ZooError::Missing { .. })));
        fs::write(full.path().join(&model.file), b"weights").unwrap();
        assert!(matches!(model.load(&folders), Err(ZooError::Hash { .. })));
        model.sha256 = None;
        assert_eq!(model.load(&folders).unwrap().1, b"weights");
    }
}
