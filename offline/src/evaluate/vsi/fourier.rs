//! A filter in the frequency domain for planes of 256×256, two at a time.

use crate::render::elementary::sine_cosine;

/// Rows and columns.
pub(super) const SIDE: usize = 256;
const PLACES: usize = SIDE * SIDE;

/// A filter that is real, symmetric about its centre and the same for rows and columns, so that it takes real planes to
/// real planes and two of them go through one transform, as real and imaginary part.
pub(super) struct Filter {
    /// By place of the transform's output, whose order is that of the digits of base 4 reversed; with the inverse
    /// transform's divisor.
    weights: Vec<f32>,
    /// Powers of the 256th root of unity: cosines and negative sines.
    roots: [(f32, f32); SIDE],
}

/// The row or column where the transform leaves frequency `place`, and the other way round.
fn reversed(place: usize) -> usize {
    (0..4).fold(0, |sum, digit| sum * 4 + (place >> (2 * digit)) % 4)
}

/// Frequency in cycles a plane of a transform's row or column in natural order, -128 to 127.
fn frequency(place: usize) -> i32 {
    let place = place as i32;
    if place < SIDE as i32 / 2 { place } else { place - SIDE as i32 }
}

impl Filter {
    /// `weight` of the squared length of a frequency in cycles a plane.
    pub(super) fn radial(weight: impl Fn(u32) -> f64) -> Self {
        let mut weights = vec![0.0; PLACES];
        for (row, weights) in weights.chunks_exact_mut(SIDE).enumerate() {
            let v = frequency(reversed(row));
            for (column, place) in weights.iter_mut().enumerate() {
                let u = frequency(reversed(column));
                *place = (weight((u * u + v * v).cast_unsigned()) / PLACES as f64) as f32;
            }
        }
        let roots = std::array::from_fn(|power| {
            let (sine, cosine) = sine_cosine(power as f64 * 360.0 / SIDE as f64);
            (cosine as f32, -sine as f32)
        });
        Self { weights, roots }
    }

    /// Filters two planes in place.
    pub(super) fn apply(&self, [first, second]: [&mut [f32]; 2]) {
        self.forward(first, second);
        transpose(first);
        transpose(second);
        self.forward(first, second);
        for ((real, imaginary), weight) in first.iter_mut().zip(second.iter_mut()).zip(&self.weights) {
            *real *= weight;
            *imaginary *= weight;
        }
        self.inverse(first, second);
        transpose(first);
        transpose(second);
        self.inverse(first, second);
    }

    /// Transforms every column: decimation in frequency by fours, a whole row at a time.
    fn forward(&self, real: &mut [f32], imaginary: &mut [f32]) {
        for length in [256, 64, 16, 4] {
            quarters(length, real, imaginary, |row, [a, b, c, d]| {
                let [first, second, third] = [1, 2, 3].map(|power| self.roots[power * row * (SIDE / length)]);
                let (even, odd) = (a.plus(c), b.plus(d));
                let (difference, turned) = (a.minus(c), b.minus(d).turned_back());
                [
                    even.plus(odd),
                    difference.plus(turned).times(first),
                    even.minus(odd).times(second),
                    difference.minus(turned).times(third),
                ]
            });
        }
    }

    /// The other way, step by step; without the divisor.
    fn inverse(&self, real: &mut [f32], imaginary: &mut [f32]) {
        for length in [4, 16, 64, 256] {
            quarters(length, real, imaginary, |row, [a, b, c, d]| {
                let [first, second, third] = [1, 2, 3].map(|power| {
                    let (cosine, sine) = self.roots[power * row * (SIDE / length)];
                    (cosine, -sine)
                });
                let (b, c, d) = (b.times(first), c.times(second), d.times(third));
                let (even, odd) = (a.plus(c), b.plus(d));
                let (difference, turned) = (a.minus(c), d.minus(b).turned_back());
                [even.plus(odd), difference.plus(turned), even.minus(odd), difference.minus(turned)]
            });
        }
    }
}

/// Columns that are worked on side by side.
const LANES: usize = 8;

/// Complex numbers of neighbouring columns.
#[derive(Clone, Copy)]
struct Lanes {
    real: [f32; LANES],
    imaginary: [f32; LANES],
}

impl Lanes {
    fn plus(self, other: Self) -> Self {
        Self {
            real: std::array::from_fn(|i| self.real[i] + other.real[i]),
            imaginary: std::array::from_fn(|i| self.imaginary[i] + other.imaginary[i]),
        }
    }

    fn minus(self, other: Self) -> Self {
        Self {
            real: std::array::from_fn(|i| self.real[i] - other.real[i]),
            imaginary: std::array::from_fn(|i| self.imaginary[i] - other.imaginary[i]),
        }
    }

    fn times(self, (real, imaginary): (f32, f32)) -> Self {
        Self {
            real: std::array::from_fn(|i| self.real[i] * real - self.imaginary[i] * imaginary),
            imaginary: std::array::from_fn(|i| self.real[i] * imaginary + self.imaginary[i] * real),
        }
    }

    /// Times −i.
    fn turned_back(self) -> Self {
        Self { real: self.imaginary, imaginary: self.real.map(|value| -value) }
    }
}

/// Replaces the rows of one number in the four quarters of a block of `length` rows by what `work` makes of them: for
/// each block, for each number.
fn quarters(
    length: usize,
    real: &mut [f32],
    imaginary: &mut [f32],
    work: impl Fn(usize, [Lanes; 4]) -> [Lanes; 4] + Copy,
) {
    let quarter = length / 4;
    let blocks = real.chunks_exact_mut(length * SIDE).zip(imaginary.chunks_exact_mut(length * SIDE));
    for (real, imaginary) in blocks {
        let (real, imaginary) = (split(real), split(imaginary));
        for row in 0..quarter {
            for at in (row * SIDE / LANES)..((row + 1) * SIDE / LANES) {
                let lanes = [0, 1, 2, 3].map(|k| Lanes { real: real[k][at], imaginary: imaginary[k][at] });
                for (k, lanes) in work(row, lanes).into_iter().enumerate() {
                    (real[k][at], imaginary[k][at]) = (lanes.real, lanes.imaginary);
                }
            }
        }
    }
}

/// The four quarters of a block.
fn split(block: &mut [f32]) -> [&mut [[f32; LANES]]; 4] {
    let (lanes, _) = block.as_chunks_mut::<LANES>();
    let quarter = lanes.len() / 4;
    let (upper, lower) = lanes.split_at_mut(2 * quarter);
    let ((a, b), (c, d)) = (upper.split_at_mut(quarter), lower.split_at_mut(quarter));
    [a, b, c, d]
}

/// Swaps rows and columns, by blocks that stay in the nearest cache.
fn transpose(plane: &mut [f32]) {
    const BLOCK: usize = 16;
    for top in (0..SIDE).step_by(BLOCK) {
        for left in (top..SIDE).step_by(BLOCK) {
            for row in top..top + BLOCK {
                let first = if left == top { row + 1 } else { left };
                for column in first..left + BLOCK {
                    plane.swap(row * SIDE + column, column * SIDE + row);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wave(u: i32, v: i32, phase: f64) -> Vec<f32> {
        let place = |at: usize| {
            let turns = (u * (at % SIDE) as i32 + v * (at / SIDE) as i32).rem_euclid(SIDE as i32);
            (std::f64::consts::TAU * f64::from(turns) / SIDE as f64 + phase).cos() as f32
        };
        (0..PLACES).map(place).collect()
    }

    #[test]
    fn every_wave_gets_the_weight_of_its_frequency() {
        let filter = Filter::radial(|squared| 1.0 / (1.0 + f64::from(squared)));
        for (u, v) in [(0, 0), (1, 0), (0, 1), (3, -7), (-100, 64), (127, 5), (128, 128), (17, 90)] {
            let (first, second) = (wave(u, v, 0.3), wave(v, u, 1.1));
            let (mut x, mut y) = (first.clone(), second.clone());
            filter.apply([&mut x, &mut y]);
            let weight = 1.0 / (1.0 + (u * u + v * v) as f32);
            for (found, expected) in [(x, first), (y, second)] {
                let worst = found.iter().zip(&expected).map(|(f, e)| (f - e * weight).abs()).fold(0.0, f32::max);
                assert!(worst < 2e-6, "{u} {v}: off by {worst}");
            }
        }
    }

    #[test]
    fn all_ones_leave_everything_as_it_was() {
        let plane = |factor: usize| (0..PLACES).map(|at| ((at * factor) % 251) as f32).collect::<Vec<f32>>();
        let (first, second) = (plane(7919), plane(104_729));
        let (mut x, mut y) = (first.clone(), second.clone());
        Filter::radial(|_| 1.0).apply([&mut x, &mut y]);
        let worst = x.iter().chain(&y).zip(first.iter().chain(&second)).map(|(f, e)| (f - e).abs()).fold(0.0, f32::max);
        assert!(worst < 1e-3, "off by {worst}");
    }
}
