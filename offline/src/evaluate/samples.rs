//! What is evaluated: labelled samples of the originals that training never saw.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::{EvaluateError, Pool};
use crate::label::labelled::{Labelled, Originals};
use crate::label::zoo::Task;
use crate::label::{LabelRow, read_labels};
use crate::plan::Plan;
use crate::sample::{CLEAN_ROW, check_plan, chosen};
use crate::source::{Original, TEST};

/// Heads of a task.
pub const HEADS: usize = 3;

/// A task's heads in the order of reports: composite, the headline, consistency, accuracy.
#[must_use]
pub fn heads_of(task: Task) -> [&'static str; HEADS] {
    match task {
        Task::Classification => ["cls_composite", "cls_consistency", "cls_accuracy"],
        Task::Detection => ["det_composite", "det_consistency", "det_accuracy"],
        Task::Segmentation => ["seg_composite", "seg_consistency", "seg_accuracy"],
    }
}

/// Labels that all models of the zoo made.
pub const ALL_MODELS: &str = "all models";

/// One set of labels for the test samples: those of all models, or with a family of models left out.
#[derive(Debug, Clone)]
pub struct LabelSet {
    /// [`ALL_MODELS`] or `without FAMILY`.
    pub name: String,
    /// Name of its table without the ending, as `labels.json` lists it.
    pub table: String,
    /// By sample, one label a head of [`heads_of`].
    pub labels: Vec<[Option<f64>; HEADS]>,
}

/// The samples of a work folder, split as training had them.
#[derive(Debug)]
pub struct Samples {
    /// What their labels are about.
    pub task: Task,
    /// Test samples by original, distortion and level. Those of originals without a known class have a label of consistency only.
    pub test: Vec<LabelRow>,
    /// Test originals with the range of their samples.
    pub originals: Vec<(Original, Range<usize>)>,
    /// Samples of all other folds.
    pub seen: Vec<LabelRow>,
    /// Where their pictures come from.
    pub pictures: Originals,
    /// Labels for the test samples; the first are those of all models.
    pub label_sets: Vec<LabelSet>,
}

/// Which samples judge.
#[derive(Debug, Clone, Copy)]
pub enum Judged<'a> {
    /// Those of the test fold.
    TestFold,
    /// All: for a work folder of which nothing trained.
    All,
    /// Those of earlier reports.
    Of(&'a Pool),
}

impl Judged<'_> {
    fn holds(self, row: &LabelRow, fold: &str) -> bool {
        match self {
            Self::TestFold => fold == TEST,
            Self::All => true,
            Self::Of(pool) => pool.holds(&row.sample),
        }
    }
}

impl Samples {
    /// Reads the task's labels, every table of them without a family, and `split.parquet`; originals are those of the plan that
    /// the labels were made with, else of `sources.parquet`.
    ///
    /// # Errors
    /// A table is missing, tables do not fit each other, or there is no sample that judges.
    pub fn read(work: &Path, task: Task, plan: Option<&Plan>, judged: Judged<'_>) -> Result<Self, EvaluateError> {
        Self::read_some(work, task, plan, judged, usize::MAX)
    }

    /// The same with at most `variants` variants of each original that judges, [`chosen`] by their ids; clean pictures stay.
    ///
    /// # Errors
    /// As [`Samples::read`].
    pub fn read_some(
        work: &Path,
        task: Task,
        plan: Option<&Plan>,
        judged: Judged<'_>,
        variants: usize,
    ) -> Result<Self, EvaluateError> {
        let Labelled { rows, folds, originals: pictures } = Labelled::read(work, task, plan)?;
        let (mut test, mut seen) = (Vec::new(), Vec::new());
        for (row, fold) in rows.into_iter().zip(folds) {
            if judged.holds(&row, &fold) { test.push(row) } else { seen.push(row) }
        }
        if test.is_empty() {
            return Err(EvaluateError::NoTestFold);
        }
        test.sort_by(LabelRow::by_original);
        let test: Vec<LabelRow> =
            test.chunk_by(|a, b| a.original == b.original).flat_map(|rows| some(rows, variants)).cloned().collect();
        let originals = pictures.of_rows(&test)?;
        let mut label_sets = vec![LabelSet {
            name: ALL_MODELS.into(),
            table: stem(&crate::label::labels_of(work, task, None)),
            labels: test.iter().map(labels_of).collect(),
        }];
        for (family, path) in without_family(work, task)? {
            check_plan(&path, plan.map(Plan::id))?;
            let rows = read_labels(&path)?;
            let by_sample: HashMap<&str, &LabelRow> = rows.iter().map(|row| (row.sample.as_str(), row)).collect();
            let found = test.iter().map(|row| {
                let other = by_sample.get(row.sample.as_str());
                other
                    .map(|row| labels_of(row))
                    .ok_or_else(|| mismatch(&path, format!("sample {} is missing", row.sample)))
            });
            label_sets.push(LabelSet {
                name: format!("without {family}"),
                table: stem(&path),
                labels: found.collect::<Result<_, _>>()?,
            });
        }
        Ok(Self { task, test, originals, seen, pictures, label_sets })
    }
}

impl Samples {
    /// The heads that have labels here.
    #[must_use]
    pub fn heads(&self) -> [&'static str; HEADS] {
        heads_of(self.task)
    }
}

/// The clean picture and at most `limit` variants of an original's rows, in their order.
fn some(rows: &[LabelRow], limit: usize) -> Vec<&LabelRow> {
    let degraded: Vec<&LabelRow> = rows.iter().filter(|row| row.row != CLEAN_ROW).collect();
    let kept: HashSet<&str> = chosen(degraded.iter().map(|row| row.sample.as_str()), limit)
        .into_iter()
        .map(|at| degraded[at].sample.as_str())
        .collect();
    rows.iter().filter(|row| row.row == CLEAN_ROW || kept.contains(row.sample.as_str())).collect()
}

/// A table's name without its ending.
fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

/// The labels of a row, in the order of [`heads_of`].
pub(super) fn labels_of(row: &LabelRow) -> [Option<f64>; HEADS] {
    [row.composite.map(f64::from), Some(f64::from(row.consistency)), row.accuracy.map(f64::from)]
}

/// A task's label tables with a family left out, by the family's name.
fn without_family(work: &Path, task: Task) -> Result<BTreeMap<String, PathBuf>, EvaluateError> {
    let prefix = format!("{}-without-", stem(&crate::label::labels_of(work, task, None)));
    let io = |source| EvaluateError::Io { path: work.to_owned(), source };
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(work).map_err(io)? {
        let path = entry.map_err(io)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if let Some(family) = name.strip_prefix(&prefix).and_then(|rest| rest.strip_suffix(".parquet")) {
            found.insert(family.to_owned(), path.clone());
        }
    }
    Ok(found)
}

fn mismatch(table: &Path, reason: String) -> EvaluateError {
    EvaluateError::Mismatch { table: table.to_owned(), reason }
}

#[cfg(test)]
pub(super) mod fixture {
    #![expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]
    use super::*;
    use crate::recipe::Pair;
    use crate::sample::{CLEAN, CLEAN_ROW};
    use crate::source::{PixelHash, SplitRow};
    use crate::table;

    /// A work folder of `count` pictures with made-up labels: clean, and fog and darkness at five levels.
    pub(crate) fn work(folder: &Path, count: usize) {
        let (mut sources, mut labels, mut folds) = (Vec::new(), Vec::new(), Vec::new());
        for index in 0..count {
            let id = format!("picture{index:02}");
            let path = folder.join(format!("{id}.png"));
            let picture = image::RgbImage::from_fn(70, 50, |x, y| {
                let wave = ((x as usize * (index + 3) / 7 + y as usize) % 200) as u8;
                image::Rgb([wave + 40, wave / 2 + 60, 255 - wave])
            });
            picture.save(&path).unwrap();
            let original = Original {
                id: id.clone(),
                path: path.to_string_lossy().into_owned(),
                class: index as i32,
                pixel_sha256: PixelHash::of(&picture),
                width: 70,
                height: 50,
                licence: "CC0-1.0".into(),
            };
            sources.push(original);
            let fold = ["train", "validation", TEST][index % 3];
            folds.push(SplitRow { original: id.clone(), fold: fold.into() });
            let variants = ["fog", "darkness"].iter().flat_map(|d| (1..=5).map(move |level| (*d, level)));
            for (distortion, level) in std::iter::once((CLEAN, 0_u8)).chain(variants) {
                let hardness = (index % 5) as f32 / 20.0;
                let consistency = (1.0 - f32::from(level) * (0.12 + hardness / 4.0)).max(0.0);
                let accuracy = (consistency - hardness).max(0.0);
                labels.push(LabelRow {
                    sample: match level {
                        0 => id.clone(),
                        _ => Pair { roi: level, background: level }.stem(&id, distortion),
                    },
                    original: id.clone(),
                    distortion: distortion.into(),
                    level,
                    background_level: None,
                    background_row: None,
                    row: if level == 0 { CLEAN_ROW } else { i16::from(level) * 2 + 1 },
                    psnr: if level == 0 { f64::INFINITY } else { 34.0 - 4.0 * f64::from(level) + index as f64 * 0.1 },
                    class: index as i32,
                    consistency,
                    accuracy: Some(accuracy),
                    composite: Some((accuracy + consistency) / 2.0),
                });
            }
        }
        table::write(&folder.join("labels.parquet"), &labels).unwrap();
        table::write(&folder.join("labels-without-nets.parquet"), &labels).unwrap();
        table::write(&folder.join("split.parquet"), &folds).unwrap();
        crate::source::write_sources(&folder.join("sources.parquet"), &sources).unwrap();
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]
    use super::*;
    use crate::source::SplitRow;
    use crate::table;

    #[test]
    fn the_test_fold_comes_with_its_originals_and_every_label_set() {
        let folder = tempfile::tempdir().unwrap();
        fixture::work(folder.path(), 7);
        let samples = Samples::read(folder.path(), Task::Classification, None, Judged::TestFold).unwrap();
        assert_eq!((samples.test.len(), samples.seen.len(), samples.originals.len()), (22, 55, 2));
        for (original, range) in &samples.originals {
            assert!(samples.test[range.clone()].iter().all(|row| row.original == original.id));
        }
        let names: Vec<&str> = samples.label_sets.iter().map(|set| set.name.as_str()).collect();
        assert_eq!(names, [ALL_MODELS, "without nets"]);
    }

    #[test]
    fn some_variants_of_each_original_judge_and_its_clean_picture() {
        let folder = tempfile::tempdir().unwrap();
        fixture::work(folder.path(), 7);
        let read = |variants| {
            Samples::read_some(folder.path(), Task::Classification, None, Judged::TestFold, variants).unwrap()
        };
        let (few, all) = (read(4), read(usize::MAX));
        assert_eq!((few.test.len(), few.seen.len(), few.originals.len()), (10, 55, 2));
        for (original, range) in &few.originals {
            let rows = &few.test[range.clone()];
            assert!(
                rows.iter().any(|row| row.sample == original.id) && rows.iter().all(|row| row.original == original.id)
            );
        }
        assert_eq!(few.label_sets[1].labels.len(), 10);
        let order: Vec<&str> = few.test.iter().map(|row| row.sample.as_str()).collect();
        let whole: Vec<&str> = all.test.iter().map(|row| row.sample.as_str()).filter(|id| order.contains(id)).collect();
        assert_eq!(order, whole, "in the order that all have");
    }

    #[test]
    fn tables_that_do_not_fit_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fixture::work(folder.path(), 7);
        let rows = read_labels(&path("labels.parquet")).unwrap();
        table::write(&path("labels-without-nets.parquet"), &rows[..3]).unwrap();
        let error = Samples::read(folder.path(), Task::Classification, None, Judged::TestFold).unwrap_err().to_string();
        assert!(error.contains("labels-without-nets.parquet") && error.contains("picture02"), "{error}");

        let folds = vec![SplitRow { original: "picture00".into(), fold: TEST.into() }];
        table::write(&path("split.parquet"), &folds).unwrap();
        let error = Samples::read(folder.path(), Task::Classification, None, Judged::TestFold).unwrap_err().to_string();
        assert!(error.contains("split.parquet") && error.contains("picture01"), "{error}");
    }
}
