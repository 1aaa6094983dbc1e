//! Sources, masks and ranks joined: what is to be made of every original.

use std::collections::HashMap;
use std::path::Path;

use super::PlanError;
use super::planned::{Choice, PlannedMask, PlannedOriginal, PlannedVariant};
use crate::mask::MaskRow;
use crate::rank::RankRow;
use crate::recipe::{Pair, Pattern, Recipe};
use crate::source::{Original, check_unique, is_id};

/// What a plan is joined from. The order of the rows does not matter.
#[derive(Debug, Clone, Copy)]
pub struct Inputs<'a> {
    /// The recipe of the ranks.
    pub recipe: &'a Recipe,
    /// The originals.
    pub originals: &'a [Original],
    /// Their masks; without any, only uniform variants can be planned.
    pub masks: &'a [MaskRow],
    /// Their ranked candidates.
    pub ranks: &'a [RankRow],
    /// The folder that the masks' paths start from.
    pub work: &'a Path,
}

/// What came of the join.
#[derive(Debug)]
pub struct Planned {
    /// By id.
    pub originals: Vec<PlannedOriginal>,
    /// Originals that can't be planned.
    pub left_out: Vec<LeftOut>,
    /// Originals that get uniform variants only, though the recipe has others.
    pub without_mask: usize,
}

/// An original that is no part of the plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// Its id.
    pub original: String,
    /// Why, and what would help.
    pub reason: String,
}

/// Joins the tables. Originals without complete ranks are left out and named; originals without a usable mask get
/// the uniform variants.
///
/// # Errors
/// Two originals of one id, an id that can't name a folder, two candidates for one level, or nothing left to plan.
pub fn join(inputs: &Inputs) -> Result<Planned, PlanError> {
    check_unique(inputs.originals)?;
    let mut originals: Vec<&Original> = inputs.originals.iter().collect();
    originals.sort_by(|a, b| a.id.cmp(&b.id));
    let masks: HashMap<&str, &MaskRow> =
        inputs.masks.iter().filter(|mask| mask.is_usable()).map(|mask| (mask.original.as_str(), mask)).collect();
    let mut ranks: HashMap<&str, Vec<&RankRow>> = HashMap::new();
    for row in inputs.ranks.iter().filter(|row| row.level.is_some()) {
        ranks.entry(&row.original).or_default().push(row);
    }

    let pairs = inputs.recipe.pairs();
    let fused = pairs.iter().any(|pair| pair.pattern() != Pattern::Uniform);
    let mut planned = Planned { originals: Vec::with_capacity(originals.len()), left_out: Vec::new(), without_mask: 0 };
    for original in originals {
        check_id(original)?;
        let rows = ranks.get(original.id.as_str()).map_or(&[][..], Vec::as_slice);
        let mask = masks.get(original.id.as_str()).map(|mask| PlannedMask {
            source: mask.source.clone(),
            path: inputs.work.join(&mask.path).to_string_lossy().into_owned(),
            sha256: mask.mask_sha256.clone(),
        });
        let usable: Vec<Pair> =
            pairs.iter().copied().filter(|pair| mask.is_some() || pair.pattern() == Pattern::Uniform).collect();
        planned.without_mask += usize::from(fused && mask.is_none());
        let variants = variants(inputs.recipe, original, &usable, rows)?;
        match variants {
            Ok(variants) if variants.is_empty() => planned.left_out.push(LeftOut {
                original: original.id.clone(),
                reason: "it has no usable mask, and the recipe has no uniform variants; run `miqa-offline mask`".into(),
            }),
            Ok(variants) => planned.originals.push(PlannedOriginal { original: original.clone(), mask, variants }),
            Err(reason) => planned.left_out.push(LeftOut { original: original.id.clone(), reason }),
        }
    }
    if planned.originals.is_empty() {
        return Err(PlanError::Nothing(match planned.left_out.first() {
            Some(first) => format!("original `{}`: {}", first.original, first.reason),
            None => "there are no originals; run `miqa-offline select`".to_owned(),
        }));
    }
    Ok(planned)
}

/// That an id can be one: tables may be written by others than `select`.
fn check_id(original: &Original) -> Result<(), PlanError> {
    let id = original.id.as_str();
    if is_id(id) { Ok(()) } else { Err(PlanError::Id { id: id.to_owned(), path: original.path.clone() }) }
}

/// The variants of an original; the inner error says which ranks it lacks.
fn variants(
    recipe: &Recipe,
    original: &Original,
    pairs: &[Pair],
    rows: &[&RankRow],
) -> Result<Result<Vec<PlannedVariant>, String>, PlanError> {
    let mut variants = Vec::new();
    for distortion in recipe.names() {
        let mut levels: Vec<Option<Choice>> = vec![None; usize::from(recipe.level_count())];
        for row in rows.iter().filter(|row| row.distortion == distortion) {
            let level = row.level.unwrap_or(0);
            let Some(place) = usize::from(level).checked_sub(1).and_then(|at| levels.get_mut(at)) else { continue };
            if place.replace(Choice { row: row.row, psnr: row.psnr }).is_some_and(|before| before.row != row.row) {
                let original = original.id.clone();
                return Err(PlanError::TwoCandidates { original, distortion: distortion.to_owned(), level });
            }
        }
        for &pair in pairs {
            let choice = |level: u8| levels[usize::from(level) - 1].ok_or(level);
            let (roi, background) = match (choice(pair.roi), choice(pair.background)) {
                (Ok(roi), Ok(background)) => (roi, background),
                (Err(level), _) | (_, Err(level)) => {
                    return Ok(Err(format!("level {level} of `{distortion}` is not ranked; run `miqa-offline rank`")));
                }
            };
            variants.push(PlannedVariant::new(&original.id, distortion, pair, roi, background));
        }
    }
    variants.sort_by(PlannedVariant::canonical_order);
    Ok(Ok(variants))
}
