//! The five-parameter logistic that predictions pass before PLCC and RMSE (equation 14).

use ndarray::Array2;

use super::linear::Cholesky;

/// Slopes (a unit of the standardised prediction) and centres (in standard deviations) that the
/// fit starts from. The sign of a slope is redundant with that of `a1`.
const SLOPES: [f64; 3] = [1.0, 4.0, 12.0];
const CENTRES: [f64; 3] = [-1.0, 0.0, 1.0];
const MAX_STEPS: usize = 500;
/// A step that gains less than this share of the squared error ends a fit.
const TOLERANCE: f64 = 1e-12;

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
        let (_, label_deviation) = moments(label);
        let varies = |deviation: f64| deviation.is_finite() && deviation > 0.0;
        if !varies(deviation) || !varies(label_deviation) {
            return Err(LogisticError::Degenerate);
        }
        let z: Vec<f64> = prediction.iter().map(|q| (q - mean) / deviation).collect();
        let starts = SLOPES.iter().flat_map(|&slope| CENTRES.map(|centre| (slope, centre)));
        let best = starts
            .filter_map(|(slope, centre)| settle(start(slope, centre, &z, label)?, &z, label))
            .min_by(|a, b| a.1.total_cmp(&b.1));
        let Some(([a1, a2, a3, a4, a5], _)) = best else {
            return Err(LogisticError::NotConverged(SLOPES.len() * CENTRES.len()));
        };
        Ok(Self { a: [a1, a2 / deviation, a3 * deviation + mean, a4 / deviation, a5 - a4 * mean / deviation] })
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

/// The three linear parameters solved for a given slope and centre.
fn start(slope: f64, centre: f64, z: &[f64], label: &[f64]) -> Option<[f64; 5]> {
    let mut normal = Array2::<f64>::zeros((3, 3));
    let mut right = [0.0; 3];
    for (&q, &y) in z.iter().zip(label) {
        let row = [sigmoid(slope * (q - centre)) - 0.5, q, 1.0];
        for i in 0..3 {
            right[i] += row[i] * y;
            for j in 0..=i {
                normal[[i, j]] += row[i] * row[j];
            }
        }
    }
    // The first two columns are nearly parallel for gentle slopes.
    for i in 0..3 {
        normal[[i, i]] += 1e-6 * z.len() as f64;
    }
    let linear = Cholesky::factor(normal).ok()?.solve(&right);
    Some([linear[0], slope, centre, linear[1], linear[2]])
}

/// Levenberg–Marquardt from `a`; the parameters and their squared error, or `None` where it did
/// not settle.
fn settle(mut a: [f64; 5], z: &[f64], label: &[f64]) -> Option<([f64; 5], f64)> {
    let (mut normal, mut gradient, mut error) = linearise(&a, z, label);
    let floor = 1e-24 * label.iter().map(|y| y * y).sum::<f64>();
    let mut damping = 1e-3;
    for _ in 0..MAX_STEPS {
        let mut damped = normal.clone();
        for i in 0..5 {
            damped[[i, i]] += damping * normal[[i, i]].max(1e-12);
        }
        let step = Cholesky::factor(damped).ok().map(|factor| factor.solve(&gradient));
        let next = step.map(|step| std::array::from_fn(|i| a[i] - step[i]));
        let linearised = next.map(|next: [f64; 5]| (next, linearise(&next, z, label)));
        match linearised {
            Some((next, (next_normal, next_gradient, next_error))) if next_error < error => {
                let gain = error - next_error;
                (a, normal, gradient) = (next, next_normal, next_gradient);
                let settled = gain <= TOLERANCE * error || next_error <= floor;
                error = next_error;
                if settled {
                    return Some((a, error));
                }
                damping = (damping * 0.3).max(1e-12);
            }
            // No step of any length gains: a stationary point to working precision.
            _ if damping > 1e12 => return Some((a, error)).filter(|_| error.is_finite()),
            _ => damping *= 4.0,
        }
    }
    None
}

/// `JᵀJ` (lower triangle), `Jᵀr` and `rᵀr` of the residuals `f(z) − label`.
fn linearise(a: &[f64; 5], z: &[f64], label: &[f64]) -> (Array2<f64>, [f64; 5], f64) {
    let [a1, a2, a3, a4, a5] = *a;
    let mut normal = [[0.0; 5]; 5];
    let (mut gradient, mut error) = ([0.0; 5], 0.0);
    for (&q, &y) in z.iter().zip(label) {
        let s = sigmoid(a2 * (q - a3));
        let slope = a1 * s * (1.0 - s);
        let row = [s - 0.5, slope * (q - a3), -slope * a2, q, 1.0];
        let residual = a1 * row[0] + a4 * q + a5 - y;
        error += residual * residual;
        for i in 0..5 {
            gradient[i] += row[i] * residual;
            for j in 0..=i {
                normal[i][j] += row[i] * row[j];
            }
        }
    }
    (Array2::from_shape_fn((5, 5), |(i, j)| normal[i][j]), gradient, error)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used)]
    use super::*;
    use crate::evaluate::{golden, metrics};

    #[test]
    fn fits_as_well_as_scipy() {
        for case in golden::statistics().logistic {
            let fit = Logistic::fit(&case.prediction, &case.label).unwrap();
            let mapped: Vec<f64> = case.prediction.iter().map(|&q| fit.map(q)).collect();
            let rmse = metrics::rmse(&mapped, &case.label).unwrap();
            let plcc = metrics::plcc(&mapped, &case.label).unwrap();
            assert!((rmse - case.rmse).abs() < 1e-6, "{}: rmse {rmse} and {}", case.name, case.rmse);
            assert!((plcc - case.plcc).abs() < 1e-5, "{}: plcc {plcc} and {}", case.name, case.plcc);
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
