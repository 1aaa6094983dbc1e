//! What a baseline JPEG leaves of a picture: libjpeg's integer pipeline there and back, without the entropy coding, which
//! loses nothing.
//!
//! ```text
//! RGB → YCbCr → 4:2:0 → DCT → quantised → DCT → 4:4:4 → RGB
//! ```
//!
//! The bytes are those of libjpeg 6b and libjpeg-turbo at their defaults (`islow` transform, fancy upsampling); factors and
//! roundings are theirs, named where they are used. It goes through a strip of 16 rows at a time, which stays in
//! the processor's cache.

mod colour;
mod dct;
mod lanes;
mod quantise;
mod upsample;

use lanes::{Lanes, Native};
use quantise::{CHROMINANCE, LUMINANCE, Quantiser};

/// Rows and columns of a macroblock: four blocks of brightness, one of each colour difference.
const MACROBLOCK: usize = 16;

/// `rgb` (rows of `width` × 3 bytes) saved with `quality` (0 counts as 1) and loaded again. No side may be 0.
pub(super) fn round_trip(rgb: &[u8], width: usize, height: usize, quality: u8) -> Vec<u8> {
    round_trip_in::<Native>(rgb, width, height, quality)
}

fn round_trip_in<V: Lanes>(rgb: &[u8], width: usize, height: usize, quality: u8) -> Vec<u8> {
    let (columns, rows) = (width.div_ceil(2), height.div_ceil(2));
    let quantiser = Quantiser::<V>::new(&LUMINANCE, quality);
    let colour_quantiser = Quantiser::<V>::new(&CHROMINANCE, quality);
    let macroblocks = width.div_ceil(MACROBLOCK);
    let mut luma = Strip::new(MACROBLOCK, 2 * macroblocks);
    let [mut blue, mut red] = [(); 2].map(|()| Strip::new(MACROBLOCK / 2, macroblocks));
    let mut sums = vec![0; 8 * macroblocks + upsample::MARGIN];
    let [mut full_blue, mut full_red] = [(); 2].map(|()| vec![[0; 8]; 2 * macroblocks]);
    let mut out = vec![0; rgb.len()];
    for top in (0..height).step_by(MACROBLOCK) {
        for pair in 0..MACROBLOCK / 2 {
            let y = top + 2 * pair;
            if y < height {
                let rgb = [y, (y + 1).min(height - 1)].map(|y| &rgb[3 * width * y..][..3 * width]);
                colour::from_rgb::<V>(rgb, luma.two_rows(1 + 2 * pair), blue.row_mut(1 + pair), red.row_mut(1 + pair));
            } else {
                luma.repeat_before(1 + 2 * pair);
                luma.repeat_before(2 + 2 * pair);
                blue.repeat_before(1 + pair);
                red.repeat_before(1 + pair);
            }
        }
        luma.lose(&quantiser);
        blue.lose(&colour_quantiser);
        red.lose(&colour_quantiser);
        // A strip's last row waits for the colours below it.
        let end = if top + MACROBLOCK < height { top + MACROBLOCK - 1 } else { height };
        for y in top.saturating_sub(1)..end {
            let near = y / 2;
            let far = if y % 2 == 0 { near.saturating_sub(1) } else { (near + 1).min(rows - 1) };
            let [near, far] = [near, far].map(|row| row + 1 - top / 2);
            upsample::row::<V>(blue.row(near), blue.row(far), columns, &mut sums, &mut full_blue);
            upsample::row::<V>(red.row(near), red.row(far), columns, &mut sums, &mut full_red);
            let rgb = &mut out[3 * width * y..][..3 * width];
            colour::to_rgb::<V>(luma.row(y + 1 - top), &full_blue, &full_red, rgb);
        }
        for strip in [&mut luma, &mut blue, &mut red] {
            strip.carry();
        }
    }
    out
}

/// Rows of one component, whole blocks wide; row 0 is the last of the strip before.
struct Strip {
    samples: Vec<[i16; 8]>,
    /// Blocks beside each other.
    blocks: usize,
}

impl Strip {
    fn new(rows: usize, blocks: usize) -> Self {
        Self { samples: vec![[0; 8]; (1 + rows) * blocks], blocks }
    }

    fn row(&self, row: usize) -> &[[i16; 8]] {
        &self.samples[row * self.blocks..][..self.blocks]
    }

    fn row_mut(&mut self, row: usize) -> &mut [[i16; 8]] {
        &mut self.samples[row * self.blocks..][..self.blocks]
    }

    fn two_rows(&mut self, row: usize) -> [&mut [[i16; 8]]; 2] {
        let (upper, lower) = self.samples[row * self.blocks..][..2 * self.blocks].split_at_mut(self.blocks);
        [upper, lower]
    }

    /// Makes the row a copy of the one before.
    fn repeat_before(&mut self, row: usize) {
        self.samples.copy_within((row - 1) * self.blocks..row * self.blocks, row * self.blocks);
    }

    /// Transforms, quantises and restores every block.
    fn lose<V: Lanes>(&mut self, quantiser: &Quantiser<V>) {
        let blocks = self.blocks;
        for samples in self.samples[blocks..].chunks_exact_mut(8 * blocks) {
            for block in 0..blocks {
                let rows = std::array::from_fn(|row| V::from_array(samples[row * blocks + block]));
                let rows = dct::inverse(quantiser.round(dct::forward(rows)));
                for (row, values) in rows.into_iter().enumerate() {
                    samples[row * blocks + block] = values.to_array();
                }
            }
        }
    }

    /// Keeps the last row for the next strip.
    fn carry(&mut self) {
        let last = self.samples.len() - self.blocks;
        self.samples.copy_within(last.., 0);
    }
}

#[cfg(test)]
mod tests {
    use super::lanes::Plain;
    use super::*;

    /// Registers against arrays, where the machine has both: the whole way, with blocks of all kinds.
    #[test]
    fn registers_and_arrays_agree() {
        let mut state = 1_u32;
        for (width, height) in [(1, 1), (3, 2), (37, 18), (64, 50)] {
            let rgb: Vec<u8> = (0..3 * width * height)
                .map(|i| {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    // Flat, noisy and black-and-white stretches.
                    let noise = (state >> 24) as u8;
                    [90, noise, if noise < 128 { 0 } else { 255 }][i / (width * 8) % 3]
                })
                .collect();
            for quality in [0, 1, 9, 36, 75, 90, 100] {
                let registers = round_trip(&rgb, width, height, quality);
                assert_eq!(registers, round_trip_in::<Plain>(&rgb, width, height, quality), "{width}×{height}");
            }
        }
    }
}
