//! The kept share over the score: isotonic regression (pool adjacent violators; Barlow, Bartholomew, Bremner & Brunk,
//! "Statistical Inference under Order Restrictions", 1972), linear between the blocks' centres.

/// One degraded frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// miqa's score (0–1).
    pub score: f64,
    /// Share of the clean frame's detections that is kept (0–1).
    pub share: f64,
    /// How many detections that is a share of.
    pub weight: f64,
    /// The stretch of time that it belongs to.
    pub segment: usize,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Block {
    score: f64,
    share: f64,
    weight: f64,
}

/// Never falls with the score.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Curve(Vec<Block>);

impl Curve {
    /// The weighted least-squares fit. `points` must be in the order of their scores; `times` says how often each segment
    /// counts (a bootstrap's draw).
    pub fn fit(points: &[Point], times: impl Fn(usize) -> f64) -> Self {
        let mut blocks: Vec<Block> = Vec::new();
        for point in points {
            let weight = point.weight * times(point.segment);
            if weight <= 0.0 {
                continue;
            }
            let mut block = Block { score: point.score, share: point.share, weight };
            // Equal scores are one point, whatever order they come in.
            while let Some(last) = blocks.last().filter(|last| last.share >= block.share || last.score == block.score) {
                let weight = last.weight + block.weight;
                let mean = |a: f64, b: f64| (a * last.weight + b * block.weight) / weight;
                block = Block { score: mean(last.score, block.score), share: mean(last.share, block.share), weight };
                blocks.pop();
            }
            blocks.push(block);
        }
        Self(blocks)
    }

    /// The kept share at a score; beyond the ends that of the end. `None` without points.
    pub fn at(&self, score: f64) -> Option<f64> {
        let next = self.0.partition_point(|block| block.score < score);
        let Some(after) = self.0.get(next) else { return self.0.last().map(|block| block.share) };
        let Some(before) = next.checked_sub(1).map(|i| self.0[i]) else { return Some(after.share) };
        let part = (score - before.score) / (after.score - before.score);
        Some(before.share + part * (after.share - before.share))
    }

    /// The lowest score at which at least this share is kept; `None` if the curve doesn't cross it: nothing that was
    /// measured lost so much, or everything lost more.
    pub fn crosses(&self, share: f64) -> Option<f64> {
        let next = self.0.partition_point(|block| block.share < share);
        let (after, before) = (self.0.get(next)?, self.0.get(next.checked_sub(1)?)?);
        let part = (share - before.share) / (after.share - before.share);
        Some(before.score + part * (after.score - before.score))
    }

    /// Its knots: score and share.
    pub fn knots(&self) -> impl Iterator<Item = (f64, f64)> + '_ {
        self.0.iter().map(|block| (block.score, block.share))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn points(all: &[(f64, f64)]) -> Vec<Point> {
        all.iter().map(|&(score, share)| Point { score, share, weight: 1.0, segment: 0 }).collect()
    }

    #[test]
    fn violators_are_pooled_and_crossings_found() {
        let curve = Curve::fit(&points(&[(0.1, 0.0), (0.2, 0.6), (0.3, 0.4), (0.6, 0.8), (0.8, 1.0)]), |_| 1.0);
        let knots: Vec<_> = curve.knots().map(|(x, y)| ((x * 100.0).round(), (y * 100.0).round())).collect();
        assert_eq!(knots, [(10.0, 0.0), (25.0, 50.0), (60.0, 80.0), (80.0, 100.0)]);
        assert!((curve.crosses(0.9).expect("crossed") - 0.7).abs() < 1e-9);
        assert!((curve.at(0.7).expect("a value") - 0.9).abs() < 1e-9);
        assert_eq!((curve.at(0.0), curve.at(1.0)), (Some(0.0), Some(1.0)));
        let flat = Curve::fit(&points(&[(0.3, 0.95), (0.8, 0.97)]), |_| 1.0);
        assert_eq!((flat.crosses(0.9), flat.crosses(0.99), Curve::default().at(0.5)), (None, None, None));
    }

    proptest! {
        #[test]
        fn a_curve_never_falls_and_keeps_the_mean(all in prop::collection::vec((0.0..1.0_f64, 0.0..1.0_f64, 1.0..9.0_f64), 1..60)) {
            let mut points: Vec<Point> =
                all.iter().map(|&(score, share, weight)| Point { score, share, weight, segment: 0 }).collect();
            points.sort_by(|a, b| a.score.total_cmp(&b.score));
            let curve = Curve::fit(&points, |_| 1.0);
            let values: Vec<f64> = (0..=50).filter_map(|i| curve.at(f64::from(i) / 50.0)).collect();
            prop_assert!(values.windows(2).all(|pair| pair[0] <= pair[1] + 1e-9));
            let total: f64 = points.iter().map(|p| p.weight).sum();
            let mean = points.iter().map(|p| p.weight * p.share).sum::<f64>() / total;
            let fitted = curve.0.iter().map(|b| b.weight * b.share).sum::<f64>() / total;
            prop_assert!((mean - fitted).abs() < 1e-9);
        }
    }
}
