//! Labelled samples with their folds, and their pictures: what training and evaluation read.

use std::collections::HashMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use image::RgbImage;
use miqa::preprocess::{Rgb288, View, from_rgb};

use super::zoo::Task;
use super::{LabelRow, labels_of, read_labels};
use crate::plan::{Plan, PlanId, PlannedMask, PlannedOriginal, Rendering};
use crate::recipe::Recipe;
use crate::sample::{Sample, SampleError, check_plan};
use crate::source::{Original, read_sources, read_split};

/// The labels of a work folder for one task.
#[derive(Debug)]
pub struct Labelled {
    /// In the order of their table.
    pub rows: Vec<LabelRow>,
    /// Fold of each.
    pub folds: Vec<String>,
    /// Where their pictures come from.
    pub originals: Originals,
}

/// The originals of labelled samples, and by what their samples are rendered.
#[derive(Debug)]
pub struct Originals {
    recipe: Recipe,
    plan: Option<PlanId>,
    /// The table that they are from.
    table: PathBuf,
    by_id: HashMap<String, (Original, Option<PlannedMask>)>,
}

impl Labelled {
    /// Reads the task's labels and `split.parquet`; the originals come from the plan that the labels were made with, else
    /// from `sources.parquet`.
    ///
    /// # Errors
    /// A table is missing or does not fit the others, or the labels are of another plan.
    pub fn read(work: &Path, task: Task, plan: Option<&Plan>) -> Result<Self, SampleError> {
        let path = labels_of(work, task, None);
        check_plan(&path, plan.map(Plan::id))?;
        let rows = read_labels(&path)?;
        let by_original = Folds::read(work)?;
        let folds = rows.iter().map(|row| by_original.of(&row.original)).collect::<Result<_, _>>()?;
        Ok(Self { rows, folds, originals: Originals::read(work, plan)? })
    }
}

/// Which fold each original of a work folder is in.
#[derive(Debug)]
pub struct Folds {
    table: PathBuf,
    by_original: HashMap<String, String>,
}

impl Folds {
    /// Reads `split.parquet`.
    ///
    /// # Errors
    /// It is missing or of another shape.
    pub fn read(work: &Path) -> Result<Self, SampleError> {
        let table = work.join("split.parquet");
        let by_original = read_split(&table)?.into_iter().map(|row| (row.original, row.fold)).collect();
        Ok(Self { table, by_original })
    }

    /// The fold of an original.
    ///
    /// # Errors
    /// It has none.
    pub fn of(&self, original: &str) -> Result<String, SampleError> {
        let missing = || SampleError::Missing { table: self.table.clone(), original: original.to_owned() };
        self.by_original.get(original).cloned().ok_or_else(missing)
    }
}

impl Originals {
    /// The originals of a plan, else of `sources.parquet`.
    ///
    /// # Errors
    /// The table can't be read.
    pub fn read(work: &Path, plan: Option<&Plan>) -> Result<Self, SampleError> {
        let Some(plan) = plan else {
            let table = work.join("sources.parquet");
            let by_id = read_sources(&table)?.into_iter().map(|original| (original.id.clone(), (original, None)));
            return Ok(Self { recipe: Recipe::of_work(work)?, plan: None, by_id: by_id.collect(), table });
        };
        let entry = |planned: Result<PlannedOriginal, _>| {
            let PlannedOriginal { original, mask, .. } = planned?;
            Ok((original.id.clone(), (original, mask)))
        };
        Ok(Self {
            recipe: plan.recipe().clone(),
            plan: Some(plan.id().clone()),
            table: plan.path().to_owned(),
            by_id: plan.iter().map(entry).collect::<Result<_, SampleError>>()?,
        })
    }

    /// By what the samples are rendered.
    #[must_use]
    pub fn recipe(&self) -> &Recipe {
        &self.recipe
    }

    /// The plan whose variants they are; none for the uniform variants of `rank`.
    #[must_use]
    pub fn plan(&self) -> Option<&PlanId> {
        self.plan.as_ref()
    }

    /// The originals of rows that lie together, each with the range of its rows.
    ///
    /// # Errors
    /// An original is unknown.
    pub fn of_rows(&self, rows: &[LabelRow]) -> Result<Vec<(Original, Range<usize>)>, SampleError> {
        let mut at = 0;
        let of = |rows: &[LabelRow]| {
            let range = at..at + rows.len();
            at = range.end;
            Ok((self.find(&rows[0].original)?.0.clone(), range))
        };
        rows.chunk_by(|a, b| a.original == b.original).map(of).collect()
    }

    /// SHA-256 of the mask's pixels that an original's samples are fused through; empty where there is none.
    #[must_use]
    pub fn mask_sha256(&self, original: &str) -> &str {
        self.by_id.get(original).and_then(|(_, mask)| mask.as_ref()).map_or("", |mask| &mask.sha256)
    }

    /// An original.
    ///
    /// # Errors
    /// It is unknown.
    pub fn get(&self, original: &str) -> Result<&Original, SampleError> {
        Ok(&self.find(original)?.0)
    }

    /// An original in hand, ready to give the pictures of these samples of it.
    ///
    /// # Errors
    /// The original or its mask is not there, broken, or another one than it was.
    pub fn rendering(
        &self,
        original: &str,
        samples: impl IntoIterator<Item = Sample>,
    ) -> Result<Rendering<'_>, SampleError> {
        let (original, mask) = self.find(original)?;
        let variant = |sample| match sample {
            Sample::Clean => None,
            Sample::Variant(variant) => Some(variant),
        };
        let variants = samples.into_iter().filter_map(variant).collect();
        let planned = PlannedOriginal { original: original.clone(), mask: mask.clone(), variants };
        Ok(Rendering::open(&self.recipe, &planned)?)
    }

    fn find(&self, original: &str) -> Result<&(Original, Option<PlannedMask>), SampleError> {
        let missing = || SampleError::Missing { table: self.table.clone(), original: original.to_owned() };
        self.by_id.get(original).ok_or_else(missing)
    }
}

/// What models are shown of a sample: the centre, 288×288.
///
/// # Errors
/// A side is under 32 pixels.
pub fn model_input(sample: &str, picture: &RgbImage) -> Result<Rgb288, SampleError> {
    from_rgb(picture, View::Centre).map_err(|source| SampleError::Preprocess { sample: sample.to_owned(), source })
}
