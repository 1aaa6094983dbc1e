//! The folders of a published set: `images/<id>/…`, `labels/…`, `src_images/`, masks.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::name::VariantName;
use crate::recipe::Pair;

/// Extensions of pictures, in lower case.
const PICTURES: [&str; 4] = ["png", "jpg", "jpeg", "webp"];

/// End of a mask's file stem.
const MASK_END: &str = "_binary_mask";

/// What a published set was labelled for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Task {
    /// `miqa_cls/`: image classification.
    Classification,
    /// `miqa_det/`: object detection.
    Detection,
    /// `miqa_ins/`: instance segmentation.
    Segmentation,
    /// A folder of another name that holds `images/`.
    Unnamed,
}

impl Task {
    /// The folder of the published archive.
    const FOLDERS: [(&'static str, Self); 3] =
        [("miqa_cls", Self::Classification), ("miqa_det", Self::Detection), ("miqa_ins", Self::Segmentation)];

    /// The name in tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Classification => "classification",
            Self::Detection => "detection",
            Self::Segmentation => "segmentation",
            Self::Unnamed => "unnamed",
        }
    }

    fn of_folder(folder: &Path) -> Self {
        let name = folder.file_name().unwrap_or_default().to_string_lossy();
        Self::FOLDERS.iter().find(|(known, _)| *known == name).map_or(Self::Unnamed, |(_, task)| *task)
    }
}

/// Why a folder can't be walked.
#[derive(Debug, thiserror::Error)]
pub enum LayoutError {
    /// A folder can't be listed.
    #[error("can't list folder {path}: {source}")]
    Io {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Nothing like a published set.
    #[error("{0} holds neither miqa_cls/, miqa_det/ or miqa_ins/ nor images/: name the folder above one of these")]
    NoSet(PathBuf),
}

/// A variant's file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredVariant {
    /// Name of the distortion.
    pub distortion: String,
    /// Levels of region and background.
    pub pair: Pair,
    /// The file.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
}

/// A file that has no place in the set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Odd {
    /// The file or folder.
    pub path: PathBuf,
    /// What is odd about it.
    pub reason: String,
}

/// One published set: a task's pictures.
#[derive(Debug)]
pub struct PublishedSet {
    /// What it was labelled for.
    pub task: Task,
    /// Its folder.
    pub root: PathBuf,
    /// Variants by original, in the order of distortion and pair.
    pub variants: BTreeMap<String, Vec<StoredVariant>>,
    /// Originals' files by id.
    pub sources: BTreeMap<String, PathBuf>,
    /// Masks' files by original.
    pub masks: BTreeMap<String, PathBuf>,
    /// Label tables, by name of the file.
    pub labels: Vec<PathBuf>,
    /// What has no place.
    pub odd: Vec<Odd>,
}

/// The sets below `root`: `root` itself where it holds `images/`, else its folders miqa_cls, miqa_det and miqa_ins. Masks
/// may lie in a set or beside the sets, in a folder `masks` or `…_binary_mask`.
///
/// # Errors
/// [`LayoutError`].
pub fn published_sets(root: &Path) -> Result<Vec<PublishedSet>, LayoutError> {
    let named: Vec<PathBuf> =
        Task::FOLDERS.iter().map(|(name, _)| root.join(name)).filter(|set| set.join("images").is_dir()).collect();
    let roots = if root.join("images").is_dir() { vec![root.to_owned()] } else { named };
    if roots.is_empty() {
        return Err(LayoutError::NoSet(root.to_owned()));
    }
    let shared = masks_below(root)?;
    roots.into_iter().map(|set| walk(set, &shared)).collect()
}

fn walk(root: PathBuf, shared: &BTreeMap<String, PathBuf>) -> Result<PublishedSet, LayoutError> {
    let mut variants: BTreeMap<String, Vec<StoredVariant>> = BTreeMap::new();
    let mut odd = Vec::new();
    for folder in listed(&root.join("images"))? {
        if !folder.is_dir() {
            let reason = "lies in images/ itself: variants lie in images/<id>/".to_owned();
            odd.push(Odd { path: folder, reason });
            continue;
        }
        let id = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let found = variants.entry(id.clone()).or_default();
        for path in listed(&folder)? {
            match variant(&id, &path) {
                Ok(variant) => {
                    match found.iter().find(|v| (&v.distortion, v.pair) == (&variant.distortion, variant.pair)) {
                        Some(first) => {
                            let reason = format!("is the same variant as {}", first.path.display());
                            odd.push(Odd { path, reason });
                        }
                        None => found.push(variant),
                    }
                }
                Err(reason) => odd.push(Odd { path, reason }),
            }
        }
        found.sort_by(|a, b| (&a.distortion, a.pair).cmp(&(&b.distortion, b.pair)));
    }
    let pictures = |folder: &str| -> Result<BTreeMap<String, PathBuf>, LayoutError> {
        let folder = root.join(folder);
        let files = if folder.is_dir() { listed(&folder)? } else { Vec::new() };
        Ok(files.into_iter().filter(|path| is_picture(path)).map(|path| (stem(&path), path)).collect())
    };
    let labels = root.join("labels");
    let mut labels = if labels.is_dir() { listed(&labels)? } else { Vec::new() };
    labels.retain(|path| path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("csv")));
    let mut masks = shared.clone();
    masks.extend(masks_below(&root)?);
    // One archive of masks serves several sets: only those of this set's originals are its own.
    masks.retain(|id, _| variants.contains_key(id));
    Ok(PublishedSet {
        task: Task::of_folder(&root),
        sources: pictures("src_images")?,
        variants,
        masks,
        labels,
        odd,
        root,
    })
}

fn variant(id: &str, path: &Path) -> Result<StoredVariant, String> {
    if !is_picture(path) {
        return Err("is no picture".to_owned());
    }
    let name = VariantName::parse(&stem(path)).map_err(|e| e.to_string())?;
    if name.original != id {
        return Err(format!("is a variant of `{}`, it lies in the folder of `{id}`", name.original));
    }
    let bytes = fs::metadata(path).map_err(|e| e.to_string())?.len();
    Ok(StoredVariant { distortion: name.distortion, pair: name.pair, path: path.to_owned(), bytes })
}

/// Masks in the folders `masks` and `…_binary_mask` below `root`, by original.
fn masks_below(root: &Path) -> Result<BTreeMap<String, PathBuf>, LayoutError> {
    let mut masks = BTreeMap::new();
    for folder in listed(root)?.into_iter().filter(|path| path.is_dir()) {
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name == "masks" || name.ends_with(MASK_END) {
            for path in listed(&folder)? {
                if let Some(id) = stem(&path).strip_suffix(MASK_END) {
                    masks.insert(id.to_owned(), path.clone());
                }
            }
        }
    }
    Ok(masks)
}

/// What a folder holds, in the order of names.
fn listed(folder: &Path) -> Result<Vec<PathBuf>, LayoutError> {
    let io = |source| LayoutError::Io { path: folder.to_owned(), source };
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(io)? {
        paths.push(entry.map_err(io)?.path());
    }
    paths.sort();
    Ok(paths)
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

fn is_picture(path: &Path) -> bool {
    let extension = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    path.is_file() && PICTURES.contains(&extension.as_str())
}
