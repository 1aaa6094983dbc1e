//! Isotonic regression: the mean label as a function of the score that never falls.

/// Knots of a non-decreasing curve, straight between them and flat outside.
#[derive(Debug, Clone, PartialEq)]
pub struct Isotonic {
    /// Score and mean label of each pooled block, scores ascending.
    knots: Vec<(f64, f64)>,
}

impl Isotonic {
    /// Least squares by pooling adjacent violators. `None` for no samples, other lengths or
    /// values that are not finite.
    pub fn fit(score: &[f64], label: &[f64]) -> Option<Self> {
        let finite = score.iter().chain(label).all(|v| v.is_finite());
        if score.is_empty() || score.len() != label.len() || !finite {
            return None;
        }
        let mut order: Vec<usize> = (0..score.len()).collect();
        order.sort_unstable_by(|&a, &b| score[a].total_cmp(&score[b]));
        let mut blocks: Vec<Block> = Vec::new();
        for tie in order.chunk_by(|&a, &b| score[a] == score[b]) {
            blocks.push(Block {
                scores: tie.iter().map(|&i| score[i]).sum(),
                labels: tie.iter().map(|&i| label[i]).sum(),
                count: tie.len() as f64,
            });
            while let [.., before, last] = blocks.as_mut_slice() {
                if before.mean() < last.mean() {
                    break;
                }
                before.scores += last.scores;
                before.labels += last.labels;
                before.count += last.count;
                blocks.pop();
            }
        }
        Some(Self { knots: blocks.iter().map(|b| (b.scores / b.count, b.mean())).collect() })
    }

    /// Mean label at `score`.
    pub fn at(&self, score: f64) -> f64 {
        let above = self.knots.partition_point(|knot| knot.0 < score);
        match (above.checked_sub(1).map(|i| self.knots[i]), self.knots.get(above)) {
            (Some((s0, l0)), Some(&(s1, l1))) => l0 + (l1 - l0) * (score - s0) / (s1 - s0),
            (Some(knot), None) => knot.1,
            (None, Some(knot)) => knot.1,
            (None, None) => f64::NAN,
        }
    }

    /// The score under which the mean label is below `level`; `None` where the whole curve lies
    /// on one side of it.
    pub fn crossing(&self, level: f64) -> Option<f64> {
        let above = self.knots.partition_point(|knot| knot.1 < level);
        let (s0, l0) = self.knots[above.checked_sub(1)?];
        let &(s1, l1) = self.knots.get(above)?;
        Some(s0 + (s1 - s0) * (level - l0) / (l1 - l0))
    }

    /// The knots, scores ascending.
    pub fn knots(&self) -> &[(f64, f64)] {
        &self.knots
    }
}

struct Block {
    scores: f64,
    labels: f64,
    count: f64,
}

impl Block {
    fn mean(&self) -> f64 {
        self.labels / self.count
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn pools_what_falls() {
        let curve = Isotonic::fit(&[1.0, 2.0, 3.0, 4.0], &[0.0, 0.6, 0.4, 1.0]).unwrap();
        assert_eq!(curve.knots(), [(1.0, 0.0), (2.5, 0.5), (4.0, 1.0)]);
        for (score, label) in [(0.0, 0.0), (1.75, 0.25), (2.5, 0.5), (9.0, 1.0)] {
            assert!((curve.at(score) - label).abs() < 1e-12, "at {score}");
        }
        assert_eq!(curve.crossing(0.25), Some(1.75));
        assert_eq!(curve.crossing(1.5), None);
        assert_eq!(curve.crossing(-0.5), None);
    }

    #[test]
    fn a_falling_relation_becomes_its_mean() {
        let curve = Isotonic::fit(&[1.0, 2.0, 3.0], &[3.0, 2.0, 1.0]).unwrap();
        assert_eq!(curve.knots(), [(2.0, 2.0)]);
    }

    #[test]
    fn equal_scores_share_a_knot() {
        let curve = Isotonic::fit(&[0.5, 0.5, 1.0], &[0.0, 1.0, 2.0]).unwrap();
        assert_eq!(curve.knots(), [(0.5, 0.5), (1.0, 2.0)]);
    }

    #[test]
    fn needs_finite_samples() {
        assert_eq!(Isotonic::fit(&[], &[]), None);
        assert_eq!(Isotonic::fit(&[f64::INFINITY], &[1.0]), None);
        assert_eq!(Isotonic::fit(&[1.0], &[]), None);
    }
}
