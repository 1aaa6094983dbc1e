//! From the scores of several models to the best originals of each class.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;

use super::QualityRow;
use crate::source::Original;

/// An original's place in its class.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RankedOriginal {
    /// Id of the original.
    pub original: String,
    /// Its class; -1 is a class of its own.
    pub class: i32,
    /// Mean of the models' scores, each scaled to 0..=1 over all originals.
    pub combined: f64,
    /// The models' own scores.
    pub scores: BTreeMap<String, f64>,
    /// 1 is the best of the class.
    pub rank: usize,
}

/// Scores that can't be combined.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CombineError {
    /// An original lacks a model's score.
    #[error("original `{original}` has no score of `{model}`: run `miqa-offline quality` again with all models")]
    Missing {
        /// Id of the original.
        original: String,
        /// Name of the model.
        model: String,
    },
    /// No scores at all.
    #[error("there are no quality scores: run `miqa-offline quality` first")]
    Empty,
}

/// Ranks originals within their classes, best first, by the mean of the models' scores.
///
/// The paper doesn't say how the two scores are joined. Here each model's are scaled to 0..=1 by their least and greatest over all
/// originals, so that models of any scale weigh the same and the result is comparable between classes. Equal scores are ranked by
/// id, so that the choice is repeatable.
///
/// # Errors
/// [`CombineError`].
pub fn combine(originals: &[Original], rows: &[QualityRow]) -> Result<Vec<RankedOriginal>, CombineError> {
    let mut by_model: BTreeMap<&str, HashMap<&str, f64>> = BTreeMap::new();
    for row in rows {
        by_model.entry(&row.model).or_default().insert(&row.original, row.score);
    }
    if by_model.is_empty() {
        return Err(CombineError::Empty);
    }
    let mut ranges = BTreeMap::new();
    for (model, scores) in &by_model {
        let own = || originals.iter().filter_map(|original| scores.get(original.id.as_str()).copied());
        ranges.insert(*model, (own().fold(f64::INFINITY, f64::min), own().fold(f64::NEG_INFINITY, f64::max)));
    }
    let mut ranked = Vec::with_capacity(originals.len());
    for original in originals {
        let (mut sum, mut scores) = (0.0, BTreeMap::new());
        for (model, of) in &by_model {
            let score = *of
                .get(original.id.as_str())
                .ok_or_else(|| CombineError::Missing { original: original.id.clone(), model: (*model).to_owned() })?;
            let (least, greatest) = ranges[model];
            // A model that says the same of all pictures decides nothing.
            sum += if greatest > least { (score - least) / (greatest - least) } else { 0.5 };
            scores.insert((*model).to_owned(), score);
        }
        let combined = sum / by_model.len() as f64;
        ranked.push(RankedOriginal { original: original.id.clone(), class: original.class, combined, scores, rank: 0 });
    }
    Ok(rank(ranked))
}

/// Ranks originals by a score that somebody else made; those without one are left out.
#[must_use]
pub fn rank_listed(originals: &[Original], score: impl Fn(&str) -> Option<f64>) -> Vec<RankedOriginal> {
    let listed = originals.iter().filter_map(|original| {
        let combined = score(&original.id)?;
        let (original, class) = (original.id.clone(), original.class);
        Some(RankedOriginal { original, class, combined, scores: BTreeMap::new(), rank: 0 })
    });
    rank(listed.collect())
}

fn rank(mut ranked: Vec<RankedOriginal>) -> Vec<RankedOriginal> {
    ranked.sort_by(|a, b| {
        a.class.cmp(&b.class).then(b.combined.total_cmp(&a.combined)).then_with(|| a.original.cmp(&b.original))
    });
    let (mut class, mut place) = (None, 0);
    for entry in &mut ranked {
        place = if class == Some(entry.class) { place + 1 } else { 1 };
        class = Some(entry.class);
        entry.rank = place;
    }
    ranked
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

    fn row(original: &str, model: &str, score: f64) -> QualityRow {
        let (original, model) = (original.to_owned(), model.to_owned());
        QualityRow { original, fingerprint: model.clone(), model, score, least: score, greatest: score }
    }

    #[test]
    fn scales_do_not_matter_and_ties_go_by_id() {
        let originals = [original("d", 1), original("a", 1), original("b", 1), original("c", -1)];
        // Scales 0..100 and 0..1: b is best of class 1 by the sum of both, a and d tie.
        let rows: Vec<QualityRow> = [("a", 100.0, 0.2), ("b", 90.0, 1.0), ("c", 0.0, 0.0), ("d", 20.0, 1.0)]
            .into_iter()
            .flat_map(|(id, x, y)| [row(id, "x", x), row(id, "y", y)])
            .collect();
        let ranked = combine(&originals, &rows).unwrap();
        let places: Vec<_> = ranked.iter().map(|r| (r.original.as_str(), r.class, r.rank)).collect();
        assert_eq!(places, [("c", -1, 1), ("b", 1, 1), ("a", 1, 2), ("d", 1, 3)]);
        assert!((ranked[1].combined - 0.95).abs() < 1e-12 && ranked[1].scores["x"] == 90.0);
        let error = combine(&originals, &rows[1..]).unwrap_err().to_string();
        assert!(error.contains("`a`") && error.contains("`x`"), "{error}");
        assert_eq!(combine(&originals, &[]), Err(CombineError::Empty));
        let flat = [row("a", "z", 3.0)];
        assert_eq!(combine(&originals[1..2], &flat).unwrap()[0].combined, 0.5);
    }

    #[test]
    fn listed_scores_rank_what_is_listed() {
        let originals = [original("a", 0), original("b", 0), original("c", 0)];
        let ranked =
            rank_listed(&originals, |id| [("a", 1.0), ("c", 2.0)].into_iter().find(|l| l.0 == id).map(|l| l.1));
        assert_eq!(ranked.iter().map(|r| r.original.as_str()).collect::<Vec<_>>(), ["c", "a"]);
    }
}
