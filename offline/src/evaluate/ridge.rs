//! Ridge regression on standardised features: the baseline that has everything the region branch
//! sees, and no transformer.

use ndarray::{Array1, Array2, ArrayView2, Axis};

use super::linear::{Cholesky, Singular, gram};
use super::metrics;

/// Penalties tried, as shares of the number of rows (a standardised feature's own square sum).
const PENALTIES: [f64; 13] = [1e-4, 3e-4, 1e-3, 3e-3, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0];
/// A feature that varies less than this share of its size counts as constant.
const CONSTANT: f64 = 1e-9;

/// Why no ridge regression could be fitted.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum RidgeError {
    /// Rows, labels and groups are of different number.
    #[error(
        "{rows} rows of features, {labels} labels and {groups} groups do not belong together; prepare the features again"
    )]
    Shape {
        /// Rows of the feature matrix.
        rows: usize,
        /// Labels given.
        labels: usize,
        /// Groups given.
        groups: usize,
    },
    /// A fold would have nothing to learn from or nothing to be tried on.
    #[error("{0} originals can't be split into {1} folds; give more originals")]
    Groups(usize, usize),
    /// A feature or label is NaN or infinite.
    #[error("feature or label of row {0} is not finite; prepare the features again")]
    NotFinite(usize),
    /// The penalised normal equations could not be solved.
    #[error(transparent)]
    Singular(#[from] Singular),
}

/// A fitted regression: `label ≈ intercept + weights · features` on the features as given.
#[derive(Debug, Clone)]
pub struct Ridge {
    weights: Array1<f64>,
    intercept: f64,
    /// The penalty chosen, as a share of the number of rows.
    pub penalty: f64,
    /// SRCC of the predictions for left-out groups at that penalty.
    pub cross_validated_srcc: f64,
}

impl Ridge {
    /// Fits `label` (n) on `features` (n × d) with the penalty whose predictions for left-out
    /// groups follow the labels best (SRCC of all folds together).
    ///
    /// `group_of_row` numbers the groups from 0; rows of a group always share a fold.
    ///
    /// # Errors
    /// See [`RidgeError`].
    pub fn tuned(
        features: &ArrayView2<'_, f32>,
        label: &[f64],
        group_of_row: &[usize],
        folds: usize,
    ) -> Result<Self, RidgeError> {
        let rows = features.nrows();
        if rows == 0 || rows != label.len() || rows != group_of_row.len() {
            let (labels, groups) = (label.len(), group_of_row.len());
            return Err(RidgeError::Shape { rows, labels, groups });
        }
        let groups = group_of_row.iter().max().map_or(0, |last| last + 1);
        if folds < 2 || groups < folds {
            return Err(RidgeError::Groups(groups, folds));
        }
        let scale = Scale::of(features, label)?;
        let blocks: Vec<Fold> = (0..folds)
            .map(|fold| {
                let members = (0..rows).filter(|&row| group_of_row[row] % folds == fold).collect();
                Fold::new(&scale, features, label, members)
            })
            .collect();
        let all = blocks.iter().fold(None, |sum: Option<Moments>, block| {
            Some(sum.map_or_else(|| block.moments.clone(), |sum| sum.plus(&block.moments, 1.0)))
        });
        let all = all.ok_or(RidgeError::Groups(groups, folds))?;

        let mut predicted = vec![vec![0.0; rows]; PENALTIES.len()];
        for block in &blocks {
            let rest = all.plus(&block.moments, -1.0).centred();
            for (predictions, penalty) in predicted.iter_mut().zip(PENALTIES) {
                let (weights, intercept) = rest.solve(penalty)?;
                let values = block.rows.dot(&weights) + intercept;
                for (&row, value) in block.members.iter().zip(values) {
                    predictions[row] = value;
                }
            }
        }
        let score = |predictions: &Vec<f64>| metrics::srcc(predictions, label).unwrap_or(-1.0);
        let (penalty, cross_validated_srcc) = PENALTIES
            .into_iter()
            .zip(predicted.iter().map(score))
            .max_by(|a, b| a.1.total_cmp(&b.1))
            .ok_or(RidgeError::Groups(groups, folds))?;
        let (weights, intercept) = all.centred().solve(penalty)?;
        let raw = &weights / &scale.deviation;
        let intercept = intercept - raw.dot(&scale.mean);
        Ok(Self { weights: raw, intercept, penalty, cross_validated_srcc })
    }

    /// Predictions for `features` (n × d).
    pub fn predict(&self, features: &ArrayView2<'_, f32>) -> Vec<f64> {
        features
            .axis_iter(Axis(0))
            .map(|row| {
                let sum: f64 = row.iter().zip(&self.weights).map(|(&f, w)| f64::from(f) * w).sum();
                self.intercept + sum
            })
            .collect()
    }
}

/// Mean and deviation of each feature over all rows; it only conditions the sums below, each
/// training part is centred and scaled by its own.
struct Scale {
    mean: Array1<f64>,
    deviation: Array1<f64>,
}

impl Scale {
    fn of(features: &ArrayView2<'_, f32>, label: &[f64]) -> Result<Self, RidgeError> {
        let n = features.nrows() as f64;
        let (mut sum, mut squares) = (Array1::<f64>::zeros(features.ncols()), Array1::<f64>::zeros(features.ncols()));
        let first = features.row(0).mapv(f64::from);
        for (index, row) in features.axis_iter(Axis(0)).enumerate() {
            if !label[index].is_finite() || row.iter().any(|f| !f.is_finite()) {
                return Err(RidgeError::NotFinite(index));
            }
            // Shifted by the first row, so that squares do not cancel.
            let shifted = row.mapv(f64::from) - &first;
            sum += &shifted;
            squares += &(&shifted * &shifted);
        }
        let shift = sum / n;
        let variance = squares / n - &shift * &shift;
        let mean = shift + first;
        let deviation = ndarray::Zip::from(&variance).and(&mean).map_collect(|&v, &m| {
            let deviation = v.max(0.0).sqrt();
            if deviation > CONSTANT * m.abs().max(1e-12) { deviation } else { f64::INFINITY }
        });
        Ok(Self { mean, deviation })
    }
}

/// The rows that are left out together, standardised.
struct Fold {
    members: Vec<usize>,
    rows: Array2<f64>,
    moments: Moments,
}

impl Fold {
    fn new(scale: &Scale, features: &ArrayView2<'_, f32>, label: &[f64], members: Vec<usize>) -> Self {
        let mut rows = Array2::zeros((members.len(), features.ncols()));
        for (mut to, &from) in rows.axis_iter_mut(Axis(0)).zip(&members) {
            to.assign(&((features.row(from).mapv(f64::from) - &scale.mean) / &scale.deviation));
        }
        let labels: Array1<f64> = members.iter().map(|&row| label[row]).collect();
        let moments = Moments {
            count: members.len() as f64,
            sum: rows.sum_axis(Axis(0)),
            gram: gram(&rows.view()),
            label_sum: labels.sum(),
            products: rows.t().dot(&labels),
        };
        Self { members, rows, moments }
    }
}

/// Sums over rows; the sums of a training part are those of all less those of a fold.
#[derive(Clone)]
struct Moments {
    count: f64,
    sum: Array1<f64>,
    gram: Array2<f64>,
    label_sum: f64,
    products: Array1<f64>,
}

impl Moments {
    fn plus(&self, other: &Self, sign: f64) -> Self {
        let mut gram = self.gram.clone();
        gram.scaled_add(sign, &other.gram);
        Self {
            count: self.count + sign * other.count,
            sum: &self.sum + &(&other.sum * sign),
            gram,
            label_sum: self.label_sum + sign * other.label_sum,
            products: &self.products + &(&other.products * sign),
        }
    }

    fn centred(&self) -> Centred {
        let mean = &self.sum / self.count;
        let label_mean = self.label_sum / self.count;
        let mut covariance = &self.gram / self.count;
        for (i, mut row) in covariance.axis_iter_mut(Axis(0)).enumerate() {
            row.scaled_add(-mean[i], &mean);
        }
        let deviation = covariance.diag().mapv(|v| if v > 1e-12 { v.sqrt() } else { f64::INFINITY });
        for (i, mut row) in covariance.axis_iter_mut(Axis(0)).enumerate() {
            row /= deviation[i];
            row /= &deviation;
        }
        let slope = (&self.products / self.count - &mean * label_mean) / &deviation;
        Centred { mean, deviation, correlation: covariance, slope, label_mean }
    }
}

/// A training part, centred and scaled by its own mean and deviation.
struct Centred {
    mean: Array1<f64>,
    deviation: Array1<f64>,
    correlation: Array2<f64>,
    slope: Array1<f64>,
    label_mean: f64,
}

impl Centred {
    /// Weights and intercept at a penalty.
    fn solve(&self, penalty: f64) -> Result<(Array1<f64>, f64), Singular> {
        let mut normal = self.correlation.clone();
        normal.diag_mut().mapv_inplace(|v| v + penalty);
        let standardised = Cholesky::factor(normal)?.solve(&self.slope.to_vec());
        let weights = Array1::from(standardised) / &self.deviation;
        let intercept = self.label_mean - weights.dot(&self.mean);
        Ok((weights, intercept))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used)]
    use super::*;
    use crate::evaluate::golden;

    #[test]
    fn agrees_with_scikit_learn_at_the_chosen_penalty() {
        let case = golden::statistics().ridge;
        let features = Array2::from_shape_vec((case.rows, case.columns), case.features).unwrap();
        let fit = Ridge::tuned(&features.view(), &case.label, &case.group, case.folds).unwrap();
        assert!((fit.penalty - case.penalty).abs() < 1e-12, "{} and {}", fit.penalty, case.penalty);
        assert!((fit.cross_validated_srcc - case.cross_validated_srcc).abs() < 1e-9);
        for (ours, theirs) in fit.predict(&features.view()).iter().zip(&case.prediction) {
            assert!((ours - theirs).abs() < 1e-6, "{ours} and {theirs}");
        }
    }

    #[test]
    fn constant_features_are_ignored() {
        let features = Array2::from_shape_fn((30, 3), |(r, c)| if c == 1 { 7.5 } else { (r * (c + 1) % 11) as f32 });
        let label: Vec<f64> = (0..30).map(|r| (r % 11) as f64 * 0.1).collect();
        let group: Vec<usize> = (0..30).map(|r| r / 3).collect();
        let fit = Ridge::tuned(&features.view(), &label, &group, 5).unwrap();
        assert_eq!(fit.weights[1], 0.0);
        assert!(fit.cross_validated_srcc > 0.99, "{}", fit.cross_validated_srcc);
    }

    #[test]
    fn says_what_does_not_fit() {
        let features = Array2::<f32>::zeros((4, 2));
        let label = [0.0; 4];
        let group = [0, 0, 1, 1];
        let fit = |f: &Array2<f32>, l: &[f64], g: &[usize], k| Ridge::tuned(&f.view(), l, g, k).unwrap_err();
        assert_eq!(fit(&features, &label[..3], &group, 2), RidgeError::Shape { rows: 4, labels: 3, groups: 4 });
        assert_eq!(fit(&features, &label, &group, 3), RidgeError::Groups(2, 3));
        let mut broken = features;
        broken[[2, 0]] = f32::NAN;
        assert_eq!(fit(&broken, &label, &group, 2), RidgeError::NotFinite(2));
    }
}
