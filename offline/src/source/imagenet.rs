//! The ImageNet validation set as people have it: a folder a class (`n01440764/…`), or all files flat beside a ground truth.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use super::folder::{Entry, describe, split_csv};
use super::{Rejected, Selection, SourceError};
use crate::recipe::Orientation;

/// WordNet ids of the 1,000 classes in the order of ImageNet-1k (ascending).
const SYNSETS: &str = include_str!("imagenet_synsets.txt");

static CLASSES: LazyLock<HashMap<&'static str, i32>> = LazyLock::new(|| SYNSETS.lines().zip(0..).collect());

/// Start of the files' names in the flat form.
const FLAT: &str = "ILSVRC2012_val_";

/// The ImageNet-1k class of a WordNet id, 0..=999.
#[must_use]
pub fn class_of_synset(synset: &str) -> Option<i32> {
    CLASSES.get(synset).copied()
}

/// The pictures of an ImageNet folder with their classes: of `folder` or of its subfolder `val`.
///
/// Without `ground_truth` the classes are the names of the subfolders. With it all files lie in one folder, and the file is one
/// of: lines `ILSVRC2012_val_00000001.JPEG 65` (ImageNet-1k order from 0), a WordNet id a line (in the order of the files'
/// names), or `LOC_val_solution.csv`. Only pictures whose stem `keep` accepts are decoded.
///
/// # Errors
/// The folder has neither form, or the ground truth can't be understood. Broken pictures and unknown classes are reported in
/// the selection.
pub fn imagenet_folder(
    folder: &Path,
    ground_truth: Option<&Path>,
    licence: &str,
    orientation: Orientation,
    keep: impl Fn(&str) -> bool,
) -> Result<Selection, SourceError> {
    let inner = folder.join("val");
    let folder = if inner.is_dir() { inner } else { folder.to_owned() };
    let mut rejected = Vec::new();
    let listed = match ground_truth {
        Some(path) => flat(&folder, path, &mut rejected)?,
        None => by_folder(&folder, &mut rejected)?,
    };
    let entry = |(path, class): (PathBuf, i32)| Entry {
        place: path.display().to_string(),
        path,
        class,
        licence: licence.to_owned(),
    };
    let kept = listed.into_iter().filter(|(path, _)| keep(&stem(path))).map(entry).collect();
    Ok(describe(kept, rejected, orientation))
}

fn by_folder(folder: &Path, rejected: &mut Vec<Rejected>) -> Result<Vec<(PathBuf, i32)>, SourceError> {
    let refuse = |reason: String| SourceError::List { path: folder.to_owned(), reason };
    let mut found = Vec::new();
    let mut synsets = 0;
    for path in sorted(folder)?.into_iter().filter(|path| path.is_dir()) {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let Some(class) = class_of_synset(&name) else {
            let error = refuse(format!("folder `{name}` is no WordNet id of ImageNet-1k"));
            rejected.push(Rejected { place: path.display().to_string(), error });
            continue;
        };
        synsets += 1;
        found.extend(sorted(&path)?.into_iter().filter(|path| is_picture(path)).map(|path| (path, class)));
    }
    if synsets == 0 {
        let reason =
            "has no subfolder that is a WordNet id (n01440764): if all files lie in it, name their ground truth";
        return Err(refuse(reason.to_owned()));
    }
    Ok(found)
}

fn flat(folder: &Path, truth: &Path, rejected: &mut Vec<Rejected>) -> Result<Vec<(PathBuf, i32)>, SourceError> {
    let refuse = |reason: String| SourceError::List { path: truth.to_owned(), reason };
    let mut files = sorted(folder)?;
    files.retain(|path| is_picture(path) && stem(path).starts_with(FLAT));
    if files.is_empty() {
        let reason = format!("{} has no files {FLAT}*.JPEG that it could be about", folder.display());
        return Err(refuse(reason));
    }
    let text = fs::read_to_string(truth).map_err(|e| refuse(e.to_string()))?;
    let classes = GroundTruth::parse(&text).map_err(refuse)?;
    let mut found = Vec::new();
    for path in files {
        match classes.class(&stem(&path)) {
            Some(class) => found.push((path, class)),
            None => {
                let error = refuse(format!("says nothing about {}", stem(&path)));
                rejected.push(Rejected { place: path.display().to_string(), error });
            }
        }
    }
    Ok(found)
}

/// What a ground-truth file says.
enum GroundTruth {
    /// Classes by file stem.
    Named(HashMap<String, i32>),
    /// Classes by the number in the file's name, from 1.
    Numbered(Vec<i32>),
}

impl GroundTruth {
    fn parse(text: &str) -> Result<Self, String> {
        let lines: Vec<(usize, &str)> = text
            .lines()
            .enumerate()
            .map(|(at, line)| (at + 1, line.trim()))
            .filter(|(_, line)| !line.is_empty())
            .collect();
        let Some(&(_, first)) = lines.first() else { return Err("is empty".to_owned()) };
        if first.parse::<u32>().is_ok() {
            return Err(
                "has bare numbers: those of the ILSVRC kit follow an order of their own, not ImageNet-1k's; give a \
                        file with `NAME CLASS` lines, WordNet ids or LOC_val_solution.csv"
                    .to_owned(),
            );
        }
        if first.starts_with("ImageId") {
            let class = |line: &str| {
                let cells = split_csv(line);
                let synset = cells.get(1)?.split_whitespace().next()?.to_owned();
                Some((cells.first()?.clone(), class_of_synset(&synset)?))
            };
            return Self::named(&lines[1..], class, "a file and a WordNet id");
        }
        if class_of_synset(first).is_some() {
            let class = |(number, line): &(usize, &str)| {
                class_of_synset(line).ok_or_else(|| format!("line {number}: `{line}` is no WordNet id of ImageNet-1k"))
            };
            return Ok(Self::Numbered(lines.iter().map(class).collect::<Result<_, _>>()?));
        }
        let class = |line: &str| {
            let (name, class) = line.rsplit_once(char::is_whitespace)?;
            let class = class.parse().ok().filter(|class| (0..1000).contains(class))?;
            Some((stem(Path::new(name.trim())), class))
        };
        Self::named(&lines, class, "a file and a class from 0 to 999")
    }

    fn named(
        lines: &[(usize, &str)],
        class: impl Fn(&str) -> Option<(String, i32)>,
        needs: &str,
    ) -> Result<Self, String> {
        let line = |(number, line): &(usize, &str)| class(line).ok_or_else(|| format!("line {number}: needs {needs}"));
        Ok(Self::Named(lines.iter().map(line).collect::<Result<_, _>>()?))
    }

    fn class(&self, stem: &str) -> Option<i32> {
        match self {
            Self::Named(classes) => classes.get(stem).copied(),
            Self::Numbered(classes) => {
                let number: usize = stem.strip_prefix(FLAT)?.parse().ok()?;
                classes.get(number.checked_sub(1)?).copied()
            }
        }
    }
}

fn sorted(folder: &Path) -> Result<Vec<PathBuf>, SourceError> {
    let unreadable = |e: std::io::Error| SourceError::List { path: folder.to_owned(), reason: e.to_string() };
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        paths.push(entry.map_err(unreadable)?.path());
    }
    paths.sort();
    Ok(paths)
}

fn is_picture(path: &Path) -> bool {
    let extension = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    ["jpg", "jpeg", "png"].contains(&extension.as_str())
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]
mod tests {
    use super::*;

    fn picture(path: PathBuf) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let value = path.as_os_str().len() as u8;
        // JPEG content whatever the extension's case.
        let picture = image::RgbImage::from_pixel(9, 8, image::Rgb([value; 3]));
        picture.save_with_format(path, image::ImageFormat::Jpeg).unwrap();
    }

    fn classes(selection: &Selection) -> Vec<(&str, i32)> {
        selection.originals.iter().map(|original| (original.id.as_str(), original.class)).collect()
    }

    #[test]
    fn the_list_of_synsets_is_whole_and_in_order() {
        let all: Vec<&str> = SYNSETS.lines().collect();
        assert!(all.len() == 1000 && all.is_sorted());
        assert_eq!((class_of_synset("n01440764"), class_of_synset("n15075141")), (Some(0), Some(999)));
        assert_eq!(class_of_synset("n00000000"), None);
    }

    #[test]
    fn a_folder_a_class_with_and_without_val() {
        let folder = tempfile::tempdir().unwrap();
        let val = folder.path().join("val");
        picture(val.join("n01443537/ILSVRC2012_val_00000236.JPEG"));
        picture(val.join("n01440764/ILSVRC2012_val_00000293.JPEG"));
        picture(val.join("n01440764/ILSVRC2012_val_00002138.JPEG"));
        picture(val.join("extras/a.jpg"));
        let read =
            |folder: &Path, keep: &dyn Fn(&str) -> bool| imagenet_folder(folder, None, "", Orientation::Ignore, keep);
        let all = read(folder.path(), &|_| true).unwrap();
        let expected = [("ILSVRC2012_val_00000293", 0), ("ILSVRC2012_val_00002138", 0), ("ILSVRC2012_val_00000236", 1)];
        assert_eq!(classes(&all), expected);
        assert!(all.rejected.len() == 1 && all.rejected[0].error.to_string().contains("`extras`"));
        assert_eq!(classes(&read(&val, &|stem| stem.ends_with("36")).unwrap()), [expected[2]]);
        let refused = read(&val.join("extras"), &|_| true).unwrap_err().to_string();
        assert!(refused.contains("n01440764"), "{refused}");
    }

    #[test]
    fn flat_files_with_each_kind_of_ground_truth() {
        let folder = tempfile::tempdir().unwrap();
        for number in 1..=3 {
            picture(folder.path().join(format!("ILSVRC2012_val_0000000{number}.JPEG")));
        }
        let truth = folder.path().join("truth.txt");
        let read = |text: &str| {
            fs::write(&truth, text).unwrap();
            imagenet_folder(folder.path(), Some(&truth), "", Orientation::Ignore, |_| true)
        };
        for text in [
            "ILSVRC2012_val_00000001.JPEG 65\nval/ILSVRC2012_val_00000002.JPEG 970\n",
            "n01751748\nn09193705\n",
            "ImageId,PredictionString\nILSVRC2012_val_00000002,n09193705 85 1 499 272\nILSVRC2012_val_00000001,n01751748 1 2 3 4 \n",
        ] {
            let selection = read(text).unwrap();
            assert_eq!(
                classes(&selection),
                [("ILSVRC2012_val_00000001", 65), ("ILSVRC2012_val_00000002", 970)],
                "{text}"
            );
            assert!(selection.rejected[0].place.ends_with("00000003.JPEG"));
        }
        for (text, part) in [
            ("490\n361\n", "order of their own"),
            ("", "empty"),
            ("ILSVRC2012_val_00000001.JPEG 1000\n", "line 1"),
            ("n01751748\nn00000000\n", "line 2"),
            ("ImageId,PredictionString\nILSVRC2012_val_00000002,\n", "line 2"),
        ] {
            let text = read(text).unwrap_err().to_string();
            assert!(text.contains(part), "{text}");
        }
    }
}
