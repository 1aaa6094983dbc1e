//! Which samples every original has.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::SampleError;
use crate::parts::Piece;
use crate::plan::{Choice, Plan, PlanId, PlannedOriginal, PlannedVariant};
use crate::rank::{RankRow, read_rank};
use crate::recipe::{Pair, Recipe};
use crate::source::{Original, PixelHash};
use crate::table;

/// Footer note of tables that speak of a plan's variants: the plan's identity.
pub const PLAN_NOTE: &str = "miqa.plan_id";

/// Where it is written which samples there are.
#[derive(Debug)]
pub enum SampleSource {
    /// The uniform variants of ranked originals.
    Ranked {
        /// What ranks and pictures were made with.
        recipe: Box<Recipe>,
        /// The originals, in the order of their table.
        originals: Vec<Original>,
        /// Ranked candidates by original.
        ranks: HashMap<String, Vec<RankRow>>,
    },
    /// All variants of a plan.
    Planned(Box<Plan>),
}

/// An original that has samples.
#[derive(Debug, Clone, PartialEq)]
pub struct Listed {
    /// The picture.
    pub original: Original,
    /// Changes with its pixels and, in a plan, with what is to be made of it.
    pub version: PixelHash,
}

impl From<Original> for Listed {
    /// An original whose samples depend on its pixels alone.
    fn from(original: Original) -> Self {
        Self { version: original.pixel_sha256, original }
    }
}

impl Piece for Listed {
    fn name(&self) -> &str {
        &self.original.id
    }

    fn version(&self) -> &PixelHash {
        &self.version
    }
}

impl SampleSource {
    /// The uniform variants that the rank table `path` settles for these originals.
    ///
    /// # Errors
    /// The table is missing or of another shape.
    pub fn of_ranks(recipe: Recipe, originals: Vec<Original>, path: &Path) -> Result<Self, SampleError> {
        let ranks = ranks_by_original(read_rank(path)?);
        Ok(Self::Ranked { recipe: Box::new(recipe), originals, ranks })
    }

    /// What pictures are made with.
    #[must_use]
    pub fn recipe(&self) -> &Recipe {
        match self {
            Self::Ranked { recipe, .. } => recipe,
            Self::Planned(plan) => plan.recipe(),
        }
    }

    /// The plan, if it is one.
    #[must_use]
    pub fn plan(&self) -> Option<&Plan> {
        match self {
            Self::Ranked { .. } => None,
            Self::Planned(plan) => Some(plan),
        }
    }

    /// Notes for tables that speak of these samples.
    #[must_use]
    pub fn notes(&self) -> Vec<(&'static str, String)> {
        self.plan().map(|plan| (PLAN_NOTE, plan.id().0.clone())).into_iter().collect()
    }

    /// All originals: in the order of the sources table, or by id in a plan.
    ///
    /// # Errors
    /// The plan can't be read.
    pub fn list(&self) -> Result<Vec<Listed>, SampleError> {
        match self {
            Self::Ranked { originals, .. } => Ok(originals.iter().cloned().map(Listed::from).collect()),
            Self::Planned(plan) => plan.iter().map(|planned| Ok(listed(&planned?))).collect(),
        }
    }

    /// All originals that have variants, with them.
    pub fn all(&self) -> Box<dyn Iterator<Item = Result<PlannedOriginal, SampleError>> + '_> {
        match self {
            Self::Ranked { originals, ranks, .. } => {
                let ranked = |original: &Original| Some(Ok(uniform(original, ranks.get(&original.id)?)));
                Box::new(originals.iter().filter_map(ranked))
            }
            Self::Planned(plan) => Box::new(plan.iter().map(|planned| Ok(planned?))),
        }
    }

    /// The originals of a plan's shard, by id; all of them where there is no plan.
    ///
    /// # Errors
    /// The plan can't be read.
    pub fn list_shard(&self, shard: u32) -> Result<Vec<Listed>, SampleError> {
        let Some(plan) = self.plan() else { return self.list() };
        plan.positions(shard).map(|position| Ok(listed(&plan.original(position)?))).collect()
    }

    /// An original with its variants.
    ///
    /// # Errors
    /// It has none here, or the plan can't be read.
    pub fn planned(&self, original: &Original) -> Result<PlannedOriginal, SampleError> {
        match self {
            Self::Ranked { ranks, .. } => {
                let ranks = ranks.get(&original.id).ok_or_else(|| SampleError::Unranked(original.id.clone()))?;
                Ok(uniform(original, ranks))
            }
            Self::Planned(plan) => {
                let position = plan
                    .find(&original.id)
                    .ok_or_else(|| crate::plan::PlanError::Unknown { what: "original", name: original.id.clone() })?;
                Ok(plan.original(position)?)
            }
        }
    }
}

/// Rows of the rank table by original, in the table's order.
#[must_use]
pub fn ranks_by_original(rows: Vec<RankRow>) -> HashMap<String, Vec<RankRow>> {
    let mut map: HashMap<String, Vec<RankRow>> = HashMap::new();
    for row in rows {
        map.entry(row.original.clone()).or_default().push(row);
    }
    map
}

/// Refuses a table that was made from another plan than this, or from one where none is given, or the reverse.
///
/// # Errors
/// [`SampleError::OtherPlan`]; the table can't be read.
pub fn check_plan(path: &Path, plan: Option<&PlanId>) -> Result<(), SampleError> {
    let found = table::read_note(path, PLAN_NOTE)?.map(PlanId);
    if found.as_ref() == plan {
        return Ok(());
    }
    let words = |id: Option<&PlanId>| id.map_or("the rank table".to_owned(), |id| format!("plan {}", id.short()));
    let table: PathBuf = path.to_owned();
    Err(SampleError::OtherPlan { table, found: words(found.as_ref()), expected: words(plan) })
}

/// The levels of a ranked original as variants, in the order of its ranks.
fn uniform(original: &Original, ranks: &[RankRow]) -> PlannedOriginal {
    let variant = |rank: &RankRow| {
        let level = rank.level?;
        let choice = Choice { row: rank.row, psnr: rank.psnr };
        let pair = Pair { roi: level, background: level };
        Some(PlannedVariant::new(&original.id, &rank.distortion, pair, choice, choice))
    };
    PlannedOriginal { original: original.clone(), mask: None, variants: ranks.iter().filter_map(variant).collect() }
}

/// Its version hashes all that its variants' bytes and names depend on, so that a plan with more originals leaves it.
fn listed(planned: &PlannedOriginal) -> Listed {
    let mut hash = Sha256::new();
    hash.update(planned.original.pixel_sha256.0);
    hash.update(planned.mask.as_ref().map_or("", |mask| &mask.sha256));
    for variant in &planned.variants {
        hash.update(format!("\n{} {} {}", variant.name, variant.roi.row, variant.background.row));
    }
    Listed { original: planned.original.clone(), version: PixelHash(hash.finalize().into()) }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]
mod tests {
    use super::*;
    use crate::plan::fixture;
    use crate::sample::Sample;

    #[test]
    fn ranks_give_uniform_variants_and_a_plan_all_of_them() {
        let folder = tempfile::tempdir().unwrap();
        let planned = fixture::planned(folder.path(), 3);
        let path = folder.path().join("plan.parquet");
        let id = fixture::write(&path, Recipe::miqd(), &planned, 2).unwrap().id;
        let plan = SampleSource::Planned(Box::new(Plan::open(&path).unwrap()));
        let original = &planned[1].original;
        let rank = |row: i16, level| RankRow {
            original: original.id.clone(),
            distortion: "fog".into(),
            row,
            psnr: 30.0,
            rank: row as u8 + 1,
            level,
        };
        let ranks = [rank(4, Some(1)), rank(2, None), rank(7, Some(2))];
        let table = folder.path().join("rank.parquet");
        table::write(&table, &ranks).unwrap();
        let ranked = SampleSource::of_ranks(Recipe::miqd().clone(), vec![original.clone()], &table).unwrap();

        let ids = |source: &SampleSource| -> Vec<String> {
            Sample::of(source.planned(original).unwrap()).iter().map(|sample| sample.id(&original.id)).collect()
        };
        let name = |end: &str| format!("{}{end}", original.id);
        assert_eq!(ids(&ranked), [name(""), name("_fog_1"), name("_fog_2")]);
        assert_eq!((ids(&plan).len(), plan.list().unwrap().len()), (251, 3));
        let shards: Vec<Listed> = (0..2).flat_map(|shard| plan.list_shard(shard).unwrap()).collect();
        assert_eq!(shards, plan.list().unwrap());
        assert!(matches!(ranked.planned(&planned[0].original), Err(SampleError::Unranked(_))));

        // A version follows the mask and the rows, not the other originals of the plan.
        let mut other = planned[1].clone();
        assert_eq!(listed(&other), shards[1]);
        other.variants[3].background.row += 1;
        assert_ne!(listed(&other).version, shards[1].version);

        table::write_noted(&table, &ranks, &plan.notes()).unwrap();
        check_plan(&table, Some(&id)).unwrap();
        let text = check_plan(&table, None).unwrap_err().to_string();
        assert!(text.contains(id.short()) && text.contains("--plan"), "{text}");
    }
}
