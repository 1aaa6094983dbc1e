//! Lists of originals that somebody published: chosen pictures with scores, and pictures to leave out.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::folder::split_csv;
use super::imagenet::class_of_synset;
use super::{Original, SourceError};

/// Columns of the authors' CSV selection.
const COLUMNS: [&str; 3] = ["Image Name", "Category", "Quality Score"];

/// A line of a selection.
#[derive(Debug, Clone, PartialEq)]
pub struct Listed {
    /// Quality score, higher is better; the scale is the list's own.
    pub score: f64,
    /// ImageNet-1k class, where the list's category is a class or a WordNet id.
    pub class: Option<i32>,
}

/// Pictures by id (file stem) with their scores.
#[derive(Debug, Clone, PartialEq)]
pub struct SelectionList {
    path: PathBuf,
    /// The lines.
    pub listed: BTreeMap<String, Listed>,
}

impl SelectionList {
    /// Reads `top_5_quality_images_per_category.csv` (columns `Image Name`, `Category`, `Quality Score`) or
    /// `sorted_quality_imagenet_val.txt` (lines `NAME SCORE`); the first line tells which.
    ///
    /// # Errors
    /// The file can't be read, a line has no name or score, or a name is there twice with different scores.
    pub fn read(path: &Path) -> Result<Self, SourceError> {
        let refuse = |reason: String| SourceError::List { path: path.to_owned(), reason };
        let text = std::fs::read_to_string(path).map_err(|e| refuse(e.to_string()))?;
        let mut listed = BTreeMap::new();
        for line in lines(&text).map_err(refuse)? {
            let (number, name, found) = line.map_err(refuse)?;
            if let Some(known) = listed.insert(name.clone(), found.clone()).filter(|known| *known != found) {
                let reason =
                    format!("line {number}: `{name}` is there twice, scores {} and {}", known.score, found.score);
                return Err(refuse(reason));
            }
        }
        if listed.is_empty() {
            return Err(refuse("lists no picture".to_owned()));
        }
        Ok(Self { path: path.to_owned(), listed })
    }

    /// Keeps what the list names; returns the listed ids that are not among `originals`. Originals of unknown class take that of
    /// the list.
    #[must_use]
    pub fn keep(&self, originals: &mut Vec<Original>) -> Vec<String> {
        originals.retain(|original| self.listed.contains_key(&original.id));
        for original in originals.iter_mut().filter(|original| original.class < 0) {
            original.class = self.listed[&original.id].class.unwrap_or(-1);
        }
        let there: BTreeSet<&str> = originals.iter().map(|original| original.id.as_str()).collect();
        self.listed.keys().filter(|id| !there.contains(id.as_str())).cloned().collect()
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

type Line = (usize, String, Listed);

fn lines(text: &str) -> Result<Vec<Result<Line, String>>, String> {
    let mut lines =
        text.trim_start_matches('\u{feff}').lines().zip(1_usize..).filter(|(line, _)| !line.trim().is_empty());
    let Some((first, _)) = lines.clone().next() else { return Ok(Vec::new()) };
    let header: Vec<String> = split_csv(first).iter().map(|cell| cell.trim().to_owned()).collect();
    if !header.iter().any(|title| title == COLUMNS[0]) {
        return Ok(lines.map(|(line, number)| plain(line, number)).collect());
    }
    let mut places = [0; 3];
    for (place, column) in places.iter_mut().zip(COLUMNS) {
        let found = header.iter().position(|title| title == column);
        *place = found.ok_or_else(|| format!("line 1 names no column `{column}`"))?;
    }
    lines.next();
    Ok(lines
        .map(|(line, number)| {
            let cells = split_csv(line);
            let [name, category, score] = places.map(|place| cells.get(place).map_or("", |cell| cell.trim()));
            let class =
                category.parse().ok().filter(|class| (0..1000).contains(class)).or_else(|| class_of_synset(category));
            entry(number, name, score, class)
        })
        .collect())
}

fn plain(line: &str, number: usize) -> Result<Line, String> {
    let (name, score) = line.trim().rsplit_once(char::is_whitespace).unwrap_or_default();
    entry(number, name.trim(), score, None)
}

fn entry(number: usize, name: &str, score: &str, class: Option<i32>) -> Result<Line, String> {
    match (stem(name), score.parse::<f64>().ok().filter(|score| score.is_finite())) {
        (Some(id), Some(score)) => Ok((number, id, Listed { score, class })),
        _ => Err(format!("line {number}: needs a file name and a score")),
    }
}

/// The ids in an exclusion list (`coco_gray.txt`, `coco_error_imgs.txt`): a file name a line. The first line may be a comment:
/// one that holds a space or starts with `#`.
///
/// # Errors
/// The file can't be read, or a later line is no name.
pub fn read_exclusions(path: &Path) -> Result<BTreeSet<String>, SourceError> {
    let refuse = |reason: String| SourceError::List { path: path.to_owned(), reason };
    let text = std::fs::read_to_string(path).map_err(|e| refuse(e.to_string()))?;
    let mut ids = BTreeSet::new();
    for (line, number) in text.trim_start_matches('\u{feff}').lines().map(str::trim).zip(1_usize..) {
        let comment = line.starts_with('#') || line.contains(char::is_whitespace);
        match stem(line) {
            _ if line.is_empty() || (comment && number == 1) || line.starts_with('#') => {}
            Some(id) if !comment => {
                ids.insert(id);
            }
            _ => return Err(refuse(format!("line {number}: `{line}` is no file name"))),
        }
    }
    Ok(ids)
}

/// File name without folder and extension; an extension is one of a picture, so that ids may hold dots.
fn stem(name: &str) -> Option<String> {
    let file = name.rsplit(['/', '\\']).next().unwrap_or(name);
    let stem = match file.rsplit_once('.') {
        Some((stem, end)) if ["jpg", "jpeg", "png"].contains(&end.to_lowercase().as_str()) => stem,
        _ => file,
    };
    (!stem.is_empty()).then(|| stem.to_owned())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]
mod tests {
    use super::*;
    use crate::source::PixelHash;

    fn original(id: &str, class: i32) -> Original {
        let pixel_sha256 = PixelHash([0; 32]);
        Original {
            id: id.into(),
            path: String::new(),
            class,
            pixel_sha256,
            width: 1,
            height: 1,
            licence: String::new(),
        }
    }

    #[test]
    fn both_published_forms() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("list");
        let read = |text: &str| {
            std::fs::write(&path, text).unwrap();
            SelectionList::read(&path)
        };
        let csv = read(
            "Image Name,Category,Quality Score\nILSVRC2012_val_00000293.JPEG,n01440764,0.81\nb.c.JPEG,7,0.5\nd,cat,1\n",
        )
        .unwrap();
        assert_eq!(csv.listed["ILSVRC2012_val_00000293"], Listed { score: 0.81, class: Some(0) });
        assert_eq!((csv.listed["b.c"].class, csv.listed["d"].class), (Some(7), None));
        let mut originals = vec![original("x", 1), original("b.c", -1), original("d", 4)];
        assert_eq!(csv.keep(&mut originals), ["ILSVRC2012_val_00000293"]);
        assert_eq!(originals.iter().map(|o| (o.id.as_str(), o.class)).collect::<Vec<_>>(), [("b.c", 7), ("d", 4)]);

        let plain = read("val/a.JPEG 0.9\nwith space.JPEG\t-1e-3\n").unwrap();
        assert_eq!((plain.listed["a"].score, plain.listed["with space"].score), (0.9, -1e-3));
        for (text, part) in [
            ("", "no picture"),
            ("a.JPEG high\n", "line 1"),
            ("a.JPEG 1\nb.JPEG NaN\n", "line 2"),
            ("a.JPEG 1\na.JPEG 2\n", "twice"),
            ("Image Name,Category\na,b\n", "`Quality Score`"),
        ] {
            let text = read(text).unwrap_err().to_string();
            assert!(text.contains(part) && text.contains("list"), "{text}");
        }
    }

    #[test]
    fn exclusions_with_a_comment_first() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("coco_error_imgs.txt");
        let read = |text: &str| {
            std::fs::write(&path, text).unwrap();
            read_exclusions(&path)
        };
        let expected: BTreeSet<String> = ["000000000009", "b"].map(str::to_owned).into();
        assert_eq!(read("images that failed (too small)\n000000000009.jpg\n\nval2017/b.png\n").unwrap(), expected);
        assert_eq!(read("000000000009.jpg\r\nb\r\n").unwrap(), expected);
        let refused = read("b\nnot a name\n").unwrap_err().to_string();
        assert!(refused.contains("line 2"), "{refused}");
    }
}
