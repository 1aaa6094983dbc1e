//! What labelling a plan will take, from a measured sample of pictures.

use std::time::{Duration, Instant};

use super::ask::Asking;
use super::predictions::{LabelError, PredictionRow, predict};
use super::zoo::Zoo;
use crate::generate::{drawn, memory_of_process};
use crate::plan::{Plan, PlanError, PlannedOriginal, Rendering};
use crate::table::{self, TableError};

/// Originals that all variants are rendered of, to know what a picture costs among its kin.
const RENDERED: usize = 2;

/// What labelling a plan will take.
#[derive(Debug, Clone, PartialEq)]
pub struct Estimate {
    /// Originals in the plan.
    pub originals: usize,
    /// Pictures: the variants and the originals themselves.
    pub pictures: u64,
    /// Pictures that the models were shown to know the rest.
    pub sampled: usize,
    /// Of one core, for rendering a picture.
    pub rendering: Duration,
    /// Of one core, or of the GPU, for all models on a picture: resizing, sessions and decoding.
    pub models: Duration,
    /// Bytes of the stored predictions of all pictures.
    pub bytes: u64,
    /// Main memory of a worker thread with its sessions, where the system says how much a process has.
    pub memory: Option<u64>,
}

impl Estimate {
    /// Work of one core for the whole plan.
    #[must_use]
    pub fn core_time(&self) -> Duration {
        (self.rendering + self.models).mul_f64(self.pictures as f64)
    }
}

/// Why a plan's cost can't be measured.
#[derive(Debug, thiserror::Error)]
pub enum EstimateError {
    /// The plan.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// A picture or a model.
    #[error(transparent)]
    Label(#[from] LabelError),
    /// A table.
    #[error(transparent)]
    Table(#[from] TableError),
    /// There is nothing to measure on.
    #[error("the plan has no originals")]
    Empty,
}

/// Renders all variants of two originals, and shows the models about `sample` pictures of these, drawn by `seed`.
///
/// # Errors
/// The plan can't be read, a picture can't be made or a model fails.
pub fn estimate(plan: &Plan, zoo: &Zoo, asking: Asking, sample: usize, seed: u64) -> Result<Estimate, EstimateError> {
    let positions = drawn(plan.originals(), RENDERED, seed);
    let (mut rendered, mut rendering) = (0_usize, Duration::ZERO);
    let mut shown: Vec<PlannedOriginal> = Vec::new();
    for &position in &positions {
        let mut planned = plan.original(position)?;
        let start = Instant::now();
        let mut open = Rendering::open(plan.recipe(), &planned).map_err(LabelError::from)?;
        for variant in &planned.variants {
            open.variant(variant).map_err(LabelError::from)?;
        }
        rendering += start.elapsed();
        rendered += planned.variants.len() + 1;
        // The clean picture is shown too.
        let few = (sample.max(1) / positions.len()).saturating_sub(1).min(planned.variants.len());
        let chosen = drawn(planned.variants.len(), few, seed);
        planned.variants = chosen.iter().map(|&at| planned.variants[at].clone()).collect();
        shown.push(planned);
    }
    let before = memory_of_process();
    let mut models = asking.open(zoo).map_err(LabelError::from)?;
    let mut rows: Vec<PredictionRow> = Vec::new();
    let (mut sampled, mut spent, mut in_rendering) = (0, Duration::ZERO, Duration::ZERO);
    for planned in shown {
        // What `predict` renders again is known by itself, and taken off.
        let start = Instant::now();
        let mut open = Rendering::open(plan.recipe(), &planned).map_err(LabelError::from)?;
        for variant in &planned.variants {
            open.variant(variant).map_err(LabelError::from)?;
        }
        in_rendering += start.elapsed();
        sampled += planned.variants.len() + 1;
        let start = Instant::now();
        rows.extend(predict(models.as_mut(), zoo, plan.recipe(), planned, &|| false)?.unwrap_or_default());
        spent += start.elapsed();
    }
    let memory = before.zip(memory_of_process()).map(|(before, after)| after.saturating_sub(before));
    if sampled == 0 {
        return Err(EstimateError::Empty);
    }
    let pictures = plan.variants() + plan.originals() as u64;
    let bytes = table::encode("predictions", &rows)?.len() as f64 / sampled as f64;
    Ok(Estimate {
        originals: plan.originals(),
        pictures,
        sampled,
        rendering: rendering.div_f64(rendered as f64),
        models: spent.saturating_sub(in_rendering).div_f64(sampled as f64),
        bytes: (bytes * pictures as f64) as u64,
        memory,
    })
}
