//! How well a probability tells samples that have a distortion from samples that have not.

/// Area under the receiver operating characteristic: the chance that a positive scores above a
/// negative, ties counting half. `None` without positives or without negatives.
pub fn roc_auc(score: &[f64], positive: &[bool]) -> Option<f64> {
    let ranks = super::metrics::average_ranks(score);
    let positives = positive.iter().filter(|&&p| p).count() as f64;
    let negatives = positive.len() as f64 - positives;
    let rank_sum: f64 = ranks.iter().zip(positive).filter(|(_, p)| **p).map(|(r, _)| r).sum();
    (positives > 0.0 && negatives > 0.0)
        .then(|| (rank_sum - positives * (positives + 1.0) / 2.0) / (positives * negatives))
}

/// Average precision: precision at each threshold weighted by the recall it gains, without
/// interpolation. `None` without positives.
pub fn average_precision(score: &[f64], positive: &[bool]) -> Option<f64> {
    let mut order: Vec<usize> = (0..score.len().min(positive.len())).collect();
    order.sort_unstable_by(|&a, &b| score[b].total_cmp(&score[a]));
    let positives = positive.iter().filter(|&&p| p).count() as f64;
    let (mut seen, mut hits, mut sum) = (0.0, 0.0, 0.0);
    for tie in order.chunk_by(|&a, &b| score[a] == score[b]) {
        let gained = tie.iter().filter(|&&i| positive[i]).count() as f64;
        seen += tie.len() as f64;
        hits += gained;
        sum += gained * hits / seen;
    }
    (positives > 0.0).then(|| sum / positives)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used)]
    use super::*;
    use crate::evaluate::golden;

    #[test]
    fn agrees_with_scikit_learn() {
        for case in golden::statistics().roc {
            let auc = roc_auc(&case.score, &case.positive).unwrap();
            let ap = average_precision(&case.score, &case.positive).unwrap();
            assert!((auc - case.auc).abs() < 1e-12, "{}: {auc} and {}", case.name, case.auc);
            assert!((ap - case.ap).abs() < 1e-12, "{}: {ap} and {}", case.name, case.ap);
        }
    }

    #[test]
    fn one_sided_samples_have_no_figure() {
        assert_eq!(roc_auc(&[0.1, 0.2], &[true, true]), None);
        assert_eq!(roc_auc(&[0.1, 0.2], &[false, false]), None);
        assert_eq!(average_precision(&[0.1, 0.2], &[false, false]), None);
    }
}
