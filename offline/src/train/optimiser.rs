//! AdamW (Loshchilov and Hutter, 2019) on one flat vector, with libtorch's arithmetic.

use tch::{Device, Tensor, no_grad};

use super::network::Network;
use crate::export::spec::{ModelSpec, Role};

const BETA1: f64 = 0.9;
const BETA2: f64 = 0.999;
const EPSILON: f64 = 1e-8;
/// Weights that a processor's cache holds with all that is computed from them; a GPU takes all at once.
const STRETCH: i64 = 1 << 16;

/// The optimiser's state.
#[derive(Debug)]
pub struct AdamW {
    first: Tensor,
    second: Tensor,
    decay: Tensor,
}

impl AdamW {
    /// A fresh state; `decay` holds each weight's own decay.
    #[must_use]
    pub fn new(decay: &[f32]) -> Self {
        let zeros = vec![0.0_f32; decay.len()];
        Self::resumed(decay, &zeros, &zeros)
    }

    /// A state with known moments.
    #[must_use]
    pub fn resumed(decay: &[f32], first: &[f32], second: &[f32]) -> Self {
        Self { first: Tensor::from_slice(first), second: Tensor::from_slice(second), decay: Tensor::from_slice(decay) }
    }

    /// The same state on a device: that of the network it is used with.
    #[must_use]
    pub fn on(self, device: Device) -> Self {
        let to = |tensor: &Tensor| tensor.to_device(device);
        Self { first: to(&self.first), second: to(&self.second), decay: to(&self.decay) }
    }

    /// First and second moments.
    pub fn moments(&self) -> (&Tensor, &Tensor) {
        (&self.first, &self.second)
    }

    /// One step on the gradients that lie on the network's leaves; clears them. `step` counts from 1.
    pub fn step(&mut self, network: &Network, rate: f64, step: u64) {
        no_grad(|| {
            let gradients: Vec<Tensor> = network
                .leaves()
                .iter()
                .map(|leaf| {
                    let gradient = leaf.grad();
                    if gradient.defined() { gradient.flatten(0, -1) } else { leaf.zeros_like().flatten(0, -1) }
                })
                .collect();
            let gradient = Tensor::cat(&gradients, 0);
            let t = step as f64;
            let (first_share, second_share) = (1.0 - BETA1.powf(t), 1.0 - BETA2.powf(t));
            let count = gradient.size()[0];
            let stretch = if network.device().is_cuda() { count } else { STRETCH };
            for start in (0..count).step_by(stretch.max(1) as usize) {
                let part = |tensor: &Tensor| tensor.narrow(0, start, stretch.min(count - start));
                let (gradient, mut weights) = (part(&gradient), part(network.flat()));
                let (mut first, mut second) = (part(&self.first), part(&self.second));
                let shrink: Tensor = 1.0 - part(&self.decay) * rate;
                let _ = weights.multiply_(&shrink);
                let _ = first.lerp_(&gradient, 1.0 - BETA1);
                let _ = second.multiply_scalar_(BETA2);
                second += &gradient * &gradient * (1.0 - BETA2);
                let spread = (&second / second_share).sqrt() + EPSILON;
                weights -= &first * (rate / first_share) / spread;
            }
            for leaf in network.leaves() {
                leaf.shallow_clone().zero_grad();
            }
        });
    }
}

/// The decay of every weight: `region` for the region projection's matrix, `matrices` for the others, none for
/// biases, scales and tokens, nor for what is `frozen` by name.
#[must_use]
pub fn decays(spec: &ModelSpec, matrices: f64, region: f64, frozen: impl Fn(&str) -> bool) -> Vec<f32> {
    let mut decays = Vec::new();
    for p in spec.parameters() {
        let decay = match p.role {
            _ if frozen(&p.name) => 0.0,
            Role::Linear if p.name == "region.weight" => region,
            Role::Linear => matrices,
            Role::Bias | Role::Scale | Role::Embedding => 0.0,
        };
        decays.extend(std::iter::repeat_n(decay as f32, p.shape.iter().product()));
    }
    decays
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use tch::Kind;
    use tch::nn::{self, OptimizerConfig};

    use super::*;
    use crate::export::spec::tests::tiny;
    use crate::train::draws::Draws;
    use crate::train::network::{start, to_vec};

    #[test]
    fn three_steps_equal_libtorchs_own() {
        let spec = tiny(16, 1, 2, 56, 5);
        let flat = start(&spec, Draws::new(3), 1.0);
        let network = Network::new(&spec, &flat, false).unwrap();
        let store = nn::VarStore::new(Device::Cpu);
        let reference = store.root().var_copy("w", &Tensor::from_slice(&flat));
        let theirs = nn::AdamW { wd: 0.05, ..nn::AdamW::default() };
        let mut theirs = theirs.build(&store, 1e-2).unwrap();
        let mut ours = AdamW::new(&vec![0.05; flat.len()]);

        let target = Tensor::arange(flat.len() as i64, (Kind::Float, Device::Cpu)).sin();
        for step in 1..=3 {
            let joined: Vec<Tensor> = network.leaves().iter().map(|l| l.flatten(0, -1)).collect();
            (Tensor::cat(&joined, 0) - &target).square().mean(Kind::Float).backward();
            ours.step(&network, 1e-2, step);
            theirs.backward_step(&(&reference - &target).square().mean(Kind::Float));
        }
        let (a, b) = (to_vec(network.flat()), to_vec(&reference));
        let moved = a.iter().zip(&flat).map(|(x, y)| (x - y).abs()).fold(0.0, f32::max);
        let apart = a.iter().zip(&b).map(|(x, y)| (x - y).abs()).fold(0.0, f32::max);
        assert!(moved > 0.02, "the weights moved by {moved} only");
        assert!(apart < 1e-6, "{apart}");
    }

    #[test]
    fn decay_goes_to_matrices_only() {
        let spec = tiny(16, 1, 2, 56, 5);
        let decays = decays(&spec, 0.5, 0.25, |_| false);
        let mut offset = 0;
        for p in spec.parameters() {
            let count: usize = p.shape.iter().product();
            let expected = match (p.name.as_str(), p.shape.len()) {
                ("region.weight", _) => 0.25,
                ("positions", _) | (_, 1) => 0.0,
                _ => 0.5,
            };
            assert!(decays[offset..offset + count].iter().all(|&d| d == expected), "{}", p.name);
            offset += count;
        }
        assert_eq!(offset, decays.len());
    }
}
