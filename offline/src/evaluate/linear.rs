//! The dense linear algebra that the fits need: Gram matrices and Cholesky factors in `f64`.

use ndarray::linalg::general_mat_mul;
use ndarray::{Array2, ArrayView2, Axis, s};
use rayon::prelude::*;

/// Side of the blocks that are multiplied as matrices; the panels between them are scalar code.
const BLOCK: usize = 64;

/// The matrix has no Cholesky factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the normal equations are singular at column {column}; drop constant or repeated features or raise the regularisation"
)]
pub struct Singular {
    /// First column whose pivot was not positive.
    pub column: usize,
}

/// `xᵀ·x` of an `n × d` matrix, `d × d`.
pub fn gram(x: &ArrayView2<'_, f64>) -> Array2<f64> {
    let d = x.ncols();
    let mut out = Array2::zeros((d, d));
    // Only the lower triangle is multiplied; the upper one is its mirror image.
    let columns: Vec<_> = out.axis_chunks_iter_mut(Axis(1), 2 * BLOCK).enumerate().collect();
    columns.into_par_iter().for_each(|(chunk, mut column)| {
        let first = chunk * 2 * BLOCK;
        let right = x.slice(s![.., first..first + column.ncols()]);
        general_mat_mul(1.0, &x.slice(s![.., first..]).t(), &right, 0.0, &mut column.slice_mut(s![first.., ..]));
    });
    for row in 0..d {
        for column in row + 1..d {
            out[[row, column]] = out[[column, row]];
        }
    }
    out
}

/// Lower factor `L` of a symmetric positive definite matrix `A = L·Lᵀ`.
#[derive(Debug, Clone)]
pub struct Cholesky {
    lower: Array2<f64>,
}

impl Cholesky {
    /// Factors `a` (`d × d`, only its lower triangle is read), block by block.
    ///
    /// # Errors
    /// [`Singular`] where a pivot is not positive.
    pub fn factor(mut a: Array2<f64>) -> Result<Self, Singular> {
        let d = a.nrows();
        for first in (0..d).step_by(BLOCK) {
            let end = (first + BLOCK).min(d);
            factor_diagonal(&mut a, first, end)?;
            solve_panel(&mut a, first, end);
            let panel = a.slice(s![end.., first..end]).to_owned();
            let mut trailing = a.slice_mut(s![end.., end..]);
            let columns: Vec<_> = trailing.axis_chunks_iter_mut(Axis(1), 2 * BLOCK).enumerate().collect();
            columns.into_par_iter().for_each(|(chunk, mut column)| {
                let offset = chunk * 2 * BLOCK;
                let right = panel.slice(s![offset..offset + column.ncols(), ..]);
                general_mat_mul(
                    -1.0,
                    &panel.slice(s![offset.., ..]),
                    &right.t(),
                    1.0,
                    &mut column.slice_mut(s![offset.., ..]),
                );
            });
        }
        Ok(Self { lower: a })
    }

    /// Solves `A·x = b`.
    pub fn solve(&self, b: &[f64]) -> Vec<f64> {
        let l = &self.lower;
        let d = l.nrows();
        let mut x = b.to_vec();
        for row in 0..d {
            let done: f64 = (0..row).map(|column| l[[row, column]] * x[column]).sum();
            x[row] = (x[row] - done) / l[[row, row]];
        }
        for row in (0..d).rev() {
            x[row] /= l[[row, row]];
            for column in 0..row {
                x[column] -= l[[row, column]] * x[row];
            }
        }
        x
    }
}

fn factor_diagonal(a: &mut Array2<f64>, first: usize, end: usize) -> Result<(), Singular> {
    for column in first..end {
        for row in column..end {
            let done: f64 = (first..column).map(|k| a[[row, k]] * a[[column, k]]).sum();
            let value = a[[row, column]] - done;
            if row == column {
                if value.is_nan() || value <= 0.0 {
                    return Err(Singular { column });
                }
                a[[row, column]] = value.sqrt();
            } else {
                a[[row, column]] = value / a[[column, column]];
            }
        }
    }
    Ok(())
}

/// Rows under a factored diagonal block: `L₂₁ = A₂₁·L₁₁⁻ᵀ`.
fn solve_panel(a: &mut Array2<f64>, first: usize, end: usize) {
    let diagonal = a.slice(s![first..end, first..end]).to_owned();
    let mut panel = a.slice_mut(s![end.., first..end]);
    let rows: Vec<_> = panel.axis_iter_mut(Axis(0)).collect();
    rows.into_par_iter().for_each(|mut row| {
        for column in 0..row.len() {
            let done: f64 = (0..column).map(|k| row[k] * diagonal[[column, k]]).sum();
            row[column] = (row[column] - done) / diagonal[[column, column]];
        }
    });
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used)]
    use super::*;

    fn matrix(rows: usize, columns: usize) -> Array2<f64> {
        Array2::from_shape_fn((rows, columns), |(r, c)| ((r * 31 + c * 17) as f64).sin())
    }

    #[test]
    fn gram_is_the_product_of_the_transpose() {
        for (n, d) in [(5, 3), (40, 130), (300, 257)] {
            let x = matrix(n, d);
            let difference = (&gram(&x.view()) - &x.t().dot(&x)).mapv(f64::abs);
            assert!(difference.iter().all(|&v| v < 1e-10), "{n} × {d}");
        }
    }

    #[test]
    fn solves_across_block_edges() {
        for d in [1, 5, 64, 65, 200] {
            let mut a = gram(&matrix(2 * d + 1, d).view());
            for i in 0..d {
                a[[i, i]] += 1.0;
            }
            let truth: Vec<f64> = (0..d).map(|i| (i as f64 * 0.7).cos()).collect();
            let b = a.dot(&ndarray::Array1::from(truth.clone())).to_vec();
            let x = Cholesky::factor(a).unwrap().solve(&b);
            let worst = x.iter().zip(&truth).map(|(x, t)| (x - t).abs()).fold(0.0, f64::max);
            assert!(worst < 1e-9, "d {d}: off by {worst}");
        }
    }

    #[test]
    fn names_the_singular_column() {
        let mut a = Array2::eye(70);
        a[[66, 66]] = 0.0;
        assert_eq!(Cholesky::factor(a).unwrap_err(), Singular { column: 66 });
    }
}
