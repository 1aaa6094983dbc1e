//! The authors' label tables, `labels/<id>_<kind>.csv`, read by a mapping.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::mapping::{Mapping, Score, TableMapping};
use crate::source::split_csv;

/// Scores of one picture, 0..=1 each, as far as the tables hold them.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Scores {
    /// E_C.
    pub consistency: Option<f64>,
    /// E_A.
    pub accuracy: Option<f64>,
    /// S.
    pub composite: Option<f64>,
}

/// What was found in the tables of one kind.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct KindReport {
    /// Files of the kind.
    pub files: usize,
    /// Columns that are in at least one of them.
    pub columns: BTreeSet<String>,
    /// Columns that were read.
    pub used: BTreeSet<String>,
    /// Lines with a score.
    pub rows: usize,
}

/// All labels of a set.
#[derive(Debug, Default)]
pub struct Labels {
    /// By the stem of the picture's file name.
    pub scores: BTreeMap<String, Scores>,
    /// By the kind of table: the end of the file names.
    pub kinds: BTreeMap<String, KindReport>,
    /// What could not be read: place and reason.
    pub broken: Vec<(String, String)>,
}

/// Reads the tables; those of a kind that the mapping doesn't name are only looked at for their columns. `originals` are the
/// known ids: they tell where an id ends and the kind begins.
#[must_use]
pub fn read(tables: &[PathBuf], originals: &BTreeSet<String>, mapping: &Mapping) -> Labels {
    let mut labels = Labels::default();
    for path in tables {
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        let Some(kind) = kind(&stem, originals, mapping) else {
            let reason = "its name is not <id>_<kind>.csv with the id of an original".to_owned();
            labels.broken.push((path.display().to_string(), reason));
            continue;
        };
        match std::fs::read_to_string(path) {
            Ok(text) => table(&mut labels, path, &text, kind, mapping.tables.get(kind)),
            Err(error) => labels.broken.push((path.display().to_string(), error.to_string())),
        }
    }
    labels
}

/// What follows the id in a table's name. The mapping's kinds come first: they may hold underscores.
fn kind<'a>(stem: &'a str, originals: &BTreeSet<String>, mapping: &Mapping) -> Option<&'a str> {
    let mapped =
        mapping.tables.keys().filter_map(|kind| stem.strip_suffix(kind.as_str())?.strip_suffix('_').map(str::len));
    let plain = stem.rmatch_indices('_').map(|(at, _)| at);
    mapped.chain(plain).find(|&at| originals.contains(&stem[..at])).map(|at| &stem[at + 1..])
}

fn table(labels: &mut Labels, path: &Path, text: &str, kind: &str, mapping: Option<&TableMapping>) {
    // Tables written by spreadsheets start with a byte order mark.
    let mut lines = text.trim_start_matches('\u{feff}').lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let header: Vec<String> =
        lines.next().map(|(_, line)| split_csv(line)).unwrap_or_default().iter().map(|c| c.trim().to_owned()).collect();
    let report = labels.kinds.entry(kind.to_owned()).or_default();
    report.files += 1;
    report.columns.extend(header.iter().cloned());
    let Some(mapping) = mapping else { return };
    let place = |name: &str| header.iter().position(|column| column == name);
    let (Some(picture), scores) = (
        place(&mapping.picture),
        mapping.scores().filter_map(|(score, column)| Some((score, column, place(column)?))).collect::<Vec<_>>(),
    ) else {
        let reason = format!("has no column `{}`; it has {}", mapping.picture, header.join(", "));
        labels.broken.push((path.display().to_string(), reason));
        return;
    };
    for (_, column) in mapping.scores().filter(|(_, column)| place(column).is_none()) {
        let reason = format!("has no column `{column}`; it has {}", header.join(", "));
        labels.broken.push((path.display().to_string(), reason));
    }
    report.used.insert(mapping.picture.clone());
    report.used.extend(scores.iter().map(|(_, column, _)| (*column).to_owned()));
    for (number, line) in lines {
        let cells = split_csv(line);
        let at = || format!("{} line {}", path.display(), number + 1);
        let Some(name) = cells.get(picture).map(|cell| cell.trim()).filter(|name| !name.is_empty()) else {
            labels.broken.push((at(), "names no picture".to_owned()));
            continue;
        };
        let entry = labels.scores.entry(stem_of(name).to_owned()).or_default();
        let mut any = false;
        for (score, column, index) in &scores {
            let cell = cells.get(*index).map_or("", |cell| cell.trim());
            let value = cell.parse::<f64>().map(|value| value / mapping.scale).ok().filter(|v| (0.0..=1.0).contains(v));
            let Some(value) = value else {
                let reason = format!("`{column}` is `{cell}`: needs a number from 0 to {}", mapping.scale);
                labels.broken.push((at(), reason));
                continue;
            };
            let slot = match score {
                Score::Consistency => &mut entry.consistency,
                Score::Accuracy => &mut entry.accuracy,
                Score::Composite => &mut entry.composite,
            };
            if slot.is_some_and(|known| known != value) {
                labels.broken.push((at(), format!("a second `{column}` for `{name}`, another value than before")));
            }
            *slot = Some(value);
            any = true;
        }
        report.rows += usize::from(any);
    }
}

/// `images/a/a_fog_1.png` → `a_fog_1`; ids may hold dots, so only picture extensions are cut off.
fn stem_of(name: &str) -> &str {
    let file = name.rsplit(['/', '\\']).next().unwrap_or(name);
    match file.rsplit_once('.') {
        Some((stem, end)) if ["png", "jpg", "jpeg", "webp"].contains(&end.to_lowercase().as_str()) => stem,
        _ => file,
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]
mod tests {
    use super::*;

    #[test]
    fn tables_by_mapping_with_every_flaw_named() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let mapping = write(
            "map.toml",
            "[tables.mmos]\npicture = \"image\"\ncomposite = \"S\"\n[tables.consistency]\npicture = \"name\"\nconsistency = \"c\"\nscale = 100\n",
        );
        let mapping = Mapping::read(&mapping).unwrap();
        let tables = [
            write(
                "a_b_mmos.csv",
                "\u{feff}image, S ,extra\nimages/a_b/a_b_fog_1.png,0.5,x\n\"a_b.png\",1,y\na_b_fog_2,1.5,\n,0.1,\n",
            ),
            write("a_b_consistency.csv", "name,c\na_b_fog_1.PNG,25\n"),
            write("a_b_accuracy.csv", "name,a\n"),
            write("c_mmos.csv", "picture,S\nx,1\n"),
            write("d_mmos.csv", "image,S\n"),
        ];
        let originals = ["a", "a_b", "c"].map(str::to_owned).into();
        let labels = read(&tables, &originals, &mapping);
        let both = Scores { consistency: Some(0.25), accuracy: None, composite: Some(0.5) };
        assert_eq!(labels.scores["a_b_fog_1"], both);
        assert_eq!(labels.scores["a_b"].composite, Some(1.0));
        assert_eq!((labels.kinds["mmos"].files, labels.kinds["mmos"].rows), (2, 2));
        assert!(labels.kinds["mmos"].columns.contains("extra") && !labels.kinds["mmos"].used.contains("extra"));
        assert!(labels.kinds["accuracy"].used.is_empty() && labels.kinds["accuracy"].columns.contains("a"));
        let broken: Vec<String> = labels.broken.iter().map(|(place, reason)| format!("{place}: {reason}")).collect();
        for (line, part) in
            broken.iter().zip(["line 4: `S` is `1.5`", "line 5: names no", "no column `image`", "its name"])
        {
            assert!(line.contains(part), "{line}");
        }
        assert_eq!(broken.len(), 4);
    }

    #[test]
    fn mappings_that_say_nothing_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("map.toml");
        for (text, part) in [
            ("", "names no table"),
            ("[tables.mmos]\npicture = \"a\"\n", "tables.mmos"),
            ("[tables.mmos]\npicture = \"a\"\ncomposite = \"b\"\nscale = 0\n", "scale"),
            ("[tables.mmos]\npicture = \"a\"\nmos = \"b\"\n", "mos"),
        ] {
            std::fs::write(&path, text).unwrap();
            let error = Mapping::read(&path).unwrap_err().to_string();
            assert!(error.contains(part) && error.contains("map.toml"), "{error}");
        }
    }
}
