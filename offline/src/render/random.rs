//! Keyed randomness: a counter-based generator, so any sample of any field can be drawn on its own.
//!
//! Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011).

use sha2::{Digest, Sha256};

use super::elementary::normal_quantile;
use crate::source::PixelHash;

/// Blocks that are drawn side by side.
const LANES: usize = 8;

/// The value in the open interval (0, 1) that a word stands for.
#[inline]
#[must_use]
pub fn uniform(word: u32) -> f64 {
    (f64::from(word) + 0.5) / 4_294_967_296.0
}

/// Ten rounds of Philox4x32: four random words from a 128-bit counter and a 64-bit key.
#[must_use]
pub fn philox(mut counter: [u32; 4], mut key: [u32; 2]) -> [u32; 4] {
    for _ in 0..10 {
        let (low0, high0) = product(0xD251_1F53, counter[0]);
        let (low1, high1) = product(0xCD9E_8D57, counter[2]);
        counter = [high1 ^ counter[1] ^ key[0], low1, high0 ^ counter[3] ^ key[1], low0];
        key = [key[0].wrapping_add(0x9E37_79B9), key[1].wrapping_add(0xBB67_AE85)];
    }
    counter
}

#[inline]
fn product(a: u32, b: u32) -> (u32, u32) {
    let wide = u64::from(a) * u64::from(b);
    (wide as u32, (wide >> 32) as u32)
}

/// The random numbers of one candidate: an endless sequence addressed by index.
#[derive(Debug, Clone, Copy)]
pub struct RandomField {
    key: [u32; 2],
    /// The upper half of every counter; with the key it makes 128 bits, so two fields don't meet.
    stream: [u32; 2],
}

impl RandomField {
    /// The field of (original's pixels, distortion, parameter row, recipe seed).
    #[must_use]
    pub fn of(pixels: &PixelHash, distortion: &str, row: usize, seed: u64) -> Self {
        let mut hash = Sha256::new();
        hash.update(pixels.0);
        hash.update((distortion.len() as u64).to_le_bytes());
        hash.update(distortion.as_bytes());
        hash.update((row as u64).to_le_bytes());
        hash.update(seed.to_le_bytes());
        let digest = hash.finalize();
        let word =
            |i: usize| u32::from_le_bytes([digest[4 * i], digest[4 * i + 1], digest[4 * i + 2], digest[4 * i + 3]]);
        Self { key: [word(0), word(1)], stream: [word(2), word(3)] }
    }

    /// Words 4·`block` to 4·`block` + 3 of the field.
    #[inline]
    #[must_use]
    pub fn words(&self, block: u64) -> [u32; 4] {
        philox([block as u32, (block >> 32) as u32, self.stream[0], self.stream[1]], self.key)
    }

    /// Fills `words` with those from number `start` on; the same numbers as [`Self::words`] gives, many at a time.
    pub fn fill(&self, start: u64, words: &mut [u32]) {
        let mut block = start / 4;
        let mut skip = (start % 4) as usize;
        let mut rest = words;
        while !rest.is_empty() {
            let fresh = self.blocks(block);
            let count = (4 * LANES - skip).min(rest.len());
            let (now, later) = rest.split_at_mut(count);
            now.copy_from_slice(&fresh.as_flattened()[skip..skip + count]);
            (rest, skip, block) = (later, 0, block + LANES as u64);
        }
    }

    /// Fills `halves` with 16-bit numbers from number `start` on: the lower, then the upper half of each word.
    pub fn fill_halves(&self, start: u64, halves: &mut [u16]) {
        let mut block = start / 8;
        let mut skip = (start % 8) as usize;
        let mut rest = halves;
        while !rest.is_empty() {
            let fresh = self.blocks(block);
            let mut split = [[0_u16; 2]; 4 * LANES];
            for (split, word) in split.iter_mut().zip(fresh.as_flattened()) {
                *split = [*word as u16, (word >> 16) as u16];
            }
            let count = (8 * LANES - skip).min(rest.len());
            let (now, later) = rest.split_at_mut(count);
            now.copy_from_slice(&split.as_flattened()[skip..skip + count]);
            (rest, skip, block) = (later, 0, block + LANES as u64);
        }
    }

    /// The words of [`LANES`] blocks: [`philox`] side by side.
    fn blocks(&self, first: u64) -> [[u32; 4]; LANES] {
        let counter = |lane: usize| first + lane as u64;
        let mut a: [u32; LANES] = std::array::from_fn(|lane| counter(lane) as u32);
        let mut b: [u32; LANES] = std::array::from_fn(|lane| (counter(lane) >> 32) as u32);
        let (mut c, mut d) = ([self.stream[0]; LANES], [self.stream[1]; LANES]);
        let mut key = self.key;
        for _ in 0..10 {
            for lane in 0..LANES {
                let (low0, high0) = product(0xD251_1F53, a[lane]);
                let (low1, high1) = product(0xCD9E_8D57, c[lane]);
                (a[lane], b[lane]) = (high1 ^ b[lane] ^ key[0], low1);
                (c[lane], d[lane]) = (high0 ^ d[lane] ^ key[1], low0);
            }
            key = [key[0].wrapping_add(0x9E37_79B9), key[1].wrapping_add(0xBB67_AE85)];
        }
        std::array::from_fn(|lane| [a[lane], b[lane], c[lane], d[lane]])
    }

    /// Four values uniform in the open interval (0, 1), steps of 2⁻³².
    #[inline]
    #[must_use]
    pub fn uniform(&self, block: u64) -> [f64; 4] {
        self.words(block).map(uniform)
    }

    /// Four standard normal values.
    #[inline]
    #[must_use]
    pub fn normal(&self, block: u64) -> [f64; 4] {
        self.uniform(block).map(normal_quantile)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn philox_known_answers() {
        // Random123 1.14, kat_vectors, philox4x32 10.
        for (counter, key, expected) in [
            ([0; 4], [0; 2], [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]),
            ([u32::MAX; 4], [u32::MAX; 2], [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]),
            (
                [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344],
                [0xa409_3822, 0x299f_31d0],
                [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1],
            ),
        ] {
            assert_eq!(philox(counter, key), expected);
        }
    }

    #[test]
    fn many_words_equal_words_one_by_one() {
        let field = RandomField::of(&PixelHash([3; 32]), "fog", 2, 9);
        for (start, count) in [(0, 0), (0, 1), (3, 200), (64, 64), ((1 << 34) - 70, 333)] {
            let mut words = vec![0; count];
            field.fill(start, &mut words);
            let plain = (start..).take(count).map(|at| field.words(at / 4)[(at % 4) as usize]);
            assert_eq!(words, plain.collect::<Vec<_>>(), "{start}");
            let mut halves = vec![0; count];
            field.fill_halves(start, &mut halves);
            let plain = (start..).take(count).map(|at| {
                let word = field.words(at / 8)[(at / 2 % 4) as usize];
                if at % 2 == 0 { word as u16 } else { (word >> 16) as u16 }
            });
            assert_eq!(halves, plain.collect::<Vec<_>>(), "{start}");
        }
    }

    #[test]
    fn every_part_of_the_key_counts() {
        let (a, b) = (PixelHash([1; 32]), PixelHash([2; 32]));
        let first = RandomField::of(&a, "fog", 3, 0).words(5);
        assert_eq!(first, RandomField::of(&a, "fog", 3, 0).words(5));
        for other in [
            RandomField::of(&b, "fog", 3, 0),
            RandomField::of(&a, "snow", 3, 0),
            RandomField::of(&a, "fog", 4, 0),
            RandomField::of(&a, "fog", 3, 1),
        ] {
            assert_ne!(first, other.words(5));
        }
    }

    #[test]
    fn moments_of_the_normal_field() {
        let field = RandomField::of(&PixelHash([7; 32]), "gaussian_noise", 0, 0);
        let values: Vec<f64> = (0..50_000).flat_map(|block| field.normal(block)).collect();
        let n = values.len() as f64;
        let moment = |k: i32| values.iter().map(|v| v.powi(k)).sum::<f64>() / n;
        // Five standard errors at n = 200,000.
        assert!(moment(1).abs() < 5.0 / n.sqrt(), "mean {}", moment(1));
        assert!((moment(2) - 1.0).abs() < 5.0 * (2.0 / n).sqrt(), "variance {}", moment(2));
        assert!(moment(3).abs() < 5.0 * (15.0 / n).sqrt(), "skew {}", moment(3));
        assert!((moment(4) - 3.0).abs() < 5.0 * (96.0 / n).sqrt(), "kurtosis {}", moment(4));
    }
}
