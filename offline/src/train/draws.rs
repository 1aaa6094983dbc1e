//! The random choices of a run, each addressed by what it is for; nothing is carried from step to step.

use crate::render::elementary::normal_quantile;
use crate::render::random::philox;

/// What a draw is for.
#[derive(Clone, Copy, Debug)]
enum Purpose {
    Order = 1,
    Augmentation = 2,
    Torch = 3,
    Start = 4,
}

/// Where a crop lies and how it is turned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Augmentation {
    /// First row of the crop.
    pub top: usize,
    /// First column of the crop.
    pub left: usize,
    /// Left and right exchanged.
    pub flip_horizontal: bool,
    /// Top and bottom exchanged.
    pub flip_vertical: bool,
}

/// All draws of a seed.
#[derive(Clone, Copy, Debug)]
pub struct Draws {
    seed: u64,
}

impl Draws {
    /// The draws of `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { seed }
    }

    fn words(self, purpose: Purpose, a: u64, b: u32) -> [u32; 4] {
        let counter = [a as u32, (a >> 32) as u32, b, purpose as u32];
        philox(counter, [self.seed as u32, (self.seed >> 32) as u32])
    }

    /// The order of `count` samples in an epoch (Fisher and Yates).
    #[must_use]
    pub fn order(self, epoch: u32, count: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..count).collect();
        for i in (1..count).rev() {
            let word = self.words(Purpose::Order, i as u64, epoch);
            let wide = u64::from(word[0]) | u64::from(word[1]) << 32;
            order.swap(i, (wide % (i as u64 + 1)) as usize);
        }
        order
    }

    /// The augmentation of the sample at `place` in an epoch's order, for a crop with `slack` pixels to move.
    #[must_use]
    pub fn augmentation(self, epoch: u32, place: usize, slack: usize) -> Augmentation {
        let [a, b, c, _] = self.words(Purpose::Augmentation, place as u64, epoch);
        let within = |word: u32| ((u64::from(word) * (slack as u64 + 1)) >> 32) as usize;
        Augmentation { top: within(a), left: within(b), flip_horizontal: c & 1 == 1, flip_vertical: c & 2 == 2 }
    }

    /// The seed of libtorch's generator in a step: dropout, noise and patch choice.
    #[must_use]
    pub fn torch_seed(self, step: u64) -> i64 {
        i64::from(self.words(Purpose::Torch, step, 0)[0])
    }

    /// The standard normal value that starting weight `i` is made from.
    #[must_use]
    pub fn normal(self, i: u64) -> f64 {
        let word = self.words(Purpose::Start, i, 0)[0];
        normal_quantile((f64::from(word) + 0.5) / 4_294_967_296.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_holds_every_sample_once_and_differs_by_epoch_and_seed() {
        let order = Draws::new(1).order(0, 500);
        let mut sorted = order.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, (0..500).collect::<Vec<_>>());
        assert_eq!(order, Draws::new(1).order(0, 500));
        assert_ne!(order, Draws::new(1).order(1, 500));
        assert_ne!(order, Draws::new(2).order(0, 500));
        let displacement: usize = order.iter().enumerate().map(|(i, &o)| i.abs_diff(o)).sum();
        assert!((60_000..110_000).contains(&displacement), "expected about n²/3, got {displacement}");
    }

    #[test]
    fn augmentations_cover_the_slack_and_both_flips() {
        let draws: Vec<_> = (0..4000).map(|i| Draws::new(7).augmentation(3, i, 64)).collect();
        for (name, values) in
            [("top", draws.iter().map(|d| d.top).collect::<Vec<_>>()), ("left", draws.iter().map(|d| d.left).collect())]
        {
            assert_eq!(values.iter().min(), Some(&0), "{name}");
            assert_eq!(values.iter().max(), Some(&64), "{name}");
            let mean = values.iter().sum::<usize>() as f64 / 4000.0;
            assert!((mean - 32.0).abs() < 1.5, "{name}: {mean}");
        }
        for share in [
            draws.iter().filter(|d| d.flip_horizontal).count(),
            draws.iter().filter(|d| d.flip_vertical).count(),
            2 * draws.iter().filter(|d| d.flip_horizontal && d.flip_vertical).count(),
        ] {
            assert!((1850..2150).contains(&share), "{share}");
        }
    }
}
