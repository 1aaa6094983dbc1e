//! The five-parameter logistic that predictions pass before PLCC and RMSE (equation 14).
//!
//! Three of the five parameters are linear: for a slope a2 and a centre a3 they follow from a regression. So
//! Levenberg–Marquardt searches two parameters only (variable projection: Golub and Pereyra 1973, with Kaufman's
//! Jacobian), and the narrow bent valleys of the five, in which it would creep, are gone.
//!
//! Often the least squares have no minimum: the best curve is a limit of logistics, an exponential (the centre leaves the
//! data) or a cubic (the slope goes to 0), while a1 grows without end. Slope and centre are kept within bounds at which the
//! curve can hardly be told from the limit (a jump is the third one), and a search that leaves them goes on along the bound.

/// Slopes of the starts, a unit of the standardised prediction. The sign of a slope is redundant with that of a1.
const SLOPES: [f64; 8] = [0.1, 0.3, 1.0, 2.5, 6.0, 15.0, 40.0, 100.0];
/// Centres of the starts, as shares of the predictions that lie below them.
const CENTRES: usize = 16;
/// As many starts of each slope are followed, those of the least error.
const STARTS: usize = 3;
/// Bounds of the slope: gentler ones are cubics, steeper ones a step.
const SLOPE: (f64, f64) = (0.01, 1000.0);
/// The centre stays within this many units of the exponent of the data: farther off, the curve is an exponential.
const REACH: f64 = 12.0;
const MAX_STEPS: usize = 300;
/// A step that gains less than this share of the squared error ends a fit.
const TOLERANCE: f64 = 1e-12;
/// Where a shorter step would still leave the bounds at this damping, the search does.
const LEAVING: f64 = 1e3;

/// f(q) = a1·(1/2 − 1/(1 + exp(a2·(q − a3)))) + a4·q + a5.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Logistic {
    /// `[a1, a2, a3, a4, a5]`.
    pub a: [f64; 5],
}

/// Why no logistic could be fitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LogisticError {
    /// Fewer samples than the five parameters can stand on.
    #[error("{0} samples are too few for the five-parameter logistic; give at least 6")]
    TooFew(usize),
    /// The predictions or the labels do not vary, or are not finite.
    #[error("predictions and labels must be finite and vary; look for a constant or infinite score")]
    Degenerate,
    /// Every start ran into the limit of steps.
    #[error("the logistic fit did not settle from any of its {0} starts; report SRCC only")]
    NotConverged(usize),
}

impl Logistic {
    /// The prediction `q` on the scale of the labels.
    pub fn map(&self, q: f64) -> f64 {
        let [a1, a2, a3, a4, a5] = self.a;
        a1 * (sigmoid(a2 * (q - a3)) - 0.5) + a4 * q + a5
    }

    /// Least squares by Levenberg–Marquardt from several starts; the best settled one wins.
    ///
    /// # Errors
    /// See [`LogisticError`].
    pub fn fit(prediction: &[f64], label: &[f64]) -> Result<Self, LogisticError> {
        if prediction.len() < 6 || prediction.len() != label.len() {
            return Err(LogisticError::TooFew(prediction.len().min(label.len())));
        }
        let (mean, deviation) = moments(prediction);
        let (label_mean, label_deviation) = moments(label);
        let varies = |deviation: f64| deviation.is_finite() && deviation > 0.0;
        if !varies(deviation) || !varies(label_deviation) {
            return Err(LogisticError::Degenerate);
        }
        let z: Vec<f64> = prediction.iter().map(|q| (q - mean) / deviation).collect();
        let data = Data::of(&z, label);
        let starts = data.starts();
        let tried = starts.len();
        let settled = starts.into_iter().filter_map(|start| data.settle(start));
        let best = settled.min_by(|a, b| a.error.total_cmp(&b.error));
        let Some(Shape { log_slope, centre, height, .. }) = best else {
            return Err(LogisticError::NotConverged(tried));
        };
        // The straight line that the curve leaves of the labels.
        let slope = log_slope.exp();
        let curve: Vec<f64> = z.iter().map(|q| height * (sigmoid(slope * (q - centre)) - 0.5)).collect();
        let (curve_mean, curve_slope) = line(&z, &curve);
        let (a4, a5) = (line(&z, label).1 - curve_slope, label_mean - curve_mean);
        Ok(Self {
            a: [height, slope / deviation, centre * deviation + mean, a4 / deviation, a5 - a4 * mean / deviation],
        })
    }
}

fn sigmoid(t: f64) -> f64 {
    1.0 / (1.0 + (-t).exp())
}

fn moments(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n;
    (mean, variance.sqrt())
}

/// Mean and slope of the values' straight line over z, whose mean is 0 and whose variance is 1.
fn line(z: &[f64], values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    (values.iter().sum::<f64>() / n, product(z, values) / n)
}

fn product(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// What is fitted: standardised predictions, and labels less their straight line.
struct Data<'a> {
    z: &'a [f64],
    bent: Vec<f64>,
    least: f64,
    greatest: f64,
}

/// Which of slope and centre are searched.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Search {
    /// Both, inside the bounds.
    Inside,
    /// The slope; the centre stays at its bound beyond the least prediction (-1) or the greatest (1).
    Beyond(f64),
    /// The centre; the slope is at a bound, the least (-1) or the greatest (1).
    Level(f64),
}

/// A curve, with the best height a1 for its slope and centre, and the squared error.
#[derive(Debug, Clone, Copy)]
struct Shape {
    search: Search,
    log_slope: f64,
    centre: f64,
    height: f64,
    error: f64,
}

/// The squared error about a shape: `JᵀJ` and `Jᵀr` of logarithm of the slope and centre.
struct Slopes {
    normal: [[f64; 2]; 2],
    gradient: [f64; 2],
}

impl<'a> Data<'a> {
    fn of(z: &'a [f64], label: &[f64]) -> Self {
        let least = z.iter().copied().fold(f64::INFINITY, f64::min);
        let greatest = z.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let mut bent = label.to_vec();
        unbend(z, &mut bent);
        Self { z, bent, least, greatest }
    }

    /// Shapes to begin with, for each search.
    fn starts(&self) -> Vec<Shape> {
        let mut sorted = self.z.to_vec();
        sorted.sort_by(f64::total_cmp);
        let centres: Vec<f64> = (0..CENTRES).map(|at| sorted[(2 * at + 1) * sorted.len() / (2 * CENTRES)]).collect();
        let slopes = SLOPES.map(f64::ln);
        let mut starts = Vec::new();
        let mut best = |search: Search, log_slope: f64, centres: &[f64]| {
            let mut shapes: Vec<Shape> =
                centres.iter().filter_map(|&centre| self.shape(search, log_slope, centre)).collect();
            shapes.sort_by(|a, b| a.error.total_cmp(&b.error));
            starts.extend(shapes.into_iter().take(STARTS));
        };
        for log_slope in slopes {
            best(Search::Inside, log_slope, &centres);
            best(Search::Beyond(-1.0), log_slope, &[0.0]);
            best(Search::Beyond(1.0), log_slope, &[0.0]);
        }
        best(Search::Level(-1.0), 0.0, &centres);
        best(Search::Level(1.0), 0.0, &centres);
        starts
    }

    /// The farthest centres for a slope.
    fn reach(&self, log_slope: f64) -> (f64, f64) {
        let reach = REACH / log_slope.exp();
        (self.least - reach, self.greatest + reach)
    }

    /// The best curve of a slope and a centre, where both are not bound already; `None` where it is flat on all data or
    /// out of bounds.
    fn shape(&self, search: Search, log_slope: f64, centre: f64) -> Option<Shape> {
        let (gentlest, steepest) = (SLOPE.0.ln(), SLOPE.1.ln());
        let log_slope = match search {
            Search::Level(side) if side < 0.0 => gentlest,
            Search::Level(_) => steepest,
            Search::Inside | Search::Beyond(_) => log_slope,
        };
        let (first, last) = self.reach(log_slope);
        let centre = match search {
            Search::Inside | Search::Level(_) => centre,
            Search::Beyond(side) => {
                if side < 0.0 {
                    first
                } else {
                    last
                }
            }
        };
        if !(gentlest..=steepest).contains(&log_slope) || !(first..=last).contains(&centre) {
            return None;
        }
        let slope = log_slope.exp();
        let mut curve: Vec<f64> = self.z.iter().map(|q| sigmoid(slope * (q - centre))).collect();
        unbend(self.z, &mut curve);
        let height = product(&curve, &self.bent) / product(&curve, &curve);
        let error = self.bent.iter().zip(&curve).map(|(y, g)| (y - height * g).powi(2)).sum::<f64>();
        (height.is_finite() && error.is_finite()).then_some(Shape { search, log_slope, centre, height, error })
    }

    /// The shape on the bound that a place lies beyond.
    fn on_bound(&self, log_slope: f64, centre: f64) -> Option<Shape> {
        let search = match centre {
            _ if log_slope < SLOPE.0.ln() => Search::Level(-1.0),
            _ if log_slope > SLOPE.1.ln() => Search::Level(1.0),
            _ if centre < self.reach(log_slope).0 => Search::Beyond(-1.0),
            _ => Search::Beyond(1.0),
        };
        self.shape(search, log_slope, centre)
    }

    /// Levenberg–Marquardt from a shape; `None` where it did not settle.
    fn settle(&self, mut shape: Shape) -> Option<Shape> {
        let floor = 1e-24 * product(&self.bent, &self.bent);
        let mut damping = 1e-3;
        let mut slopes = self.slopes(&shape);
        for _ in 0..MAX_STEPS {
            let next = slopes.step(shape.search, damping).and_then(|[by_slope, by_centre]| {
                self.shape(shape.search, shape.log_slope + by_slope, shape.centre + by_centre)
            });
            match next {
                Some(next) if next.error < shape.error => {
                    let gain = shape.error - next.error;
                    shape = next;
                    if gain <= TOLERANCE * shape.error || shape.error <= floor {
                        return Some(shape);
                    }
                    slopes = self.slopes(&shape);
                    damping = (damping * 0.3).max(1e-12);
                }
                // It leaves the bounds: on along the one that it would cross.
                None if shape.search == Search::Inside && damping > LEAVING => {
                    let [by_slope, by_centre] = slopes.step(shape.search, damping)?;
                    shape = self.on_bound(shape.log_slope + by_slope, shape.centre + by_centre)?;
                    slopes = self.slopes(&shape);
                    damping = 1e-3;
                }
                // No step of any length gains: a stationary point to working precision, or a corner of the bounds.
                _ if damping > 1e12 => return Some(shape),
                _ => damping *= 4.0,
            }
        }
        None
    }

    fn slopes(&self, shape: &Shape) -> Slopes {
        let slope = shape.log_slope.exp();
        // The point that keeps its place on the curve when the slope changes.
        let fixed = match shape.search {
            Search::Inside | Search::Level(_) => shape.centre,
            Search::Beyond(side) => {
                if side < 0.0 {
                    self.least
                } else {
                    self.greatest
                }
            }
        };
        let mut curve: Vec<f64> = self.z.iter().map(|q| sigmoid(slope * (q - shape.centre))).collect();
        let rises = curve.iter().map(|s| s * (1.0 - s) * slope);
        let (by_slope, by_centre) = rises.zip(self.z).map(|(rise, q)| (rise * (q - fixed), -rise)).unzip();
        unbend(self.z, &mut curve);
        let rest: Vec<f64> = self.bent.iter().zip(&curve).map(|(y, g)| y - shape.height * g).collect();
        let squares = product(&curve, &curve);
        // What of a change the line and the height can't take up.
        let own = |mut change: Vec<f64>| {
            unbend(self.z, &mut change);
            let share = product(&change, &curve) / squares;
            change.iter_mut().zip(&curve).for_each(|(change, g)| *change = shape.height * (*change - share * g));
            change
        };
        let changes: [Vec<f64>; 2] = [own(by_slope), own(by_centre)];
        Slopes {
            normal: [0, 1].map(|i| [0, 1].map(|j| product(&changes[i], &changes[j]))),
            gradient: [0, 1].map(|i| product(&changes[i], &rest)),
        }
    }
}

impl Slopes {
    /// The damped step of logarithm of the slope and centre, 0 for what is not searched.
    fn step(&self, search: Search, damping: f64) -> Option<[f64; 2]> {
        let [[a, b], [_, d]] = self.normal;
        let [a, d] = [a, d].map(|square| square + damping * square.max(1e-300));
        let [g, h] = self.gradient;
        let step = match search {
            Search::Inside => {
                let determinant = a * d - b * b;
                [(d * g - b * h) / determinant, (a * h - b * g) / determinant]
            }
            Search::Beyond(_) => [g / a, 0.0],
            Search::Level(_) => [0.0, h / d],
        };
        step.iter().all(|step| step.is_finite()).then_some(step)
    }
}

/// Takes a straight line over z off.
fn unbend(z: &[f64], values: &mut [f64]) {
    // Twice: what rounding leaves of large values counts beside small bends.
    for _ in 0..2 {
        let (mean, slope) = line(z, values);
        values.iter_mut().zip(z).for_each(|(value, z)| *value -= mean + slope * z);
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used)]
    use super::*;
    use crate::evaluate::{golden, metrics};

    #[test]
    fn fits_as_well_as_scipy_and_where_there_is_no_minimum_as_well_as_the_limit() {
        for case in golden::statistics().logistic {
            let fit = Logistic::fit(&case.prediction, &case.label).unwrap();
            let mapped: Vec<f64> = case.prediction.iter().map(|&q| fit.map(q)).collect();
            let rmse = metrics::rmse(&mapped, &case.label).unwrap();
            let plcc = metrics::plcc(&mapped, &case.label).unwrap();
            // A limit of logistics is come near to, a minimum reached; neither is undercut.
            let (near, below) = if case.limit { (1e-5, 1e-9) } else { (1e-6, 1e-6) };
            let excess = rmse - case.rmse;
            assert!(-below < excess && excess < near, "{}: rmse {rmse} and {}", case.name, case.rmse);
            assert!((plcc - case.plcc).abs() < 10.0 * near, "{}: plcc {plcc} and {}", case.name, case.plcc);
        }
    }

    #[test]
    fn recovers_the_curve_that_made_the_labels() {
        let truth = Logistic { a: [0.8, 0.4, 28.0, 0.002, 0.45] };
        let q: Vec<f64> = (0..60).map(|i| 8.0 + i as f64 * 0.7).collect();
        let y: Vec<f64> = q.iter().map(|&q| truth.map(q)).collect();
        let fit = Logistic::fit(&q, &y).unwrap();
        for &q in &q {
            assert!((fit.map(q) - truth.map(q)).abs() < 1e-6, "at {q}");
        }
    }

    #[test]
    fn says_why_it_cannot_fit() {
        let ramp: Vec<f64> = (0..10).map(f64::from).collect();
        let mut infinite = ramp.clone();
        infinite[3] = f64::INFINITY;
        for (prediction, label, error) in [
            (&ramp[..5], &ramp[..5], LogisticError::TooFew(5)),
            (&[1.0; 10], &ramp[..], LogisticError::Degenerate),
            (&ramp[..], &[0.5; 10], LogisticError::Degenerate),
            (&infinite[..], &ramp[..], LogisticError::Degenerate),
        ] {
            assert_eq!(Logistic::fit(prediction, label), Err(error));
        }
    }
}
