//! Thresholds with intervals, how they hold on the half that they weren't made from, and when the data can't carry them.

use serde::Serialize;

use super::{Curve, Point};

/// The losses that thresholds are given for: a gate opens above the first and closes below the second.
pub const LOSSES: [f64; 2] = [0.1, 0.3];

/// Draws of the bootstrap.
const DRAWS: u64 = 1000;

/// Fewer segments of time, frames with detections, or detections say nothing.
const LEAST: (usize, usize, f64) = (5, 10, 50.0);

/// Why the data can't carry thresholds.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// No degraded frame has detections beside those of its clean frame.
    #[error(
        "no degraded frame has a clean one that the detector saw something on; run it on the pictures of clean/ and degraded/, and name them by their files"
    )]
    Nothing,
    /// Too little time.
    #[error(
        "{0} stretches of time of 4 s (or single pictures) are too few for an interval; record longer, at least 20 s"
    )]
    Segments(usize),
    /// Too few frames.
    #[error("on {0} degraded frames the detector had something to lose, at least {least} are needed; record where more is to be seen", least = LEAST.1)]
    Frames(usize),
    /// Too few detections.
    #[error("{0} detections were there to be lost, at least {least} are needed; record where more is to be seen, or lower --least-confidence", least = LEAST.2)]
    Detections(f64),
    /// No score tells losses apart.
    #[error(
        "the kept share crosses neither 90 % nor 70 % ({lowest:.0} % at the lowest score, {highest:.0} % at the highest); take more levels, or another head"
    )]
    Flat {
        /// Percent kept at the lowest score.
        lowest: f64,
        /// Percent kept at the highest score.
        highest: f64,
    },
}

/// A score and what is promised of it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Threshold {
    /// The loss, as a share of what was seen on clean frames.
    pub loss: f64,
    /// The score below which at least that is lost.
    pub score: f64,
    /// 95 % interval of the score, by a bootstrap over segments of time.
    pub interval: [f64; 2],
}

/// A threshold from one half of the time, measured on the other.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Half {
    /// The loss that was promised.
    pub promised: f64,
    /// The score that promised it.
    pub score: f64,
    /// The loss at that score on the other half.
    pub measured: f64,
}

/// What came out.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Outcome {
    /// For each loss that the curve crosses.
    pub thresholds: Vec<Threshold>,
    /// Thresholds of the first half of the time on the second, and the other way round.
    pub halves: Vec<Half>,
    /// Degraded frames that count.
    pub frames: usize,
    /// Detections that were there to be lost.
    pub detections: f64,
    /// Segments of time.
    pub segments: usize,
    /// The curve's band: score, lowest and highest kept share (95 %).
    #[serde(skip)]
    pub band: Vec<[f64; 3]>,
    /// The curve.
    #[serde(skip)]
    pub curve: Curve,
}

/// Fits points, which need not be in order.
///
/// # Errors
/// [`Refusal`], if the data can't carry it.
pub fn outcome(points: &[Point]) -> Result<Outcome, Refusal> {
    let mut points = points.to_vec();
    points.sort_by(|a, b| a.score.total_cmp(&b.score));
    let segments = renumbered(&mut points);
    let detections: f64 = points.iter().map(|point| point.weight).sum();
    match () {
        () if points.is_empty() => return Err(Refusal::Nothing),
        () if segments < LEAST.0 => return Err(Refusal::Segments(segments)),
        () if points.len() < LEAST.1 => return Err(Refusal::Frames(points.len())),
        () if detections < LEAST.2 => return Err(Refusal::Detections(detections)),
        () => {}
    }
    let curve = Curve::fit(&points, |_| 1.0);
    let draws = draws(&points, segments);
    let threshold = |loss: f64| {
        let score = curve.crosses(1.0 - loss)?;
        let mut scores: Vec<f64> = draws.iter().filter_map(|curve| curve.crosses(1.0 - loss)).collect();
        let interval = interval(&mut scores).unwrap_or([score; 2]);
        Some(Threshold { loss, score, interval })
    };
    let thresholds: Vec<Threshold> = LOSSES.into_iter().filter_map(threshold).collect();
    if thresholds.is_empty() {
        let percent = |score| 100.0 * curve.at(score).unwrap_or_default();
        return Err(Refusal::Flat { lowest: percent(0.0), highest: percent(1.0) });
    }
    let (low, high) = (points[0].score, points[points.len() - 1].score);
    let band = (0..=60).filter_map(|i| {
        let score = low + (high - low) * f64::from(i) / 60.0;
        let mut shares: Vec<f64> = draws.iter().filter_map(|curve| curve.at(score)).collect();
        interval(&mut shares).map(|[least, most]| [score, least, most])
    });
    let band = band.collect();
    let halves = halves(&points, segments);
    Ok(Outcome { thresholds, halves, frames: points.len(), detections, segments, band, curve })
}

/// The loss at a score, with its 95 % interval, for points that the score doesn't come from. `None` without points.
pub fn measured(points: &[Point], score: f64) -> Option<(f64, [f64; 2])> {
    let mut points = points.to_vec();
    points.sort_by(|a, b| a.score.total_cmp(&b.score));
    let segments = renumbered(&mut points);
    let loss = 1.0 - Curve::fit(&points, |_| 1.0).at(score)?;
    let mut all: Vec<f64> =
        draws(&points, segments).iter().filter_map(|curve| curve.at(score)).map(|share| 1.0 - share).collect();
    Some((loss, interval(&mut all).unwrap_or([loss; 2])))
}

/// Numbers segments from 0 on, in the order of time; how many there are.
fn renumbered(points: &mut [Point]) -> usize {
    let mut all: Vec<usize> = points.iter().map(|point| point.segment).collect();
    all.sort_unstable();
    all.dedup();
    for point in points {
        point.segment = all.partition_point(|segment| *segment < point.segment);
    }
    all.len()
}

/// Curves of the bootstrap's draws: as many segments as there are, drawn with replacement.
fn draws(points: &[Point], segments: usize) -> Vec<Curve> {
    let draw = |number: u64| {
        let (mut random, mut times) = (Random(number), vec![0.0; segments]);
        (0..segments).for_each(|_| times[random.below(segments)] += 1.0);
        Curve::fit(points, |segment| times[segment])
    };
    (0..DRAWS).map(draw).collect()
}

fn halves(points: &[Point], segments: usize) -> Vec<Half> {
    let first = |segment: usize| segment < segments / 2;
    let fit = |wanted: bool| Curve::fit(points, |segment| f64::from(u8::from(first(segment) == wanted)));
    let (one, other) = (fit(true), fit(false));
    let mut halves = Vec::new();
    for (made, tried) in [(&one, &other), (&other, &one)] {
        for promised in LOSSES {
            let score = made.crosses(1.0 - promised);
            let found = score.and_then(|score| Some((score, tried.at(score)?)));
            halves.extend(found.map(|(score, share)| Half { promised, score, measured: 1.0 - share }));
        }
    }
    halves
}

/// The middle 95 %.
fn interval(values: &mut [f64]) -> Option<[f64; 2]> {
    values.sort_by(f64::total_cmp);
    let at = |part: f64| values.get(((values.len() as f64 - 1.0) * part).round() as usize).copied();
    Some([at(0.025)?, at(0.975)?])
}

/// SplitMix64 (Steele, Lea & Flood, 2014): the same draws on every machine.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % n as u64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A detector that keeps what the score says, of four things a frame, counted in whole things.
    fn faithful(segments: usize, frames: usize) -> Vec<Point> {
        let mut random = Random(7);
        let mut points = Vec::new();
        for segment in 0..segments {
            for _ in 0..frames {
                let score = random.below(1000) as f64 / 1000.0;
                let kept = (0..4).filter(|_| (random.below(1000) as f64) < 1000.0 * score).count();
                points.push(Point { score, share: kept as f64 / 4.0, weight: 4.0, segment: 10 * segment });
            }
        }
        points
    }

    #[test]
    fn a_known_curve_is_found_within_its_interval_and_holds_on_the_other_half() {
        let found = outcome(&faithful(30, 80)).expect("enough");
        let [ten, thirty] = found.thresholds[..] else { panic!("{found:?}") };
        for (threshold, truth) in [(ten, 0.9), (thirty, 0.7)] {
            let [low, high] = threshold.interval;
            assert!((threshold.score - truth).abs() < 0.04 && low <= truth && truth <= high, "{threshold:?}");
            assert!(high - low < 0.12, "{threshold:?}");
        }
        assert_eq!(found.halves.len(), 4);
        assert!(found.halves.iter().all(|half| (half.promised - half.measured).abs() < 0.05), "{:?}", found.halves);
        let (loss, [low, high]) = measured(&faithful(30, 80), 0.5).expect("points");
        assert!((loss - 0.5).abs() < 0.05 && low < loss && loss < high);
    }

    #[test]
    fn what_the_data_cannot_carry_is_refused() {
        let flat =
            |share| -> Vec<Point> { faithful(6, 20).into_iter().map(|point| Point { share, ..point }).collect() };
        let refused = |points: &[Point]| outcome(points).expect_err("refused");
        assert_eq!(refused(&[]), Refusal::Nothing);
        assert_eq!(refused(&faithful(4, 50)), Refusal::Segments(4));
        assert_eq!(refused(&faithful(6, 1)), Refusal::Frames(6));
        assert_eq!(refused(&faithful(6, 2)), Refusal::Detections(48.0));
        assert!(refused(&flat(0.95)).to_string().contains("(95 % at the lowest score, 95 % at the highest)"));
        for refusal in [Refusal::Nothing, Refusal::Segments(1), refused(&flat(0.0))] {
            assert!(!refusal.to_string().contains('\n'));
        }
    }
}
