//! From a published set to rows: every picture looked at, every label put to its picture, everything odd listed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use image::ImageReader;
use rayon::prelude::*;
use serde::Serialize;

use super::ImportedRow;
use super::labels::{self, KindReport, Labels, Scores};
use super::layout::{PublishedSet, StoredVariant};
use super::mapping::Mapping;
use super::name::{PUBLISHED_DISTORTIONS, PUBLISHED_LEVELS, VariantName};
use crate::label::LabelRow;
use crate::rank::psnr;
use crate::recipe::{Levels, Pair, Pattern, Recipe};
use crate::sample::{CLEAN, CLEAN_ROW};
use crate::source::{Original, decode};

/// Missing variants of an original that are named one by one in the report.
const NAMED: usize = 10;

/// One set as rows.
#[derive(Debug)]
pub struct Imported {
    /// A row a picture, originals first, each followed by its variants.
    pub rows: Vec<ImportedRow>,
    /// The originals whose files are there, class unknown.
    pub originals: Vec<Original>,
    /// Originals and uniform variants that have a consistency score, in the shape of `labels.parquet`. Scores of region
    /// patterns stay in `rows`: the steps that read labels make the pictures again, and a variant of two levels is a
    /// fusion of two candidates of the authors' choice through their weight, neither of which is published. `row` is the parameter
    /// row that has the level's rank where PSNR falls with the row; the authors' own choice isn't published.
    pub labels: Vec<LabelRow>,
    /// What was found, used, missing and odd.
    pub report: ImportReport,
}

/// What was found in a set.
#[derive(Debug, Default, Serialize)]
pub struct ImportReport {
    /// What the set was labelled for.
    pub task: &'static str,
    /// Its folder.
    pub root: PathBuf,
    /// Originals with at least one variant.
    pub originals: usize,
    /// Originals with all 250.
    pub complete: usize,
    /// Variants found.
    pub variants: usize,
    /// Their bytes.
    pub bytes: u64,
    /// Pictures with at least one score.
    pub labelled: usize,
    /// Region patterns among them: their scores are in `imported.parquet` only.
    pub labelled_regions: usize,
    /// Label tables by kind: columns found and used.
    pub tables: BTreeMap<String, KindReport>,
    /// Originals that lack variants: how many, and the first names.
    pub missing_variants: BTreeMap<String, Missing>,
    /// Originals without a file in src_images/.
    pub missing_sources: Vec<String>,
    /// Originals without a mask.
    pub missing_masks: Vec<String>,
    /// Files in src_images/ without a variant.
    pub sources_without_variants: Vec<String>,
    /// Labels whose picture isn't there.
    pub labels_without_picture: Vec<String>,
    /// Files and lines that are not as they should be.
    pub odd: Vec<OddEntry>,
}

/// Variants that an original lacks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Missing {
    /// How many of the 250.
    pub count: usize,
    /// The first of their names.
    pub first: Vec<String>,
}

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OddEntry {
    /// File, or file and line.
    pub place: String,
    /// What is odd.
    pub reason: String,
}

impl ImportReport {
    /// How many things are missing or odd; an original that lacks variants counts once.
    #[must_use]
    pub fn flaws(&self) -> usize {
        self.missing_variants.len()
            + self.missing_sources.len()
            + self.missing_masks.len()
            + self.labels_without_picture.len()
            + self.odd.len()
    }
}

/// What one original gave.
#[derive(Default)]
struct Part {
    rows: Vec<ImportedRow>,
    original: Option<Original>,
    labels: Vec<LabelRow>,
    missing: Option<Missing>,
    odd: Vec<OddEntry>,
}

/// Reads a set. `licence` is noted with its originals.
#[must_use]
pub fn import(set: &PublishedSet, mapping: &Mapping, licence: &str) -> Imported {
    let ids: BTreeSet<String> = set.variants.keys().cloned().collect();
    let labels = labels::read(&set.labels, &ids, mapping);
    let parts: Vec<(&String, Part)> =
        set.variants.par_iter().map(|(id, files)| (id, part(set, id, files, &labels, licence))).collect();

    let mut report = ImportReport {
        task: set.task.name(),
        root: set.root.clone(),
        originals: ids.len(),
        variants: set.variants.values().map(Vec::len).sum(),
        bytes: set.variants.values().flatten().map(|file| file.bytes).sum(),
        missing_sources: ids.iter().filter(|id| !set.sources.contains_key(*id)).cloned().collect(),
        missing_masks: ids.iter().filter(|id| !set.masks.contains_key(*id)).cloned().collect(),
        sources_without_variants: set.sources.keys().filter(|id| !ids.contains(*id)).cloned().collect(),
        odd: set.odd.iter().map(|odd| entry(&odd.path, &odd.reason)).collect(),
        ..ImportReport::default()
    };
    report
        .odd
        .extend(labels.broken.iter().map(|(place, reason)| OddEntry { place: place.clone(), reason: reason.clone() }));
    let mut all =
        Imported { rows: Vec::new(), originals: Vec::new(), labels: Vec::new(), report: ImportReport::default() };
    for (id, part) in parts {
        report.complete += usize::from(part.missing.is_none());
        report.missing_variants.extend(part.missing.map(|missing| (id.clone(), missing)));
        report.odd.extend(part.odd);
        all.rows.extend(part.rows);
        all.originals.extend(part.original);
        all.labels.extend(part.labels);
    }
    let scored = |row: &&ImportedRow| row.consistency.or(row.accuracy).or(row.composite).is_some();
    report.labelled = all.rows.iter().filter(scored).count();
    let two_levels = |row: &&ImportedRow| row.roi_level != row.background_level;
    report.labelled_regions = all.rows.iter().filter(scored).filter(two_levels).count();
    let known: BTreeSet<&str> = all.rows.iter().map(|row| row.sample.as_str()).collect();
    report.labels_without_picture =
        labels.scores.keys().filter(|name| !known.contains(name.as_str())).cloned().collect();
    report.tables = labels.kinds;
    all.report = report;
    all
}

fn part(set: &PublishedSet, id: &str, files: &[StoredVariant], labels: &Labels, licence: &str) -> Part {
    let mut part = Part { missing: missing(id, files), ..Part::default() };
    let mask = set.masks.get(id);
    if let Some(path) = set.sources.get(id) {
        match Original::describe(path, -1, licence) {
            Ok(original) => part.original = Some(original),
            Err(error) => part.odd.push(entry(path, &error)),
        }
    }
    // Without its original a variant is compared with the first of its siblings that can be read.
    let mut expected = part.original.as_ref().map(|original| (original.width, original.height));
    if let Some(original) = &part.original {
        let bytes = std::fs::metadata(&original.path).map_or(0, |data| data.len());
        let name = (CLEAN, Pair { roi: 0, background: 0 });
        let size = (original.width, original.height);
        part.rows.push(row(set, id, id.to_owned(), name, Path::new(&original.path), bytes, size, labels));
    }
    for file in files {
        let size = match size_of(&file.path) {
            Ok(size) => size,
            Err(reason) => {
                part.odd.push(entry(&file.path, &reason));
                (0, 0)
            }
        };
        if size != (0, 0) {
            let expected = *expected.get_or_insert(size);
            if size != expected {
                part.odd.push(entry(&file.path, &wrong_size(size, expected)));
            }
        }
        let name = VariantName { original: id.to_owned(), distortion: file.distortion.clone(), pair: file.pair };
        let of = (file.distortion.as_str(), file.pair);
        part.rows.push(row(set, id, name.to_string(), of, &file.path, file.bytes, size, labels));
    }
    if let Some(mask) = mask {
        match (size_of(mask), expected) {
            (Err(reason), _) => part.odd.push(entry(mask, &reason)),
            (Ok(size), Some(expected)) if size != expected => part.odd.push(entry(mask, &wrong_size(size, expected))),
            _ => {}
        }
    }
    let (labels, odd) = label_rows(part.original.as_ref(), &part.rows);
    part.labels = labels;
    part.odd.extend(odd);
    part
}

#[expect(clippy::too_many_arguments, reason = "the columns of one row, from as many places")]
fn row(
    set: &PublishedSet,
    original: &str,
    sample: String,
    (distortion, pair): (&str, Pair),
    path: &Path,
    bytes: u64,
    (width, height): (u32, u32),
    labels: &Labels,
) -> ImportedRow {
    let Scores { consistency, accuracy, composite } = labels.scores.get(&sample).copied().unwrap_or_default();
    ImportedRow {
        task: set.task.name().to_owned(),
        sample,
        original: original.to_owned(),
        distortion: distortion.to_owned(),
        pattern: pair.pattern().name().to_owned(),
        roi_level: pair.roi,
        background_level: pair.background,
        path: path.to_string_lossy().into_owned(),
        bytes,
        width,
        height,
        mask: set.masks.get(original).map(|mask| mask.to_string_lossy().into_owned()).unwrap_or_default(),
        consistency,
        accuracy,
        composite,
    }
}

/// Rows in the shape of `labels.parquet`; only these pictures are decoded, for their PSNR.
fn label_rows(original: Option<&Original>, rows: &[ImportedRow]) -> (Vec<LabelRow>, Vec<OddEntry>) {
    let (mut labels, mut odd) = (Vec::new(), Vec::new());
    // A file that can't be read is listed already.
    let wanted =
        |row: &&ImportedRow| row.roi_level == row.background_level && row.consistency.is_some() && row.width > 0;
    let wanted: Vec<&ImportedRow> = rows.iter().filter(wanted).collect();
    let Some(original) = original.filter(|_| !wanted.is_empty()) else { return (labels, odd) };
    let rgb = match original.load() {
        Ok(rgb) => rgb,
        Err(error) => return (labels, vec![entry(Path::new(&original.path), &error)]),
    };
    for row in wanted {
        let psnr = if row.distortion == CLEAN {
            Ok(Some(f64::INFINITY))
        } else {
            decode(Path::new(&row.path)).map(|picture| psnr(&rgb, &picture))
        };
        match psnr {
            Ok(Some(psnr)) => labels.push(LabelRow {
                sample: row.sample.clone(),
                original: row.original.clone(),
                distortion: row.distortion.clone(),
                level: row.roi_level,
                background_level: None,
                row: nominal_row(row.roi_level),
                background_row: None,
                psnr,
                class: original.class,
                consistency: row.consistency.unwrap_or_default() as f32,
                accuracy: row.accuracy.map(|value| value as f32),
                composite: row.composite.map(|value| value as f32),
            }),
            // Another size: it is listed already.
            Ok(None) => {}
            Err(error) => odd.push(entry(Path::new(&row.path), &error)),
        }
    }
    (labels, odd)
}

/// The parameter row that has the level's rank where PSNR falls with the row; -1 for the original.
fn nominal_row(level: u8) -> i16 {
    let Levels::Ranks(ranks) = Recipe::miqd().levels() else { return CLEAN_ROW };
    let rank = level.checked_sub(1).and_then(|index| ranks.get(usize::from(index)));
    rank.map_or(CLEAN_ROW, |rank| i16::from(*rank) - 1)
}

/// Which of the 250 variants an original lacks.
fn missing(id: &str, files: &[StoredVariant]) -> Option<Missing> {
    let there: BTreeSet<(&str, Pair)> = files.iter().map(|file| (file.distortion.as_str(), file.pair)).collect();
    let pairs: Vec<Pair> = Pattern::ALL.iter().flat_map(|pattern| pattern.pairs(PUBLISHED_LEVELS)).collect();
    let mut names = Vec::new();
    for distortion in PUBLISHED_DISTORTIONS {
        for &pair in pairs.iter().filter(|pair| !there.contains(&(distortion, **pair))) {
            let name = VariantName { original: id.to_owned(), distortion: distortion.to_owned(), pair };
            names.push(name.to_string());
        }
    }
    let count = names.len();
    names.truncate(NAMED);
    (count > 0).then_some(Missing { count, first: names })
}

/// Width and height from the file's head; the pixels are not decoded.
fn size_of(path: &Path) -> Result<(u32, u32), String> {
    let reader = ImageReader::open(path).and_then(ImageReader::with_guessed_format).map_err(|e| e.to_string())?;
    reader.into_dimensions().map_err(|e| e.to_string())
}

fn wrong_size((width, height): (u32, u32), expected: (u32, u32)) -> String {
    format!("is {width}×{height}, its original {}×{}", expected.0, expected.1)
}

fn entry(path: &Path, reason: &dyn std::fmt::Display) -> OddEntry {
    OddEntry { place: path.display().to_string(), reason: reason.to_string() }
}

#[cfg(test)]
#[path = "set_tests.rs"]
mod tests;
