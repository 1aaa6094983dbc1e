//! Weights in 8 bits.

/// Largest magnitude of a step.
const LIMIT: f32 = 127.0;

/// Largest sum of two neighbouring magnitudes before rounding, which may add 3. Processors without dot products of bytes add two
/// products of an activation byte and a weight in 16 bits: 255 · 128 fits, more would be cut off there, and the scores be
/// others than elsewhere.
const PAIR_LIMIT: f32 = 125.0;

/// Which weights of an output an engine may add up in 16 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pairs {
    /// None: convolutions of one channel each.
    None,
    /// Those that lie side by side.
    Neighbours,
    /// Any two, since the engine orders them in its own way.
    Any,
}

/// A float weight in signed steps, one width an output channel; 0 stands for 0.
pub(super) struct Steps {
    /// In −127..=127, in the order of the weight.
    pub(super) values: Vec<i8>,
    /// Width of a step by channel.
    pub(super) scales: Vec<f32>,
}

/// How a weight lies in memory.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lie {
    /// Output channels.
    pub(super) channels: usize,
    /// Consecutive values of one channel.
    pub(super) inner: usize,
    /// Values of one kernel, 1 for matrices.
    pub(super) kernel: usize,
    /// What may be added up in 16 bits.
    pub(super) pairs: Pairs,
}

impl Lie {
    /// The output channel of a value.
    fn channel(&self, index: usize) -> usize {
        index / self.inner % self.channels
    }

    /// The values of each output channel, in their order.
    fn rows(&self, weight: &[f32]) -> Vec<Vec<f32>> {
        let mut rows = vec![Vec::with_capacity(weight.len() / self.channels); self.channels];
        for (index, value) in weight.iter().enumerate() {
            rows[self.channel(index)].push(*value);
        }
        rows
    }
}

impl Steps {
    /// The weight in the finest steps, though none narrower than `least` by channel (empty: no such limit). Values are rounded so
    /// that each kernel keeps its sum, since most of a picture is smooth.
    pub(super) fn of(weight: &[f32], lie: Lie, least: &[f32]) -> Self {
        let rows = lie.rows(weight);
        let mut scales: Vec<f32> = rows.iter().map(|row| width(row, lie.pairs)).collect();
        for (scale, least) in scales.iter_mut().zip(least) {
            *scale = scale.max(*least);
        }
        for scale in &mut scales {
            if !scale.is_normal() {
                *scale = 1.0;
            }
        }
        let rounded = rows.iter().zip(&scales).map(|(row, scale)| {
            row.chunks(lie.kernel).flat_map(|kernel| keeping_sum(kernel, *scale)).collect::<Vec<i8>>().into_iter()
        });
        let mut rounded: Vec<_> = rounded.collect();
        let values = (0..weight.len()).map(|index| rounded[lie.channel(index)].next().unwrap_or(0)).collect();
        Self { values, scales }
    }

    /// What each output's steps add to the float weights, over the inputs: steps − weight, times the mean of the inputs that
    /// `mean` gives by place in the output's own row.
    pub(super) fn shift(&self, weight: &[f32], lie: Lie, mean: impl Fn(usize, usize) -> f64) -> Vec<f64> {
        let mut shift = vec![0.0; lie.channels];
        let mut place = vec![0; lie.channels];
        for (index, (value, step)) in weight.iter().zip(&self.values).enumerate() {
            let channel = lie.channel(index);
            let error = f64::from(*step) * f64::from(self.scales[channel]) - f64::from(*value);
            shift[channel] += error * mean(channel, place[channel]);
            place[channel] += 1;
        }
        shift
    }
}

/// The narrowest step that keeps all values within the limits.
fn width(row: &[f32], pairs: Pairs) -> f32 {
    let largest = row.iter().fold(0.0_f32, |most, value| most.max(value.abs()));
    let two = match pairs {
        Pairs::None => 0.0,
        Pairs::Neighbours => row.windows(2).fold(0.0_f32, |most, two| most.max(two[0].abs() + two[1].abs())),
        Pairs::Any => {
            let mut sizes: Vec<f32> = row.iter().map(|value| value.abs()).collect();
            sizes.sort_unstable_by(|a, b| b.total_cmp(a));
            sizes.iter().take(2).sum()
        }
    };
    (largest / LIMIT).max(two / PAIR_LIMIT)
}

/// A kernel in steps; as few values as possible are rounded the other way so that its sum stays.
fn keeping_sum(kernel: &[f32], scale: f32) -> Vec<i8> {
    let exact: Vec<f32> = kernel.iter().map(|value| value / scale).collect();
    let mut steps: Vec<f32> = exact.iter().map(|value| value.round_ties_even().clamp(-LIMIT, LIMIT)).collect();
    if kernel.len() > 1 {
        let errors = |steps: &[f32]| steps.iter().zip(&exact).map(|(step, exact)| step - exact).collect::<Vec<f32>>();
        for _ in 0..kernel.len() {
            let errors = errors(&steps);
            let sum: f32 = errors.iter().sum();
            if sum.abs() <= 0.5 {
                break;
            }
            // The value that was rounded furthest in the direction of the sum goes back by one.
            let worst = (0..errors.len()).max_by(|&a, &b| (errors[a] * sum).total_cmp(&(errors[b] * sum)));
            let Some(worst) = worst.filter(|&at| (steps[at] - sum.signum()).abs() <= LIMIT) else { break };
            steps[worst] -= sum.signum();
        }
    }
    steps.into_iter().map(|step| step as i8).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(count: usize) -> Vec<f32> {
        (0..count).map(|i| ((i * i) as f32 * 0.37).sin() * (1.0 + (i % 7) as f32 / 3.0)).collect()
    }

    #[test]
    fn every_value_is_within_its_step_and_no_pair_overflows() {
        let weight = noise(6 * 40);
        for (lie, rows_apart) in [
            (Lie { channels: 6, inner: 40, kernel: 1, pairs: Pairs::Neighbours }, 1),
            (Lie { channels: 6, inner: 1, kernel: 1, pairs: Pairs::Neighbours }, 6),
        ] {
            let steps = Steps::of(&weight, lie, &[]);
            for (index, (value, step)) in weight.iter().zip(&steps.values).enumerate() {
                let scale = steps.scales[lie.channel(index)];
                assert!((f32::from(*step) * scale - value).abs() <= 0.51 * scale, "{value} {step} {scale}");
            }
            for index in 0..weight.len() - rows_apart {
                if lie.channel(index) == lie.channel(index + rows_apart) {
                    let pair = i32::from(steps.values[index]).abs() + i32::from(steps.values[index + rows_apart]).abs();
                    assert!(255 * pair <= i32::from(i16::MAX), "{pair}");
                }
            }
        }
    }

    #[test]
    fn kernels_keep_their_sums() {
        let weight = noise(4 * 9);
        let lie = Lie { channels: 4, inner: 9, kernel: 9, pairs: Pairs::None };
        let steps = Steps::of(&weight, lie, &[]);
        for (channel, kernel) in weight.chunks(9).enumerate() {
            let sum: f32 = kernel.iter().sum();
            let kept: i32 = steps.values[channel * 9..][..9].iter().map(|&step| i32::from(step)).sum();
            assert!((kept as f32 * steps.scales[channel] - sum).abs() <= 0.51 * steps.scales[channel]);
        }
    }

    #[test]
    fn steps_grow_where_asked_and_the_shift_is_what_constant_inputs_gain() {
        let weight = noise(20);
        let lie = Lie { channels: 2, inner: 10, kernel: 1, pairs: Pairs::Neighbours };
        let steps = Steps::of(&weight, lie, &[0.5, 0.0]);
        assert!(steps.scales[0] >= 0.5 && steps.scales[1] < 0.5);
        let shift = steps.shift(&weight, lie, |_, place| place as f64);
        for (channel, shift) in shift.iter().enumerate() {
            let product = |of: &dyn Fn(usize) -> f64| (0..10).map(|i| of(channel * 10 + i) * i as f64).sum::<f64>();
            let after = product(&|at| f64::from(steps.values[at]) * f64::from(steps.scales[channel]));
            assert!((after - product(&|at| f64::from(weight[at])) - shift).abs() < 1e-9);
        }
    }
}
