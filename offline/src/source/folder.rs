//! Folders of originals: with a list of labels, with COCO annotations, or plain.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::coco::{CocoAnnotations, CocoImage};
use super::{Original, SourceError};
use crate::recipe::Orientation;

/// File extensions taken as pictures in a plain folder, in lower case.
const EXTENSIONS: [&str; 3] = ["jpg", "jpeg", "png"];

/// What a folder gave.
#[derive(Debug, Default)]
pub struct Selection {
    /// Pictures that could be decoded, in the order of the list or of their names.
    pub originals: Vec<Original>,
    /// Entries that could not; the run goes on without them.
    pub rejected: Vec<Rejected>,
}

/// An entry of a folder or list that is no usable original.
#[derive(Debug)]
pub struct Rejected {
    /// Where it stands: `labels.csv line 12`, or the file.
    pub place: String,
    /// What is wrong with it.
    pub error: SourceError,
}

/// One picture to be described.
pub(super) struct Entry {
    pub(super) place: String,
    pub(super) path: PathBuf,
    pub(super) class: i32,
    pub(super) licence: String,
}

/// A folder of pictures and a CSV list beside or elsewhere with at least the columns `file` and `class_index`
/// (ImageNet-1k order). All pictures carry `licence`.
///
/// # Errors
/// The list can't be read or lacks a column. Broken rows and pictures are reported in the selection.
pub fn labelled_folder(
    folder: &Path,
    labels: &Path,
    licence: &str,
    orientation: Orientation,
) -> Result<Selection, SourceError> {
    let list = |reason: String| SourceError::List { path: labels.to_owned(), reason };
    let text = fs::read_to_string(labels).map_err(|e| list(e.to_string()))?;
    let mut lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let header = lines.next().map(|(_, line)| split_csv(line)).unwrap_or_default();
    let column = |name: &str| {
        let found = header.iter().position(|title| title == name);
        found.ok_or_else(|| list(format!("line 1 names no column `{name}`; the list needs `file` and `class_index`")))
    };
    let (file, class) = (column("file")?, column("class_index")?);
    let mut entries = Vec::new();
    let mut rejected = Vec::new();
    for (number, line) in lines {
        let place = format!("{} line {}", labels.display(), number + 1);
        let cells = split_csv(line);
        match (cells.get(file), cells.get(class).and_then(|cell| cell.trim().parse::<i32>().ok())) {
            (Some(file), Some(class)) if (-1..1000).contains(&class) => {
                entries.push(Entry { place, path: folder.join(file), class, licence: licence.to_owned() });
            }
            _ => {
                let reason = format!("line {}: needs a file and a class index from -1 to 999", number + 1);
                rejected.push(Rejected { place, error: list(reason) });
            }
        }
    }
    Ok(describe(entries, rejected, orientation))
}

/// All pictures of a folder (not of its subfolders), by name, class unknown.
///
/// # Errors
/// The folder can't be read.
pub fn plain_folder(folder: &Path, licence: &str, orientation: Orientation) -> Result<Selection, SourceError> {
    let unreadable = |e: std::io::Error| SourceError::List { path: folder.to_owned(), reason: e.to_string() };
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let extension = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
        if EXTENSIONS.contains(&extension.as_str()) {
            paths.push(path);
        }
    }
    paths.sort();
    let entry =
        |path: PathBuf| Entry { place: path.display().to_string(), path, class: -1, licence: licence.to_owned() };
    Ok(describe(paths.into_iter().map(entry).collect(), Vec::new(), orientation))
}

/// The pictures that a COCO annotation file lists, each with its own licence, class unknown.
///
/// # Errors
/// The annotations can't be read. Missing or broken pictures are reported in the selection.
pub fn coco_folder(folder: &Path, annotations: &Path, orientation: Orientation) -> Result<Selection, SourceError> {
    let parsed = CocoAnnotations::read(annotations)?;
    let names: HashMap<u32, String> = parsed.licenses.into_iter().map(|licence| (licence.id, licence.name)).collect();
    let entry = |image: CocoImage| Entry {
        place: format!("{} image {}", annotations.display(), image.file_name),
        path: folder.join(&image.file_name),
        class: -1,
        licence: image.license.and_then(|id| names.get(&id).cloned()).unwrap_or_else(|| "not stated".to_owned()),
    };
    Ok(describe(parsed.images.into_iter().map(entry).collect(), Vec::new(), orientation))
}

/// Decodes all entries in parallel; the order stays.
pub(super) fn describe(entries: Vec<Entry>, rejected: Vec<Rejected>, orientation: Orientation) -> Selection {
    let described: Vec<_> = entries
        .into_par_iter()
        .map(|entry| (Original::describe_as(&entry.path, entry.class, &entry.licence, orientation), entry.place))
        .collect();
    let mut selection = Selection { originals: Vec::new(), rejected };
    for (result, place) in described {
        match result {
            Ok(original) => selection.originals.push(original),
            Err(error) => selection.rejected.push(Rejected { place, error }),
        }
    }
    selection
}

/// The cells of one CSV line: commas separate, double quotes protect, two of them inside stand for one.
pub(crate) fn split_csv(line: &str) -> Vec<String> {
    let mut cells = vec![String::new()];
    let mut quoted = false;
    let mut characters = line.chars().peekable();
    while let Some(character) = characters.next() {
        let cell = cells.last_mut().expect("starts with one and only grows");
        match character {
            '"' if quoted && characters.peek() == Some(&'"') => {
                characters.next();
                cell.push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => cells.push(String::new()),
            other => cell.push(other),
        }
    }
    cells
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]
mod tests {
    use super::*;

    fn folder_of(names: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (i, name) in names.iter().enumerate() {
            image::RgbImage::from_pixel(9, 8, image::Rgb([i as u8; 3])).save(folder.path().join(name)).unwrap();
        }
        folder
    }

    #[test]
    fn broken_rows_and_pictures_are_named_and_the_rest_goes_on() {
        let folder = folder_of(&["a.png", "b.png"]);
        fs::write(folder.path().join("broken.png"), b"\x89PNG").unwrap();
        let labels = folder.path().join("labels.csv");
        let text = "synset,file,class_index,name\nn1,a.png,5,\"a, b\"\nn2,b.png,x,c\nn3,broken.png,1,d\nn4,gone.png,2,e\nn5,b.png,999,f\n";
        fs::write(&labels, text).unwrap();
        let selection = labelled_folder(folder.path(), &labels, "CC0-1.0", Orientation::Ignore).unwrap();
        let kept: Vec<_> = selection.originals.iter().map(|o| (o.id.as_str(), o.class)).collect();
        assert_eq!(kept, [("a", 5), ("b", 999)]);
        let lines: Vec<_> = selection.rejected.iter().map(|r| r.place.rsplit(' ').next().unwrap().to_owned()).collect();
        assert_eq!(lines, ["3", "4", "5"]);

        fs::write(&labels, "file,label\na.png,1\n").unwrap();
        let refused = labelled_folder(folder.path(), &labels, "", Orientation::Ignore).unwrap_err().to_string();
        assert!(refused.contains("`class_index`"), "{refused}");
    }

    #[test]
    fn plain_folders_come_in_order_of_names() {
        let folder = folder_of(&["z.png", "b.jpg", "k.PNG"]);
        fs::write(folder.path().join("notes.txt"), "x").unwrap();
        let selection = plain_folder(folder.path(), "own", Orientation::Ignore).unwrap();
        let ids: Vec<_> = selection.originals.iter().map(|o| (o.id.as_str(), o.class, o.licence.as_str())).collect();
        assert_eq!(ids, [("b", -1, "own"), ("k", -1, "own"), ("z", -1, "own")]);
        assert!(plain_folder(&folder.path().join("none"), "", Orientation::Ignore).is_err());
    }

    #[test]
    fn coco_pictures_carry_their_own_licence() {
        let folder = folder_of(&["1.png", "2.png"]);
        let annotations = folder.path().join("instances.json");
        let json = r#"{"licenses": [{"id": 4, "name": "CC BY", "url": "u"}], "annotations": [],
            "images": [{"file_name": "1.png", "license": 4, "id": 1}, {"file_name": "2.png"}, {"file_name": "3.png", "license": 4}]}"#;
        fs::write(&annotations, json).unwrap();
        let selection = coco_folder(folder.path(), &annotations, Orientation::Ignore).unwrap();
        let licences: Vec<_> = selection.originals.iter().map(|o| o.licence.as_str()).collect();
        assert_eq!(licences, ["CC BY", "not stated"]);
        assert!(selection.rejected[0].place.ends_with("image 3.png"));
    }

    #[test]
    fn csv_cells() {
        for (line, cells) in
            [("a,b", vec!["a", "b"]), ("\"a, b\",\"c \"\"d\"\"\",", vec!["a, b", "c \"d\"", ""]), ("", vec![""])]
        {
            assert_eq!(split_csv(line), cells);
        }
    }
}
