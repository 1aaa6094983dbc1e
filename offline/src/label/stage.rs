//! What `label` makes of an original of a plan: what each model of a zoo says of each of its samples.

use std::collections::BTreeMap;

use super::ask::{Ask, Asking};
use super::predictions::{LabelError, PredictionRow, predict};
use super::zoo::{PinnedZoo, Zoo};
use crate::plan::PlannedOriginal;
use crate::recipe::Recipe;
use crate::sample::thinned;
use crate::shard::{At, Done, Made, Stage, StageError};

/// Name of the stage in keys and records.
pub const STAGE: &str = "label";

/// The setting that names the zoo: [`Zoo::fingerprint`].
pub const ZOO: &str = "zoo";

/// The setting that names the files of entries without a hash: [`PinnedZoo::weights`].
const WEIGHTS: &str = "weights";

/// The setting that says how many variants of each original are labelled, where not all are.
const VARIANTS: &str = "variants_each";

/// The predictions of a zoo.
pub struct Predictions<'a> {
    /// By what samples are rendered.
    pub recipe: &'a Recipe,
    /// The models, and which files they are.
    pub zoo: &'a PinnedZoo,
    /// How they are run.
    pub asking: Asking<'a>,
    /// So many variants of each original at most, [`crate::sample::chosen`] by their ids; all of them unless given.
    pub variants: Option<u32>,
}

impl<'a> Stage for Predictions<'a> {
    type Hand = Box<dyn Ask + 'a>;
    type Row = PredictionRow;

    fn name(&self) -> &'static str {
        STAGE
    }

    fn settings(&self) -> BTreeMap<String, String> {
        let zoo = (ZOO.to_owned(), self.zoo.fingerprint.clone());
        let weights = self.zoo.weights.clone().map(|weights| (WEIGHTS.to_owned(), weights));
        let variants = self.variants.map(|variants| (VARIANTS.to_owned(), variants.to_string()));
        std::iter::once(zoo).chain(weights).chain(variants).collect()
    }

    fn hand(&self) -> Result<Self::Hand, StageError> {
        self.asking.open(&self.zoo.zoo).map_err(|error| StageError::Start(error.to_string()))
    }

    fn original(
        &self,
        models: &mut Self::Hand,
        at: &At,
        planned: PlannedOriginal,
    ) -> Result<Made<PredictionRow>, StageError> {
        let planned = thinned(planned, self.variants.map_or(usize::MAX, |n| n as usize));
        match predict(models.as_mut(), &self.zoo.zoo, self.recipe, planned, &|| at.is_stopped()) {
            Ok(Some(rows)) => Ok(Made::Done(Done { rows, archive: None })),
            Ok(None) => Ok(Made::Stopped),
            Err(LabelError::Sample(error)) => Err(StageError::Start(error.to_string())),
            Err(LabelError::Pixels(error)) if error.is_absent() => Ok(Made::Absent(error.to_string())),
            Err(error) => Ok(Made::Failed(error.to_string())),
        }
    }

    /// A table a model.
    fn tables(&self, rows: Vec<PredictionRow>) -> Vec<(String, Vec<PredictionRow>)> {
        by_model(&self.zoo.zoo, rows).into_iter().map(|(model, rows)| (format!("-{model}"), rows)).collect()
    }
}

/// The rows of each model, in the order of the zoo.
#[must_use]
pub fn by_model(zoo: &Zoo, rows: Vec<PredictionRow>) -> Vec<(String, Vec<PredictionRow>)> {
    let mut tables: Vec<(String, Vec<PredictionRow>)> =
        zoo.models.iter().map(|model| (model.name.clone(), Vec::new())).collect();
    for row in rows {
        if let Some((_, table)) = tables.iter_mut().find(|(model, _)| *model == row.model) {
            table.push(row);
        }
    }
    tables
}
